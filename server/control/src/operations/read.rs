//! Operations as they are shown.

use protector_db::Page;
use protector_framework::{GroupId, OperationId, ProjectId};
use protector_model::Operation;
use protector_peer::OperationView;

use crate::control::Control;
use crate::holder;
use crate::refusal::{Refusal, Result};
use crate::services::OperationSeen;

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

/// One page of operations, by what this site was told of them.
pub(crate) async fn page(
    control: &Control,
    project: Option<&ProjectId>,
    group: Option<GroupId>,
    page: &Page,
) -> Result<Vec<OperationSeen>> {
    let local = control.db.local_site().await?.map(|site| site.id);
    let found = control.db.page_operations(project, group, page).await?;
    let told = |operation: Operation| {
        let elsewhere = Some(operation.executor_site_id) != local;
        let open = elsewhere && !operation.status.is_final();
        OperationSeen {
            as_of: open.then_some(operation.updated_at),
            operation,
            steps: None,
        }
    };
    Ok(found.into_iter().map(told).collect())
}

/// One operation of a project, as the site that executes it says where it can be asked.
pub(crate) async fn show(
    control: &Control,
    project: &ProjectId,
    id: OperationId,
) -> Result<OperationSeen> {
    let known = get(control, project, id).await?;
    let local = control.local().await?.id;
    if known.executor_site_id == local {
        return Ok(OperationSeen {
            steps: Some(control.db.steps(id).await?),
            operation: known,
            as_of: None,
        });
    }
    if known.status.is_final() {
        // Whether the other site answers must not matter any more.
        return Ok(OperationSeen {
            operation: known,
            as_of: None,
            steps: None,
        });
    }
    match holder::ask(control, &known).await {
        Ok(Some(theirs)) => {
            let (ended, steps) = (theirs.operation.status.is_final(), theirs.steps);
            holder::learn(control, &known, theirs.operation).await?;
            if ended && let Some(group) = control.db.get_group(known.group_id).await? {
                holder::caught_up(control, &group).await?;
            }
            Ok(OperationSeen {
                operation: get(control, project, id).await?,
                as_of: None,
                steps: Some(steps),
            })
        }
        Ok(None) | Err(_) => Ok(OperationSeen {
            as_of: Some(known.updated_at),
            operation: known,
            steps: None,
        }),
    }
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
