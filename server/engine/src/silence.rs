//! What a site does about operations that the other one executes and says nothing of any more. Where
//! it is a planned move and authority has not passed, the old primary gives the move up alone, and
//! the servers that it stopped run again.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use protector_db::{DbError, GroupRecord};
use protector_framework::{
    CallCtx, ComputeDriver, DriverError, ErrorKind, OperationId, ServerId, ServerRef, ServerStatus,
};
use protector_model::operation::OperationError;
use protector_model::{
    FailoverType, GroupDocument, InstanceState, Operation, OperationStatus, Site,
};

use crate::peers::Peers;

/// How long the executor may say nothing before it is asked whether it knows the operation.
const DOUBT: Duration = Duration::from_secs(60);
/// How long the executor of a planned move may say nothing.
const PATIENCE: Duration = Duration::from_secs(300);

/// The newest word of each operation, and when it was heard by this process. A new engine begins to
/// count anew, which only makes it wait longer.
pub(crate) type Heard = HashMap<OperationId, (DateTime<Utc>, Duration)>;

impl Peers {
    /// Ends the operations of the other site that it knows no longer, and gives up the planned moves
    /// away from this site of which nothing was heard for too long.
    pub(crate) async fn follow_others(
        &self,
        local: &Site,
        heard: &mut Heard,
    ) -> Result<(), DbError> {
        let others: Vec<Operation> = self
            .db
            .unfinished_operations()
            .await?
            .into_iter()
            .filter(|operation| operation.executor_site_id != local.id)
            .collect();
        heard.retain(|id, _| others.iter().any(|o| o.id == *id));
        let now = self.clock.monotonic();
        let mut all = Ok(());
        for operation in &others {
            all = all.and(self.follow(local, operation, heard, now).await);
        }
        all
    }

    async fn follow(
        &self,
        local: &Site,
        operation: &Operation,
        heard: &mut Heard,
        now: Duration,
    ) -> Result<(), DbError> {
        let (word, since) = heard
            .entry(operation.id)
            .or_insert((operation.updated_at, now));
        if *word != operation.updated_at {
            (*word, *since) = (operation.updated_at, now);
        }
        if operation.status == OperationStatus::Queued
            && now - *since >= DOUBT
            && self.waits_there(operation).await
        {
            // It waits for a place there: nothing has been stopped for it.
            *since = now;
        }
        let silent = now - *since;
        let lost = silent >= DOUBT && self.is_unknown_there(operation).await;
        let moves = moves_away(operation, local);
        let record = self.db.get_group(operation.group_id).await?;
        let record = record.filter(|record| moves && is_still_here(record, local));
        // One that waits for a person is not silent: it has said so.
        let waits = operation.status == OperationStatus::WaitingForUser;
        match record {
            Some(record) if lost || begun(&record, operation) || (!waits && silent >= PATIENCE) => {
                self.give_up(record, operation, lost).await?;
            }
            _ if lost => self.end(operation, unknown(operation)).await?,
            _ => {}
        }
        Ok(())
    }

    /// Whether the executing site answers that no engine has taken the operation yet.
    async fn waits_there(&self, operation: &Operation) -> bool {
        let Ok(remote) = self.reach.remote(operation.executor_site_id).await else {
            return false;
        };
        let there = remote.get_operation(operation.id).await;
        matches!(there, Ok(Some(view)) if view.operation.status == OperationStatus::Queued)
    }

    /// Whether the executing site answers that it does not know the operation: it was rebuilt.
    async fn is_unknown_there(&self, operation: &Operation) -> bool {
        let Ok(remote) = self.reach.remote(operation.executor_site_id).await else {
            return false;
        };
        matches!(remote.get_operation(operation.id).await, Ok(None))
    }

    async fn end(
        &self,
        operation: &Operation,
        (status, error): (OperationStatus, OperationError),
    ) -> Result<(), DbError> {
        let mut ended = operation.clone();
        ended.status = status;
        ended.finished_at = Some(self.clock.now());
        ended.error = Some(error);
        ended.touch(self.clock.now());
        self.db.update_mirror(&ended).await
    }

    /// First the document goes on, so that the old primary's database accepts the move no more;
    /// only then may anything run again. Repeated until all does.
    async fn give_up(
        &self,
        record: GroupRecord,
        operation: &Operation,
        lost: bool,
    ) -> Result<(), DbError> {
        let document = match begun(&record, operation) {
            true => record.document,
            false => match self.void(&record, operation).await? {
                Some(document) => document,
                None => return Ok(()),
            },
        };
        // Read anew: what it was about to stop may have been told since.
        let known = self.db.get_operation(operation.id).await?;
        let operation = known.as_ref().unwrap_or(operation);
        let Some(ill) = self.all_run_again(&document, operation).await else {
            return Ok(());
        };
        let (status, mut error) = match lost {
            true => unknown(operation),
            false => silent(operation),
        };
        if !ill.is_empty() {
            let names = ill.join(", ");
            error
                .message
                .push_str(&format!("; not started again: {names}"));
        }
        self.end(operation, (status, error)).await
    }

