//! `driver list` and `driver show`; `driver check` is in [`crate::check`].

use std::sync::Arc;

// Linked for their registrations.
use protector_drivers as _;
use protector_framework::{DriverEnv, DriverInfo, DriverKind, RandomIds, Registry, SystemClock};
use serde_json::Value;

use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn registry() -> Result<Registry, Failure> {
    Ok(Registry::from_linked(DriverEnv {
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
    })?)
}

pub(crate) fn list() -> Result<Output, Failure> {
    let drivers = registry()?.drivers();
    Ok(Output::List {
        columns: vec!["Kind", "Name", "Summary"],
        rows: drivers
            .iter()
            .map(|driver| {
                vec![
                    word(driver.kind).to_owned(),
                    driver.name.to_owned(),
                    driver.summary.to_owned(),
                ]
            })
            .collect(),
    })
}

/// A name may stand for a driver of more than one kind, as `openstack` does.
pub(crate) fn show(name: &str) -> Result<Output, Failure> {
    let registry = registry()?;
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
    let mut known: Vec<_> = drivers.iter().map(|driver| driver.name).collect();
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
    // What is no JSON is shown as it is.
    let example =
        serde_json::from_str(driver.example).unwrap_or_else(|_| Value::from(driver.example));
    Output::Fields(vec![
        ("Kind", word(driver.kind).into()),
        ("Name", driver.name.into()),
        ("Summary", driver.summary.into()),
        ("Example", example),
        ("Schema", driver.schema.clone()),
    ])
}

fn word(kind: DriverKind) -> &'static str {
    match kind {
        DriverKind::Storage => "storage",
        DriverKind::Compute => "compute",
        DriverKind::Identity => "identity",
    }
}
