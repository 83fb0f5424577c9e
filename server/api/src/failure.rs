//! Every refusal of the API, in the one form that all clients can show.

use std::borrow::Cow;

use poem::error::ResponseError;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{Body, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use protector_control::Refusal;
use serde_json::json;

/// Why a request was refused.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", self.message())]
pub(crate) struct Failure(Box<Reason>);

/// The content of a [`Failure`].
#[derive(Debug, Clone)]
pub(crate) struct Reason {
    /// The HTTP status.
    status: StatusCode,
    /// The stable code for programs, such as `protector.busy`.
    code: Cow<'static, str>,
    /// The reason in a few words; the status' own words where there is none.
    title: Option<String>,
    /// What is wrong, one entry for each bad field.
    details: Vec<String>,
    /// Headers that belong to the refusal.
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Besides, for programs: part of the entry in `errors`.
    more: serde_json::Map<String, serde_json::Value>,
}

impl Failure {
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Reason {
            status,
            code: code.into(),
            title: None,
            details: vec![detail.into()],
            headers: Vec::new(),
            more: serde_json::Map::new(),
        }))
    }

    /// 400 with every bad field, each as `field: what is wrong`.
    pub(crate) fn invalid(details: Vec<String>) -> Self {
        let mut failure = Self::new(StatusCode::BAD_REQUEST, "protector.invalid_request", "");
        failure.0.details = details;
        failure
    }

    /// 400 about one thing.
    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::invalid(vec![detail.into()])
    }

    /// 401 as the identity middleware of other services writes it.
    pub(crate) fn unauthorized(identity_url: &str) -> Self {
        let failure = Self::new(
            StatusCode::UNAUTHORIZED,
            "protector.unauthorized",
            "The request you have made requires authentication.",
        );
        failure.with_header(
            header::WWW_AUTHENTICATE,
            &format!("Keystone uri=\"{identity_url}\""),
        )
    }

    /// 403 in the words that other services use.
    pub(crate) fn denied(rule: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "protector.forbidden",
            format!("Policy doesn't allow {rule} to be performed."),
        )
    }

    /// 404 about an object or a path.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "protector.not_found", detail)
    }

    /// 503 with a hint when to come again.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "protector.unavailable",
            detail,
        )
        .with_header(header::RETRY_AFTER, "5")
    }

    /// 500 that tells nothing of the inside; the log has the cause under the request's id.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "protector.internal",
            "An unexpected error prevented the server from fulfilling the request; its log names \
             the cause under this request id.",
        )
    }

    /// Adds a header; one that cannot be written is left out.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.push((name, value));
        }
        self
    }

    /// Adds a field to the entry for programs.
    #[must_use]
    pub(crate) fn with(mut self, field: &str, value: impl Into<serde_json::Value>) -> Self {
        self.0.more.insert(field.to_owned(), value.into());
        self
    }

    fn message(&self) -> String {
        self.0.details.join("; ")
    }

    /// The answer, once the request's id is known.
    pub(crate) fn render(&self, request_id: &str) -> Response {
        let words = self.0.status.canonical_reason().unwrap_or("Error");
        let title = self.0.title.as_deref().unwrap_or(words);
        let errors: Vec<_> = self
            .0
            .details
            .iter()
            .map(|detail| {
                let mut entry = self.0.more.clone();
                entry.insert("request_id".to_owned(), request_id.into());
                entry.insert("code".to_owned(), self.0.code.clone().into());
                entry.insert("status".to_owned(), self.0.status.as_u16().into());
                entry.insert("title".to_owned(), title.into());
                entry.insert("detail".to_owned(), detail.as_str().into());
                entry
            })
            .collect();
        let body = json!({
            "error": {
                "code": self.0.status.as_u16(),
                "title": words,
                "message": self.message(),
                "request_id": request_id,
            },
            "errors": errors,
        });
        let mut response = Response::builder()
            .status(self.0.status)
            .content_type("application/json")
            .body(Body::from_string(body.to_string()));
        for (name, value) in &self.0.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.status)
            .ok()
            .filter(|status| status.is_client_error() || status.is_server_error())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(code = refusal.code, "{}", refusal.message);
            return Self::internal();
        }
        let mut failure = Self::new(status, refusal.code, refusal.message);
        failure.0.title = Some(refusal.title);
        if !refusal.fields.is_empty() {
            let lines = refusal.fields.iter();
            failure.0.details = lines
                .map(|(field, why)| format!("{field}: {why}"))
                .collect();
        }
        if let Some(operation) = refusal.active_operation {
            failure = failure.with("operation_id", operation.to_string());
        }
        if let Some(seconds) = refusal.retry_after {
            failure = failure.with_header(header::RETRY_AFTER, &seconds.to_string());
        }
        failure
    }
}

impl ResponseError for Failure {
    fn status(&self) -> StatusCode {
        self.0.status
    }
}

/// The body of every answer that is not a success.
#[derive(Debug, Object)]
#[oai(rename = "Error")]
pub(crate) struct ErrorDocument {
    /// For people and for clients in the manner of Keystone.
    error: ErrorSummary,
    /// For programs: one entry for each thing that is wrong.
    errors: Vec<ErrorEntry>,
}

/// The refusal in one sentence.
#[derive(Debug, Object)]
pub(crate) struct ErrorSummary {
    /// The HTTP status.
    #[oai(validator(minimum(value = "400"), maximum(value = "599")))]
    code: u16,
    /// The status in words.
    title: String,
    /// What is wrong and what to do.
    message: String,
    /// The request's id, as in the header.
    request_id: String,
}

/// One thing that is wrong.
#[derive(Debug, Object)]
pub(crate) struct ErrorEntry {
    /// The request's id, as in the header.
    request_id: String,
    /// A stable code, such as `protector.busy`.
    code: String,
    /// The HTTP status.
    status: u16,
    /// The status in words.
    title: String,
    /// What is wrong; for a bad field it begins with the field's name.
    detail: String,
    /// The operation that is in the way, for `protector.busy`.
    operation_id: Option<String>,
    /// The oldest microversion, for 406.
    min_version: Option<String>,
    /// The newest microversion, for 406.
    max_version: Option<String>,
}

const DOCUMENTED: &[(u16, &str)] = &[
    (
        400,
        "A field is missing, unknown or wrong; every bad field is named.",
    ),
    (401, "No token, or one that is not valid."),
    (
        403,
        "The policy, the token's project or a quota forbids it.",
    ),
    (404, "It does not exist, or is not visible to the caller."),
    (406, "The microversion is not supported."),
    (
        409,
        "The state forbids it; or the other site is needed and unreachable.",
    ),
    (413, "The body is too large."),
    (
        500,
        "An unexpected error; the log names it under the request id.",
    ),
    (
        503,
        "The identity service or the database is not available.",
    ),
];

impl ApiResponse for Failure {
    fn meta() -> MetaResponses {
        let responses = DOCUMENTED
            .iter()
            .map(|(status, description)| MetaResponse {
                description,
                status: Some(*status),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: "application/json",
                    schema: MetaSchemaRef::Reference(ErrorDocument::name().into_owned()),
                }],
                headers: Vec::new(),
            })
            .collect();
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        ErrorDocument::register(registry);
    }
}
