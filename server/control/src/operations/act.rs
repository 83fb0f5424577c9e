//! What people do with an operation: at the site that executes it.

use protector_db::GroupRecord;
use protector_framework::{OperationId, ProjectId};
use protector_model::{Actor, Operation, OperationKind, OperationOptions, OperationStatus};
use protector_peer::{ForwardedAction, OperationAction};
use serde_json::json;

use super::Start;
use super::read::get;
use super::source::refuse_if_reachable;
use crate::control::Control;
use crate::groups::known;
use crate::refusal::{Refusal, Result};

/// A user acts on an operation.
pub(crate) async fn act(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    id: OperationId,
    action: OperationAction,
) -> Result<Operation> {
    let operation = get(control, project, id).await?;
    if let OperationAction::Skip { reason, .. } = &action
        && reason.trim().is_empty()
    {
        return Err(Refusal::invalid_field("reason", "must not be empty"));
    }
    let detail = json!(action);
    let local = control.local().await?;
    let acted = match (&action, operation.executor_site_id == local.id) {
        // An operation of its own, which finds its executor by itself.
        (OperationAction::Cleanup, _) => clean_up(control, actor, &operation).await?,
        (_, true) => {
            let acted = here(control, actor, &operation, &action).await?;
            tell(control, &acted).await;
            acted
        }
        (_, false) => there(control, actor, operation, action).await?,
    };
    control.audit("operation.action", id, actor, detail).await?;
    Ok(acted)
}

/// The other site's user acts on an operation that this site executes.
pub(crate) async fn receive_action(
    control: &Control,
    id: OperationId,
    forwarded: &ForwardedAction,
) -> Result<Operation> {
    let found = control.db.get_operation(id).await?;
    let operation = found.ok_or_else(|| Refusal::not_found(format_args!("operation {id}")))?;
    let local = control.local().await?;
    if operation.executor_site_id != local.id {
        return Err(Refusal::conflict(
            "protector.wrong_executor",
            format!("operation {id} is not executed on site `{}`", local.name),
        ));
    }
    here(control, &forwarded.actor, &operation, &forwarded.action).await
}

/// At the site that executes it, whose word this site takes over.
async fn there(
    control: &Control,
    actor: &Actor,
    operation: Operation,
    action: OperationAction,
) -> Result<Operation> {
    let remote = control.remote(operation.executor_site_id).await?;
    let forwarded = ForwardedAction {
        action,
        actor: actor.clone(),
    };
    let theirs = remote.act_on_operation(operation.id, &forwarded).await?;
    let mine = Operation {
        project_id: operation.project_id,
        ..theirs
    };
    control.db.update_mirror(&mine).await?;
    Ok(mine)
}

async fn here(
    control: &Control,
    actor: &Actor,
    operation: &Operation,
    action: &OperationAction,
) -> Result<Operation> {
    let id = operation.id;
    match action {
        OperationAction::Cancel => Ok(control.db.request_cancel(id).await?),
        OperationAction::Retry { force, accept_loss } => {
            if *accept_loss && !operation.kind.moves_authority() {
                let why = format!("does not fit `{}`", operation.kind);
                return Err(Refusal::invalid_field("retry.accept_loss", why));
            }
            let forced = operation.options.force || *force;
            if operation.is_unplanned_move() && !forced {
                // The only copy of a member that did not come up may be at work there.
                refuse_if_reachable(control, operation.source_site_id, actor).await?;
            }
            let options = OperationOptions {
                force: forced,
                accept_loss: operation.options.accept_loss || *accept_loss,
                ..operation.options.clone()
            };
            Ok(control.db.reopen_operation(id, &options).await?)
        }
        OperationAction::Skip { step, reason } => {
            stands(operation)?;
            Ok(control.db.skip_step(id, step, reason).await?)
        }
        OperationAction::Cleanup => clean_up(control, actor, operation).await,
    }
}

/// Whether no engine works on the operation: one that does has read the journal already, and would
/// not see that a step is left out.
fn stands(operation: &Operation) -> Result<()> {
    if operation.status.allows(OperationStatus::Queued) {
        return Ok(());
    }
    Err(Refusal::conflict(
        "protector.wrong_state",
        format!(
            "operation {} is `{}`; a step is skipped once the operation waits for a person or has \
             ended with errors",
            operation.id, operation.status
        ),
    ))
}

/// Starts the operation that removes what this one left.
async fn clean_up(control: &Control, actor: &Actor, operation: &Operation) -> Result<Operation> {
    let record: GroupRecord = known(control, operation.group_id).await?;
    let (kind, options) = if operation.kind == OperationKind::TestFailover {
        let options = OperationOptions {
            test: Some(operation.id),
            ..OperationOptions::default()
        };
        (OperationKind::TestCleanup, options)
    } else {
        let options = OperationOptions {
            site: Some(operation.target_site_id),
            ..OperationOptions::default()
        };
        (OperationKind::Cleanup, options)
    };
    let start = Start {
        kind,
        options,
        key: None,
        whole_site: false,
    };
    super::start(control, actor, &record, start).await
}

/// The other site shows the operation from its mirror and learns at once; where it is away, the
/// engine tells it later.
async fn tell(control: &Control, operation: &Operation) {
    let told = async {
        let record = known(control, operation.group_id).await?;
        let other = record.document.other_site(operation.executor_site_id);
        let remote = control.remote(other).await?;
        remote.put_mirror(operation).await.map_err(Refusal::from)
    };
    if let Err(error) = told.await {
        tracing::info!(operation = %operation.id, %error, "the other site learns it later");
    }
}
