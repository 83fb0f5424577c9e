use poem_openapi::Object;
use protector_control::OperationSeen;
use protector_framework::GenericUuid as _;
use protector_model::operation::{MemberResult, OperationError, StepProgress};
use protector_model::{Operation, OperationResult, StepRecord};
use uuid::Uuid;

use super::LossView;
use super::common::{
    FailoverTypeWord, OperationKindWord, OperationStatusWord, PhaseWord, StepStatusWord, Timestamp,
};
use crate::listing::Link;

/// A long-running action on one group.
#[derive(Debug, Object)]
#[oai(rename = "Operation")]
pub(crate) struct OperationView {
    /// Its id, the same on both sites.
    id: Uuid,
    /// The group.
    protection_group_id: Uuid,
    /// The group's project on the site that answers.
    project_id: String,
    /// What it does.
    #[oai(rename = "type")]
    kind: OperationKindWord,
    /// Planned or unplanned, for failover and failback.
    failover_type: Option<FailoverTypeWord>,
    /// Whether it goes on although the source still answers.
    force: bool,
    /// Whether what is kept is started although something newer may be lost by it.
    accept_loss: bool,
    /// Its status.
    status: OperationStatusWord,
    /// The phase it is in.
    phase: String,
    /// 0 to 100.
    progress: u8,
    /// The site that the group runs on when it begins.
    source_site_id: Uuid,
    /// The site that it brings the group to, or works on.
    target_site_id: Uuid,
    /// The site whose engine executes it.
    executor_site_id: Uuid,
    /// The recovery point that was asked for, or that was used.
    recovery_point_id: Option<String>,
    /// The member that is added or removed.
    member_id: Option<Uuid>,
    /// Steps that were done.
    steps_completed: u32,
    /// Steps that failed.
    steps_failed: u32,
    /// Why it failed or waits.
    error: Option<OperationErrorView>,
    /// What came of it.
    result: Option<OperationResultView>,
    /// The request that asked for it.
    request_id: String,
    /// Who asked for it; nothing where an engine did.
    user_id: Option<String>,
    /// Counts `retry`.
    attempt: u32,
    /// When it was asked for.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
    /// When this was so, where it may not be now: another site executes the operation, it is not
    /// over, and that site was not asked or did not answer.
    as_of: Option<Timestamp>,
    /// When an engine first took it.
    started_at: Option<Timestamp>,
    /// When it ended.
    finished_at: Option<Timestamp>,
    /// Its steps and their times, where one operation is shown and the site that answers has its
    /// journal or was told it; `steps` beside it says more of each.
    #[oai(skip_serializing_if_is_none)]
    steps: Option<Vec<StepTimeView>>,
}

/// A step of an operation and how long it took.
#[derive(Debug, Object)]
#[oai(rename = "StepTime")]
pub(crate) struct StepTimeView {
    /// Its key within the plan.
    key: String,
    /// Its status.
    status: StepStatusWord,
    /// How far it is, where it transfers data.
    progress: Option<StepProgressView>,
    /// When its last run was begun.
    started_at: Option<Timestamp>,
    /// When it ended.
    finished_at: Option<Timestamp>,
    /// How long its last run took, once it is over.
    seconds: Option<f64>,
}

impl From<StepRecord> for StepTimeView {
    fn from(record: StepRecord) -> Self {
        Self {
            seconds: record.seconds(),
            key: record.key,
            status: record.status.into(),
            progress: record.progress.map(Into::into),
            started_at: record.started_at.map(Timestamp),
            finished_at: record.finished_at.map(Timestamp),
        }
    }
}

/// Why an operation or a step failed or waits.
#[derive(Debug, Object)]
#[oai(rename = "OperationError")]
pub(crate) struct OperationErrorView {
    /// What happened.
    message: String,
    /// The step.
    step: Option<String>,
    /// The site.
    site_id: Option<Uuid>,
    /// The remote call.
    remote_call: Option<String>,
    /// The remote side's id of that call.
    remote_request_id: Option<String>,
    /// What to do now.
    what_to_do: Option<String>,
}

