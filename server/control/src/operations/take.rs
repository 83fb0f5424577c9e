//! Operations that come from the other site.

use protector_db::{Created, GroupRecord, IdempotencyKey};
use protector_framework::{OperationId, ProjectId};
use protector_model::{GroupDocument, Operation, OperationStatus, Site};
use protector_peer::{ForwardedOperation, OperationRole};

use super::source::refuse_if_reachable;
use super::start::checked;
use crate::change::settled;
use crate::control::Control;
use crate::groups::known;
use crate::holder;
use crate::refusal::{Refusal, Result};

/// Takes an operation, to execute it or to know of it. The same one again is found.
pub(crate) async fn receive(
    control: &Control,
    forwarded: &ForwardedOperation,
) -> Result<Operation> {
    let record = known(control, forwarded.operation.group_id).await?;
    match take(control, forwarded, &record).await {
        Err(refusal) => match holder::news(control, &record, &refusal).await? {
            Some(newer) => take(control, forwarded, &newer).await,
            None => Err(refusal),
        },
        taken => taken,
    }
}

async fn take(
    control: &Control,
    forwarded: &ForwardedOperation,
    record: &GroupRecord,
) -> Result<Operation> {
    let local = control.local().await?;
    let project = local_project(&record.document, &local)?;
    let operation = Operation {
        project_id: project.clone(),
        ..forwarded.operation.clone()
    };
    if let Some(there) = control.db.get_operation(operation.id).await? {
        return Ok(there);
    }
    settled(record)?;
    let executes = operation.executor_site_id == local.id;
    if executes != (forwarded.role == OperationRole::Execute) {
        return Err(Refusal::conflict(
            "protector.wrong_executor",
            format!(
                "site `{}` is given an operation in the wrong role",
                local.name
            ),
        ));
    }
    let record = match forwarded.preempt {
        true => record.clone(),
        false => holder::free(control, record).await?,
    };
    if executes {
        let options = operation.options.clone();
        let (_, direction) = checked(&record, operation.kind, options)?;
        if direction.executor != local.id {
            return Err(Refusal::conflict(
                "protector.out_of_sync",
                "the sites do not agree on where the protection group runs; see sync-status",
            ));
        }
        if forwarded.preempt && !operation.options.force {
            refuse_if_reachable(control, direction.source, &operation.actor).await?;
        }
    }
    let key = forwarded
        .idempotency
        .as_ref()
        .map(|(key, body_hash)| IdempotencyKey {
            project,
            key: key.clone(),
            body_hash: body_hash.clone(),
        });
    let created = control
        .db
        .create_operation(&operation, key.as_ref(), forwarded.preempt)
        .await?;
    Ok(match created {
        Created::New => operation,
        Created::Existing(known) => *known,
    })
}

/// Learns how an operation of the other site stands.
pub(crate) async fn put_mirror(control: &Control, operation: &Operation) -> Result<()> {
    let local = control.local().await?;
    executed_elsewhere(operation, &local)?;
    let record = known(control, operation.group_id).await?;
    let mine = Operation {
        project_id: local_project(&record.document, &local)?,
        ..operation.clone()
    };
    Ok(control.db.update_mirror(&mine).await?)
}

/// Forgets a mirror whose operation was not begun.
pub(crate) async fn drop_mirror(control: &Control, id: OperationId) -> Result<()> {
    let Some(operation) = control.db.get_operation(id).await? else {
        return Ok(());
    };
    executed_elsewhere(&operation, &control.local().await?)?;
    if operation.status != OperationStatus::Queued {
        return Err(Refusal::conflict(
            "protector.wrong_state",
            format!(
                "operation {id} is `{}` and has been begun",
                operation.status
            ),
        ));
    }
    Ok(control.db.drop_mirror(id).await?)
}

fn executed_elsewhere(operation: &Operation, local: &Site) -> Result<()> {
    if operation.executor_site_id == local.id {
        return Err(Refusal::conflict(
            "protector.wrong_executor",
            format!("operation {} is executed here", operation.id),
        ));
    }
    Ok(())
}

fn local_project(document: &GroupDocument, local: &Site) -> Result<ProjectId> {
    let project = document.projects.get(&local.id).cloned();
    project.ok_or_else(|| {
        Refusal::conflict(
            "protector.out_of_sync",
            "the protection group has no project on this site; see sync-status",
        )
    })
}
