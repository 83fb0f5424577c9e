//! How an operation ends, read from its plan and its journal alone.

use crate::operation::{OperationError, StepRecord, StepStatus};
use crate::plan::{Action, Plan};
use crate::schedule::must_compensate;
use crate::status::OperationStatus;

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
    if cancelled {
        return Outcome {
            status: OperationStatus::Cancelled,
            error,
        };
    }
    if failed.is_empty() {
        return Outcome {
            status: OperationStatus::Completed,
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
