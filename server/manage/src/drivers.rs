//! `driver list` and `driver show`; `driver check` is in [`crate::check`].

use std::sync::Arc;

use protector_config::Config;
use protector_framework::{DriverEnv, DriverInfo, DriverOrigin, RandomIds, Registry, SystemClock};
use serde_json::Value;

use crate::failure::Failure;
use crate::output::Output;

/// The drivers that a service with this configuration has.
pub(crate) fn registry(config: &Config) -> Result<Registry, Failure> {
    let env = DriverEnv {
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
    };
    let section = &config.drivers;
    let directory = section.plugin_dir.as_deref();
    Ok(protector_drivers::gather(env, directory, &section.layers)?)
}

/// The drivers, and the files that were to be some and are not taken.
pub(crate) fn list(config: &Config) -> Result<Output, Failure> {
    let registry = registry(config)?;
    let known = registry.drivers().into_iter().map(|driver| {
        vec![
            driver.kind.word().to_owned(),
            driver.name.clone(),
            driver.version.clone(),
            origin(&driver),
            driver.abi.clone().unwrap_or_default(),
            claims(&driver),
            driver.summary,
        ]
    });
    let refused = registry.refused().iter().map(|refused| {
        let mut row = vec![String::new(); 7];
        row[3] = refused.file.display().to_string();
        row[6] = format!("not loaded: {}", refused.reason);
        row
    });
    Ok(Output::List {
        columns: vec![
            "Kind",
            "Name",
            "Version",
            "Origin",
            "ABI",
            "Capabilities",
            "Summary",
        ],
        rows: known.chain(refused).collect(),
    })
}

fn origin(driver: &DriverInfo) -> String {
    match &driver.origin {
        DriverOrigin::Linked => "linked".to_owned(),
        DriverOrigin::File(file) => file.display().to_string(),
    }
}

/// The names of what it can do.
fn claims(driver: &DriverInfo) -> String {
    let all = driver.capabilities.as_object();
    let made = all
        .into_iter()
        .flatten()
        .filter(|(_, made)| **made == Value::Bool(true));
    made.map(|(name, _)| name.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A name may stand for a driver of more than one kind, as `openstack` does.
pub(crate) fn show(config: &Config, name: &str) -> Result<Output, Failure> {
    let registry = registry(config)?;
    let drivers = registry.drivers();
    let found: Vec<_> = drivers
        .iter()
        .filter(|driver| driver.name == name)
        .map(fields)
        .collect();
    if !found.is_empty() {
        return Ok(Output::Many(found));
    }
    Err(unknown(&registry, name))
}

/// No driver has this name.
pub(crate) fn unknown(registry: &Registry, name: &str) -> Failure {
    let drivers = registry.drivers();
    let mut known: Vec<_> = drivers.iter().map(|driver| driver.name.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    Failure::UnknownDriver {
        name: name.to_owned(),
        known: match known.is_empty() {
            true => "none".to_owned(),
            false => known.join(", "),
        },
    }
}

fn fields(driver: &DriverInfo) -> Output {
    let abi = driver.abi.as_deref().map_or(Value::Null, Value::from);
    Output::Fields(vec![
        ("Kind", driver.kind.word().into()),
        ("Name", driver.name.as_str().into()),
        ("Version", driver.version.as_str().into()),
        ("Origin", origin(driver).into()),
        ("ABI", abi),
        ("Summary", driver.summary.as_str().into()),
        ("Capabilities", driver.capabilities.clone()),
        ("Example", driver.example.clone()),
        ("Schema", driver.schema.clone()),
    ])
}
