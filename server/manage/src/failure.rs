//! What can go wrong. Each is shown as it reads here, so that it must say what to do.

use protector_config::ConfigError;
use protector_db::DbError;
use protector_framework::{DriverError, RegistryError};
use protector_migrations::SyncError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{database}: {source}")]
    Database { database: String, source: SyncError },
    #[error("{database}: {source}")]
    Store { database: String, source: DbError },
    #[error("the keys in {}: {source}", dir.display())]
    Keys {
        dir: std::path::PathBuf,
        source: DbError,
    },
    #[error("there is no site `{0}`; `site list` shows all")]
    UnknownSite(String),
    #[error("there is no service on a host `{0}` or with that id; `service list` shows all")]
    UnknownService(String),
    #[error(
        "{binary} on {host} lives: it was seen at {last_seen_at}. Stop it there; a minute after it was \
         last seen it can be removed. One of several on a host is named by its id"
    )]
    ServiceLives {
        binary: String,
        host: String,
        last_seen_at: String,
    },
    #[error("the archive {} cannot be written: {source}", file.display())]
    Archive {
        file: std::path::PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Drivers(#[from] RegistryError),
    #[error("{}", .0.message)]
    Driver(#[from] DriverError),
    #[error("there is no driver named `{name}`; known: {known}")]
    UnknownDriver { name: String, known: String },
    #[error("{}: {reason}", file.display())]
    CheckSettings {
        file: std::path::PathBuf,
        reason: String,
    },
    #[error("the files have no section `{0}`; `driver check --help` shows what they hold")]
    NoSection(&'static str),
    #[error(
        "the files have no section for a kind of driver that `{0}` is; `driver check --help` shows \
         what they hold"
    )]
    NothingToCheck(String),
    #[error(
        "interrupted: what the cases under way have made is left, with names that begin with \
         `protector-check-`"
    )]
    CheckInterrupted,
    #[error("the reports cannot be written as JSON: {0}")]
    Report(#[from] serde_json::Error),
    #[error("there is no rule named `{0}`; `policy list` shows all")]
    UnknownRule(String),
    #[error("{}: this cannot be read as a token's content: {reason}", file.display())]
    Access {
        file: std::path::PathBuf,
        reason: String,
    },
    #[error("the program cannot start its runtime: {0}")]
    Runtime(#[from] std::io::Error),
}
