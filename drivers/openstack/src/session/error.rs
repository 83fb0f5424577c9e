//! What a service's refusal means, in its own words.

use std::time::Duration;

use protector_framework::{DriverError, ErrorKind};
use reqwest::StatusCode;
use serde_json::Value;

/// Longest text that is taken over from a service.
const LONGEST: usize = 600;

/// A failed exchange, with what decides whether it may be sent again.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: DriverError,
    pub(crate) status: Option<StatusCode>,
    pub(crate) retry_after: Option<Duration>,
    /// Whether the service cannot have seen the call.
    pub(crate) unsent: bool,
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        Self {
            error,
            status: None,
            retry_after: None,
            unsent: false,
        }
    }
}

impl Failure {
    /// Whether sending the same call again can help and does no harm.
    pub(crate) fn may_repeat(&self, repeatable: bool) -> bool {
        if self.unsent || self.status == Some(StatusCode::TOO_MANY_REQUESTS) {
            return true;
        }
        repeatable
            && match self.status {
                Some(status) => matches!(status.as_u16(), 502..=504),
                None => self.error.kind == ErrorKind::Unreachable,
            }
    }
}

/// The kind of a refusal.
pub(crate) fn kind(status: StatusCode, text: &str, retry_after: Option<Duration>) -> ErrorKind {
    let lower = text.to_lowercase();
    let about_quota = lower.contains("quota");
    match status.as_u16() {
        400 if about_quota && lower.contains("exceed") => ErrorKind::QuotaExceeded,
        400 | 422 => ErrorKind::InvalidRequest,
        403 | 413 if about_quota => ErrorKind::QuotaExceeded,
        409 if lower.contains("overquota") || lower.contains("quota exceeded") => {
            ErrorKind::QuotaExceeded
        }
        401 | 403 => ErrorKind::Unauthorized,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        413 if retry_after.is_some() => ErrorKind::RateLimited,
        413 => ErrorKind::QuotaExceeded,
        405 | 406 | 501 => ErrorKind::Unsupported,
        429 => ErrorKind::RateLimited,
        502..=504 => ErrorKind::Unreachable,
        // Nova's word for an action that another one was quicker than, where it does not turn it into
        // 409 (nova/exception.py; seen of os-start and unshelve sent twice at once).
        500 if lower.contains("unexpectedtaskstateerror") => ErrorKind::Conflict,
        _ => ErrorKind::Unexpected,
    }
}

/// What an operator can do about it, where that is not in the service's words.
pub(crate) fn advice(status: StatusCode) -> &'static str {
    match status.as_u16() {
        403 => "; the account lacks the role that the cloud's policy asks for",
        406 => "; the endpoint does not know this microversion",
        502..=504 => "; the service or the proxy before it is down or overloaded",
        _ => "",
    }
}

/// The service's own words in an error body: every service wraps them differently.
pub(crate) fn words(body: &[u8]) -> String {
    let text = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|value| spoken(&value))
        .unwrap_or_else(|| plain(body));
    shorten(text.trim())
}

/// Nova and Cinder: `{"badRequest": {"message": ..}}`; Keystone: `{"error": {"message": ..}}`;
/// Neutron: `{"NeutronError": {"type": .., "message": ..}}`; newer ones: `{"errors": [{..}]}`.
fn spoken(value: &Value) -> Option<String> {
    let object = value.as_object()?;
    let entries = object.values().flat_map(|entry| match entry {
        Value::Array(list) => list.iter().collect(),
        other => vec![other],
    });
    entries
        .chain([value])
        .filter_map(|entry| {
            let message = ["message", "detail", "faultstring", "title"]
                .iter()
                .find_map(|key| entry.get(key)?.as_str())?;
            Some(match entry.get("type").and_then(Value::as_str) {
                Some(kind) => format!("{kind}: {message}"),
                None => message.to_owned(),
            })
        })
        .next()
        .or_else(|| Some(object.get("NeutronError")?.as_str()?.to_owned()))
}

/// A body that is not JSON: a proxy's page, mostly.
fn plain(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut out = String::new();
    let mut in_tag = false;
    for letter in text.chars().take(4 * LONGEST) {
        match letter {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                out.push(' ');
            }
            _ if !in_tag => out.push(letter),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None if text.is_empty() => "no reason given".to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_services_own_words_are_kept() {
        for (body, words_of) in [
            (
                r#"{"badRequest": {"code": 400, "message": "bad flavor"}}"#,
                "bad flavor",
            ),
            (
                r#"{"error": {"code": 401, "title": "U", "message": "log in"}}"#,
                "log in",
            ),
            (
                r#"{"NeutronError": {"type": "MacAddressInUse", "message": "taken", "detail": ""}}"#,
                "MacAddressInUse: taken",
            ),
            (r#"{"NeutronError": "old form"}"#, "old form"),
            (
                r#"{"errors": [{"status": 404, "title": "T", "detail": "gone"}]}"#,
                "gone",
            ),
            (r#"{"message": "top"}"#, "top"),
            ("<html><h1>503</h1> no server</html>", "503 no server"),
            ("", "no reason given"),
        ] {
            assert_eq!(words(body.as_bytes()), words_of, "{body}");
        }
    }

    #[test]
    fn kinds_follow_status_and_words() {
        let kind_of =
            |status: u16, text: &str| kind(StatusCode::from_u16(status).unwrap(), text, None);
        for (status, text, expected) in [
            (400, "bad", ErrorKind::InvalidRequest),
            (401, "", ErrorKind::Unauthorized),
            (403, "Policy doesn't allow", ErrorKind::Unauthorized),
            (
                403,
                "Quota exceeded for instances",
                ErrorKind::QuotaExceeded,
            ),
            (
                413,
                "VolumeLimitExceeded: .. exceeded for quota 'volumes'",
                ErrorKind::QuotaExceeded,
            ),
            (
                409,
                "OverQuota: Quota exceeded for resources: ['port']",
                ErrorKind::QuotaExceeded,
            ),
            (409, "in use", ErrorKind::Conflict),
            (404, "", ErrorKind::NotFound),
            (406, "", ErrorKind::Unsupported),
            (429, "", ErrorKind::RateLimited),
            (500, "", ErrorKind::Unexpected),
            (
                500,
                "Unexpected API Error. <class 'nova.exception.UnexpectedTaskStateError'>",
                ErrorKind::Conflict,
            ),
            (503, "", ErrorKind::Unreachable),
        ] {
            assert_eq!(kind_of(status, text), expected, "{status} {text}");
        }
    }
}
