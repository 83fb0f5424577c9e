//! An operation that has come to its end, or waits for a person.

use protector_model::outcome::{outcome, result};
use protector_model::outputs::Progress;
use protector_model::progress::percent;
use protector_model::{Operation, OperationStatus, Plan, StepStatus, schedule};

use super::{Asked, Runner};
use crate::failure::StepFailure;
use crate::journal::Journal;
use crate::lease::Lease;

impl Runner {
    pub(super) async fn conclude(
        &self,
        mut operation: Operation,
        plan: &Plan,
        journal: &Journal,
        lease: &Lease,
        asked: Asked,
    ) -> Result<OperationStatus, StepFailure> {
        count(&mut operation, plan, journal);
        let records = journal.records();
        let progress = Progress {
            plan,
            journal: &records,
        };
        let group = self.db.get_group(operation.group_id).await?;
        let document = group.map(|group| group.document);
        operation.result = Some(result(&operation, progress, document.as_ref()));
        if let Some(error) = asked.user {
            operation.error = Some(error);
            return self
                .write_end(operation, lease, OperationStatus::WaitingForUser)
                .await;
        }
        let end = outcome(plan, &records, asked.cancelled);
        operation.error = end.error;
        if end.status == OperationStatus::Completed {
            operation.progress = 100;
        }
        self.write_end(operation, lease, end.status).await
    }

    pub(super) async fn write_end(
        &self,
        mut operation: Operation,
        lease: &Lease,
        status: OperationStatus,
    ) -> Result<OperationStatus, StepFailure> {
        operation.status = status;
        operation.touch(self.clock.now());
        if status.is_final() {
            operation.finished_at = Some(self.clock.now());
        }
        self.db.write_operation(lease.fence(), &operation).await?;
        Ok(status)
    }
}

/// Brings up to date what the operation says of its steps.
pub(super) fn count(operation: &mut Operation, plan: &Plan, journal: &Journal) {
    let records = journal.records();
    let progress = Progress {
        plan,
        journal: &records,
    };
    operation.was_running = progress.survey().map(|survey| survey.was_running);
    operation.test_stands = schedule::test_stands(plan, &records);
    let of = |status| {
        u32::try_from(records.iter().filter(|r| r.status == status).count()).unwrap_or(u32::MAX)
    };
    operation.steps_completed = of(StepStatus::Done);
    operation.steps_failed = of(StepStatus::Failed);
    // What is taken back was done all the same: within one attempt it never goes backwards.
    operation.progress = operation.progress.max(percent(plan, &records));
}
