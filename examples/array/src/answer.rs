//! Answers, and what an error of the array becomes over HTTP.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use protector_framework::{DriverError, ErrorKind};
use serde::Serialize;
use serde_json::{Value, json};

use crate::request::REQUEST_ID;

/// What a busy array asks its clients to wait, in seconds.
const WAIT: u64 = 1;

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    /// Null is an empty body.
    body: Value,
    retry_after: Option<u64>,
}

/// Why there is no answer of success.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is said why.
    Said(Answer),
    /// The connection closes without a word.
    Broken,
    /// The call is never answered.
    Hangs,
}

impl Answer {
    pub(crate) fn ok(body: impl Serialize) -> Result<Self, Refusal> {
        let body = serde_json::to_value(body).map_err(|error| {
            Refusal::error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                &error.to_string(),
            )
        })?;
        Ok(Self {
            status: StatusCode::OK,
            body,
            retry_after: None,
        })
    }

    pub(crate) fn nothing() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            body: Value::Null,
            retry_after: None,
        }
    }

    pub(crate) fn render(self, request_id: &str) -> Response<Full<Bytes>> {
        let body = match &self.body {
            Value::Null => Bytes::new(),
            body => Bytes::from(body.to_string()),
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if !self.body.is_null() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert(REQUEST_ID, id);
        }
        response
    }
}

impl Refusal {
    pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Self {
        Self::Said(Answer {
            status,
            body: json!({"error": {"code": code, "message": message}}),
            retry_after: None,
        })
    }

    pub(crate) fn bad_request(message: &str) -> Self {
        Self::error(StatusCode::BAD_REQUEST, "bad_request", message)
    }
}

impl From<DriverError> for Refusal {
    fn from(error: DriverError) -> Self {
        use StatusCode as S;
        let (status, code) = match error.kind {
            ErrorKind::Unreachable => return Self::Broken,
            ErrorKind::Timeout => return Self::Hangs,
            ErrorKind::NotFound => (S::NOT_FOUND, "not_found"),
            ErrorKind::AlreadyExists => (S::CONFLICT, "exists"),
            ErrorKind::Conflict => (S::CONFLICT, "conflict"),
            ErrorKind::Busy | ErrorKind::Cancelled => (S::SERVICE_UNAVAILABLE, "busy"),
            ErrorKind::RateLimited => (S::TOO_MANY_REQUESTS, "too_many"),
            ErrorKind::Unauthorized => (S::UNAUTHORIZED, "unauthorized"),
            ErrorKind::QuotaExceeded => (S::INSUFFICIENT_STORAGE, "no_space"),
            ErrorKind::InvalidRequest => (S::BAD_REQUEST, "bad_request"),
            ErrorKind::Unsupported => (S::NOT_IMPLEMENTED, "unsupported"),
            _ => (S::INTERNAL_SERVER_ERROR, "internal"),
        };
        let waits = matches!(status, S::SERVICE_UNAVAILABLE | S::TOO_MANY_REQUESTS);
        let asked = error.retry_after().map_or(WAIT, |wait| wait.as_secs());
        Self::Said(Answer {
            status,
            body: json!({"error": {"code": code, "message": error.message}}),
            retry_after: waits.then_some(asked),
        })
    }
}