    /// The document that makes the move impossible; `None` where another change comes first.
    async fn void(
        &self,
        record: &GroupRecord,
        operation: &Operation,
    ) -> Result<Option<GroupDocument>, DbError> {
        let mut next = record.document.next_version(self.clock.now());
        next.given_up = Some(operation.id);
        let Ok(bytes) = next.to_bytes() else {
            return Ok(None);
        };
        let base = record.head.base();
        match self.db.write_local(&base, &bytes, None, false).await {
            Ok(written) => {
                tracing::warn!(
                    operation = %operation.id,
                    "nothing was heard of the move for too long: it is given up"
                );
                Ok(Some(written.document))
            }
            Err(DbError::Moved(_) | DbError::ChangePending) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Brings every server that the move has stopped nearer to where it was; once none is left, names
    /// those that cannot be started.
    async fn all_run_again(
        &self,
        document: &GroupDocument,
        operation: &Operation,
    ) -> Option<Vec<String>> {
        let site = operation.source_site_id;
        let Some(project) = document.projects.get(&site) else {
            return Some(Vec::new());
        };
        let cloud = match self.reach.compute(site, project).await {
            Ok(cloud) => cloud,
            Err(error) => {
                tracing::warn!(%error, "the servers of a move that was given up are not reached");
                return None;
            }
        };
        // Nothing is stopped before this site was told what ran.
        let Some(was_running) = &operation.was_running else {
            return Some(Vec::new());
        };
        let (mut all, mut ill) = (true, Vec::new());
        for member in &document.members {
            let copy = member.instance(site);
            let copy = copy.filter(|copy| copy.state == InstanceState::Production);
            let Some(id) = copy.and_then(|copy| copy.server_id.as_ref()) else {
                continue;
            };
            let ctx = CallCtx::new(&operation.actor.request_id, CallCtx::MAX_DEADLINE);
            let start = was_running.contains(&member.id);
            match as_before(&*cloud, &ctx, id, start).await {
                Ok(Now::AsBefore) => {}
                Ok(Now::OnItsWay) => all = false,
                Ok(Now::Ill(state)) => ill.push(format!("`{}` ({state})", member.name)),
                Err(error) => {
                    tracing::warn!(server = %id, %error, "it does not run again yet");
                    all = false;
                }
            }
        }
        all.then_some(ill)
    }
}

/// How a server stands that is brought back to where it was.
enum Now {
    AsBefore,
    OnItsWay,
    /// It is in a state that a start does not leave.
    Ill(String),
}

/// One step of one server: started if it ran, then unlocked.
async fn as_before(
    cloud: &dyn ComputeDriver,
    ctx: &CallCtx,
    id: &ServerId,
    ran: bool,
) -> Result<Now, DriverError> {
    let server = match cloud.get_server(ctx, ServerRef::new(id)).await {
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(Now::AsBefore),
        server => server?,
    };
    // The move locks before it stops: what is not locked is as its owner has it.
    if !server.locked {
        return Ok(Now::AsBefore);
    }
    if server.busy {
        return Ok(Now::OnItsWay);
    }
    match server.status {
        ServerStatus::Stopped if ran => {
            cloud.start_server(ctx, ServerRef::new(id)).await?;
            Ok(Now::OnItsWay)
        }
        ServerStatus::Active | ServerStatus::Stopped => {
            cloud.unlock_server(ctx, ServerRef::new(id)).await?;
            Ok(Now::AsBefore)
        }
        _ => {
            // Its owner must be able to repair it.
            cloud.unlock_server(ctx, ServerRef::new(id)).await?;
            Ok(Now::Ill(server.raw_status))
        }
    }
}

fn silent(operation: &Operation) -> (OperationStatus, OperationError) {
    let error = OperationError {
        message: format!(
            "site {} executes it and was silent for {} s; this site gave it up and runs on",
            operation.executor_site_id,
            PATIENCE.as_secs()
        ),
        site_id: Some(operation.executor_site_id),
        what_to_do: Some(
            "find out why the sites could not speak to each other, then ask again".to_owned(),
        ),
        ..OperationError::default()
    };
    (OperationStatus::Cancelled, error)
}

fn unknown(operation: &Operation) -> (OperationStatus, OperationError) {
    let error = OperationError {
        message: format!(
            "site {}, which executed it, answers that it does not know it; what it had done there \
             is not known",
            operation.executor_site_id
        ),
        site_id: Some(operation.executor_site_id),
        what_to_do: Some(
            "if that site's database was rebuilt or restored, look there for what it left, then \
             ask again"
                .to_owned(),
        ),
        ..OperationError::default()
    };
    (OperationStatus::Error, error)
}

/// Whether it is a planned move away from this site that the other site executes.
fn moves_away(operation: &Operation, local: &Site) -> bool {
    operation.kind.moves_authority()
        && operation.options.failover_type == Some(FailoverType::Planned)
        && operation.source_site_id == local.id
}

fn is_still_here(record: &GroupRecord, local: &Site) -> bool {
    record.conflict_with.is_none() && record.document.current_primary_site_id == local.id
}

fn begun(record: &GroupRecord, operation: &Operation) -> bool {
    record.document.given_up == Some(operation.id)
}
