use poem_openapi::{Enum, Object};
use protector_framework::GenericUuid as _;
use protector_model::readiness::{
    Finding, FindingCode, Kept, Purpose, Readiness, ReplicationHealth, Report, Severity,
};
use uuid::Uuid;

use super::common::{FindingCodeWord, LinkHealthWord, SeverityWord, SyncHealthWord, Timestamp};

/// What is to be ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(
    rename = "ReadinessPurpose",
    rename_all = "snake_case",
    remote = "Purpose"
)]
pub(crate) enum PurposeWord {
    /// A planned move, with both sites.
    Planned,
    /// An unplanned move, without the source.
    Unplanned,
    /// A test failover.
    Test,
}

/// Whether a failover would work, as the engine last saw it.
#[derive(Debug, Object, serde::Serialize)]
pub(crate) struct KeptReadiness {
    /// Whether a planned move would.
    ready: bool,
    /// When that was looked at.
    as_of: Timestamp,
    /// How many blockers there were.
    blockers: u64,
}

impl From<Kept> for KeptReadiness {
    fn from(kept: Kept) -> Self {
        Self {
            ready: kept.ready,
            as_of: kept.as_of.into(),
            blockers: kept.blockers,
        }
    }
}

/// What a finding is about.
#[derive(Debug, Object)]
pub(crate) struct FindingObject {
    /// Its kind, such as `server`, `network`, `quota` or `array`.
    kind: String,
    /// Its id there.
    id: Option<String>,
    /// Its name.
    name: Option<String>,
    /// The site it is on.
    site_id: Option<Uuid>,
    /// The member it is of.
    member_id: Option<Uuid>,
}

/// A reason why a failover would not work, or not as it should.
#[derive(Debug, Object)]
#[oai(rename = "Finding")]
pub(crate) struct FindingView {
    /// How much it weighs for what was asked.
    severity: SeverityWord,
    /// What was found.
    code: FindingCodeWord,
    /// What it is about.
    object: FindingObject,
    /// The same in words.
    message: String,
    /// What to do about it.
    what_to_do: String,
    /// Whether `accept_drift` goes over it.
    accept_drift: bool,
    /// The remote call that said it.
    remote_call: Option<String>,
    /// The remote side's id of that call.
    remote_request_id: Option<String>,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        let object = finding.object;
        let code: FindingCode = finding.code;
        let severity: Severity = finding.severity;
        Self {
            severity: severity.into(),
            code: code.into(),
            object: FindingObject {
                kind: object.kind,
                id: object.id,
                name: object.name,
                site_id: object.site_id.map(|id| id.into_untyped_uuid()),
                member_id: object.member_id.map(|id| id.into_untyped_uuid()),
            },
            message: finding.message,
            what_to_do: finding.what_to_do,
            accept_drift: finding.accept_drift,
            remote_call: finding.remote_call,
            remote_request_id: finding.remote_request_id,
        }
    }
}

/// Whether one way to fail over would work.
#[derive(Debug, Object)]
#[oai(rename = "ReadinessVerdict")]
pub(crate) struct VerdictView {
    /// What for.
    r#for: PurposeWord,
    /// Whether nothing blocks.
    ready: bool,
    /// How many blockers there are.
    blockers: u64,
    /// How many warnings there are.
    warnings: u64,
    /// The age of what would be started: 0 for a planned move.
    predicted_rpo_seconds: Option<u64>,
    /// How long it would take until the last member runs: the longest way through the plan.
    predicted_rto_seconds: Option<u64>,
    /// How many earlier operations of the group that is learned from; 0: it rests on assumptions.
    rto_learned_from: u32,
}

impl From<&Report> for VerdictView {
    fn from(report: &Report) -> Self {
        Self {
            r#for: report.purpose.into(),
            ready: report.ready,
            blockers: report.blockers().count() as u64,
            warnings: report.warnings().count() as u64,
            predicted_rpo_seconds: report.predicted_rpo_seconds,
            predicted_rto_seconds: report.predicted_rto_seconds,
            rto_learned_from: report.rto_learned_from,
        }
    }
}

