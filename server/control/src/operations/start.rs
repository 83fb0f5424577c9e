//! A request becomes an operation on both sites, or on neither.

use protector_db::{Created, GroupRecord, IdempotencyKey};
use protector_framework::{GenericUuid as _, OperationId, ProjectId};
use protector_model::operation::Asked;
use protector_model::request::Direction;
use protector_model::{
    Actor, FailoverType, Operation, OperationKind, OperationOptions, Plan, Site, planner, request,
};
use protector_peer::{ForwardedOperation, OperationRole, PeerError};
use serde_json::json;

use super::source::refuse_if_reachable;
use crate::change::{not_sent, settled};
use crate::control::Control;
use crate::holder;
use crate::refusal::{Refusal, Result};
use crate::services::{OperationRequest, Started};
use crate::tenants::within_quota;

/// What is to be started.
#[derive(Debug)]
pub(crate) struct Start {
    /// What it does.
    pub(crate) kind: OperationKind,
    /// What was said about it.
    pub(crate) options: OperationOptions,
    /// What makes a second request the same one.
    pub(crate) key: Option<IdempotencyKey>,
    /// An operator moves everything that runs on a site: no project's quota counts, and whether the
    /// site still answers was asked once for all.
    pub(crate) whole_site: bool,
}

/// A user asks for an operation or its plan.
pub(crate) async fn ask(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    group: &str,
    kind: OperationKind,
    request: OperationRequest,
) -> Result<Started> {
    let own_requests = [
        OperationKind::Create,
        OperationKind::Delete,
        OperationKind::AddMember,
        OperationKind::RemoveMember,
        OperationKind::Quarantine,
    ];
    if own_requests.contains(&kind) {
        return Err(Refusal::invalid_field(
            "action",
            format!("`{kind}` cannot be asked for as an action"),
        ));
    }
    let record = control.group(project, group).await?;
    if request.dry_run {
        let planned = plan(control, actor, &record, kind, request.options.clone()).await;
        return match planned {
            Err(refusal) => match holder::news(control, &record, &refusal).await? {
                Some(newer) => plan(control, actor, &newer, kind, request.options).await,
                None => Err(refusal),
            },
            planned => planned,
        };
    }
    let body = json!({ kind.as_str(): [record.document.id, request.options] });
    let start = Start {
        kind,
        options: request.options,
        key: control.request_key(project, request.idempotency_key.as_deref(), &body),
        whole_site: false,
    };
    let operation = self::start(control, actor, &record, start).await?;
    Ok(Started::Operation(Box::new(operation)))
}

/// What an operation would do, by what this site knows.
pub(super) async fn plan(
    control: &Control,
    actor: &Actor,
    record: &GroupRecord,
    kind: OperationKind,
    options: OperationOptions,
) -> Result<Started> {
    settled(record)?;
    let options = filled(control, record, kind, options).await?;
    let (options, direction) = checked(record, kind, options)?;
    let project = project_here(control, record).await?;
    let operation = asked(control, actor, record, kind, options, direction, project);
    let options = &operation.options;
    let plan = match direction.executor == control.local().await?.id {
        true => {
            let before = control.db.came_before(record, &operation).await?;
            let before = before.for_plan();
            planner::plan_after(&record.document, kind, options, &direction, &before)?
        }
        // What came before is in the journals of the site that executes it.
        false => {
            let test = test_there(control, &operation).await?;
            planner::plan(&record.document, kind, options, &direction, test.as_ref())?
        }
    };
    Ok(Started::Plan(plan))
}

/// The plan of the test that an operation of the other site is about.
async fn test_there(control: &Control, operation: &Operation) -> Result<Option<Plan>> {
    let Some(test) = operation.options.test else {
        return Ok(None);
    };
    let remote = control.remote(operation.executor_site_id).await?;
    Ok(remote.get_operation(test).await?.and_then(|view| view.plan))
}

/// The operation that the same request asked for before.
pub(crate) async fn asked_before(
    control: &Control,
    key: Option<&IdempotencyKey>,
) -> Result<Option<Operation>> {
    match key {
        Some(key) => Ok(control.db.operation_of_request(key).await?),
        None => Ok(None),
    }
}

/// Whether a project may have one more operation.
pub(crate) async fn quota(control: &Control, project: &ProjectId) -> Result<()> {
    let limit = control.db.quotas(project).await?.running_operations;
    let used = control.db.count_unfinished(project).await?;
    within_quota(used, limit, "running operations")
}

