//! What an array's refusal means, in its own words.

use std::time::Duration;

use protector_framework::{DriverError, ErrorKind, Result};
use serde_json::Value;

/// Longest text that is taken over from an array.
const LONGEST: usize = 600;

/// Why an array did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The named object is not there.
    NotFound,
    /// The object is there already, or the list has the member already.
    Exists,
    /// The object is destroyed and awaits its eradication.
    Pending,
    /// Something is connected to it or belongs to it.
    InUse,
    /// A number or a space is used up.
    Limit,
    /// The array guards what it holds against destruction.
    SafeMode,
    /// The session is not valid, or may not do this.
    Denied,
    /// Too much at once.
    Busy,
    /// No whole answer came.
    Transport,
    /// The path, and so perhaps the version, is not served.
    NoPath,
    /// Anything else.
    Other,
}

/// Parts of messages, in lower case, and what they mean. The first that fits counts.
const WORDS: [(&str, Cause); 20] = [
    ("eradication is disabled", Cause::SafeMode),
    ("cannot eradicate", Cause::SafeMode),
    ("retention lock", Cause::SafeMode),
    ("ratcheted", Cause::SafeMode),
    ("safemode", Cause::SafeMode),
    ("limit reached", Cause::Limit),
    ("not enough space", Cause::Limit),
    ("insufficient", Cause::Limit),
    ("quota", Cause::Limit),
    ("out of space", Cause::Limit),
    ("has been destroyed", Cause::Pending),
    ("has been deleted", Cause::Pending),
    ("pending eradication", Cause::Pending),
    ("does not exist", Cause::NotFound),
    ("no such volume or snapshot", Cause::NotFound),
    ("could not be found", Cause::NotFound),
    ("already", Cause::Exists),
    ("due to existing connections", Cause::InUse),
    ("is connected", Cause::InUse),
    ("in protection groups", Cause::InUse),
];

/// The meaning of an answer that is no success.
pub(crate) fn cause(status: u16, text: &str) -> Cause {
    let text = text.to_lowercase();
    match status {
        401 | 403 => Cause::Denied,
        404 => Cause::NoPath,
        429 | 503 => Cause::Busy,
        500 if text.trim() == "server is busy" => Cause::Busy,
        501..=599 => Cause::Transport,
        500 => Cause::Other,
        _ => WORDS
            .iter()
            .find(|(part, _)| text.contains(part))
            .map_or(Cause::Other, |(_, cause)| *cause),
    }
}

/// The class in which the engine sees it.
pub(crate) fn kind(cause: Cause, status: u16) -> ErrorKind {
    match cause {
        Cause::NotFound => ErrorKind::NotFound,
        Cause::Exists => ErrorKind::AlreadyExists,
        Cause::Pending | Cause::InUse | Cause::SafeMode => ErrorKind::Conflict,
        Cause::Limit => ErrorKind::QuotaExceeded,
        Cause::Denied => ErrorKind::Unauthorized,
        Cause::Busy if status == 429 => ErrorKind::RateLimited,
        Cause::Busy => ErrorKind::Busy,
        Cause::Transport => ErrorKind::Unreachable,
        Cause::NoPath => ErrorKind::Unsupported,
        Cause::Other if (400..500).contains(&status) => ErrorKind::InvalidRequest,
        Cause::Other => ErrorKind::Unexpected,
    }
}

/// A call that did not succeed, with what its sender decides by.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: DriverError,
    pub(crate) cause: Cause,
    pub(crate) status: Option<u16>,
    pub(crate) retry_after: Option<Duration>,
    /// Whether the array cannot have seen the call.
    pub(crate) unsent: bool,
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        let cause = match error.kind {
            ErrorKind::Unreachable | ErrorKind::Timeout => Cause::Transport,
            ErrorKind::Busy | ErrorKind::RateLimited => Cause::Busy,
            _ => Cause::Other,
        };
        Self {
            error,
            cause,
            status: None,
            retry_after: None,
            unsent: false,
        }
    }
}

impl From<Failure> for DriverError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl Failure {
    /// Whether sending the same call again can help and does no harm. A call that changes something
    /// is only sent again where the array has surely not carried it out.
    pub(crate) fn may_repeat(&self, is_read: bool) -> bool {
        self.unsent
            || self.cause == Cause::Busy
            || (is_read && self.cause == Cause::Transport && self.error.kind != ErrorKind::Timeout)
    }

    /// Whether the array looked at the call and said no, so that nothing has changed by it.
    pub(crate) fn is_refusal(&self) -> bool {
        self.status == Some(400)
    }
}

