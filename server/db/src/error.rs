use protector_framework::OperationId;
use protector_model::Head;
use sea_orm::DbErr;

/// What a database call returns.
pub type Result<T, E = DbError> = std::result::Result<T, E>;

/// Why a database call failed. No message holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No connection.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The tables are missing or old.
    #[error("the database has no Protector schema, or an old one; run `protector-manage db sync`")]
    SchemaMissing,
    /// What was named is not there.
    #[error("{0} does not exist")]
    NotFound(String),
    /// A name or a pair is taken.
    #[error("{0} exists already")]
    Duplicate(String),
    /// The group has an operation that is not finished.
    #[error("operation {0} is running on the protection group")]
    Busy(OperationId),
    /// A change of the group's document is on its way to the peer.
    #[error("another change of the protection group is on its way to the other site")]
    ChangePending,
    /// The document is not the one that the change was made from.
    #[error("the protection group was changed meanwhile")]
    Moved(Option<Box<Head>>),
    /// Another engine has taken the operation over.
    #[error("another engine has taken the operation over")]
    Fenced,
    /// The same key was used for another request.
    #[error("the Idempotency-Key was used before with another request")]
    IdempotencyMismatch,
    /// A list was asked for by a field it does not have.
    #[error("`{0}` is not a field to sort or filter by")]
    BadQuery(String),
    /// A list was to begin after something that is not in it.
    #[error("the marker is not in the list")]
    BadMarker,
    /// A state does not allow what was asked.
    #[error("{0}")]
    Refused(String),
    /// A row cannot be read.
    #[error("a row of {table} cannot be read: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A sealed value cannot be opened.
    #[error("a secret cannot be opened with the keys of this site ({0})")]
    Sealed(String),
    /// Anything else the database said.
    #[error("the database refused a statement: {0}")]
    Other(String),
}

impl From<DbErr> for DbError {
    fn from(error: DbErr) -> Self {
        let text = error.to_string();
        if matches!(error, DbErr::Conn(_) | DbErr::ConnectionAcquire(_)) {
            return Self::Unreachable(text);
        }
        let missing = [
            "no such table",
            "no such column",
            "doesn't exist",
            "Unknown column",
        ];
        if missing.iter().any(|m| text.contains(m)) {
            return Self::SchemaMissing;
        }
        Self::Other(text)
    }
}

/// Whether the database asks to run it again: a deadlock, a lost certification in a cluster, a node that
/// is not of the cluster at the moment, or a writer that took too long.
pub(crate) fn is_retryable(error: &DbError) -> bool {
    let DbError::Other(text) = error else {
        return false;
    };
    // The code where the driver writes it, so that a number in a value is not taken for one.
    let said = text.split_once("from database: ").map(|(_, said)| said);
    let code = said.and_then(|said| said.split(|c: char| !c.is_ascii_digit()).next());
    code.is_some_and(|code| REPEATABLE.contains(&code)) || text.contains("database is locked")
}

/// Deadlock, lock wait timeout, not prepared for application use, record changed since last read.
const REPEATABLE: &[&str] = &["1213", "1205", "1047", "1020"];
