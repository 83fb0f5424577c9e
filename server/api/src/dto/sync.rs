use poem_openapi::{Enum, Object};
use protector_control::{RecoveryPoint, SiteSync, SyncReport};
use protector_framework::{GenericUuid as _, MemberId};
use protector_peer::SyncState;
use uuid::Uuid;

use super::common::Timestamp;

/// How the two copies of a group's document stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "SyncState")]
pub(crate) enum SyncStatusWord {
    InSync,
    OutOfSync,
    Unreachable,
    Failed,
    Conflict,
}

/// Both copies of a group's document.
#[derive(Debug, Object)]
#[oai(rename = "SyncStatus")]
pub(crate) struct SyncStatusView {
    /// How they stand to each other.
    status: SyncStatusWord,
    /// Each site's copy, that of the site that answers first.
    sites: Vec<SiteSyncView>,
}

/// One site's copy.
#[derive(Debug, Object)]
#[oai(rename = "SiteSync")]
pub(crate) struct SiteSyncView {
    /// The site's name.
    site: String,
    /// The site.
    site_id: Uuid,
    /// How often the group's primary had changed in that copy.
    epoch: Option<u64>,
    /// The epoch's id.
    epoch_id: Option<Uuid>,
    /// The copy's version.
    version: Option<u64>,
    /// SHA-256 of the copy.
    hash: Option<String>,
    /// Whether it has something that the other site lacks.
    pending: bool,
    /// Since when.
    pending_since: Option<Timestamp>,
    /// When the other site last acknowledged.
    last_success_at: Option<Timestamp>,
    /// Why it last did not.
    last_error: Option<String>,
}

impl From<SiteSync> for SiteSyncView {
    fn from(site: SiteSync) -> Self {
        Self {
            site: site.site_name,
            site_id: site.site_id.into_untyped_uuid(),
            epoch: site.epoch_number,
            epoch_id: site.epoch_id.map(|id| id.into_untyped_uuid()),
            version: site.version,
            hash: site.hash,
            pending: site.pending,
            pending_since: site.pending_since.map(Timestamp),
            last_success_at: site.last_success_at.map(Timestamp),
            last_error: site.last_error,
        }
    }
}

impl From<SyncReport> for SyncStatusView {
    fn from(report: SyncReport) -> Self {
        Self {
            status: report.state.into(),
            sites: report.sites.into_iter().map(Into::into).collect(),
        }
    }
}

/// The sync status of a group.
#[derive(Debug, Object)]
pub(crate) struct SyncStatusDocument {
    /// The status.
    pub(crate) sync_status: SyncStatusView,
}

/// How to bring both copies together.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct SyncForceBody {
    /// The site whose copy counts where both claim authority, by id or name.
    #[oai(validator(min_length = 1, max_length = 255))]
    pub(crate) winner: Option<String>,
    /// The other site is lost for good: start a new epoch alone. Needs this site as the winner.
    pub(crate) peer_lost: Option<bool>,
}

/// A point in time that a group can be brought up from.
#[derive(Debug, Object)]
#[oai(rename = "RecoveryPoint")]
pub(crate) struct RecoveryPointView {
    /// Its id, to ask a failover for.
    id: String,
    /// When it was taken, by the source array's clock.
    taken_at: Timestamp,
    /// Whether all of it is on the target.
    complete: bool,
    /// Whether a failover can use it.
    usable: bool,
    /// The members that it holds wholly.
    members: Vec<NamedMember>,
    /// The members that it does not hold.
    missing_members: Vec<NamedMember>,
    /// Who keeps it from retention.
    pinned_by: Vec<String>,
}

/// A member by id and name.
#[derive(Debug, Object)]
pub(crate) struct NamedMember {
    /// The member.
    id: Uuid,
    /// Its name.
    name: String,
}

fn named((id, name): (MemberId, String)) -> NamedMember {
    NamedMember {
        id: id.into_untyped_uuid(),
        name,
    }
}

impl From<RecoveryPoint> for RecoveryPointView {
    fn from(point: RecoveryPoint) -> Self {
        Self {
            id: point.name.to_string(),
            taken_at: point.taken_at.into(),
            complete: point.complete,
            usable: point.usable,
            members: point.members.into_iter().map(named).collect(),
            missing_members: point.missing.into_iter().map(named).collect(),
            pinned_by: point.pinned_by,
        }
    }
}

/// The recovery points of a group, the newest first.
#[derive(Debug, Object)]
pub(crate) struct RecoveryPointList {
    /// The points.
    pub(crate) recovery_points: Vec<RecoveryPointView>,
}
