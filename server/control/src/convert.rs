//! What errors from below are to whoever asked.

use protector_db::DbError;
use protector_framework::{DriverError, ErrorKind};
use protector_model::planner::PlanError;
use protector_model::{ChangeRefused, RequestRefused, Site};
use protector_peer::{PeerError, ProposeError, SyncError};
use protector_reach::ReachError;

use crate::refusal::Refusal;

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        let text = error.to_string();
        match error {
            DbError::Unreachable(_) | DbError::SchemaMissing => Self::unavailable(text),
            DbError::NotFound(what) => Self::not_found(what),
            DbError::Duplicate(_) => Self::conflict("protector.duplicate", text),
            DbError::Busy(operation) => Self::busy(operation),
            DbError::ChangePending => {
                let mut refusal = Self::conflict("protector.change_pending", text);
                refusal.retry_after = Some(30);
                refusal
            }
            DbError::Moved(_) | DbError::Fenced => {
                Self::conflict("protector.changed_meanwhile", format!("{text}; try again"))
            }
            DbError::IdempotencyMismatch => {
                Self::conflict("protector.idempotency_key_reused", text)
            }
            DbError::BadQuery(field) => {
                Self::invalid_field(&field, "is not a field to sort or filter by")
            }
            DbError::BadMarker => Self::invalid_field("marker", "is not in the list"),
            DbError::Refused(_) => Self::conflict("protector.wrong_state", text),
            DbError::Corrupt { .. } | DbError::Sealed(_) | DbError::Other(_) => {
                Self::internal(text)
            }
        }
    }
}

impl From<PeerError> for Refusal {
    fn from(error: PeerError) -> Self {
        let text = error.to_string();
        match error {
            PeerError::Unreachable(_) => Self::peer_unreachable(text),
            PeerError::Unauthorized(_) | PeerError::Failed(_) => {
                let mut refusal = Self::peer_unreachable(text);
                refusal.code = "protector.peer_failed".to_owned();
                refusal.title = "Remote site failed".to_owned();
                refusal
            }
            PeerError::Untrusted(_) => Self::conflict("protector.peer_untrusted", text),
            PeerError::Refused {
                status,
                code,
                message,
            } => Self::new(status, &code, "Refused by the other site", message),
        }
    }
}

impl From<ProposeError> for Refusal {
    fn from(error: ProposeError) -> Self {
        let text = error.to_string();
        match error {
            ProposeError::PeerUnreachable(peer) => {
                let away = matches!(peer, PeerError::Unreachable(_));
                let mut refusal = Self::from(peer);
                refusal.message = text;
                if away {
                    refusal
                        .message
                        .push_str(". Try again when the site is back");
                }
                refusal
            }
            ProposeError::Pending => {
                let mut refusal = Self::conflict("protector.change_pending", text);
                refusal.retry_after = Some(30);
                refusal
            }
            ProposeError::Refused(_) => {
                Self::conflict("protector.out_of_sync", format!("{text}; see sync-status"))
            }
            ProposeError::Db(error) => error.into(),
            ProposeError::Document(_) => Self::internal(text),
        }
    }
}

impl From<SyncError> for Refusal {
    fn from(error: SyncError) -> Self {
        let text = error.to_string();
        match error {
            SyncError::NotFound(group) => Self::not_found(format_args!("protection group {group}")),
            SyncError::Conflict { mine, theirs } => Self::conflict(
                "protector.conflict",
                format!(
                    "{text}; this site has epoch {} (number {}), version {}; the other has epoch \
                     {} (number {}), version {}",
                    mine.epoch.id,
                    mine.epoch.number(),
                    mine.version,
                    theirs.epoch.id,
                    theirs.epoch.number(),
                    theirs.version
                ),
            ),
            SyncError::Refused(_) => Self::conflict("protector.wrong_state", text),
            SyncError::Peer(error) => error.into(),
            SyncError::Db(error) => error.into(),
            SyncError::Document(_) => Self::internal(text),
        }
    }
}

impl From<ReachError> for Refusal {
    fn from(error: ReachError) -> Self {
        let text = error.to_string();
        match error {
            ReachError::Db(error) => error.into(),
            ReachError::NoPolicy => Self::conflict("protector.no_policy", text),
            ReachError::NoSite(_) | ReachError::NoArray(_) | ReachError::Driver { .. } => {
                Self::conflict("protector.site_unusable", text)
            }
            ReachError::SecretMissing { .. } => Self::conflict("protector.secret_missing", text),
        }
    }
}

impl From<ChangeRefused> for Refusal {
    fn from(error: ChangeRefused) -> Self {
        let text = error.to_string();
        match error {
            ChangeRefused::NoMember(member) => Self::not_found(format_args!("member {member}")),
            ChangeRefused::Mapping(_) => Self::invalid_field("resource_mappings", text),
            ChangeRefused::NoPolicy => Self::conflict("protector.no_policy", text),
            ChangeRefused::AlreadyMember(_) => Self::conflict("protector.duplicate", text),
            ChangeRefused::Status { .. }
            | ChangeRefused::Member { .. }
            | ChangeRefused::OtherServer(_)
            | ChangeRefused::Volumes(_)
            | ChangeRefused::PolicyInUse(_)
            | ChangeRefused::OwnCopies(_) => Self::conflict("protector.wrong_state", text),
        }
    }
}

impl From<RequestRefused> for Refusal {
    fn from(error: RequestRefused) -> Self {
        let text = error.to_string();
        match error {
            RequestRefused::Option(_) => Self::invalid_field("action", text),
            RequestRefused::NoPolicy => Self::conflict("protector.no_policy", text),
            RequestRefused::Status { .. }
            | RequestRefused::AlreadyThere(_)
            | RequestRefused::NoMembers
            | RequestRefused::NoTest
            | RequestRefused::TestThere(_) => Self::conflict("protector.wrong_state", text),
        }
    }
}

impl From<PlanError> for Refusal {
    fn from(error: PlanError) -> Self {
        let code = match error {
            PlanError::Unmapped(_) => "protector.not_mapped",
            _ => "protector.wrong_state",
        };
        Self::conflict(code, error.to_string())
    }
}

/// What a site's cloud or array said when it was read for a request.
pub(crate) fn site_refused(site: &Site, error: &DriverError) -> Refusal {
    let text = format!("site `{}`: {error}", site.name);
    match error.kind {
        ErrorKind::NotFound => Refusal::new(404, "protector.not_found", "Not Found", text),
        ErrorKind::Unauthorized => Refusal::conflict("protector.site_unauthorized", text),
        ErrorKind::Conflict | ErrorKind::Busy => Refusal::conflict("protector.busy_there", text),
        kind if kind.is_transient() && site.is_local => Refusal::unavailable(text),
        kind if kind.is_transient() => {
            let mut refusal = Refusal::peer_unreachable(text);
            refusal.code = "protector.site_unreachable".to_owned();
            refusal
        }
        _ => Refusal::conflict("protector.site_unusable", text),
    }
}