impl From<OperationError> for OperationErrorView {
    fn from(error: OperationError) -> Self {
        Self {
            message: error.message,
            step: error.step,
            site_id: error.site_id.map(|id| id.into_untyped_uuid()),
            remote_call: error.remote_call,
            remote_request_id: error.remote_request_id,
            what_to_do: error.what_to_do,
        }
    }
}

/// What came of an operation.
#[derive(Debug, Object)]
#[oai(rename = "OperationResult")]
pub(crate) struct OperationResultView {
    /// The recovery point used.
    recovery_point_id: Option<String>,
    /// When that point was taken.
    recovery_point_at: Option<Timestamp>,
    /// Seconds of writes that are not on the target: 0 for a planned failover.
    data_loss_seconds: Option<u64>,
    /// Seconds from the request until the last recovered member ran.
    rto_seconds: Option<u64>,
    /// What became of each member.
    members: Vec<MemberResultView>,
    /// What an unplanned failover or failback has lost; nothing for others.
    loss: Option<LossView>,
    /// What people must know besides: overlaps, divergent data that is kept, leftovers.
    notes: Vec<String>,
}

/// What became of one member.
#[derive(Debug, Object)]
#[oai(rename = "MemberResult")]
pub(crate) struct MemberResultView {
    /// The member.
    member_id: Uuid,
    /// Its name.
    name: String,
    /// Whether it runs as the operation wanted.
    ok: bool,
    /// Why not, where it does not.
    reason: Option<String>,
    /// What became of its probe, where it has one that was looked at.
    probe: Option<ProbeVerdictView>,
}

/// What became of a probe.
#[derive(Debug, Object)]
#[oai(rename = "ProbeVerdict")]
pub(crate) struct ProbeVerdictView {
    /// Whether the server showed what it must.
    passed: bool,
    /// What was seen.
    detail: String,
}

impl From<MemberResult> for MemberResultView {
    fn from(member: MemberResult) -> Self {
        Self {
            member_id: member.member_id.into_untyped_uuid(),
            name: member.name,
            ok: member.ok,
            reason: member.reason,
            probe: member.probe.map(|probe| ProbeVerdictView {
                passed: probe.passed,
                detail: probe.detail,
            }),
        }
    }
}

impl From<OperationResult> for OperationResultView {
    fn from(result: OperationResult) -> Self {
        let members = result.members.into_iter().map(Into::into);
        Self {
            recovery_point_id: result.recovery_point.map(|point| point.to_string()),
            recovery_point_at: result.recovery_point_at.map(Timestamp),
            data_loss_seconds: result.data_loss_seconds,
            rto_seconds: result.rto_seconds,
            members: members.collect(),
            loss: result.loss.map(Into::into),
            notes: result.notes,
        }
    }
}

impl From<OperationSeen> for OperationView {
    fn from(seen: OperationSeen) -> Self {
        Self {
            as_of: seen.as_of.map(Timestamp),
            steps: seen
                .steps
                .map(|steps| steps.into_iter().map(Into::into).collect()),
            ..seen.operation.into()
        }
    }
}