/// Whether a failover would work now.
#[derive(Debug, Object)]
#[oai(rename = "Readiness")]
pub(crate) struct ReadinessView {
    /// What the findings are weighed for.
    r#for: PurposeWord,
    /// Whether nothing blocks that.
    ready: bool,
    /// When the facts were looked at.
    as_of: Timestamp,
    /// The site that looked.
    seen_from_site_id: Uuid,
    /// The site that the group runs on.
    source_site_id: Uuid,
    /// The site that it would go to.
    target_site_id: Uuid,
    /// The age of what would be started: 0 for a planned move; none where it is not known.
    predicted_rpo_seconds: Option<u64>,
    /// How long it would take until the last member runs; none where no plan can be made.
    predicted_rto_seconds: Option<u64>,
    /// The age of the newest complete recovery point that holds every protected member.
    achieved_rpo_seconds: Option<u64>,
    /// When that point was taken.
    last_recovery_point_at: Option<Timestamp>,
    /// What was found, blockers first.
    findings: Vec<FindingView>,
    /// Whether each way to fail over would work.
    verdicts: Vec<VerdictView>,
}

/// The readiness of a group.
#[derive(Debug, Object)]
pub(crate) struct ReadinessDocument {
    /// The readiness.
    pub(crate) readiness: ReadinessView,
}

impl ReadinessView {
    /// A look as it weighs for one purpose; `None` where it has no answer for that.
    pub(crate) fn of(found: Readiness, purpose: Purpose) -> Option<Self> {
        let verdicts = found.reports.iter().map(Into::into).collect();
        let seen_from_site_id = found.seen_from.into_untyped_uuid();
        let mut reports = found.reports.into_iter();
        let report = reports.find(|report| report.purpose == purpose)?;
        Some(Self {
            r#for: purpose.into(),
            ready: report.ready,
            as_of: report.as_of.into(),
            seen_from_site_id,
            source_site_id: report.source_site_id.into_untyped_uuid(),
            target_site_id: report.target_site_id.into_untyped_uuid(),
            predicted_rpo_seconds: report.predicted_rpo_seconds,
            predicted_rto_seconds: report.predicted_rto_seconds,
            achieved_rpo_seconds: report.achieved_rpo_seconds,
            last_recovery_point_at: report.last_complete_at.map(Timestamp),
            findings: report.findings.into_iter().map(Into::into).collect(),
            verdicts,
        })
    }
}

/// How a group's replication is.
#[derive(Debug, Object)]
#[oai(rename = "ReplicationHealth")]
pub(crate) struct ReplicationHealthView {
    /// Whether a planned failover would work now.
    failover_ready: bool,
    /// When it was looked at.
    as_of: Timestamp,
    /// The site that sends.
    source_site_id: Uuid,
    /// The site that receives.
    target_site_id: Uuid,
    /// The way between their arrays.
    link: LinkHealthWord,
    /// The two copies of the group's document.
    sync_status: SyncHealthWord,
    /// When the newest recovery point that holds every member was taken.
    last_recovery_point_at: Option<Timestamp>,
    /// Its age.
    lag_seconds: Option<u64>,
    /// The age that the policy allows.
    rpo_seconds: Option<u64>,
    /// Whether the age is within that.
    rpo_met: Option<bool>,
    /// What keeps data from arriving, or from being of use.
    findings: Vec<FindingView>,
}

impl From<ReplicationHealth> for ReplicationHealthView {
    fn from(health: ReplicationHealth) -> Self {
        Self {
            failover_ready: health.failover_ready,
            as_of: health.as_of.into(),
            source_site_id: health.source_site_id.into_untyped_uuid(),
            target_site_id: health.target_site_id.into_untyped_uuid(),
            link: health.link.into(),
            sync_status: health.sync.into(),
            last_recovery_point_at: health.last_recovery_point_at.map(Timestamp),
            lag_seconds: health.lag_seconds,
            rpo_seconds: health.rpo_seconds,
            rpo_met: health.rpo_met,
            findings: health.findings.into_iter().map(Into::into).collect(),
        }
    }
}

/// The health of a group's replication.
#[derive(Debug, Object)]
pub(crate) struct ReplicationHealthDocument {
    /// The health.
    pub(crate) health: ReplicationHealthView,
}
