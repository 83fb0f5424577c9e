//! What was done is taken back.

use protector_model::operation::OperationError;
use protector_model::{Operation, Plan, StepStatus, schedule};

use super::{LONGEST_PAUSE, Runner, StepRun, UnderWay};
use crate::failure::StepFailure;
use crate::giving_up::GivingUp;
use crate::journal::{Journal, StepEnd};
use crate::lease::Lease;
use crate::running::Running;

impl Runner {
    /// Takes back what was done, side by side as far as it may be. What cannot be taken back is
    /// named to the user.
    pub(super) async fn take_back<'a>(
        &'a self,
        running: &mut Running<UnderWay<'a>>,
        operation: &mut Operation,
        plan: &'a Plan,
        journal: &'a Journal,
        lease: &'a Lease,
    ) -> Result<Option<OperationError>, StepFailure> {
        let (mut began, mut failed, mut left) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            for step in schedule::undo_next(plan, &journal.records(), &began, &failed) {
                if running.len() >= self.options.parallel_steps {
                    break;
                }
                began.push(step.key.clone());
                let shown = operation.clone();
                running.push(Box::pin(async move {
                    let run = self.step_run(&shown, plan, step, journal, lease);
                    (step, self.undo(&run).await.map(|()| None))
                }));
            }
            // What is taken back is not given up.
            let deaf = GivingUp::new();
            deaf.say();
            let Some((step, ended)) = self
                .next_end(running, operation, plan, journal, lease, &deaf)
                .await?
            else {
                break;
            };
            began.retain(|key| *key != step.key);
            match ended {
                Ok(_) => {
                    let undone = StepEnd::plain(StepStatus::Undone);
                    running
                        .alongside(self.end(journal, lease, &step.key, undone))
                        .await?;
                }
                Err(StepFailure::Fenced | StepFailure::GivenUp) => {
                    return Err(StepFailure::Fenced);
                }
                Err(
                    StepFailure::Permanent(error)
                    | StepFailure::AskUser(error)
                    | StepFailure::Transient { error, .. },
                ) => {
                    left.push(format!("{}: {}", step.key, error.message));
                    failed.push(step.key.clone());
                }
            }
        }
        Ok((!left.is_empty()).then(|| OperationError {
            message: format!("these steps could not be taken back: {}", left.join("; ")),
            what_to_do: Some("repair the cause, then `retry` or `cancel` the operation".to_owned()),
            ..OperationError::default()
        }))
    }

    async fn undo(&self, run: &StepRun<'_>) -> Result<(), StepFailure> {
        let mut pause = self.options.backoff;
        let mut attempt = 1;
        loop {
            match self.executor.undo(run).await {
                Err(StepFailure::Transient { after, .. }) if attempt < self.options.attempts => {
                    self.clock
                        .sleep(after.unwrap_or(pause).min(LONGEST_PAUSE))
                        .await;
                    pause *= 2;
                    attempt += 1;
                }
                ended => return ended,
            }
        }
    }
}