/// What a refused create means is decided by what is there, not by the array's words: mostly the
/// answer of an earlier one was lost. A limit stays a failure.
pub(crate) fn refused_is_looked_at<T>(result: Result<T, Failure>) -> Result<()> {
    match result {
        Err(failure) if failure.is_refusal() && failure.cause != Cause::Limit => {
            tracing::debug!(error = %failure.error, "refused; what is there decides");
            Ok(())
        }
        Err(failure) => Err(failure.into()),
        Ok(_) => Ok(()),
    }
}

/// What should be absent and is.
pub(crate) fn gone_is_fine<T>(result: Result<T, Failure>) -> Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(failure)
            if failure.is_refusal()
                && matches!(failure.cause, Cause::NotFound | Cause::Pending) =>
        {
            Ok(())
        }
        Err(failure) => Err(failure.into()),
    }
}

/// The array's words, whole: `{"errors": [{"context", "message"}]}`, or `{"message"}` from its gateway.
pub(crate) fn words(body: &[u8]) -> String {
    let spoken = serde_json::from_slice(body)
        .ok()
        .and_then(|body| spoken(&body));
    let text = spoken.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    match text.trim() {
        "" => "no reason given".to_owned(),
        text => text.to_owned(),
    }
}

fn spoken(body: &Value) -> Option<String> {
    let errors = body["errors"].as_array().into_iter().flatten();
    let listed: Vec<String> = errors.map(one).collect();
    match listed.is_empty() {
        true => Some(body["message"].as_str()?.to_owned()),
        false => Some(listed.join("; ")),
    }
}

fn one(error: &Value) -> String {
    let message = error["message"].as_str().unwrap_or("no reason given");
    match error["context"]
        .as_str()
        .filter(|context| !context.is_empty())
    {
        Some(context) => format!("{context}: {message}"),
        None => message.to_owned(),
    }
}

/// A text as long as errors take it over.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_message_has_its_meaning() {
        for (status, text, expected) in [
            (400, "Volume does not exist.", Cause::NotFound),
            (400, "No such volume or snapshot.", Cause::NotFound),
            (400, "Target array could not be found.", Cause::NotFound),
            (400, "Volume already exists.", Cause::Exists),
            (
                400,
                "v: Volume already belongs to the group.",
                Cause::Exists,
            ),
            (400, "The group already includes fa-b.", Cause::Exists),
            (400, "Replication already allowed on fa-b.", Cause::Exists),
            (400, "Volume has been deleted.", Cause::Pending),
            (400, "Volume has been destroyed.", Cause::Pending),
            (
                400,
                "Volume snapshot has been destroyed. It can be recovered by purevol recover and \
                 eradicated by purevol eradicate.",
                Cause::Pending,
            ),
            (400, "Eradication is disabled.", Cause::SafeMode),
            (400, "Volume limit reached.", Cause::Limit),
            (
                400,
                "Host cannot be deleted due to existing connections.",
                Cause::InUse,
            ),
            (
                400,
                "Cannot move volume in protection groups.",
                Cause::InUse,
            ),
            (400, "No attribute specified.", Cause::Other),
            (401, "", Cause::Denied),
            (403, "", Cause::Denied),
            (404, "", Cause::NoPath),
            (429, "", Cause::Busy),
            (500, "Server is busy", Cause::Busy),
            (500, "Unidentified internal error.", Cause::Other),
            (503, "", Cause::Busy),
            (504, "", Cause::Transport),
        ] {
            assert_eq!(cause(status, text), expected, "{status} {text}");
        }
    }

    #[test]
    fn both_shapes_of_an_error_are_read() {
        for (body, expected) in [
            (
                r#"{"errors": [{"context": "v", "message": "Volume does not exist."}]}"#,
                "v: Volume does not exist.",
            ),
            (
                r#"{"errors": [{"context": null, "message": "a"}, {"message": "b"}]}"#,
                "a; b",
            ),
            (r#"{"message": "slow down"}"#, "slow down"),
            ("not json", "not json"),
            ("", "no reason given"),
        ] {
            assert_eq!(words(body.as_bytes()), expected);
        }
    }

    #[test]
    fn a_change_is_sent_again_only_where_it_was_surely_not_made() {
        let of = |cause, kind| {
            let mut failure = Failure::from(DriverError::new(kind, "x"));
            failure.cause = cause;
            failure
        };
        let lost = of(Cause::Transport, ErrorKind::Unreachable);
        assert!(lost.may_repeat(true) && !lost.may_repeat(false));
        let busy = of(Cause::Busy, ErrorKind::RateLimited);
        assert!(busy.may_repeat(true) && busy.may_repeat(false));
        let late = of(Cause::Transport, ErrorKind::Timeout);
        assert!(!late.may_repeat(true));
    }
}
