//! How an operation ends, read from its plan and its journal alone.

use protector_framework::MemberId;

use crate::document::GroupDocument;
use crate::loss::{self, begun_seconds};
use crate::operation::{
    MemberResult, Operation, OperationError, OperationResult, StepRecord, StepStatus,
};
use crate::outputs::{Left, Parked, Progress, read};
use crate::plan::{Action, Plan, Step};
use crate::probe::ProbeVerdict;
use crate::readiness;
use crate::schedule::must_compensate;
use crate::seeded::{Bug, is_on};
use crate::settle::first_failure;
use crate::status::{FailoverType, OperationStatus};

/// The end of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its status.
    pub status: OperationStatus,
    /// Why, where it is not plainly completed: the first failure in the order of the plan.
    pub error: Option<OperationError>,
}

/// Reads the end of an operation whose steps have all ended.
pub fn outcome(plan: &Plan, journal: &[StepRecord], cancelled: bool) -> Outcome {
    let record = |key: &str| journal.iter().find(|r| r.key == key);
    let failed: Vec<&StepRecord> = plan
        .steps
        .iter()
        .filter_map(|s| record(&s.key))
        .filter(|r| {
            r.status == StepStatus::Failed || (r.status == StepStatus::Undone && r.error.is_some())
        })
        .collect();
    let error = failed.first().and_then(|r| r.error.clone());
    let finish = |s: &&Step| matches!(s.action, Action::Finish);
    let unwritten = plan
        .steps
        .iter()
        .filter(finish)
        .any(|s| record(&s.key).is_some_and(|r| r.status == StepStatus::Failed));
    // One whose document is not written is not over: `retry` writes it.
    if cancelled && !unwritten {
        return Outcome {
            status: OperationStatus::Cancelled,
            error,
        };
    }
    // Without a failure only a person's wish leaves steps out: it outlives the engine that heard it.
    let given_up = plan
        .steps
        .iter()
        .filter_map(|s| record(&s.key))
        .any(|r| matches!(r.status, StepStatus::Skipped | StepStatus::Undone));
    if failed.is_empty() || is_on(Bug::FailureHidden) {
        return Outcome {
            status: match given_up {
                true => OperationStatus::Cancelled,
                false => OperationStatus::Completed,
            },
            error: None,
        };
    }
    let partial = !must_compensate(plan, journal) && somebody_made_it(plan, journal);
    let status = if partial {
        OperationStatus::CompletedWithErrors
    } else {
        OperationStatus::Error
    };
    Outcome { status, error }
}

/// What came of an operation, for people: the point, the loss, the time, each member. `document`: the
/// group as it is now.
pub fn result(
    operation: &Operation,
    progress: Progress<'_>,
    document: Option<&GroupDocument>,
) -> OperationResult {
    let chosen = progress.chosen();
    let kept = progress.kept().map(|kept| kept.kept_as_of);
    let at = chosen.as_ref().map(|chosen| chosen.taken_at).or(kept);
    let members: Vec<MemberResult> = progress
        .plan
        .steps
        .iter()
        .filter_map(|step| {
            if !matches!(step.action, Action::VerifyServer { .. }) {
                return None;
            }
            let id = step.member?;
            let ok = progress.is_done(&step.key);
            Some(MemberResult {
                member_id: id,
                name: step
                    .key
                    .split_once('/')
                    .map_or_else(String::new, |(_, name)| name.to_owned()),
                ok,
                reason: (!ok).then(|| first_failure(progress, Some(id))),
                probe: probed(progress, id),
            })
        })
        .collect();
    let last_up = progress
        .done()
        .filter(|(step, _)| matches!(step.action, Action::VerifyServer { .. }))
        .filter_map(|(step, _)| progress.record(&step.key)?.finished_at)
        .max();
    let planned = operation.options.failover_type == Some(FailoverType::Planned);
    let lost = at
        .filter(|_| operation.kind.moves_authority())
        .map(|at| match planned {
            true => 0,
            false => begun_seconds(operation.created_at - at),
        });
    OperationResult {
        recovery_point: chosen.as_ref().map(|c| c.point.clone()),
        recovery_point_at: at,
        data_loss_seconds: lost,
        rto_seconds: last_up
            .filter(|_| operation.kind.moves_authority())
            .map(|at| begun_seconds(at - operation.created_at)),
        loss: document.and_then(|known| loss::begin(operation, progress, known, &members)),
        overlaps: loss::overlaps(progress),
        members,
        notes: notes(operation, progress),
    }
}

/// What became of a member's probe. In a test one that did not pass is a failed step.
fn probed(progress: Progress<'_>, member: MemberId) -> Option<ProbeVerdict> {
    let mut steps = progress.plan.steps.iter();
    let step = steps.find(|step| {
        step.member == Some(member) && matches!(step.action, Action::ProbeServer { .. })
    })?;
    let record = progress.record(&step.key)?;
    match record.status {
        StepStatus::Done => read(record.output.as_ref()),
        StepStatus::Failed => Some(ProbeVerdict {
            passed: false,
            detail: record.error.as_ref().map(|e| e.message.clone())?,
        }),
        _ => None,
    }
}

