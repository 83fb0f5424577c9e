//! The connection, transactions, and the few SQL helpers that all tables share.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use protector_framework::{Clock, ExposeSecret, Ids, SecretString};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    QueryResult, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{DbError, Result, is_retryable};
use crate::first_contact::try_server;
use crate::secret_box::SecretBox;

/// How the database is used.
#[derive(Debug, Clone)]
pub struct DbOptions {
    /// Connections at the same time.
    pub max_connections: u32,
    /// How long an engine holds an operation without renewing.
    pub lease: Duration,
}

impl Default for DbOptions {
    fn default() -> Self {
        Self {
            max_connections: 5,
            lease: Duration::from_secs(30),
        }
    }
}

/// A site's database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pub(crate) conn: DatabaseConnection,
    pub(crate) secret_box: Arc<SecretBox>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) options: DbOptions,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// How many rows of a query wait at the most for whoever reads them.
const ROWS_UNDER_WAY: usize = 1024;
/// How much of a database file a connection keeps in memory; SQLite counts KiB below zero. Enough for what
/// lists of a thousand groups read, and for all connections of a process no more than they may take on a
/// small machine.
const PAGE_CACHE_KIB: &str = "-16384";

/// How often more than once something is done that the database asks to repeat: for four seconds or so.
const ATTEMPTS: u32 = 7;
/// How often that was asked for.
const REPEATED: &str = "protector_database_repeats_total";

