//! `db sync` and `db version`.

use protector_config::{Config, DatabaseUrl};
use protector_framework::ExposeSecret;
use protector_migrations::SyncError;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::Output;
use crate::store;

pub(crate) fn sync(config: &Config) -> Result<Output, Failure> {
    let url = config.database.required()?;
    store::runtime()?
        .block_on(protector_migrations::sync(url.url().expose_secret()))
        .map_err(|source| told(url, source))?;
    shown(url)
}

pub(crate) fn version(config: &Config) -> Result<Output, Failure> {
    shown(config.database.required()?)
}

/// The newest migration that a database has; `None`: it has no schema.
pub(crate) async fn schema(url: &DatabaseUrl) -> Result<Option<String>, Failure> {
    // Opening a file would make it.
    if url.file().is_some_and(|file| !file.exists()) {
        return Ok(None);
    }
    protector_migrations::version(url.url().expose_secret())
        .await
        .map_err(|source| told(url, source))
}

fn shown(url: &DatabaseUrl) -> Result<Output, Failure> {
    let version = store::runtime()?.block_on(schema(url))?;
    let latest = protector_migrations::latest();
    let state = match &version {
        None => "no schema; run `protector-manage db sync`",
        Some(version) if *version == latest => "up to date",
        Some(version) if *version < latest => "older; run `protector-manage db sync`",
        Some(_) => "newer than this program",
    };
    Ok(Output::Fields(vec![
        ("Database", url.to_string().into()),
        ("Version", version.map_or(Value::Null, Value::from)),
        ("Latest", latest.into()),
        ("State", state.into()),
    ]))
}

fn told(url: &DatabaseUrl, source: SyncError) -> Failure {
    Failure::Database {
        database: url.to_string(),
        source,
    }
}
