use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a driver call returns.
pub type Result<T, E = DriverError> = std::result::Result<T, E>;

/// What went wrong, in the few classes that the engine treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// An object that the caller named as existing is not there.
    NotFound,
    /// An object of that name exists and is not what was asked for.
    AlreadyExists,
    /// The object is in a state in which the call is refused.
    Conflict,
    /// The remote side is working on the object; try later.
    Busy,
    /// Login failed, or the credential may not do this.
    Unauthorized,
    /// A quota or a capacity is exhausted.
    QuotaExceeded,
    /// The driver's own configuration is wrong.
    InvalidConfig,
    /// The request makes no sense to the remote side.
    InvalidRequest,
    /// The driver or the remote side cannot do this at all.
    Unsupported,
    /// No connection, or the connection broke before the answer was complete.
    Unreachable,
    /// The remote side asks for fewer calls.
    RateLimited,
    /// No answer within the call's deadline. Whether it took effect is not known.
    Timeout,
    /// The call was given up by the caller.
    Cancelled,
    /// The driver panicked.
    Panicked,
    /// Anything else, also a kind that this version does not know.
    #[serde(other)]
    Unexpected,
}

impl ErrorKind {
    /// Its name, as it is serialised.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Conflict => "conflict",
            Self::Busy => "busy",
            Self::Unauthorized => "unauthorized",
            Self::QuotaExceeded => "quota_exceeded",
            Self::InvalidConfig => "invalid_config",
            Self::InvalidRequest => "invalid_request",
            Self::Unsupported => "unsupported",
            Self::Unreachable => "unreachable",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
            Self::Unexpected => "unexpected",
        }
    }

    /// Whether the same call can succeed later with nothing else changed.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Busy | Self::Unreachable | Self::RateLimited | Self::Timeout | Self::Cancelled
        )
    }
}

/// When the same call may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Not without a change made by somebody.
    Never,
    /// At once, or with the caller's own backoff.
    Now,
    /// Not before this many seconds have passed.
    After(u64),
}

/// The one error of all drivers.
///
/// `message` says what was tried and what came back, in the remote side's own words where it gave
/// any; it never holds a secret.
#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize)]
#[serde(from = "Told")]
#[error("{message}")]
#[non_exhaustive]
pub struct DriverError {
    /// The class of the failure.
    pub kind: ErrorKind,
    /// When the call may be repeated.
    pub retry: Retry,
    /// What was tried and what came back.
    pub message: String,
    /// The remote call: method and path, or the tool's verb. No query string with secrets.
    pub remote_call: Option<String>,
    /// The remote side's request id, for its own logs.
    pub remote_request_id: Option<String>,
}

/// An error as another version may have written it.
#[derive(Deserialize)]
struct Told {
    kind: ErrorKind,
    #[serde(default)]
    retry: serde_json::Value,
    message: String,
    #[serde(default)]
    remote_call: Option<String>,
    #[serde(default)]
    remote_request_id: Option<String>,
}

impl From<Told> for DriverError {
    /// Where this version does not know when to repeat the call, its kind decides.
    fn from(told: Told) -> Self {
        let mut error = Self::new(told.kind, told.message);
        if let Ok(retry) = Retry::deserialize(&told.retry) {
            error.retry = retry;
        }
        error.remote_call = told.remote_call;
        error.remote_request_id = told.remote_request_id;
        error
    }
}

impl DriverError {
    /// An error of this kind; transient kinds may be retried with the caller's backoff.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retry = if kind.is_transient() {
            Retry::Now
        } else {
            Retry::Never
        };
        Self {
            kind,
            retry,
            message: message.into(),
            remote_call: None,
            remote_request_id: None,
        }
    }

    /// The driver does not do `what`.
    pub fn unsupported(what: &str) -> Self {
        Self::new(
            ErrorKind::Unsupported,
            format!("this driver does not support {what}"),
        )
    }

    /// `what` was named as existing and is not there.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::NotFound, format!("{what} does not exist"))
    }

    /// The remote object's state forbids the call.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// A setting of the driver is missing or wrong.
    pub fn invalid_config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidConfig, message)
    }

    /// Names the remote call that failed.
    #[must_use]
    pub fn with_call(mut self, call: impl Into<String>) -> Self {
        self.remote_call = Some(call.into());
        self
    }

    /// Adds the remote side's request id.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        self.remote_request_id = Some(id.into());
        self
    }

    /// Sets when the call may be repeated.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Notes how long the remote side asked to wait; nothing where waiting does not help.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        if let Some(wait) = wait
            && self.is_transient()
        {
            self.retry = Retry::After(wait.as_secs().max(1));
        }
        self
    }

    /// Whether the same call can succeed later with nothing else changed.
    pub fn is_transient(&self) -> bool {
        self.retry != Retry::Never
    }

    /// How long the remote side asked to wait, if it did.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.retry {
            Retry::After(seconds) => Some(Duration::from_secs(seconds)),
            Retry::Never | Retry::Now => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_newer_version_is_read_whole() {
        let read = |text: &str| serde_json::from_str::<DriverError>(text).unwrap();
        let known = read(r#"{"kind": "busy", "retry": {"after": 7}, "message": "m"}"#);
        assert_eq!(known.retry, Retry::After(7));
        for retry in [
            r#""at_night""#,
            r#"{"after_ms": 5}"#,
            r#"{"after": -1}"#,
            "null",
        ] {
            let text =
                |kind: &str| format!(r#"{{"kind": "{kind}", "retry": {retry}, "message": "m"}}"#);
            assert_eq!(read(&text("busy")).retry, Retry::Now);
            assert_eq!(read(&text("conflict")).retry, Retry::Never);
            assert_eq!(read(&text("of_next_year")).kind, ErrorKind::Unexpected);
            assert_eq!(read(&text("of_next_year")).retry, Retry::Never);
        }
        assert_eq!(
            read(r#"{"kind": "timeout", "message": "m"}"#).retry,
            Retry::Now
        );
    }
}
