//! Operations, who may execute them, and their journal.
//!
//! An engine holds an operation by a lease. Taking one raises its fence; every write afterwards
//! begins by renewing the lease under that fence, and a write that matches no row means that
//! another engine has taken over.

mod before;
mod create;
mod ends;
mod lease;
mod left;
mod tests_passed;
mod turns;
mod watched;

use protector_framework::{GroupId, OperationId, ProjectId};
use protector_model::{
    Operation, OperationOptions, OperationResult, OperationStatus, Plan, StepRecord, StepStatus,
    schedule,
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};

use crate::connection::{Db, flag, hold, json, maybe_json, number, rows, run, stamp, to_json};
use crate::error::{DbError, Result};
use crate::groups::group_in;
use crate::page::{Listing, Page};

pub use before::CameBefore;
pub use create::{Created, IdempotencyKey};
pub use lease::{Claim, Fence};

const FIELDS: &[&str] = &[
    "id",
    "group_id",
    "kind",
    "status",
    "executor_site_id",
    "created_at",
    "updated_at",
];

impl Db {
    /// One operation.
    ///
    /// # Errors
    /// `Corrupt` where it cannot be read.
    pub async fn get_operation(&self, id: OperationId) -> Result<Option<Operation>> {
        self.repeated(|| operation_in(&self.conn, id)).await
    }

    /// One page of the operations of a project, a group, or all.
    ///
    /// # Errors
    /// `BadQuery`, `BadMarker`.
    pub async fn page_operations(
        &self,
        project: Option<&ProjectId>,
        group: Option<GroupId>,
        page: &Page,
    ) -> Result<Vec<Operation>> {
        let mut condition = "1 = 1".to_owned();
        let mut values = Vec::new();
        if let Some(project) = project {
            condition.push_str(" AND project_id = ?");
            values.push(project.as_str().into());
        }
        if let Some(group) = group {
            condition.push_str(" AND group_id = ?");
            values.push(group.to_string().into());
        }
        let list = Listing {
            table: "dr_operations",
            columns: "*",
            fields: FIELDS,
            always: (&condition, values),
        };
        self.page(list, page)
            .await?
            .iter()
            .map(|row| json(row, "body"))
            .collect()
    }

