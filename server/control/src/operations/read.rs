//! Operations as they are shown.

use protector_framework::{OperationId, ProjectId};
use protector_model::Operation;
use protector_peer::OperationView;

use crate::control::Control;
use crate::refusal::{Refusal, Result};

/// One operation of a project.
pub(crate) async fn get(
    control: &Control,
    project: &ProjectId,
    id: OperationId,
) -> Result<Operation> {
    let found = control.db.get_operation(id).await?;
    found
        .filter(|operation| operation.project_id == *project)
        .ok_or_else(|| Refusal::not_found(format_args!("operation {id}")))
}

/// An operation with its journal, which only the site that executes it has.
pub(crate) async fn steps(
    control: &Control,
    project: &ProjectId,
    id: OperationId,
) -> Result<OperationView> {
    let operation = get(control, project, id).await?;
    let local = control.local().await?;
    if operation.executor_site_id == local.id {
        return with_journal(control, operation).await;
    }
    let remote = control.remote(operation.executor_site_id).await?;
    let theirs = remote.get_operation(id).await?;
    let mut view = theirs.ok_or_else(|| {
        Refusal::not_found(format_args!("operation {id} on the site that executes it"))
    })?;
    view.operation.project_id = operation.project_id;
    Ok(view)
}

/// An operation as this site holds it.
pub(crate) async fn view(control: &Control, id: OperationId) -> Result<Option<OperationView>> {
    match control.db.get_operation(id).await? {
        Some(operation) => with_journal(control, operation).await.map(Some),
        None => Ok(None),
    }
}

async fn with_journal(control: &Control, operation: Operation) -> Result<OperationView> {
    Ok(OperationView {
        plan: control.db.plan(operation.id).await?,
        steps: control.db.steps(operation.id).await?,
        operation,
    })
}