impl From<Operation> for OperationView {
    fn from(operation: Operation) -> Self {
        let used = operation.result.as_ref();
        let point = used
            .and_then(|result| result.recovery_point.clone())
            .or(operation.options.recovery_point);
        Self {
            as_of: None,
            steps: None,
            id: operation.id.into_untyped_uuid(),
            protection_group_id: operation.group_id.into_untyped_uuid(),
            project_id: operation.project_id.to_string(),
            kind: operation.kind.into(),
            failover_type: operation.options.failover_type.map(Into::into),
            force: operation.options.force,
            accept_loss: operation.options.accept_loss,
            status: operation.status.into(),
            phase: operation.phase,
            progress: operation.progress,
            source_site_id: operation.source_site_id.into_untyped_uuid(),
            target_site_id: operation.target_site_id.into_untyped_uuid(),
            executor_site_id: operation.executor_site_id.into_untyped_uuid(),
            recovery_point_id: point.map(|point| point.to_string()),
            member_id: operation.options.member.map(|id| id.into_untyped_uuid()),
            steps_completed: operation.steps_completed,
            steps_failed: operation.steps_failed,
            error: operation.error.map(Into::into),
            result: operation.result.map(Into::into),
            request_id: operation.actor.request_id,
            user_id: operation.actor.user_id.map(|id| id.to_string()),
            attempt: operation.attempt,
            created_at: operation.created_at.into(),
            updated_at: operation.updated_at.into(),
            started_at: operation.started_at.map(Timestamp),
            finished_at: operation.finished_at.map(Timestamp),
        }
    }
}

/// One operation.
#[derive(Debug, Object)]
pub(crate) struct OperationDocument {
    /// The operation.
    pub(crate) operation: OperationView,
}

/// A list of operations.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct OperationList {
    /// The operations.
    pub(crate) operations: Vec<OperationView>,
    /// The next page, where there is one.
    pub(crate) links: Option<Vec<Link>>,
    /// How many there are on all pages, where `with_count` asks for it.
    pub(crate) count: Option<u64>,
}

/// One durable unit of an operation.
#[derive(Debug, Object)]
#[oai(rename = "Step")]
pub(crate) struct StepView {
    /// Its key within the plan.
    key: String,
    /// Its place in the plan.
    position: u32,
    /// The site it acts on, once the plan is made.
    site_id: Option<Uuid>,
    /// The phase it belongs to, once the plan is made.
    phase: Option<PhaseWord>,
    /// The member it is for.
    member_id: Option<Uuid>,
    /// Its status.
    status: StepStatusWord,
    /// How often it was begun.
    attempt: u32,
    /// How far it is.
    progress: Option<StepProgressView>,
    /// Why it failed.
    error: Option<OperationErrorView>,
    /// When its last run was begun.
    started_at: Option<Timestamp>,
    /// When it ended.
    finished_at: Option<Timestamp>,
    /// How long its last run took, once it is over.
    seconds: Option<f64>,
}

/// How far a step is.
#[derive(Debug, Object)]
#[oai(rename = "StepProgress")]
pub(crate) struct StepProgressView {
    /// Done so far.
    done: u64,
    /// In all, where known.
    total: Option<u64>,
    /// Of what, such as `bytes`.
    unit: String,
}

impl From<StepProgress> for StepProgressView {
    fn from(progress: StepProgress) -> Self {
        Self {
            done: progress.done,
            total: progress.total,
            unit: progress.unit,
        }
    }
}

/// The steps of an operation.
#[derive(Debug, Object)]
pub(crate) struct StepList {
    /// The steps, in the order of the plan.
    steps: Vec<StepView>,
}

impl From<protector_peer::OperationView> for StepList {
    fn from(view: protector_peer::OperationView) -> Self {
        let plan = view.plan;
        let shown = |record: StepRecord| {
            let step = plan.as_ref().and_then(|plan| plan.step(&record.key));
            StepView {
                site_id: step.map(|step| step.site.into_untyped_uuid()),
                phase: step.map(|step| step.phase.into()),
                member_id: step
                    .and_then(|step| step.member)
                    .map(|id| id.into_untyped_uuid()),
                seconds: record.seconds(),
                key: record.key,
                position: record.position,
                status: record.status.into(),
                attempt: record.attempt,
                progress: record.progress.map(Into::into),
                error: record.error.map(Into::into),
                started_at: record.started_at.map(Timestamp),
                finished_at: record.finished_at.map(Timestamp),
            }
        };
        Self {
            steps: view.steps.into_iter().map(shown).collect(),
        }
    }
}
