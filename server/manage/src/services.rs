//! `service list`.

use protector_config::Config;
use protector_db::stamp;

use crate::failure::Failure;
use crate::output::Output;
use crate::store;

/// Every API and engine that ever told that it lives.
pub(crate) fn list(config: &Config) -> Result<Output, Failure> {
    let services = store::with(config, async |db| db.list_services().await)?;
    let rows = services.into_iter().map(|service| {
        let state = if service.up { "up" } else { "down" };
        vec![
            service.binary,
            service.host,
            state.to_owned(),
            stamp(service.last_seen_at),
        ]
    });
    Ok(Output::List {
        columns: vec!["Binary", "Host", "State", "Last Seen"],
        rows: rows.collect(),
    })
}
