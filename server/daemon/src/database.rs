use std::sync::Arc;

use protector_config::{Config, ConfigError};
use protector_db::{Db, DbError, DbOptions, SecretBox};
use protector_framework::{Clock, Ids};

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It is not configured.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The keys that seal secrets.
    #[error("the keys in {dir} cannot be used: {reason}")]
    Keys {
        /// Their directory.
        dir: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It does not answer.
    #[error("[database] connection {database}: {error}")]
    Unreachable {
        /// Its URL without the password.
        database: String,
        /// What was said.
        error: DbError,
    },
    /// It has no schema, or refuses.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Opens the site's database as the configuration says.
///
/// # Errors
/// One clear reason.
pub async fn open_database(
    config: &Config,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
) -> Result<Db, DatabaseError> {
    let url = config.database.required()?;
    let dir = &config.database.key_dir;
    let keys = SecretBox::open_or_create(dir, &*ids).map_err(|error| DatabaseError::Keys {
        dir: dir.display().to_string(),
        reason: error.to_string(),
    })?;
    let options = DbOptions {
        max_connections: config.database.max_pool_size,
        lease: config.engine.lease,
    };
    let opened = Db::connect(url.url(), options, keys, clock, ids).await;
    opened.map_err(|error| match error {
        DbError::Unreachable(_) => DatabaseError::Unreachable {
            database: url.to_string(),
            error,
        },
        other => other.into(),
    })
}
