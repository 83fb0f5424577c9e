//! A group's place may be held by a mirror whose operation the other site never began: the answer
//! to its request was lost and so was the word that takes it back.

use chrono::TimeDelta;
use protector_db::GroupRecord;
use protector_model::{Operation, OperationStatus};

use crate::control::Control;
use crate::refusal::{Refusal, Result};

/// How old a mirror must be before its operation is looked for: the other site begins it within
/// the time of one request.
const AGE: TimeDelta = TimeDelta::seconds(60);

/// Refuses where an operation runs on the group. A mirror of an operation that does not exist is
/// removed first.
pub(crate) async fn free(control: &Control, record: &GroupRecord) -> Result<()> {
    let Some(holder) = record.active_operation else {
        return Ok(());
    };
    if let Some(operation) = control.db.get_operation(holder).await?
        && is_orphan(control, &operation).await?
    {
        tracing::warn!(operation = %holder, "the other site knows nothing of it; it is forgotten");
        control.db.drop_mirror(holder).await?;
        return Ok(());
    }
    Err(Refusal::busy(holder))
}

async fn is_orphan(control: &Control, operation: &Operation) -> Result<bool> {
    let local = control.local().await?;
    let young = control.now() - operation.created_at < AGE;
    if operation.executor_site_id == local.id
        || operation.status != OperationStatus::Queued
        || young
    {
        return Ok(false);
    }
    let Ok(remote) = control.remote(operation.executor_site_id).await else {
        return Ok(false);
    };
    Ok(matches!(remote.get_operation(operation.id).await, Ok(None)))
}