    /// How many operations of a project are not finished.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn count_unfinished(&self, project: &ProjectId) -> Result<u64> {
        let sql = "SELECT COUNT(*) AS n FROM dr_operations
            WHERE project_id = ? AND status IN ('queued', 'running', 'waiting_for_user')";
        let found = self.rows(sql, [project.as_str().into()]).await?;
        found.first().map_or(Ok(0), |row| {
            number(row, "n").map(|n| u64::try_from(n).unwrap_or(0))
        })
    }

    /// Completes what an operation that has ended says of its outcome. The other site is told.
    /// `read`: the operation that the result is of.
    ///
    /// # Errors
    /// `NotFound`; `Refused` where the operation was opened again since.
    pub async fn complete_result(&self, read: &Operation, result: OperationResult) -> Result<()> {
        let (id, attempt) = (read.id, read.attempt);
        self.transaction(|tx| {
            let result = result.clone();
            Box::pin(async move {
                let tx = &*tx;
                hold(tx, "dr_operations", &id.to_string()).await?;
                let mut operation = required(tx, id).await?;
                if !operation.status.is_final() || operation.attempt != attempt {
                    return Err(DbError::Refused(format!("operation {id} has gone on")));
                }
                operation.result = Some(result);
                operation.touch(self.clock.now());
                put_operation(tx, &operation).await.map(drop)
            })
        })
        .await
    }

    /// The journal of an operation, in the order of its plan.
    ///
    /// # Errors
    /// `Corrupt` where it cannot be read.
    pub async fn steps(&self, id: OperationId) -> Result<Vec<StepRecord>> {
        self.repeated(|| steps_in(&self.conn, id)).await
    }

    /// The plan of an operation, once an engine has made it.
    ///
    /// # Errors
    /// `Corrupt` where it cannot be read.
    pub async fn plan(&self, id: OperationId) -> Result<Option<Plan>> {
        let sql = "SELECT plan FROM dr_operations WHERE id = ?";
        let found = self.rows(sql, [id.to_string().into()]).await?;
        found
            .first()
            .map_or(Ok(None), |row| maybe_json(row, "plan"))
    }

    /// Opens a failed or waiting operation again: what failed or was skipped is pending, and it
    /// takes its group's place again.
    ///
    /// # Errors
    /// `NotFound`; `Refused` in another status; `Busy` where the group has another operation.
    pub async fn reopen_operation(
        &self,
        id: OperationId,
        options: &OperationOptions,
    ) -> Result<Operation> {
        self.transaction(|tx| {
            Box::pin(async move {
                let tx = &*tx;
                hold(tx, "dr_operations", &id.to_string()).await?;
                self.reopen_in(tx, id, Some(options)).await
            })
        })
        .await
    }

    /// `options`: where they change.
    async fn reopen_in(
        &self,
        tx: &DatabaseTransaction,
        id: OperationId,
        options: Option<&OperationOptions>,
    ) -> Result<Operation> {
        let mut operation = required(tx, id).await?;
        let reopens = operation.status == OperationStatus::WaitingForUser
            || operation.status.allows(OperationStatus::Queued);
        if !reopens {
            return Err(DbError::Refused(format!(
                "an operation that is `{}` cannot be retried",
                operation.status
            )));
        }
        if operation.kind == protector_model::OperationKind::TestFailover
            && let Some(other) = self.standing_test(tx, &operation).await?
            && other != id
        {
            return Err(DbError::Refused(format!(
                "test {other} stands; clean it up first"
            )));
        }
        let plan = plan_in(tx, id).await?;
        let mut steps = steps_in(tx, id).await?;
        if let Some(plan) = &plan {
            refuse_stale(tx, &operation, plan, &steps).await?;
            for key in schedule::reopen(plan, &mut steps)
                .map_err(|refused| DbError::Refused(refused.to_string()))?
            {
                if let Some(step) = steps.iter().find(|s| s.key == key) {
                    self.put_step(tx, id, step).await?;
                }
            }
        }
        self.take_group(tx, &operation).await?;
        if let Some(options) = options {
            operation.options = options.clone();
        }
        operation.status = OperationStatus::Queued;
        operation.attempt += 1;
        operation.progress = 0;
        operation.error = None;
        operation.finished_at = None;
        operation.touch(self.clock.now());
        put_operation(tx, &operation).await?;
        Ok(operation)
    }

    /// Asks the engine to give an operation up; one that no engine has taken ends at once.
    ///
    /// # Errors
    /// `NotFound`; `Refused` where it has ended.
    pub async fn request_cancel(&self, id: OperationId) -> Result<Operation> {
        self.transaction(|tx| {
            Box::pin(async move {
                let tx = &*tx;
                hold(tx, "dr_operations", &id.to_string()).await?;
                let mut operation = required(tx, id).await?;
                let begun = plan_in(tx, id).await?.is_some();
                match operation.status {
                    // What it has done must be taken back: its engine does that.
                    OperationStatus::WaitingForUser => {
                        operation.status = OperationStatus::Queued;
                        operation.error = None;
                        operation.touch(self.clock.now());
                        put_operation(tx, &operation).await?;
                        let sql = "UPDATE dr_operations SET cancel_requested = 1 WHERE id = ?";
                        run(tx, sql, [id.to_string().into()]).await?;
                    }
                    OperationStatus::Queued if !begun => {
                        operation.status = OperationStatus::Cancelled;
                        operation.finished_at = Some(self.clock.now());
                        operation.touch(self.clock.now());
                        put_operation(tx, &operation).await?;
                        self.leave_group(tx, &operation).await?;
                    }
                    OperationStatus::Queued | OperationStatus::Running => {
                        let sql = "UPDATE dr_operations SET cancel_requested = 1 WHERE id = ?";
                        run(tx, sql, [id.to_string().into()]).await?;
                    }
                    ended => {
                        return Err(DbError::Refused(format!(
                            "an operation that is `{ended}` cannot be cancelled"
                        )));
                    }
                }
                Ok(operation)
            })
        })
        .await
    }

    /// Leaves a failed step out by a person's word and opens the operation again, or does neither.
    ///
    /// # Errors
    /// `NotFound` for the operation or the step; `Refused` where the step has not failed; as
    /// `reopen_operation`.
    pub async fn skip_step(&self, id: OperationId, key: &str, reason: &str) -> Result<Operation> {
        self.transaction(|tx| {
            Box::pin(async move {
                let tx = &*tx;
                hold(tx, "dr_operations", &id.to_string()).await?;
                let plan = plan_in(tx, id).await?;
                if !plan.is_some_and(|plan| schedule::may_be_skipped(&plan, key)) {
                    return Err(DbError::Refused(format!(
                        "step `{key}` cannot be left out: what follows relies on it"
                    )));
                }
                let mut steps = steps_in(tx, id).await?;
                let step = steps
                    .iter_mut()
                    .find(|s| s.key == key)
                    .ok_or_else(|| DbError::NotFound(format!("step `{key}`")))?;
                if step.status != StepStatus::Failed {
                    return Err(DbError::Refused(format!(
                        "step `{key}` is `{}`; only a failed step can be skipped",
                        step.status
                    )));
                }
                step.status = StepStatus::Done;
                step.output = Some(serde_json::json!({ "skipped": reason }));
                self.put_step(tx, id, step).await?;
                self.reopen_in(tx, id, None).await
            })
        })
        .await
    }

    async fn put_step(
        &self,
        tx: &DatabaseTransaction,
        id: OperationId,
        step: &StepRecord,
    ) -> Result<()> {
        let now = self.stamp();
        let changed = run(
            tx,
            "UPDATE dr_operation_steps SET status = ?, body = ?, updated_at = ?
             WHERE operation_id = ? AND step_key = ?",
            [
                step.status.as_str().into(),
                to_json(step)?.into(),
                now.clone().into(),
                id.to_string().into(),
                step.key.clone().into(),
            ],
        )
        .await?;
        if changed == 0 {
            run(
                tx,
                "INSERT INTO dr_operation_steps (id, operation_id, step_key, position, status,
                    body, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    self.ids.uuid().to_string().into(),
                    id.to_string().into(),
                    step.key.clone().into(),
                    i64::from(step.position).into(),
                    step.status.as_str().into(),
                    to_json(step)?.into(),
                    now.clone().into(),
                    now.into(),
                ],
            )
            .await?;
        }
        Ok(())
    }
}

