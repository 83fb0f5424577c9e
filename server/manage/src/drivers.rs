//! `driver list` and `driver show`; `driver check` is in [`crate::check`].

use std::collections::BTreeMap;
use std::sync::Arc;

use protector_config::Config;
use protector_framework::{
    DriverEnv, DriverInfo, DriverOrigin, LayerSettings, RandomIds, RefusedFile, Registry,
    SystemClock,
};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::Output;

/// The drivers that a service with this configuration has.
pub(crate) fn registry(config: &Config) -> Result<Registry, Failure> {
    gathered(config, &config.drivers.layers)
}

/// The same, but that no call is made again: what a driver does wrong once in a while would pass by.
pub(crate) fn registry_without_retries(config: &Config) -> Result<Registry, Failure> {
    let mut layers = config.drivers.layers.clone();
    for settings in layers.values_mut() {
        settings.retries = 0;
    }
    gathered(config, &layers)
}

fn gathered(
    config: &Config,
    layers: &BTreeMap<String, LayerSettings>,
) -> Result<Registry, Failure> {
    let env = DriverEnv {
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
    };
    let directory = config.drivers.plugin_dir.as_deref();
    Ok(protector_drivers::gather(env, directory, layers)?)
}

/// The drivers, and the files that were to be some and are not taken. For people a schema is the names of
/// its settings.
pub(crate) fn list(config: &Config) -> Result<Output, Failure> {
    let registry = registry(config)?;
    let (drivers, refused) = (registry.drivers(), registry.refused());
    let rows = drivers.iter().map(row).chain(refused.iter().map(no_row));
    let values = drivers.iter().map(value);
    let values = values.chain(refused.iter().map(no_value));
    Ok(Output::Judged {
        shown: Box::new(Output::List {
            columns: vec![
                "Kind",
                "Name",
                "Version",
                "Origin",
                "ABI",
                "Capabilities",
                "Settings (*: required)",
                "Summary",
            ],
            rows: rows.collect(),
        }),
        value: values.collect::<Vec<_>>().into(),
        code: 0,
    })
}

fn row(driver: &DriverInfo) -> Vec<String> {
    vec![
        driver.kind.word().to_owned(),
        driver.name.clone(),
        driver.version.clone(),
        origin(driver),
        driver.abi.clone().unwrap_or_default(),
        claims(driver),
        settings(&driver.schema),
        driver.summary.clone(),
    ]
}

fn no_row(refused: &RefusedFile) -> Vec<String> {
    let mut row = vec![String::new(); 8];
    row[3] = refused.file.display().to_string();
    row[7] = not_loaded(refused);
    row
}

fn value(driver: &DriverInfo) -> Value {
    json!({
        "kind": driver.kind.word(),
        "name": driver.name,
        "version": driver.version,
        "origin": origin(driver),
        "abi": driver.abi.as_deref().unwrap_or_default(),
        "capabilities": claims(driver),
        "schema": driver.schema,
        "summary": driver.summary,
    })
}

fn no_value(refused: &RefusedFile) -> Value {
    json!({
        "kind": "",
        "name": "",
        "version": "",
        "origin": refused.file.display().to_string(),
        "abi": "",
        "capabilities": "",
        "schema": null,
        "summary": not_loaded(refused),
    })
}

fn not_loaded(refused: &RefusedFile) -> String {
    format!("not loaded: {}", refused.reason)
}

/// The names of the settings of a schema.
fn settings(schema: &Value) -> String {
    let required = schema["required"].as_array();
    let is_required =
        |name: &str| required.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(name)));
    let all = schema["properties"].as_object().into_iter().flatten();
    let names = all.map(|(name, _)| match is_required(name) {
        true => format!("{name}*"),
        false => name.clone(),
    });
    names.collect::<Vec<_>>().join(" ")
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
