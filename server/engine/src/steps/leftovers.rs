//! What an operation that gave way to another has left: its engine's last calls, and what it had
//! done by then. Its own journal is the owner record of that.

use std::time::Duration;

use protector_db::{DbError, Page};
use protector_framework::OperationId;
use protector_model::plan::{Action, Step};
use protector_model::schedule::{epoch_of, undo_next};
use protector_model::{Operation, StepStatus};

use super::Output;
use super::work::Work;
use crate::failure::StepFailure;
use crate::journal::Journal;
use crate::runner::{StepExecutor as _, StepRun};

/// The pause between two looks whether an engine has stopped.
const PAUSE: Duration = Duration::from_millis(500);

/// Waits until no call of an operation that gave way is under way any more: its engine says so, or
/// it has had the time that a takeover grants.
pub(super) async fn await_executor(work: &Work<'_>, older: OperationId) -> Output {
    let db = &work.steps.db;
    let Some(older) = db.get_operation(older).await? else {
        return Ok(None);
    };
    let here = older.executor_site_id == work.steps.site;
    let grace = match here {
        true => work.run.lease.length() + work.run.call_deadline,
        false => work.run.call_deadline,
    };
    let clock = &work.steps.clock;
    // Its age tells at most how little is left to wait: the clock may have been set back since.
    let age = clock.now() - older.finished_at.unwrap_or(older.updated_at);
    let rest = grace.saturating_sub(age.to_std().unwrap_or_default());
    let began = clock.monotonic();
    loop {
        let left = here && db.is_left(older.id).await?;
        if left || clock.monotonic() - began >= rest {
            return Ok(None);
        }
        clock.sleep(PAUSE).await;
    }
}

/// Takes back what an operation had done when it gave way, the last first. What cannot be taken back
/// keeps only what is beneath it.
pub(super) async fn take_back(work: &Work<'_>, older: OperationId) -> Output {
    await_executor(work, older).await?;
    let db = &work.steps.db;
    let (Some(operation), Some(plan)) = (db.get_operation(older).await?, db.plan(older).await?)
    else {
        return Ok(None);
    };
    let journal = Journal::resume(db.steps(older).await?);
    let moved = has_moved_since(work, &operation).await?;
    let (mut failed, mut first) = (Vec::new(), None);
    while let Some(step) = undo_next(&plan, &journal.records(), &[], &failed).first() {
        let run = StepRun {
            operation: &operation,
            plan: &plan,
            step,
            journal: &journal,
            lease: work.run.lease,
            call_deadline: work.run.call_deadline,
        };
        if !is_moot(work, &operation, step, moved)
            && let Err(failure) = work.steps.undo(&run).await
        {
            if failure == StepFailure::Fenced {
                return Err(failure);
            }
            first.get_or_insert(failure);
            failed.push(step.key.clone());
            continue;
        }
        let records = journal.records();
        if let Some(mut record) = records.into_iter().find(|r| r.key == step.key) {
            record.status = StepStatus::Undone;
            record.finished_at = Some(work.steps.clock.now());
            let fence = work.run.lease.fence();
            db.write_step_of(fence, older, &record).await?;
            journal.set(record);
        }
    }
    first.map_or(Ok(None), Err)
}

/// A server that the operation had stopped is not started where authority has passed since, or where
/// its site has started it alone: it is as its owner has it.
fn is_moot(work: &Work<'_>, operation: &Operation, step: &Step, moved: bool) -> bool {
    let given_up = work.record.document.given_up == Some(operation.id);
    matches!(step.action, Action::StopServer) && (moved || given_up)
}

/// Whether a move that was asked for later has passed authority.
async fn has_moved_since(work: &Work<'_>, older: &Operation) -> Result<bool, DbError> {
    let group = Some(work.document.id);
    let all = work
        .steps
        .db
        .page_operations(None, group, &Page::default())
        .await?;
    Ok(all.iter().any(|newer| {
        newer.kind.moves_authority()
            && newer.created_at > older.created_at
            && work.record.document.epoch.descends_from(epoch_of(newer.id))
    }))
}