/// The options with what the server knows: which test is cleaned up, and where its copies are.
async fn filled(
    control: &Control,
    record: &GroupRecord,
    kind: OperationKind,
    mut options: OperationOptions,
) -> Result<OperationOptions> {
    if kind == OperationKind::TestCleanup {
        options.test = options.test.or(record.test_operation);
        if let Some(test) = options.test {
            let test = control.db.get_operation(test).await?;
            options.site = test.map(|test| test.target_site_id);
        }
    }
    Ok(options)
}

/// Whether the operation makes sense, and which way it goes.
pub(crate) fn checked(
    record: &GroupRecord,
    kind: OperationKind,
    options: OperationOptions,
) -> Result<(OperationOptions, Direction)> {
    let test = record.test_operation;
    let direction = request::check(&record.document, kind, &options, test)?;
    let sites = [
        direction.source,
        record.document.other_site(direction.source),
    ];
    if options.site.is_some_and(|site| !sites.contains(&site)) {
        return Err(Refusal::invalid_field(
            "site",
            "is not a site of the protection group",
        ));
    }
    Ok((options, direction))
}

/// Whether an operation makes an older one give way. It may then also exceed the quota: nothing
/// keeps a group from being rescued.
pub(crate) fn preempts(kind: OperationKind, options: &OperationOptions) -> bool {
    kind.moves_authority() && options.failover_type == Some(FailoverType::Unplanned)
}

/// Starts an operation.
pub(crate) async fn start(
    control: &Control,
    actor: &Actor,
    record: &GroupRecord,
    start: Start,
) -> Result<Operation> {
    if let Some(operation) = asked_before(control, start.key.as_ref()).await? {
        return Ok(operation);
    }
    match start_by(control, actor, record, &start).await {
        Err(refusal) => match holder::news(control, record, &refusal).await? {
            Some(newer) => start_by(control, actor, &newer, &start).await,
            None => Err(refusal),
        },
        started => started,
    }
}

/// Starts an operation by what this site knows of the group.
pub(super) async fn start_by(
    control: &Control,
    actor: &Actor,
    record: &GroupRecord,
    start: &Start,
) -> Result<Operation> {
    settled(record)?;
    let local = control.local().await?;
    let project = project_here(control, record).await?;
    let preempt = preempts(start.kind, &start.options);
    let record = &match preempt {
        true => record.clone(),
        false => holder::free(control, record).await?,
    };
    if !preempt && !start.whole_site {
        quota(control, &project).await?;
    }
    let options = filled(control, record, start.kind, start.options.clone()).await?;
    let (options, direction) = checked(record, start.kind, options)?;
    let operation = asked(
        control, actor, record, start.kind, options, direction, project,
    );
    let request = Request {
        operation,
        key: start.key.clone(),
        preempt,
        whole_site: start.whole_site,
    };
    let started = if direction.executor == local.id {
        execute_here(control, record, &direction, &request).await?
    } else {
        execute_there(control, &local, &direction, &request).await?
    };
    control
        .audit(
            &format!("operation.{}", started.kind),
            started.id,
            actor,
            json!({ "group_id": started.group_id, "options": started.options }),
        )
        .await?;
    Ok(started)
}

async fn project_here(control: &Control, record: &GroupRecord) -> Result<ProjectId> {
    let local = control.local().await?;
    let project = record.document.projects.get(&local.id).cloned();
    project.ok_or_else(|| Refusal::internal("the group has no project on this site"))
}

/// The operation as it is asked for now.
fn asked(
    control: &Control,
    actor: &Actor,
    record: &GroupRecord,
    kind: OperationKind,
    options: OperationOptions,
    direction: Direction,
    project_id: ProjectId,
) -> Operation {
    Operation::from(Asked {
        id: OperationId::from_untyped_uuid(control.uuid()),
        group_id: record.document.id,
        project_id,
        kind,
        options,
        direction,
        actor: actor.clone(),
        at: control.now(),
    })
}

/// An operation on its way into both databases.
struct Request {
    operation: Operation,
    key: Option<IdempotencyKey>,
    preempt: bool,
    whole_site: bool,
}

impl Request {
    fn forwarded(&self, role: OperationRole) -> ForwardedOperation {
        ForwardedOperation {
            operation: self.operation.clone(),
            role,
            idempotency: self
                .key
                .as_ref()
                .map(|key| (key.key.clone(), key.body_hash.clone())),
            preempt: self.preempt,
        }
    }
}

