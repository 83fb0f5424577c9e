use protector_db::DbError;
use protector_framework::{DriverError, ErrorKind, SiteId};

/// Why a site cannot be reached at all: nothing was sent to it.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// The site is not in this database.
    #[error("site {0} is not registered here")]
    NoSite(SiteId),
    /// The group has no policy, so it has no array.
    #[error("the protection group has no replication policy")]
    NoPolicy,
    /// The policy does not name an array of the site.
    #[error("the replication policy names no array of site {0}")]
    NoArray(SiteId),
    /// A password or token is not kept here.
    #[error("site `{site}`: {what} is not stored on this site; set it again")]
    SecretMissing {
        /// The site's name.
        site: String,
        /// What is missing.
        what: String,
    },
    /// The driver refuses its settings.
    #[error("site `{site}`: {error}")]
    Driver {
        /// The site's name.
        site: String,
        /// What the driver said.
        error: DriverError,
    },
    /// This site's own database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<ReachError> for DriverError {
    fn from(error: ReachError) -> Self {
        let kind = match &error {
            ReachError::Driver { error, .. } => error.kind,
            ReachError::Db(DbError::Unreachable(_)) => ErrorKind::Unreachable,
            ReachError::Db(_) => ErrorKind::Unexpected,
            ReachError::NoSite(_)
            | ReachError::NoPolicy
            | ReachError::NoArray(_)
            | ReachError::SecretMissing { .. } => ErrorKind::InvalidConfig,
        };
        let message = error.to_string();
        match error {
            // What was called, and the remote side's id of it, stay known.
            ReachError::Driver { error, .. } => {
                let mut error = error;
                error.message = message;
                error
            }
            _ => DriverError::new(kind, message),
        }
    }
}
