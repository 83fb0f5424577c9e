//! How a group's replication is, read from a look.

use chrono::{DateTime, Utc};
use protector_framework::SiteId;

use super::finding::FindingCode;
use super::{Finding, Purpose, Readiness};
use crate::status::states;

states! {
    /// The link from array to array.
    LinkHealth {
        /// Data can be sent.
        Up = "up",
        /// Some paths are down.
        Degraded = "degraded",
        /// Nothing can be sent.
        Down = "down",
        /// Nobody could be asked.
        Unknown = "unknown",
    }
}

states! {
    /// The two copies of the group's document.
    SyncHealth {
        /// They are the same.
        InSync = "in_sync",
        /// One is behind.
        OutOfSync = "out_of_sync",
        /// The other Protector does not answer.
        Unreachable = "unreachable",
        /// Both sites claim authority.
        Conflict = "conflict",
    }
}

/// How a group's replication is.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicationHealth {
    /// When it was looked at.
    pub as_of: DateTime<Utc>,
    /// Whether a planned failover would work now.
    pub failover_ready: bool,
    /// The site that sends.
    pub source_site_id: SiteId,
    /// The site that receives.
    pub target_site_id: SiteId,
    /// The way between their arrays.
    pub link: LinkHealth,
    /// The copies of the document.
    pub sync: SyncHealth,
    /// When the newest recovery point that holds every member was taken.
    pub last_recovery_point_at: Option<DateTime<Utc>>,
    /// Its age; `None`: there is none, or it is not known.
    pub lag_seconds: Option<u64>,
    /// The age that the policy allows.
    pub rpo_seconds: Option<u64>,
    /// Whether the age is within that; `None`: one of them is not known.
    pub rpo_met: Option<bool>,
    /// What keeps data from arriving, or from being of use.
    pub findings: Vec<Finding>,
}

impl ReplicationHealth {
    /// Reads it from a look at a group whose policy allows so many minutes.
    pub fn of(readiness: &Readiness, rpo_minutes: Option<u32>) -> Option<Self> {
        let report = readiness.report(Purpose::Planned)?;
        let has = |code| report.findings.iter().any(|f| f.code == code);
        let on_source = |f: &Finding| f.object.site_id == Some(report.source_site_id);
        let blind = |f: &Finding| {
            matches!(
                f.code,
                FindingCode::ArrayUnreachable
                    | FindingCode::ArrayRefused
                    | FindingCode::ArrayReplaced
                    | FindingCode::SecretsMissingHere
            ) && on_source(f)
        };
        let rpo_seconds = rpo_minutes.map(|minutes| u64::from(minutes) * 60);
        let lag_seconds = report.achieved_rpo_seconds;
        let about = |f: &&Finding| is_about_replication(f.code);
        Some(Self {
            as_of: report.as_of,
            failover_ready: report.ready,
            source_site_id: report.source_site_id,
            target_site_id: report.target_site_id,
            link: if has(FindingCode::LinkDown) {
                LinkHealth::Down
            } else if has(FindingCode::LinkDegraded) {
                LinkHealth::Degraded
            } else if rpo_minutes.is_none() || report.findings.iter().any(blind) {
                LinkHealth::Unknown
            } else {
                LinkHealth::Up
            },
            sync: if has(FindingCode::Conflict) {
                SyncHealth::Conflict
            } else if has(FindingCode::PeerUnreachable) {
                SyncHealth::Unreachable
            } else if has(FindingCode::PeerOutOfSync) {
                SyncHealth::OutOfSync
            } else {
                SyncHealth::InSync
            },
            last_recovery_point_at: report.last_complete_at,
            lag_seconds,
            rpo_seconds,
            rpo_met: lag_seconds.zip(rpo_seconds).map(|(lag, rpo)| lag <= rpo),
            findings: report.findings.iter().filter(about).cloned().collect(),
        })
    }
}

fn is_about_replication(code: FindingCode) -> bool {
    matches!(
        code,
        FindingCode::ArrayUnreachable
            | FindingCode::ArrayRefused
            | FindingCode::ArrayReplaced
            | FindingCode::ArrayFull
            | FindingCode::ArrayTight
            | FindingCode::LinkDown
            | FindingCode::LinkDegraded
            | FindingCode::PeerUnreachable
            | FindingCode::PeerOutOfSync
            | FindingCode::Conflict
            | FindingCode::VolumesDrifted
            | FindingCode::ReplicationMissing
            | FindingCode::ReplicationSuspended
            | FindingCode::NotReplicated
            | FindingCode::Seeding
            | FindingCode::NoRecoveryPoint
            | FindingCode::RpoExceeded
            | FindingCode::RpoUnknown
            | FindingCode::MemberNotInPoint
    )
}
