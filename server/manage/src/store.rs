//! The site's database, opened by an operator: no key is made, and nothing is written that a command
//! does not say.

use std::sync::Arc;

use protector_config::Config;
use protector_db::{Db, DbError, DbOptions, SecretBox};
use protector_framework::{RandomIds, SystemClock};

use crate::failure::Failure;

/// The database with the keys that are there.
pub(crate) async fn open(config: &Config) -> Result<Db, Failure> {
    opened(config, Schema::Ours).await
}

/// The same where the schema may be that of an earlier version.
pub(crate) async fn open_as_it_is(config: &Config) -> Result<Db, Failure> {
    opened(config, Schema::Any).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Schema {
    Ours,
    Any,
}

async fn opened(config: &Config, schema: Schema) -> Result<Db, Failure> {
    let url = config.database.required()?;
    let told = |source| Failure::Store {
        database: url.to_string(),
        source,
    };
    // Opening a file would make it.
    if url.file().is_some_and(|file| !file.exists()) {
        return Err(told(DbError::SchemaMissing));
    }
    let dir = &config.database.key_dir;
    let keys = SecretBox::open_existing(dir).map_err(|source| Failure::Keys {
        dir: dir.clone(),
        source,
    })?;
    let options = DbOptions {
        max_connections: 2,
        lease: config.engine.lease,
    };
    let (clock, ids) = (Arc::new(SystemClock::new()), Arc::new(RandomIds));
    let opened = match schema {
        Schema::Ours => Db::connect(url.url(), options, keys, clock, ids).await,
        Schema::Any => Db::connect_as_it_is(url.url(), options, keys, clock, ids).await,
    };
    opened.map_err(told)
}

/// Does something with the site's database.
pub(crate) fn with<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Db) -> Result<T, DbError>,
) -> Result<T, Failure> {
    runtime()?.block_on(async {
        let db = open(config).await?;
        let done = work(&db).await;
        db.close().await;
        let database = config.database.required()?.to_string();
        done.map_err(|source| Failure::Store { database, source })
    })
}

pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}
