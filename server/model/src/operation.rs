use chrono::{DateTime, TimeDelta, Utc};
use protector_framework::{GroupId, MemberId, OperationId, PointName, ProjectId, SiteId};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::loss::{Loss, Overlap};
use crate::plan::Plan;
use crate::probe::ProbeVerdict;
use crate::request::Direction;
use crate::status::{FailoverType, OperationKind, OperationStatus};

/// What a caller may say about an operation; which fields make sense depends on the kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OperationOptions {
    /// Planned or unplanned.
    pub failover_type: Option<FailoverType>,
    /// The recovery point to use; `None`: the newest complete one.
    pub recovery_point: Option<PointName>,
    /// Go on although the source still answers.
    pub force: bool,
    /// Start what the target keeps although something newer may be lost by it.
    pub accept_loss: bool,
    /// Go on although a server no longer is what was protected.
    pub accept_drift: bool,
    /// The member that is added or removed.
    pub member: Option<MemberId>,
    /// Remove the test copies when the test has been verified.
    pub auto_cleanup: bool,
    /// Seconds after which the test copies are removed.
    pub expires_in: Option<u64>,
    /// The site whose copies are cleaned up; `None`: the one the group does not run on.
    pub site: Option<SiteId>,
    /// The test failover whose copies are removed.
    pub test: Option<OperationId>,
    /// The superseded operation whose leftovers are removed, and nothing else.
    pub of: Option<OperationId>,
}

impl OperationOptions {
    /// Whether a person takes it that something newer than what is started may be lost. `force` says
    /// so too, as it always has.
    pub fn accepts_loss(&self) -> bool {
        self.accept_loss || self.force
    }
}

/// A long-running action on one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id, the same on both sites.
    pub id: OperationId,
    /// The group.
    pub group_id: GroupId,
    /// The group's project on the site whose database this is.
    pub project_id: ProjectId,
    /// What it does.
    pub kind: OperationKind,
    /// What the caller said.
    pub options: OperationOptions,
    /// Its status.
    pub status: OperationStatus,
    /// The phase it is in, for people.
    pub phase: String,
    /// 0 to 100.
    pub progress: u8,
    /// The site that the group runs on when it begins.
    pub source_site_id: SiteId,
    /// The site that it brings the group to, or works on.
    pub target_site_id: SiteId,
    /// The site whose engine executes it.
    pub executor_site_id: SiteId,
    /// Steps that were done.
    pub steps_completed: u32,
    /// Steps that failed.
    pub steps_failed: u32,
    /// The members whose servers ran at the source before a planned move stopped any; `None`: none
    /// was stopped yet. The source's site is told before, so that it can bring them back alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_running: Option<Vec<MemberId>>,
    /// A test has made copies, or begun to, and has not removed them: they stand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test_stands: bool,
    /// Why it failed or waits.
    pub error: Option<OperationError>,
    /// What came of it.
    pub result: Option<OperationResult>,
    /// Who asked for it.
    pub actor: Actor,
    /// Counts `retry`.
    pub attempt: u32,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When an engine first took it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// What an operation says that gave way to a newer one.
pub fn superseded_by(newer: OperationId) -> String {
    format!("{SUPERSEDED}{newer}")
}

const SUPERSEDED: &str = "superseded by ";

/// An operation as it is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its id, the same on both sites.
    pub id: OperationId,
    /// The group.
    pub group_id: GroupId,
    /// The group's project on the site whose database this is.
    pub project_id: ProjectId,
    /// What it is to do.
    pub kind: OperationKind,
    /// What the caller said.
    pub options: OperationOptions,
    /// Where it runs and which way it goes.
    pub direction: Direction,
    /// Who asks.
    pub actor: Actor,
    /// When.
    pub at: DateTime<Utc>,
}

impl From<Asked> for Operation {
    fn from(asked: Asked) -> Self {
        Self {
            id: asked.id,
            group_id: asked.group_id,
            project_id: asked.project_id,
            kind: asked.kind,
            options: asked.options,
            status: OperationStatus::Queued,
            phase: String::new(),
            progress: 0,
            source_site_id: asked.direction.source,
            target_site_id: asked.direction.target,
            executor_site_id: asked.direction.executor,
            steps_completed: 0,
            steps_failed: 0,
            was_running: None,
            test_stands: false,
            error: None,
            result: None,
            actor: asked.actor,
            attempt: 1,
            created_at: asked.at,
            updated_at: asked.at,
            started_at: None,
            finished_at: None,
        }
    }
}

impl Operation {
    /// Whether it gave way to another operation in the midst of its work: what it had done by then
    /// was not taken back by itself.
    pub fn is_superseded(&self) -> bool {
        self.superseder_is(|message| message.starts_with(SUPERSEDED))
    }

    /// Whether it gave way to this operation.
    pub fn is_superseded_by(&self, newer: OperationId) -> bool {
        self.superseder_is(|message| message == superseded_by(newer))
    }

