//! Answers before they become HTTP.

use serde_json::{Value, json};

use crate::state::ApiError;

/// One answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub status: u16,
    /// None is an empty body.
    pub body: Option<Value>,
    pub headers: Vec<(String, String)>,
}

impl Answer {
    pub(crate) fn ok(body: Option<Value>) -> Self {
        Self {
            status: 200,
            body,
            headers: Vec::new(),
        }
    }

    pub(crate) fn error(error: &ApiError) -> Self {
        let body = error_body(error.status, error.context.as_deref(), &error.message);
        Self {
            status: error.status,
            body: Some(body),
            headers: Vec::new(),
        }
    }

    /// What an array says with a status when nothing else is known.
    pub(crate) fn of_status(status: u16) -> Self {
        let message = match status {
            401 => "Unauthorized.",
            403 => "Forbidden.",
            404 => "Not found.",
            429 => "API rate limit exceeded.",
            503 => "Service unavailable.",
            500.. => "Unidentified internal error.",
            _ => "Bad request.",
        };
        Self {
            status,
            body: Some(error_body(status, None, message)),
            headers: Vec::new(),
        }
    }
}

/// The body of an error: 403 and 429 come from the gateway before the array, which has its own form.
pub(crate) fn error_body(status: u16, context: Option<&str>, message: &str) -> Value {
    match status {
        403 | 429 => json!({ "message": message }),
        _ => json!({ "errors": [{ "context": context, "message": message }] }),
    }
}
