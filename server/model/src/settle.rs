//! What a group's document says once an operation has ended: the statuses that follow from its
//! journal.

use protector_framework::MemberId;

use crate::document::{GroupDocument, InstanceState};
use crate::operation::{Operation, StepStatus};
use crate::outputs::{Progress, ReadBack};
use crate::plan::Action;
use crate::planner::settled_status;
use crate::status::{GroupStatus, MemberStatus, OperationKind};

/// The folded document with the statuses that the operation leaves. Version and time are the
/// caller's.
pub fn settle(
    document: &GroupDocument,
    operation: &Operation,
    progress: Progress<'_>,
) -> GroupDocument {
    let mut next = document.clone();
    match operation.kind {
        OperationKind::Failover | OperationKind::Failback => moved(&mut next, operation, progress),
        OperationKind::Create => {
            let made = all_done(progress, |a| matches!(a, Action::EnsureVolumeGroup));
            set_group(&mut next, made, GroupStatus::Active, progress);
        }
        OperationKind::Delete => {
            if !next.deleted {
                set_group(&mut next, false, GroupStatus::Deleting, progress);
            }
        }
        OperationKind::AddMember => {
            let seeded = all_done(progress, |a| matches!(a, Action::Replicate));
            set_member(
                &mut next,
                operation.options.member,
                seeded,
                MemberStatus::Protected,
                progress,
            );
        }
        OperationKind::RemoveMember => {
            // A member that left is no longer there to be marked.
            set_member(
                &mut next,
                operation.options.member,
                false,
                MemberStatus::Removing,
                progress,
            );
        }
        OperationKind::Reset => {
            let found: Option<ReadBack> = progress.first(|a| matches!(a, Action::ReadBack));
            if let Some(found) = found {
                next.status = found.status;
                next.status_reason = found.reason;
            }
        }
        OperationKind::TestFailover
        | OperationKind::TestCleanup
        | OperationKind::Sync
        | OperationKind::Reprotect
        | OperationKind::Cleanup
        | OperationKind::Quarantine => {}
    }
    next
}

fn moved(next: &mut GroupDocument, operation: &Operation, progress: Progress<'_>) {
    let target = operation.target_site_id;
    if next.current_primary_site_id != target {
        return;
    }
    let arrived = match target == next.primary_site_id {
        true => MemberStatus::Protected,
        false => MemberStatus::FailedOver,
    };
    let ids: Vec<MemberId> = next.members.iter().map(|m| m.id).collect();
    let mut all_well = true;
    for id in ids {
        let takes_part = progress.plan.steps.iter().any(|s| s.member == Some(id));
        let stayed = !takes_part
            && next
                .member(id)
                .and_then(|m| m.instance(target))
                .is_some_and(|copy| copy.state == InstanceState::Production);
        let up = stayed
            || progress.first_done_of(id, |a| matches!(a, Action::VerifyServer { test: false }));
        all_well &= up;
        set_member(next, Some(id), up, arrived, progress);
    }
    next.status = settled_status(next, target, all_well);
    next.status_reason = (!all_well).then(|| {
        "not every member came up; see its status_reason, repair the cause and `retry` the operation"
            .to_owned()
    });
}

fn all_done(progress: Progress<'_>, is: impl Fn(&Action) -> bool) -> bool {
    progress
        .plan
        .steps
        .iter()
        .filter(|s| is(&s.action))
        .all(|s| progress.is_done(&s.key))
}

fn set_group(next: &mut GroupDocument, ok: bool, status: GroupStatus, progress: Progress<'_>) {
    next.status = if ok { status } else { GroupStatus::Error };
    next.status_reason = (!ok).then(|| first_failure(progress, None));
}

fn set_member(
    next: &mut GroupDocument,
    id: Option<MemberId>,
    ok: bool,
    status: MemberStatus,
    progress: Progress<'_>,
) {
    let Some(member) = id.and_then(|id| next.member_mut(id)) else {
        return;
    };
    member.status = if ok { status } else { MemberStatus::Error };
    member.status_reason = (!ok).then(|| first_failure(progress, id));
}

/// Why the first step failed, one of the member's own before any other.
pub(crate) fn first_failure(progress: Progress<'_>, member: Option<MemberId>) -> String {
    let failures = || {
        progress.plan.steps.iter().filter_map(|step| {
            let record = progress.record(&step.key)?;
            let error = record.error.as_ref()?;
            (record.status == StepStatus::Failed).then_some((step, error))
        })
    };
    failures()
        .find(|(step, _)| member.is_some() && step.member == member)
        .or_else(|| failures().find(|(step, _)| step.member.is_none()))
        .or_else(|| failures().next())
        .map_or_else(
            || "it was not part of the recovery point or was given up".to_owned(),
            |(step, error)| format!("{}: {}", step.key, error.message),
        )
}
