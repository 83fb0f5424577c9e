//! The database schema, for SQLite and MariaDB, and the one way to bring a database up to it.
//!
//! Each statement can be run again: MariaDB ends a transaction at each change of schema, so a
//! migration that was cut off is begun anew.

mod m20261124_000001_sites;
mod m20261124_000002_groups;
mod m20261124_000003_operations;
mod m20261125_000004_peer_keys;
mod m20261130_000005_quarantines;
mod m20261130_000006_turns;
mod m20261130_000007_readiness;
mod m20261130_000008_lists;
mod m20261201_000009_told_ends;

use std::str::FromStr as _;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::sqlx::{
    self, ConnectOptions as _, Connection as _, mysql::MySqlConnectOptions,
};
use sea_orm_migration::sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
};

/// Why the schema could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The database does not answer. The text names no password.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// Another `db sync` did not end in time.
    #[error("another `db sync` is running; it did not end within {0} s")]
    Locked(u64),
    /// A statement failed.
    #[error("the schema could not be changed: {0}")]
    Failed(#[source] DbErr),
}

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261124_000001_sites::Migration),
            Box::new(m20261124_000002_groups::Migration),
            Box::new(m20261124_000003_operations::Migration),
            Box::new(m20261125_000004_peer_keys::Migration),
            Box::new(m20261130_000005_quarantines::Migration),
            Box::new(m20261130_000006_turns::Migration),
            Box::new(m20261130_000007_readiness::Migration),
            Box::new(m20261130_000008_lists::Migration),
            Box::new(m20261201_000009_told_ends::Migration),
        ]
    }
}

const LOCK_SECONDS: u64 = 120;

/// Brings the database to the newest schema. Safe to repeat, and to run twice at once.
///
/// # Errors
/// Where the database does not answer, another run does not end, or a statement fails.
pub async fn sync(url: &str) -> Result<(), SyncError> {
    up(url, None).await
}

/// Goes this many migrations further and no more: how a test makes the database of an earlier version.
///
/// # Errors
/// As [`sync`].
pub async fn sync_by(url: &str, migrations: u32) -> Result<(), SyncError> {
    up(url, Some(migrations)).await
}

async fn up(url: &str, most: Option<u32>) -> Result<(), SyncError> {
    let db = connect(url).await?;
    let outcome = match db.get_database_backend() {
        DbBackend::MySql => sync_mysql(&db, most).await,
        _ => sync_sqlite(&db, most).await,
    };
    let closed = db.close().await;
    outcome?;
    closed.map_err(SyncError::Failed)
}

/// The newest migration that the database has; `None` for a database without a schema.
///
/// # Errors
/// Where the database does not answer.
pub async fn version(url: &str) -> Result<Option<String>, SyncError> {
    let db = connect(url).await?;
    let sql = "SELECT version FROM seaql_migrations ORDER BY version DESC LIMIT 1";
    let row = db
        .query_one_raw(Statement::from_string(db.get_database_backend(), sql))
        .await;
    // Without the table there is no schema.
    Ok(row
        .ok()
        .flatten()
        .and_then(|row| row.try_get_by_index::<String>(0).ok()))
}

/// The newest migration that this program knows.
pub fn latest() -> String {
    versions().pop().unwrap_or_default()
}

/// Every migration that this program knows, the oldest first.
pub fn versions() -> Vec<String> {
    let all = Migrator::migrations();
    all.iter().map(|one| one.name().to_owned()).collect()
}

async fn connect(url: &str) -> Result<DatabaseConnection, SyncError> {
    try_server(url).await?;
    // One connection, so that the lock and the statements share it.
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .connect_timeout(std::time::Duration::from_secs(5))
        .acquire_timeout(std::time::Duration::from_secs(5))
        .sqlx_logging(false);
    Database::connect(options)
        .await
        .map_err(|error| SyncError::Unreachable(error.to_string()))
}

/// A pool waits for a server that refuses, and then says only that it has waited.
async fn try_server(url: &str) -> Result<(), SyncError> {
    if !url.starts_with("mysql:") {
        return Ok(());
    }
    let connected = match MySqlConnectOptions::from_str(url) {
        Ok(options) => options.connect().await,
        Err(error) => Err(error),
    };
    match connected {
        Ok(connection) => connection.close().await,
        Err(error) => Err(error),
    }
    .map_err(|error| {
        SyncError::Unreachable(match error {
            sqlx::Error::Io(error) => error.to_string(),
            sqlx::Error::Database(error) => error.message().to_owned(),
            other => other.to_string(),
        })
    })
}

