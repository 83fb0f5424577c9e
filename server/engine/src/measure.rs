//! How long operations and steps took, for whatever recorder the program has installed.

use protector_model::{Operation, OperationKind, StepRecord, StepStatus};

/// An operation that has ended.
pub(crate) fn operation(operation: &Operation) {
    let began = operation.started_at.unwrap_or(operation.created_at);
    let Some(ended) = operation.finished_at else {
        return;
    };
    metrics::histogram!("protector_operation_seconds", "kind" => operation.kind.as_str(),
        "outcome" => operation.status.as_str())
    .record(seconds(ended - began));
}

/// A step that was done or has failed. What it is about stands behind the slash of its key, and would
/// make a series of each volume.
pub(crate) fn step(kind: OperationKind, step: &StepRecord) {
    let outcome = match step.status {
        StepStatus::Done => "done",
        StepStatus::Failed => "failed",
        _ => return,
    };
    let (Some(began), Some(ended)) = (step.started_at, step.finished_at) else {
        return;
    };
    let name = step.key.split('/').next().unwrap_or_default().to_owned();
    metrics::histogram!("protector_step_seconds", "kind" => kind.as_str(), "step" => name,
        "outcome" => outcome)
    .record(seconds(ended - began));
}

/// A clock that was set back measures nothing.
fn seconds(time: chrono::TimeDelta) -> f64 {
    time.to_std().unwrap_or_default().as_secs_f64()
}