fn notes(operation: &Operation, progress: Progress<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for (step, output) in progress.done() {
        let name = step.key.split_once('/').map_or("", |(_, name)| name);
        match &step.action {
            Action::CheckSites { .. } => notes.extend(readiness::notes(output)),
            Action::ParkServer { quarantine: true }
                if read::<Parked>(output).is_some_and(|p| p.was_running) =>
            {
                let until = progress.record(&step.key).and_then(|r| r.finished_at);
                let until =
                    until.map_or_else(String::new, |at| format!(" until {}", at.to_rfc3339()));
                notes.push(format!(
                    "`{name}` was running here although the group runs on the other site: both \
                     copies could be written{until}; what was written here is kept on its volumes"
                ));
            }
            Action::ParkServer { quarantine: false }
                if read::<Parked>(output).is_some_and(|p| p.gone) =>
            {
                notes.push(format!(
                    "`{name}` was gone at the source; there is nothing to park"
                ));
            }
            Action::ReleaseVolumes | Action::DeletePorts | Action::DiscardVolumes => {
                if let Some(Left { left }) = read(output) {
                    notes.push(format!(
                        "of an older copy of `{name}` something stays: {left}"
                    ));
                }
            }
            Action::OverwriteVolume { .. } => {
                if let Some(snapshot) = output.and_then(|o| o["kept_as"].as_str()) {
                    notes.push(format!(
                        "what `{name}` held before is kept as snapshot `{snapshot}`"
                    ));
                }
            }
            Action::ProbeServer { test: false } => {
                let verdict = read::<ProbeVerdict>(output);
                if let Some(verdict) = verdict.filter(|verdict| !verdict.passed) {
                    notes.push(format!(
                        "`{name}` runs, but its probe failed: {}",
                        verdict.detail
                    ));
                }
            }
            Action::CheckTestNetworks => {
                let told = output.and_then(|o| o["notes"].as_array());
                let told = told.into_iter().flatten().filter_map(|note| note.as_str());
                notes.extend(told.map(str::to_owned));
            }
            _ => {}
        }
        if let Some(reason) = output.and_then(|o| o["skipped"].as_str()) {
            notes.push(format!(
                "step `{}` was skipped by a person: {reason}",
                step.key
            ));
        }
    }
    notes.extend(runs_from_what_was_kept(progress));
    if operation.options.force && operation.kind.moves_authority() {
        notes.push("it was started with `force`".to_owned());
    }
    if operation.options.accept_loss && operation.kind.moves_authority() {
        notes.push("it was started with `accept_loss`".to_owned());
    }
    notes
}

/// The members that were not brought up to what the other site wrote last. One whose start has failed may
/// run all the same.
fn runs_from_what_was_kept(progress: Progress<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for step in &progress.plan.steps {
        let begun = progress.record(&step.key).is_some_and(|r| r.attempt > 0);
        if step.action != Action::ReviveServer || !begun {
            continue;
        }
        let name = step.key.split_once('/').map_or("", |(_, name)| name);
        let runs = match progress.is_done(&step.key) {
            true => "runs",
            false => "may run",
        };
        notes.extend(kept(progress, step).map(|why| match why {
            Kept::NoPoint => format!(
                "`{name}` {runs} from what was kept here: no recovery point holds what the other \
                 site has written since"
            ),
            Kept::NeverLeft => format!(
                "`{name}` had not come up on the other site: it {runs} from what was kept here"
            ),
        }));
    }
    notes
}

/// Why a member runs from what its site kept.
enum Kept {
    /// No recovery point is of the time since it ran on the other site.
    NoPoint,
    /// It has not run on the other site.
    NeverLeft,
}

/// Why a parked server that runs again was not overwritten before; `None`: it was.
fn kept(progress: Progress<'_>, revived: &Step) -> Option<Kept> {
    let mut overwritten = progress.plan.steps.iter().filter(|step| {
        step.member == revived.member && matches!(step.action, Action::OverwriteVolume { .. })
    });
    let Some(first) = overwritten.next() else {
        return Some(Kept::NeverLeft);
    };
    let output = progress.record(&first.key)?.output.as_ref()?;
    (output["kept"] == true).then_some(Kept::NoPoint)
}

/// Whether at least one member reached what the operation is for.
fn somebody_made_it(plan: &Plan, journal: &[StepRecord]) -> bool {
    plan.steps.iter().any(|step| {
        matches!(
            step.action,
            Action::VerifyServer { .. } | Action::ParkServer { .. } | Action::DiscardVolumes
        ) && journal
            .iter()
            .any(|r| r.key == step.key && r.status == StepStatus::Done)
    })
}
