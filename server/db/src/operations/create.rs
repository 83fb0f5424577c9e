//! A new operation takes its group's place, or is refused; the same request again finds it.

use protector_framework::{GenericUuid as _, OperationId, ProjectId};
use protector_model::operation::{OperationError, superseded_by};
use protector_model::seeded::{Bug, is_on};
use protector_model::{Operation, OperationKind, OperationStatus, Plan, schedule};
use sea_orm::DatabaseTransaction;

use super::turns::drop_turn;
use super::{operation_in, put_operation, required, steps_in};
use crate::connection::{
    Db, hold, maybe_json, maybe_parsed, parsed, rows, run, stamp, text, to_json,
};
use crate::error::{DbError, Result};

/// What makes two requests the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The project it counts in.
    pub project: ProjectId,
    /// The key the caller chose.
    pub key: String,
    /// SHA-256 of what was asked.
    pub body_hash: String,
}

/// What became of a request for an operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// It is there now.
    New,
    /// It was there already.
    Existing(Box<Operation>),
}

impl Db {
    /// Adds an operation and takes its group's place. A mirror of one that the peer executes is
    /// added the same way: its executor is another site, so that no engine here takes it.
    ///
    /// With `preempt`, an older operation that has not passed its commit point gives way.
    ///
    /// # Errors
    /// `Busy` with the operation that has the place; `IdempotencyMismatch`; `NotFound` for the
    /// group.
    pub async fn create_operation(
        &self,
        operation: &Operation,
        idempotency: Option<&IdempotencyKey>,
        preempt: bool,
    ) -> Result<Created> {
        self.transaction(|tx| {
            Box::pin(async move {
                let tx = &*tx;
                hold(tx, "protection_groups", &operation.group_id.to_string()).await?;
                if preempt {
                    hold_active(tx, operation).await?;
                }
                if let Some(existing) = operation_in(tx, operation.id).await? {
                    return Ok(Created::Existing(Box::new(existing)));
                }
                if let Some(key) = idempotency
                    && let Some(existing) = self.same_request(tx, key).await?
                {
                    return Ok(Created::Existing(Box::new(existing)));
                }
                if preempt {
                    self.preempt(tx, operation).await?;
                }
                self.take_group(tx, operation).await?;
                self.insert_operation(tx, operation).await?;
                if let Some(key) = idempotency {
                    self.remember_request(tx, key, operation.id).await?;
                }
                Ok(Created::New)
            })
        })
        .await
    }

    /// The operation that the same request asked for before.
    ///
    /// # Errors
    /// `IdempotencyMismatch` where the key was used with another request.
    pub async fn operation_of_request(&self, key: &IdempotencyKey) -> Result<Option<Operation>> {
        self.transaction(|tx| Box::pin(async move { self.same_request(&tx, key).await }))
            .await
    }