/// This site executes it; the other one agrees first, by giving it the group's place there.
async fn execute_here(
    control: &Control,
    record: &GroupRecord,
    direction: &Direction,
    request: &Request,
) -> Result<Operation> {
    let operation = &request.operation;
    if request.preempt && !operation.options.force && !request.whole_site {
        refuse_if_reachable(control, direction.source, &operation.actor).await?;
    }
    let mut mirrored = None;
    if direction.needs_peer {
        let other = record.document.other_site(direction.executor);
        let remote = control.remote(other).await?;
        remote.identity().await.map_err(not_sent)?;
        match remote
            .create_operation(&request.forwarded(OperationRole::Mirror))
            .await
        {
            Ok(mirror) if mirror.id == operation.id => mirrored = Some(remote),
            // The other site took the same request before and knows its operation.
            Ok(known) => return found_there(control, operation, &known).await,
            Err(error @ PeerError::Refused { .. }) => return Err(error.into()),
            Err(error) => {
                // It may have come through. What cannot be taken back now is found later.
                take_back(&*remote, operation.id).await;
                return Err(not_sent(error));
            }
        }
    }
    let created = control
        .db
        .create_operation(operation, request.key.as_ref(), request.preempt)
        .await;
    match created {
        Ok(Created::New) => Ok(operation.clone()),
        other => {
            if let Some(remote) = mirrored {
                take_back(&*remote, operation.id).await;
            }
            match other? {
                Created::Existing(known) => Ok(*known),
                Created::New => Ok(operation.clone()),
            }
        }
    }
}

/// The other site executes it; it takes the group's place here first.
async fn execute_there(
    control: &Control,
    local: &Site,
    direction: &Direction,
    request: &Request,
) -> Result<Operation> {
    let operation = &request.operation;
    let remote = control.remote(direction.executor).await?;
    remote.identity().await.map_err(not_sent)?;
    if request.preempt {
        return preempt_there(control, &*remote, request).await;
    }
    let created = control
        .db
        .create_operation(operation, request.key.as_ref(), request.preempt)
        .await?;
    if let Created::Existing(known) = created {
        return Ok(*known);
    }
    let replied = remote
        .create_operation(&request.forwarded(OperationRole::Execute))
        .await;
    let error = match replied {
        Ok(theirs) if theirs.id == operation.id => return Ok(operation.clone()),
        Ok(theirs) => {
            control.db.drop_mirror(operation.id).await?;
            return found_there(control, operation, &theirs).await;
        }
        Err(error @ PeerError::Refused { .. }) => {
            control.db.drop_mirror(operation.id).await?;
            return Err(error.into());
        }
        Err(error) => error,
    };
    if let Ok(Some(_)) = remote.get_operation(operation.id).await {
        return Ok(operation.clone());
    }
    control.db.drop_mirror(operation.id).await?;
    if let Some(begun) = control.db.get_operation(operation.id).await? {
        // Its engine has told of it in between.
        return Ok(begun);
    }
    Err(Refusal::peer_unreachable(format!(
        "{error}; site `{}` has not started the operation. It may still appear if the request \
         reached the other site",
        local.name
    )))
}

/// The other site decides first whether what runs has to give way: it may still refuse. Here the
/// older operation then ends with what the other site says.
async fn preempt_there(
    control: &Control,
    remote: &dyn protector_peer::Remote,
    request: &Request,
) -> Result<Operation> {
    let operation = &request.operation;
    let theirs = remote
        .create_operation(&request.forwarded(OperationRole::Execute))
        .await
        .map_err(Refusal::from)?;
    if theirs.id != operation.id {
        return found_there(control, operation, &theirs).await;
    }
    let created = control
        .db
        .create_operation(operation, request.key.as_ref(), true)
        .await;
    if let Err(error) = created {
        tracing::warn!(operation = %operation.id, %error, "it is executed, but another has the place here");
        control.db.update_mirror(operation).await?;
    }
    Ok(operation.clone())
}

/// The other site knows the request under another operation: this site shows that one.
async fn found_there(
    control: &Control,
    asked: &Operation,
    theirs: &Operation,
) -> Result<Operation> {
    let mine = Operation {
        project_id: asked.project_id.clone(),
        ..theirs.clone()
    };
    control.db.update_mirror(&mine).await?;
    Ok(mine)
}

async fn take_back(remote: &dyn protector_peer::Remote, id: OperationId) {
    if let Err(error) = remote.drop_mirror(id).await {
        tracing::warn!(operation = %id, %error, "the other site may hold the group for it");
    }
}
