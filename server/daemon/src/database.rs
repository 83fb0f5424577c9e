use std::sync::Arc;

use protector_config::{Config, ConfigError, DatabaseUrl};
use protector_db::{Db, DbError, DbOptions, SecretBox};
use protector_framework::{Clock, ExposeSecret as _, Ids};
use protector_migrations::SyncError;

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
    /// Its schema is that of an earlier version.
    #[error(
        "[database] connection {database}: the schema is that of {found}, and this program needs {needed}; \
         stop the services of all nodes and run `protector-manage db sync`"
    )]
    Older {
        /// Its URL without the password.
        database: String,
        /// The newest migration that it has.
        found: String,
        /// The newest that this program knows.
        needed: String,
    },
    /// Its schema is that of a later version, whose rows this program may read wrongly.
    #[error(
        "[database] connection {database}: the schema is that of {found}, and this program knows none after \
         {known}; install the version that the other nodes have"
    )]
    Newer {
        /// Its URL without the password.
        database: String,
        /// The newest migration that it has.
        found: String,
        /// The newest that this program knows.
        known: String,
    },
    /// Its version cannot be read.
    #[error("[database] connection {database}: {error}")]
    Version {
        /// Its URL without the password.
        database: String,
        /// What was said.
        error: SyncError,
    },
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
    let db = opened.map_err(|error| match error {
        DbError::Unreachable(_) => DatabaseError::Unreachable {
            database: url.to_string(),
            error,
        },
        other => other.into(),
    })?;
    fits(url).await?;
    Ok(db)
}

/// Whether the schema is the one that this program was made for: with another one it would fail in the
/// middle of somebody's operation.
async fn fits(url: &DatabaseUrl) -> Result<(), DatabaseError> {
    let database = || url.to_string();
    let version = protector_migrations::version(url.url().expose_secret()).await;
    let found = version.map_err(|error| DatabaseError::Version {
        database: database(),
        error,
    })?;
    let known = protector_migrations::latest();
    match found {
        None => Err(DbError::SchemaMissing.into()),
        Some(found) if found < known => Err(DatabaseError::Older {
            database: database(),
            found,
            needed: known,
        }),
        Some(found) if found > known => Err(DatabaseError::Newer {
            database: database(),
            found,
            known,
        }),
        Some(_) => Ok(()),
    }
}