    /// Takes what the executor says of an operation. Older news is ignored; a final status gives
    /// the group's place back, and one that is new or opened again takes it. An unplanned move that
    /// this site hears of only now takes it from whatever has it here. One that gave way here stays
    /// so, whatever an executor says that has not heard of it yet.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn update_mirror(&self, operation: &Operation) -> Result<()> {
        self.transaction(|tx| {
            Box::pin(async move {
                let tx = &*tx;
                hold(tx, "protection_groups", &operation.group_id.to_string()).await?;
                let Some(known) = operation_in(tx, operation.id).await? else {
                    return self.insert_mirror(tx, operation).await;
                };
                let older =
                    (known.attempt, known.updated_at) >= (operation.attempt, operation.updated_at);
                if older || (known.is_superseded() && !operation.status.is_final()) {
                    return Ok(());
                }
                let local = Operation {
                    project_id: known.project_id,
                    ..operation.clone()
                };
                put_operation(tx, &local).await?;
                if local.status.is_final() {
                    self.leave_group(tx, &local).await?;
                } else if known.status.is_final() {
                    self.take_group_again(tx, &local).await?;
                }
                Ok(())
            })
        })
        .await
    }

    async fn insert_mirror(&self, tx: &DatabaseTransaction, operation: &Operation) -> Result<()> {
        let given_up = matches!(
            operation.status,
            OperationStatus::Cancelled | OperationStatus::Error
        );
        let holder = match self.holder(tx, operation).await? {
            Some(holder) => operation_in(tx, holder).await?,
            None => None,
        };
        let old_news = holder.is_some_and(|holder| operation.created_at < holder.created_at);
        if operation.is_unplanned_move() && !given_up && !old_news {
            match self.preempt(tx, operation).await {
                Ok(()) | Err(DbError::Busy(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.insert_operation(tx, operation).await?;
        match operation.status.is_final() {
            true => Ok(()),
            false => self.take_group_again(tx, operation).await,
        }
    }

    /// An operation that is new here or was opened again takes its group's place; where another has it
    /// by now, the executor's site decides.
    async fn take_group_again(
        &self,
        tx: &DatabaseTransaction,
        operation: &Operation,
    ) -> Result<()> {
        match self.take_group(tx, operation).await {
            Err(DbError::Busy(holder)) => {
                tracing::warn!(operation = %operation.id, %holder, "another has the group here");
                Ok(())
            }
            // The group's document comes later.
            Err(DbError::NotFound(_)) => Ok(()),
            taken => taken,
        }
    }

    /// Removes a mirror whose operation the executor did not begin, gives the place back and forgets
    /// the request. One that was begun stays.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn drop_mirror(&self, id: OperationId) -> Result<()> {
        self.transaction(|tx| {
            Box::pin(async move {
                let tx = &*tx;
                let Some(known) = operation_in(tx, id).await? else {
                    return Ok(());
                };
                let sql = "DELETE FROM dr_operations WHERE id = ? AND status = 'queued'";
                if run(tx, sql, [id.to_string().into()]).await? == 0 {
                    return Ok(());
                }
                let sql = "DELETE FROM idempotency_keys WHERE operation_id = ?";
                run(tx, sql, [id.to_string().into()]).await?;
                drop_turn(tx, id).await?;
                self.leave_group(tx, &known).await
            })
        })
        .await
    }

    pub(super) async fn take_group(
        &self,
        tx: &DatabaseTransaction,
        operation: &Operation,
    ) -> Result<()> {
        if is_on(Bug::SecondOperation) {
            return Ok(());
        }
        if operation.waits_for_quarantine()
            && let Some(quarantine) = self.quarantine_of(tx, operation).await?
        {
            return Err(DbError::Busy(quarantine));
        }
        if operation.kind == OperationKind::Quarantine {
            return self.not_while_it_comes_back(tx, operation).await;
        }
        let taken = run(
            tx,
            "UPDATE protection_groups SET active_operation_id = ?
             WHERE id = ? AND (active_operation_id IS NULL OR active_operation_id = ?)",
            [
                operation.id.to_string().into(),
                operation.group_id.to_string().into(),
                operation.id.to_string().into(),
            ],
        )
        .await?;
        if taken > 0 {
            return Ok(());
        }
        match self.holder(tx, operation).await? {
            Some(holder) => Err(DbError::Busy(holder)),
            None => Err(DbError::NotFound(format!("group {}", operation.group_id))),
        }
    }

    /// An unplanned move to this site puts out of use itself what it does not start as it is.
    async fn not_while_it_comes_back(
        &self,
        tx: &DatabaseTransaction,
        quarantine: &Operation,
    ) -> Result<()> {
        let holder = match self.holder(tx, quarantine).await? {
            Some(holder) => operation_in(tx, holder).await?,
            None => None,
        };
        match holder {
            Some(move_here)
                if move_here.is_unplanned_move()
                    && move_here.executor_site_id == quarantine.executor_site_id =>
            {
                Err(DbError::Busy(move_here.id))
            }
            _ => Ok(()),
        }
    }

    /// The quarantine of the group's copies that this site's engine has under way.
    async fn quarantine_of(
        &self,
        tx: &DatabaseTransaction,
        operation: &Operation,
    ) -> Result<Option<OperationId>> {
        let found = rows(
            tx,
            "SELECT id FROM dr_operations WHERE group_id = ? AND kind = ? AND id <> ?
                AND executor_site_id IN (SELECT id FROM sites WHERE is_local = 1)
                AND status IN ('queued', 'running', 'waiting_for_user')",
            [
                operation.group_id.to_string().into(),
                OperationKind::Quarantine.to_string().into(),
                operation.id.to_string().into(),
            ],
        )
        .await?;
        found.first().map(|row| parsed(row, "id")).transpose()
    }

    pub(super) async fn leave_group(
        &self,
        tx: &DatabaseTransaction,
        operation: &Operation,
    ) -> Result<()> {
        self.note_test(tx, operation).await?;
        let sql = "UPDATE protection_groups SET active_operation_id = NULL
            WHERE id = ? AND active_operation_id = ?";
        let values = [
            operation.group_id.to_string().into(),
            operation.id.to_string().into(),
        ];
        run(tx, sql, values).await?;
        // What it has changed is looked at soon.
        let sql = "UPDATE readiness_reports SET next_look_at = ? WHERE id = ?";
        let values = [self.stamp().into(), operation.group_id.to_string().into()];
        run(tx, sql, values).await.map(|_| ())
    }

    /// A test failover's copies are there from its end until its clean-up has completed.
    async fn note_test(&self, tx: &DatabaseTransaction, operation: &Operation) -> Result<()> {
        let done = operation.status == OperationStatus::Completed;
        let there = match operation.kind {
            OperationKind::TestFailover => {
                operation.status.is_final()
                    && operation.status != OperationStatus::Cancelled
                    && operation.test_stands
            }
            OperationKind::TestCleanup if done => false,
            _ => return Ok(()),
        };
        // Another test that stands is not forgotten, whatever becomes of this one.
        let of = operation.options.test.unwrap_or(operation.id).to_string();
        let sql = "UPDATE protection_groups SET test_operation_id = ?
            WHERE id = ? AND (test_operation_id IS NULL OR test_operation_id = ?)";
        let test = there.then(|| of.clone());
        let values = [
            test.into(),
            operation.group_id.to_string().into(),
            of.into(),
        ];
        run(tx, sql, values).await.map(|_| ())
    }

    async fn holder(
        &self,
        tx: &DatabaseTransaction,
        operation: &Operation,
    ) -> Result<Option<OperationId>> {
        self.of_group(tx, operation, "active_operation_id").await
    }

    /// The test whose copies stand in an operation's group.
    pub(super) async fn standing_test(
        &self,
        tx: &DatabaseTransaction,
        operation: &Operation,
    ) -> Result<Option<OperationId>> {
        self.of_group(tx, operation, "test_operation_id").await
    }

    async fn of_group(
        &self,
        tx: &DatabaseTransaction,
        operation: &Operation,
        column: &'static str,
    ) -> Result<Option<OperationId>> {
        let sql = format!("SELECT {column} FROM protection_groups WHERE id = ?");
        let found = rows(tx, &sql, [operation.group_id.to_string().into()]).await?;
        let Some(row) = found.first() else {
            return Ok(None);
        };
        Ok(maybe_parsed(row, column)?.map(OperationId::from_untyped_uuid))
    }

    /// Ends what stands in the way of a newer operation: the one that has the group's place, unless
    /// it has changed authority already or is making or removing the group; and the quarantine of the
    /// copies that the newer one brings back.
    async fn preempt(&self, tx: &DatabaseTransaction, newer: &Operation) -> Result<()> {
        if let Some(holder) = self.holder(tx, newer).await?
            && let Some(older) = operation_in(tx, holder).await?
        {
            self.may_give_way(tx, &older).await?;
            self.give_way(tx, older, newer).await?;
        }
        if let Some(quarantine) = self.quarantine_of(tx, newer).await?
            && let Some(older) = operation_in(tx, quarantine).await?
            && older.executor_site_id == newer.executor_site_id
        {
            self.give_way(tx, older, newer).await?;
        }
        Ok(())
    }

    async fn may_give_way(&self, tx: &DatabaseTransaction, older: &Operation) -> Result<()> {
        let holder = older.id;
        let sql = "SELECT plan FROM dr_operations WHERE id = ?";
        let found = rows(tx, sql, [holder.to_string().into()]).await?;
        let plan: Option<Plan> = found
            .first()
            .map_or(Ok(None), |row| maybe_json(row, "plan"))?;
        let steps = steps_in(tx, holder).await?;
        let committed = plan
            .as_ref()
            .is_some_and(|plan| schedule::may_have_passed(plan, &steps));
        let fixed = matches!(older.kind, OperationKind::Create | OperationKind::Delete);
        match committed || fixed {
            true => Err(DbError::Busy(holder)),
            false => Ok(()),
        }
    }

    /// Ends an operation for a newer one. Its fence rises, so that its engine stops; the engine's name
    /// stays until it says that it has.
    async fn give_way(
        &self,
        tx: &DatabaseTransaction,
        mut older: Operation,
        newer: &Operation,
    ) -> Result<()> {
        older.status = OperationStatus::Cancelled;
        older.error = Some(OperationError {
            message: superseded_by(newer.id),
            ..OperationError::default()
        });
        older.finished_at = Some(self.clock.now());
        older.touch(self.clock.now());
        put_operation(tx, &older).await?;
        let sql = "UPDATE dr_operations SET fence = fence + 1, lease_until = NULL WHERE id = ?";
        run(tx, sql, [older.id.to_string().into()]).await?;
        self.leave_group(tx, &older).await
    }

    async fn insert_operation(
        &self,
        tx: &DatabaseTransaction,
        operation: &Operation,
    ) -> Result<()> {
        run(
            tx,
            "INSERT INTO dr_operations (id, group_id, project_id, kind, status, executor_site_id,
                body, attempt, fence, clean, cancel_requested, created_at, updated_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 1, 0, ?, ?)",
            [
                operation.id.to_string().into(),
                operation.group_id.to_string().into(),
                operation.project_id.as_str().into(),
                operation.kind.as_str().into(),
                operation.status.as_str().into(),
                operation.executor_site_id.to_string().into(),
                to_json(operation)?.into(),
                i64::from(operation.attempt).into(),
                stamp(operation.created_at).into(),
                stamp(operation.updated_at).into(),
            ],
        )
        .await?;
        self.insert_turn(tx, operation).await
    }

    async fn same_request(
        &self,
        tx: &DatabaseTransaction,
        key: &IdempotencyKey,
    ) -> Result<Option<Operation>> {
        let since = stamp(self.clock.now() - chrono::TimeDelta::hours(24));
        let sql = "DELETE FROM idempotency_keys WHERE project_id = ? AND created_at < ?";
        run(tx, sql, [key.project.as_str().into(), since.into()]).await?;
        let sql = "SELECT body_hash, operation_id FROM idempotency_keys
            WHERE project_id = ? AND request_key = ?";
        let found = rows(
            tx,
            sql,
            [key.project.as_str().into(), key.key.clone().into()],
        )
        .await?;
        let Some(row) = found.first() else {
            return Ok(None);
        };
        if text(row, "body_hash")? != key.body_hash {
            return Err(DbError::IdempotencyMismatch);
        }
        let id = OperationId::from_untyped_uuid(parsed(row, "operation_id")?);
        required(tx, id).await.map(Some)
    }

    async fn remember_request(
        &self,
        tx: &DatabaseTransaction,
        key: &IdempotencyKey,
        operation: OperationId,
    ) -> Result<()> {
        let now = self.stamp();
        run(
            tx,
            "INSERT INTO idempotency_keys (id, project_id, request_key, body_hash, operation_id,
                created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                self.ids.uuid().to_string().into(),
                key.project.as_str().into(),
                key.key.clone().into(),
                key.body_hash.clone().into(),
                operation.to_string().into(),
                now.clone().into(),
                now.into(),
            ],
        )
        .await
        .map(|_| ())
    }
}

/// Holds what may have to give way, so that what its engine notes is seen whole: the operation that has
/// the group's place, and quarantines.
async fn hold_active(tx: &DatabaseTransaction, newer: &Operation) -> Result<()> {
    let sql = "UPDATE dr_operations SET updated_at = updated_at
        WHERE id = (SELECT active_operation_id FROM protection_groups WHERE id = ?)
            OR (group_id = ? AND kind = ? AND status IN ('queued', 'running', 'waiting_for_user'))";
    let group = newer.group_id.to_string();
    let kind = OperationKind::Quarantine.to_string();
    run(tx, sql, [group.clone().into(), group.into(), kind.into()])
        .await
        .map(|_| ())
}