    fn superseder_is(&self, is: impl Fn(&str) -> bool) -> bool {
        self.status == OperationStatus::Cancelled
            && self.error.as_ref().is_some_and(|e| is(&e.message))
    }

    /// Whether it may not wait for others to end: it rescues a group, or keeps two copies from being
    /// written.
    pub fn is_urgent(&self) -> bool {
        self.kind == OperationKind::Quarantine || self.is_unplanned_move()
    }

    /// Whether it takes authority without asking the old primary.
    pub fn is_unplanned_move(&self) -> bool {
        self.kind.moves_authority() && self.options.failover_type == Some(FailoverType::Unplanned)
    }

    /// Whether it may not begin while this site's copies of the group are being quarantined: it would
    /// overwrite or remove what is just being put away, leave it running without a group, or do the
    /// same twice. What has begun already, and what an engine takes back, waits for nothing.
    pub fn waits_for_quarantine(&self) -> bool {
        use OperationKind::{Cleanup, Delete, Quarantine, RemoveMember};
        let touches = matches!(self.kind, Cleanup | Delete | Quarantine | RemoveMember)
            || (self.kind.moves_authority() && !self.is_unplanned_move());
        touches && self.options.of.is_none() && self.started_at.is_none()
    }

    /// Says that it changes now. Each change is later than the one before, whatever the clocks of
    /// the sites say: the other site tells newer news from older by this time.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        self.updated_at = now.max(self.updated_at + TimeDelta::milliseconds(1));
    }
}

/// Why an operation failed or waits: which step, where, by which call, and what to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationError {
    /// What happened.
    pub message: String,
    /// The step.
    pub step: Option<String>,
    /// The site.
    pub site_id: Option<SiteId>,
    /// The remote call.
    pub remote_call: Option<String>,
    /// The remote side's id of that call.
    pub remote_request_id: Option<String>,
    /// What to do now.
    pub what_to_do: Option<String>,
}

/// What came of an operation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OperationResult {
    /// The recovery point used.
    pub recovery_point: Option<PointName>,
    /// When that point was taken.
    pub recovery_point_at: Option<DateTime<Utc>>,
    /// Seconds of writes that are not on the target: 0 for a planned failover.
    pub data_loss_seconds: Option<u64>,
    /// Seconds from the request until the last recovered member ran.
    pub rto_seconds: Option<u64>,
    /// What became of each member.
    pub members: Vec<MemberResult>,
    /// What an unplanned move has lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// The copies that a quarantine found running.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overlaps: Vec<Overlap>,
    /// What people must know besides: overlaps, divergent data that is kept, leftovers.
    pub notes: Vec<String>,
}

/// What became of one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberResult {
    /// The member.
    pub member_id: MemberId,
    /// Its name.
    pub name: String,
    /// Whether it runs as the operation wanted.
    pub ok: bool,
    /// Why not, where it does not.
    pub reason: Option<String>,
    /// What became of its probe; `None`: it has none, or it was not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeVerdict>,
}

crate::status::states! {
    /// The status of a step.
    StepStatus {
        /// Not begun.
        Pending = "pending",
        /// Its first call may have been sent.
        Running = "running",
        /// It took effect.
        Done = "done",
        /// It failed and is not tried again by itself.
        Failed = "failed",
        /// A step it needs failed, or a person skipped it.
        Skipped = "skipped",
        /// It took effect and was taken back.
        Undone = "undone",
    }
}

/// One durable unit of an operation, as it is journalled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step's key within its plan, such as `boot/web-1`.
    pub key: String,
    /// Its place in the plan.
    pub position: u32,
    /// Its status.
    pub status: StepStatus,
    /// How often it was begun.
    pub attempt: u32,
    /// What it gave to later steps.
    pub output: Option<serde_json::Value>,
    /// Progress in the step's own units: bytes for transfers.
    pub progress: Option<StepProgress>,
    /// Why it failed.
    pub error: Option<OperationError>,
    /// When its last run was begun; an engine that takes it up after another's death goes on with
    /// that run.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepProgress {
    /// Done so far.
    pub done: u64,
    /// In all, where known.
    pub total: Option<u64>,
    /// Of what, such as `bytes`.
    pub unit: String,
}

impl StepRecord {
    /// How long its last run took, where it is over.
    pub fn seconds(&self) -> Option<f64> {
        let took = self.finished_at? - self.started_at?;
        Some(took.as_seconds_f64().max(0.0))
    }

    /// A step that has not begun.
    pub fn pending(key: &str, position: u32) -> Self {
        Self {
            key: key.to_owned(),
            position,
            status: StepStatus::Pending,
            attempt: 0,
            output: None,
            progress: None,
            error: None,
            started_at: None,
            finished_at: None,
        }
    }
}

/// A journal to begin a plan with.
pub fn journal(plan: &Plan) -> Vec<StepRecord> {
    plan.steps
        .iter()
        .zip(0..)
        .map(|(step, i)| StepRecord::pending(&step.key, i))
        .collect()
}
