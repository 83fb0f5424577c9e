//! What is remembered of every call.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One call as it came. Headers are not kept, and no member that is a secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedCall {
    /// `GET`, `POST`, `PATCH`, `PUT` or `DELETE`.
    pub method: String,
    /// The whole path, with `/api/` and the version.
    pub path: String,
    /// The query as it was sent, still encoded.
    pub query: String,
    /// The JSON body; null when there was none.
    pub body: Value,
    /// What was answered, or would have been when the answer was lost; none when the connection was
    /// closed before anything was done.
    pub status: Option<u16>,
}

impl RecordedCall {
    /// The path behind `/api/2.X/`.
    pub fn endpoint(&self) -> &str {
        let rest = self.path.strip_prefix("/api/").unwrap_or(&self.path);
        rest.split_once('/').map_or(rest, |(_, endpoint)| endpoint)
    }
}

/// Takes secrets out of a body before it is remembered.
pub(crate) fn without_secrets(endpoint: &str, mut body: Value) -> Value {
    if endpoint == "login" {
        return Value::Null;
    }
    if let Some(members) = body.as_object_mut() {
        for secret in ["connection_key", "password", "api_token", "chap"] {
            if members.contains_key(secret) {
                members.insert(secret.to_owned(), Value::from("********"));
            }
        }
    }
    body
}
