//! Which servers run at the source before a move stops any: the source's own site must know, in case
//! it has to bring them back alone.

use chrono::TimeDelta;
use protector_framework::{ServerRef, ServerStatus};
use protector_model::operation::OperationError;
use protector_model::outputs::{Survey, read};
use protector_model::plan::Action;
use protector_model::{Member, Operation};
use protector_peer::{PeerError, Remote};

use super::work::{Work, found, unreached};
use super::{Output, output};
use crate::failure::StepFailure;

pub(super) async fn survey(work: &Work<'_>) -> Output {
    let survey = match read::<Survey>(work.noted().as_ref()) {
        Some(noted) => noted,
        None => {
            let seen = look(work).await?;
            // From here on each word about the operation says it.
            work.note(serde_json::json!(seen)).await?;
            seen
        }
    };
    tell(work, &survey).await?;
    output(&survey)
}

async fn look(work: &Work<'_>) -> Result<Survey, StepFailure> {
    let cloud = work.compute().await?;
    let mut was_running = Vec::new();
    for member in work.document.members.iter().filter(|m| stops(work, m)) {
        let copy = member.instance(work.site());
        let Some(id) = copy.and_then(|copy| copy.server_id.as_ref()) else {
            continue;
        };
        let server = found(cloud.get_server(&work.ctx()?, ServerRef::new(id)).await);
        let server = server.map_err(|e| work.failed(&e))?;
        if server.is_some_and(|server| server.status == ServerStatus::Active) {
            was_running.push(member.id);
        }
    }
    Ok(Survey { was_running })
}

fn stops(work: &Work<'_>, member: &Member) -> bool {
    work.run
        .plan
        .steps
        .iter()
        .any(|s| s.member == Some(member.id) && matches!(s.action, Action::StopServer))
}

/// Returns when the source's site has it for certain: it may have heard something newer meanwhile
/// that does not say it yet.
async fn tell(work: &Work<'_>, survey: &Survey) -> Result<(), StepFailure> {
    if work.site() == work.steps.site {
        return Ok(());
    }
    let remote = work.steps.reach.remote(work.site()).await;
    let remote = remote.map_err(|error| unreached(work.site(), error))?;
    let mut operation: Operation = work.run.operation.clone();
    operation.was_running = Some(survey.was_running.clone());
    for _ in 0..3 {
        operation.touch(work.steps.clock.now());
        remote
            .put_mirror(&operation)
            .await
            .map_err(|e| not_told(work, &e))?;
        let theirs = known(work, &*remote, &operation).await?;
        if theirs.was_running == operation.was_running {
            return Ok(());
        }
        operation.updated_at = theirs.updated_at + TimeDelta::milliseconds(1);
    }
    let lost = PeerError::Failed("it does not keep what it is told of the operation".to_owned());
    Err(not_told(work, &lost))
}

async fn known(
    work: &Work<'_>,
    remote: &dyn Remote,
    operation: &Operation,
) -> Result<Operation, StepFailure> {
    let view = remote.get_operation(operation.id).await;
    let view = view.map_err(|e| not_told(work, &e))?;
    let missing = || PeerError::Failed("it does not know the operation".to_owned());
    view.map(|view| view.operation)
        .ok_or_else(|| not_told(work, &missing()))
}

fn not_told(work: &Work<'_>, error: &PeerError) -> StepFailure {
    StepFailure::Transient {
        error: Box::new(OperationError {
            message: format!("the source's Protector was not told what is stopped: {error}"),
            site_id: Some(work.site()),
            what_to_do: Some("bring that site's protector-api back".to_owned()),
            ..OperationError::default()
        }),
        after: None,
    }
}
