//! The one error of everything that can be asked for.

use protector_framework::OperationId;

/// What a request returns.
pub type Result<T, E = Refusal> = std::result::Result<T, E>;

/// Why a request was not carried out, in the form that it is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The class of the refusal, as an HTTP status.
    pub status: u16,
    /// The reason as a stable word, such as `protector.busy`.
    pub code: String,
    /// The reason in a few words.
    pub title: String,
    /// What was tried, what was in the way, and what to do. Holds no secret.
    pub message: String,
    /// Each field of the input that is wrong, and why.
    pub fields: Vec<(String, String)>,
    /// The operation that is in the way.
    pub active_operation: Option<OperationId>,
    /// Seconds after which the same request makes sense again.
    pub retry_after: Option<u64>,
}

impl Refusal {
    /// A refusal of this class.
    pub fn new(status: u16, code: &str, title: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            title: title.to_owned(),
            message: message.into(),
            fields: Vec::new(),
            active_operation: None,
            retry_after: None,
        }
    }

    /// 400: the input makes no sense; each wrong field with its reason.
    pub fn invalid(fields: Vec<(String, String)>) -> Self {
        let list: Vec<String> = fields
            .iter()
            .map(|(f, why)| format!("{f}: {why}"))
            .collect();
        let mut refusal = Self::new(
            400,
            "protector.invalid_input",
            "Bad Request",
            list.join("; "),
        );
        refusal.fields = fields;
        refusal
    }

    /// 400: one field makes no sense.
    pub fn invalid_field(field: &str, why: impl Into<String>) -> Self {
        Self::invalid(vec![(field.to_owned(), why.into())])
    }

    /// 403: the caller may not do this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "protector.forbidden", "Forbidden", message)
    }

    /// 403: a quota of the project is used up.
    pub fn quota(what: &str, limit: i64) -> Self {
        Self::new(
            403,
            "protector.quota_exceeded",
            "Quota exceeded",
            format!("Quota exceeded: the project may have {limit} {what}"),
        )
    }

    /// 404: what was named is not there.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(
            404,
            "protector.not_found",
            "Not Found",
            format!("{what} does not exist"),
        )
    }

    /// 409: the present state forbids the request.
    pub fn conflict(code: &str, message: impl Into<String>) -> Self {
        Self::new(409, code, "Conflict", message)
    }

    /// 409: an operation is in the way.
    pub fn busy(operation: OperationId) -> Self {
        let mut refusal = Self::conflict(
            "protector.busy",
            format!("operation {operation} is running on the protection group; wait until it ends"),
        );
        refusal.active_operation = Some(operation);
        refusal
    }

    /// 409: the other site's Protector does not answer, and the request needs it.
    pub fn peer_unreachable(message: impl Into<String>) -> Self {
        let mut refusal = Self::conflict("protector.peer_unreachable", message);
        refusal.title = "Remote site unreachable".to_owned();
        refusal.retry_after = Some(30);
        refusal
    }

    /// 503: something this site depends on does not answer.
    pub fn unavailable(message: impl Into<String>) -> Self {
        let mut refusal = Self::new(503, "protector.unavailable", "Service Unavailable", message);
        refusal.retry_after = Some(10);
        refusal
    }

    /// 500: this site's own data or program is at fault.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "protector.internal", "Internal Server Error", message)
    }
}
