use std::time::Duration;

use protector_framework::{DriverError, SiteId};
use protector_model::operation::OperationError;

/// Why a step did not take effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepFailure {
    /// The same step can succeed later with nothing else changed.
    Transient {
        /// What happened.
        error: Box<OperationError>,
        /// How long the remote side asked to wait.
        after: Option<Duration>,
    },
    /// It will fail again until somebody changes something.
    Permanent(Box<OperationError>),
    /// Both ways have a cost that only a person can weigh.
    AskUser(Box<OperationError>),
    /// Another engine has the operation; nothing may be written any more.
    Fenced,
}

impl StepFailure {
    /// A driver's failure on a site.
    pub fn driver(site: SiteId, error: &DriverError) -> Self {
        let told = Box::new(OperationError {
            message: error.message.clone(),
            site_id: Some(site),
            remote_call: error.remote_call.clone(),
            remote_request_id: error.remote_request_id.clone(),
            ..OperationError::default()
        });
        if error.is_transient() {
            Self::Transient {
                error: told,
                after: error.retry_after(),
            }
        } else {
            Self::Permanent(told)
        }
    }

    /// A failure that will stay, with what to do about it.
    pub fn permanent(message: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self::Permanent(Box::new(OperationError {
            message: message.into(),
            what_to_do: Some(what_to_do.into()),
            ..OperationError::default()
        }))
    }

    /// A document that cannot be turned into bytes.
    pub(crate) fn unwritable(error: &serde_json::Error) -> Self {
        Self::permanent(
            format!("the document cannot be written: {error}"),
            "report this as a fault of Protector",
        )
    }

    /// The same failure, said of a site.
    #[must_use]
    pub(crate) fn at(mut self, site: SiteId) -> Self {
        if let Self::Transient { error, .. } | Self::Permanent(error) | Self::AskUser(error) =
            &mut self
        {
            error.site_id = Some(site);
        }
        self
    }

    /// A question to the user, with what can be answered.
    pub fn ask(message: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self::AskUser(Box::new(OperationError {
            message: message.into(),
            what_to_do: Some(what_to_do.into()),
            ..OperationError::default()
        }))
    }
}

impl From<protector_db::DbError> for StepFailure {
    fn from(error: protector_db::DbError) -> Self {
        match error {
            protector_db::DbError::Fenced => Self::Fenced,
            other => Self::Transient {
                error: Box::new(OperationError {
                    message: other.to_string(),
                    what_to_do: Some("check this site's own database".to_owned()),
                    ..OperationError::default()
                }),
                after: None,
            },
        }
    }
}