async fn sync_mysql(db: &DatabaseConnection, most: Option<u32>) -> Result<(), SyncError> {
    let lock = format!("SELECT GET_LOCK('protector_db_sync', {LOCK_SECONDS})");
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::MySql, lock))
        .await
        .map_err(SyncError::Failed)?;
    let held = row.and_then(|row| row.try_get_by_index::<Option<i64>>(0).ok().flatten());
    if held != Some(1) {
        return Err(SyncError::Locked(LOCK_SECONDS));
    }
    let outcome = Migrator::up(db, most).await.map_err(SyncError::Failed);
    db.execute_unprepared("DO RELEASE_LOCK('protector_db_sync')")
        .await
        .map_err(SyncError::Failed)?;
    outcome
}

async fn sync_sqlite(db: &DatabaseConnection, most: Option<u32>) -> Result<(), SyncError> {
    let run = async |sql: &str| db.execute_unprepared(sql).await.map_err(SyncError::Failed);
    run(&format!("PRAGMA busy_timeout = {}", LOCK_SECONDS * 1000)).await?;
    write_ahead(db).await?;
    // The writer's place is taken before the list of applied migrations is read.
    run("BEGIN IMMEDIATE").await?;
    let outcome = Migrator::up(db, most).await.map_err(SyncError::Failed);
    run(if outcome.is_ok() {
        "COMMIT"
    } else {
        "ROLLBACK"
    })
    .await?;
    outcome
}

/// How often the journal's mode is asked for while others ask for it too.
const MODE_ATTEMPTS: u32 = 100;

/// Switches the file to write-ahead logging, which it then keeps.
///
/// SQLite does not wait where two connections switch at once: one is told at once that the file is
/// locked, whatever the busy timeout. A transaction does wait, so an empty one stands between two
/// attempts.
async fn write_ahead(db: &DatabaseConnection) -> Result<(), SyncError> {
    let mut attempt = 1;
    loop {
        match db.execute_unprepared("PRAGMA journal_mode = WAL").await {
            Ok(_) => return Ok(()),
            Err(error) if attempt >= MODE_ATTEMPTS || !is_locked(&error) => {
                return Err(SyncError::Failed(error));
            }
            Err(_) => attempt += 1,
        }
        match db.execute_unprepared("BEGIN IMMEDIATE; COMMIT").await {
            Err(error) if !is_locked(&error) => return Err(SyncError::Failed(error)),
            _ => {}
        }
    }
}

fn is_locked(error: &DbErr) -> bool {
    error.to_string().contains("database is locked")
}

/// Runs statements that both engines read the same way; tables become utf8mb4 on MariaDB.
async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let mysql = db.get_database_backend() == DbBackend::MySql;
    for statement in statements {
        let is_table = statement.trim_start().starts_with("CREATE TABLE");
        let suffix = if mysql && is_table {
            " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
        } else {
            ""
        };
        db.execute_unprepared(&format!("{statement}{suffix}"))
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &tempfile::TempDir) -> String {
        format!(
            "sqlite://{}?mode=rwc",
            dir.path().join("protector.db").display()
        )
    }

    #[tokio::test]
    async fn sync_can_be_repeated_and_tells_its_version() {
        let dir = tempfile::tempdir().unwrap();
        let url = file(&dir);
        assert_eq!(version(&url).await.unwrap(), None);
        sync(&url).await.unwrap();
        sync(&url).await.unwrap();
        assert_eq!(version(&url).await.unwrap(), Some(latest()));
    }

    #[tokio::test]
    async fn a_database_can_be_that_of_every_earlier_version() {
        let dir = tempfile::tempdir().unwrap();
        let url = file(&dir);
        for expected in versions() {
            sync_by(&url, 1).await.unwrap();
            assert_eq!(version(&url).await.unwrap(), Some(expected));
        }
    }

    #[tokio::test]
    async fn two_syncs_at_once_both_succeed() {
        let dir = tempfile::tempdir().unwrap();
        let url = file(&dir);
        let (a, b) = tokio::join!(sync(&url), sync(&url));
        a.unwrap();
        b.unwrap();
        assert_eq!(version(&url).await.unwrap(), Some(latest()));
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_one_clear_error() {
        let error = sync("mysql://u:marked-secret@127.0.0.1:1/protector")
            .await
            .unwrap_err();
        assert!(matches!(error, SyncError::Unreachable(_)));
        assert!(!error.to_string().contains("marked-secret"));
        // The reason, not that a pool has waited.
        assert!(error.to_string().contains("refused"), "{error}");
    }
}
