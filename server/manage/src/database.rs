//! `db sync` and `db version`.

use protector_config::{Config, DatabaseUrl};
use protector_framework::ExposeSecret;
use protector_migrations::SyncError;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn sync(config: &Config) -> Result<Output, Failure> {
    let url = config.database.required()?;
    block_on(url, async |url| protector_migrations::sync(url).await)?;
    shown(url)
}

pub(crate) fn version(config: &Config) -> Result<Output, Failure> {
    shown(config.database.required()?)
}

fn shown(url: &DatabaseUrl) -> Result<Output, Failure> {
    // Opening a file would make it.
    let absent = url.file().is_some_and(|file| !file.exists());
    let version = if absent {
        None
    } else {
        block_on(url, async |url| protector_migrations::version(url).await)?
    };
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

fn block_on<T>(
    url: &DatabaseUrl,
    work: impl AsyncFnOnce(&str) -> Result<T, SyncError>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime
        .block_on(work(url.url().expose_secret()))
        .map_err(|source| Failure::Database {
            database: url.to_string(),
            source,
        })
}