async fn operation_in<C: ConnectionTrait>(conn: &C, id: OperationId) -> Result<Option<Operation>> {
    let sql = "SELECT body FROM dr_operations WHERE id = ?";
    let found = rows(conn, sql, [id.to_string().into()]).await?;
    found.first().map(|row| json(row, "body")).transpose()
}

async fn plan_in<C: ConnectionTrait>(conn: &C, id: OperationId) -> Result<Option<Plan>> {
    let sql = "SELECT plan FROM dr_operations WHERE id = ?";
    let found = rows(conn, sql, [id.to_string().into()]).await?;
    found
        .first()
        .map_or(Ok(None), |row| maybe_json(row, "plan"))
}

/// An operation goes on only where the group is as it left it: a later move has made its plan a
/// danger to what runs now.
async fn refuse_stale(
    tx: &DatabaseTransaction,
    operation: &Operation,
    plan: &Plan,
    steps: &[StepRecord],
) -> Result<()> {
    let Some(record) = group_in(tx, operation.group_id).await? else {
        return Ok(());
    };
    if schedule::is_current(&record.document, operation, plan, steps) {
        return Ok(());
    }
    Err(DbError::Refused(
        "the protection group has moved since; ask for a new operation".to_owned(),
    ))
}

async fn required<C: ConnectionTrait>(conn: &C, id: OperationId) -> Result<Operation> {
    operation_in(conn, id)
        .await?
        .ok_or_else(|| DbError::NotFound(format!("operation {id}")))
}

async fn steps_in<C: ConnectionTrait>(conn: &C, id: OperationId) -> Result<Vec<StepRecord>> {
    let sql = "SELECT body FROM dr_operation_steps WHERE operation_id = ? ORDER BY position";
    let found = rows(conn, sql, [id.to_string().into()]).await?;
    found.iter().map(|row| json(row, "body")).collect()
}

async fn put_operation<C: ConnectionTrait>(conn: &C, operation: &Operation) -> Result<u64> {
    run(
        conn,
        "UPDATE dr_operations SET status = ?, body = ?, attempt = ?, updated_at = ? WHERE id = ?",
        [
            operation.status.as_str().into(),
            to_json(operation)?.into(),
            i64::from(operation.attempt).into(),
            stamp(operation.updated_at).into(),
            operation.id.to_string().into(),
        ],
    )
    .await
}

fn cancel_flag(row: &QueryResult) -> Result<bool> {
    flag(row, "cancel_requested")
}
