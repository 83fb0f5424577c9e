use std::time::Duration;

use protector_framework::{DriverError, ErrorKind, SiteId};
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
    /// A person gave the operation up while the step was under way, and it may be left there.
    GivenUp,
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
            what_to_do: Some(what_to_do(error.kind).to_owned()),
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

/// What helps against a driver's failure, where the step that met it knows nothing better.
fn what_to_do(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => {
            "what the call names is gone on that site: restore it, or where it was removed on \
             purpose run `cleanup` and ask again"
        }
        ErrorKind::AlreadyExists => {
            "something else bears that name on that site: find out whose it is and rename it, then \
             `retry`"
        }
        ErrorKind::Conflict => {
            "look at the object that the call names on that site and bring it into a state in which \
             the call is allowed, then `retry`"
        }
        ErrorKind::Busy | ErrorKind::RateLimited => {
            "the site is busy with it: wait until it is done, then `retry`"
        }
        ErrorKind::Unauthorized => {
            "give the account that the site or the policy names the role that the call needs there, \
             or correct its credential, then `retry`"
        }
        ErrorKind::QuotaExceeded => {
            "raise the quota or free the capacity that the message names on that site, then `retry`"
        }
        ErrorKind::InvalidConfig => {
            "correct the settings of the site or the policy that the message names, then `retry`"
        }
        ErrorKind::InvalidRequest => {
            "correct what the message names (flavor, network, mapping or blueprint), then `retry`"
        }
        ErrorKind::Unsupported => {
            "the site's cloud or array cannot do this: use one that can, or ask without it"
        }
        ErrorKind::Unreachable | ErrorKind::Timeout => {
            "bring the service back that did not answer, or the way to it, then `retry`"
        }
        ErrorKind::Cancelled => "`retry` the operation",
        _ => {
            "look into the service's own log for the request id, then `retry`; if it stays, report \
             it as a fault of Protector or its driver"
        }
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

#[cfg(test)]
mod tests {
    use protector_framework::GenericUuid as _;

    use super::*;

    #[test]
    fn a_drivers_failure_says_where_by_which_call_and_what_to_do() {
        let site = SiteId::from_untyped_uuid(uuid::Uuid::from_u128(1));
        for (kind, advice) in [
            (ErrorKind::Unauthorized, "role"),
            (ErrorKind::QuotaExceeded, "quota"),
            (ErrorKind::NotFound, "cleanup"),
            (ErrorKind::Busy, "wait"),
            (ErrorKind::Unreachable, "bring the service back"),
            (ErrorKind::InvalidConfig, "settings"),
            (ErrorKind::Unexpected, "log"),
        ] {
            let error = DriverError::new(kind, "it said no")
                .with_call("POST /servers")
                .with_request_id("req-1");
            let (StepFailure::Transient { error, .. } | StepFailure::Permanent(error)) =
                StepFailure::driver(site, &error)
            else {
                panic!("{kind:?} is a failure of the step");
            };
            assert_eq!(error.site_id, Some(site));
            assert_eq!(error.remote_call.as_deref(), Some("POST /servers"));
            assert_eq!(error.remote_request_id.as_deref(), Some("req-1"));
            let told = error.what_to_do.unwrap();
            assert!(told.contains(advice), "{kind:?}: {told}");
        }
    }
}