/// The work of one transaction; may be run again from the start.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl Db {
    /// Closes every connection, once what is under way on it has ended. No clone can be used afterwards.
    pub async fn close(&self) {
        if let Err(error) = self.conn.clone().close().await {
            tracing::debug!(%error, "the database could not be closed");
        }
    }

    /// Opens a database whose schema is there.
    ///
    /// # Errors
    /// `Unreachable`, within a second where the server refuses; `SchemaMissing` with what to run.
    pub async fn connect(
        url: &SecretString,
        options: DbOptions,
        secret_box: SecretBox,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self> {
        let db = Self::connect_as_it_is(url, options, secret_box, clock, ids).await?;
        db.rows("SELECT id FROM idempotency_keys WHERE 1 = 0", [])
            .await?;
        Ok(db)
    }

    /// Opens a database whatever its schema is, for an operator who looks at that of an earlier version.
    ///
    /// # Errors
    /// `Unreachable`, within a second where the server refuses.
    pub async fn connect_as_it_is(
        url: &SecretString,
        options: DbOptions,
        secret_box: SecretBox,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self> {
        try_server(url.expose_secret(), &*clock).await?;
        let mut connect = ConnectOptions::new(url.expose_secret());
        connect
            .max_connections(options.max_connections)
            .connect_timeout(Duration::from_secs(10))
            .acquire_timeout(Duration::from_secs(30))
            .sqlx_logging(false)
            // There is no server that could have gone away.
            .test_before_acquire(!url.expose_secret().starts_with("sqlite:"))
            .map_sqlx_sqlite_opts(|sqlite| {
                sqlite
                    .busy_timeout(Duration::from_secs(30))
                    // A list's rows are handed over without a wait for each few of them, and the
                    // pages they are on are read from the file once.
                    .row_buffer_size(ROWS_UNDER_WAY)
                    .pragma("cache_size", PAGE_CACHE_KIB)
                    .pragma("journal_mode", "WAL")
                    // An accepted handover must survive a power cut.
                    .pragma("synchronous", "FULL")
            });
        let conn = Database::connect(connect)
            .await
            .map_err(|error| DbError::Unreachable(error.to_string()))?;
        Ok(Self {
            conn,
            secret_box: Arc::new(secret_box),
            clock,
            ids,
            options,
        })
    }

    /// Whether there is such a table: earlier schemas have fewer.
    pub(crate) async fn has_table(&self, table: &'static str) -> Result<bool> {
        let sql = format!("SELECT 1 FROM {table} WHERE 1 = 0");
        match self.rows(&sql, []).await {
            Ok(_) => Ok(true),
            Err(DbError::SchemaMissing) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// `Unreachable`.
    pub async fn ping(&self) -> Result<()> {
        self.rows("SELECT 1", []).await.map(|_| ())
    }

    /// The time that leases are measured by: the server's on MariaDB, where several machines share
    /// it, else the clock's.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn now(&self) -> Result<DateTime<Utc>> {
        self.repeated(|| now(&self.conn, &*self.clock)).await
    }

    /// Waits for the database. No time of a simulated clock passes meanwhile.
    pub(crate) async fn at_once<T>(&self, work: impl Future<Output = T>) -> T {
        let _held = self.clock.hold();
        work.await
    }

    /// Runs `work` in one transaction, again from the start where the database asks for it.
    pub(crate) async fn transaction<'a, T, F>(&self, work: F) -> Result<T>
    where
        F: Fn(Arc<DatabaseTransaction>) -> Work<'a, T>,
    {
        self.repeated(|| self.try_transaction(&work)).await
    }

    /// Does something again from the start while the database asks for it. What it had refused before
    /// has had no effect.
    pub(crate) async fn repeated<T, F>(&self, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut failed = 0;
        loop {
            match self.at_once(attempt()).await {
                Err(error) if is_retryable(&error) && failed < ATTEMPTS => {
                    failed += 1;
                    tracing::debug!(%error, failed, "the database asks to repeat it");
                    metrics::counter!(REPEATED).increment(1);
                    self.clock.sleep(self.pause(failed)).await;
                }
                // It is there and does not serve, which may pass.
                Err(DbError::Other(text)) if failed >= ATTEMPTS => {
                    return Err(DbError::Unreachable(text));
                }
                outcome => return outcome,
            }
        }
    }

    /// Longer each time, and not the same for two that have met: they would meet again.
    fn pause(&self, failed: u32) -> Duration {
        let longest = 20 << failed;
        let mut random = [0];
        self.ids.bytes(&mut random);
        Duration::from_millis(longest / 2 + longest * u64::from(random[0]) / 512)
    }

    async fn try_transaction<'a, T, F>(&self, work: &F) -> Result<T>
    where
        F: Fn(Arc<DatabaseTransaction>) -> Work<'a, T>,
    {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        // Shared with the work alone, which has ended when the transaction does.
        let shared = Arc::new(self.conn.begin_with_options(options).await?);
        let outcome = work(Arc::clone(&shared)).await;
        let tx = Arc::into_inner(shared)
            .ok_or_else(|| DbError::Other("a transaction outlived its work".to_owned()))?;
        match outcome {
            Ok(value) => {
                tx.commit().await?;
                Ok(value)
            }
            Err(error) => {
                if let Err(rollback) = tx.rollback().await {
                    tracing::debug!(%rollback, "a transaction could not be rolled back");
                }
                Err(error)
            }
        }
    }

    pub(crate) async fn rows(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>> {
        let values: Vec<Value> = values.into_iter().collect();
        self.repeated(|| rows(&self.conn, sql, values.clone()))
            .await
    }

    pub(crate) async fn run(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<u64> {
        // A cluster may refuse at the end a statement that is a transaction by itself.
        let values: Vec<Value> = values.into_iter().collect();
        self.repeated(|| run(&self.conn, sql, values.clone())).await
    }

    pub fn stamp(&self) -> String {
        stamp(self.clock.now())
    }
}

/// Holds a row until the transaction ends. It comes before the first read: on MariaDB a read fixes
/// what the transaction sees, and a decision made from what was true before somebody else's commit
/// would overwrite it. On SQLite writers stand in line anyway.
pub(crate) async fn hold(tx: &DatabaseTransaction, table: &str, id: &str) -> Result<()> {
    let sql = format!("UPDATE {table} SET updated_at = updated_at WHERE id = ?");
    run(tx, &sql, [id.into()]).await.map(|_| ())
}

pub(crate) async fn now<C: ConnectionTrait>(conn: &C, clock: &dyn Clock) -> Result<DateTime<Utc>> {
    if conn.get_database_backend() != DbBackend::MySql {
        return Ok(clock.now());
    }
    let sql = "SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ') AS at";
    let found = rows(conn, sql, []).await?;
    let row = found
        .first()
        .ok_or_else(|| DbError::Other("the server tells no time".to_owned()))?;
    time(row, "at")
}

pub(crate) async fn rows<C: ConnectionTrait>(
    conn: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>> {
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    Ok(conn.query_all_raw(statement).await?)
}

/// Runs a statement and returns how many rows it matched.
pub(crate) async fn run<C: ConnectionTrait>(
    conn: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64> {
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    match conn.execute_raw(statement).await {
        Ok(done) => Ok(done.rows_affected()),
        Err(error) => match error.sql_err() {
            Some(sea_orm::SqlErr::UniqueConstraintViolation(_)) => {
                Err(DbError::Duplicate("it".to_owned()))
            }
            _ => Err(error.into()),
        },
    }
}

/// How a moment is stored: fixed width, so that text order is time order.
pub fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

pub(crate) fn text(row: &QueryResult, column: &'static str) -> Result<String> {
    row.try_get("", column)
        .map_err(|error| corrupt(column, error))
}

pub(crate) fn maybe_text(row: &QueryResult, column: &'static str) -> Result<Option<String>> {
    row.try_get("", column)
        .map_err(|error| corrupt(column, error))
}

pub(crate) fn number(row: &QueryResult, column: &'static str) -> Result<i64> {
    row.try_get("", column)
        .or_else(|_| row.try_get::<i32>("", column).map(i64::from))
        .map_err(|error| corrupt(column, error))
}

pub(crate) fn flag(row: &QueryResult, column: &'static str) -> Result<bool> {
    Ok(number(row, column)? != 0)
}

pub(crate) fn maybe_bytes(row: &QueryResult, column: &'static str) -> Result<Option<Vec<u8>>> {
    row.try_get("", column)
        .map_err(|error| corrupt(column, error))
}

pub(crate) fn time(row: &QueryResult, column: &'static str) -> Result<DateTime<Utc>> {
    parse_time(column, &text(row, column)?)
}

pub(crate) fn maybe_time(row: &QueryResult, column: &'static str) -> Result<Option<DateTime<Utc>>> {
    maybe_text(row, column)?
        .map(|text| parse_time(column, &text))
        .transpose()
}

fn parse_time(column: &'static str, text: &str) -> Result<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.with_timezone(&Utc))
        .map_err(|error| corrupt(column, error))
}

pub(crate) fn parsed<T>(row: &QueryResult, column: &'static str) -> Result<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text(row, column)?
        .parse()
        .map_err(|error| corrupt(column, error))
}

pub(crate) fn maybe_parsed<T>(row: &QueryResult, column: &'static str) -> Result<Option<T>>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    maybe_text(row, column)?
        .map(|text| text.parse().map_err(|error| corrupt(column, error)))
        .transpose()
}

pub(crate) fn json<T: DeserializeOwned>(row: &QueryResult, column: &'static str) -> Result<T> {
    serde_json::from_str(&text(row, column)?).map_err(|error| corrupt(column, error))
}

pub(crate) fn maybe_json<T: DeserializeOwned>(
    row: &QueryResult,
    column: &'static str,
) -> Result<Option<T>> {
    maybe_text(row, column)?
        .map(|text| serde_json::from_str(&text).map_err(|error| corrupt(column, error)))
        .transpose()
}

pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| corrupt("a value", error))
}

pub(crate) fn corrupt(table: &'static str, error: impl std::fmt::Display) -> DbError {
    DbError::Corrupt {
        table,
        reason: error.to_string(),
    }
}
