//! `policy list` and `policy sample`.

use protector_config::{Config, Policy};

use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn list(config: &Config) -> Result<Output, Failure> {
    let rules = Policy::load(&config.policy)?.rules();
    Ok(Output::List {
        columns: vec!["Name", "Check", "Source"],
        rows: rules
            .into_iter()
            .map(|rule| vec![rule.name, rule.check, rule.source])
            .collect(),
    })
}

pub(crate) fn sample() -> Output {
    Output::Text(protector_config::sample())
}
