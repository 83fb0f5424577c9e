//! What the runner asks of those who know clouds and arrays.

use std::time::Duration;

use async_trait::async_trait;
use protector_framework::CallCtx;
use protector_model::plan::Step;
use protector_model::{Operation, Plan};
use serde_json::Value;

use crate::failure::StepFailure;
use crate::journal::Journal;
use crate::lease::Lease;

/// What steps do. The runner knows nothing of clouds and arrays.
#[async_trait]
pub trait StepExecutor: Send + Sync {
    /// Makes the plan of an operation that has none yet.
    async fn plan(&self, operation: &Operation) -> Result<Plan, StepFailure>;

    /// Carries a step out, or finds that it was carried out. The value goes to later steps.
    async fn run(&self, run: &StepRun<'_>) -> Result<Option<Value>, StepFailure>;

    /// Takes a step back, whether it was carried out, half carried out or not begun.
    async fn undo(&self, run: &StepRun<'_>) -> Result<(), StepFailure>;
}

/// One step being run.
#[derive(Debug, Clone, Copy)]
pub struct StepRun<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// Its plan.
    pub plan: &'a Plan,
    /// The step.
    pub step: &'a Step,
    /// What earlier steps gave.
    pub journal: &'a Journal,
    /// The hold on the operation; a mutating call is sent only while it says so.
    pub lease: &'a Lease,
    /// The longest a call may take.
    pub call_deadline: Duration,
}

impl StepRun<'_> {
    /// What to send with each driver call of this step.
    ///
    /// # Errors
    /// `Fenced` where too little of the lease is left to send anything.
    pub fn ctx(&self) -> Result<CallCtx, StepFailure> {
        if !self.lease.may_call() {
            return Err(StepFailure::Fenced);
        }
        let fence = self.lease.fence();
        Ok(
            CallCtx::new(&self.operation.actor.request_id, self.call_deadline).for_step(
                self.operation.id,
                &self.step.key,
                fence.number,
            ),
        )
    }
}
