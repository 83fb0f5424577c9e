//! Leases and fences: who executes an operation, and how the one before is kept from writing.

use chrono::{DateTime, Utc};
use protector_framework::{OperationId, SiteId};
use protector_model::seeded::{Bug, is_on};
use protector_model::{Operation, OperationStatus, Plan, StepRecord};
use sea_orm::DatabaseTransaction;

use super::turns::{Candidate, note_taken};
use super::{cancel_flag, put_operation, required, steps_in};
use crate::connection::{
    Db, flag, json, maybe_json, maybe_text, maybe_time, now, number, run, stamp, to_json,
};
use crate::error::{DbError, Result};

/// The right to write an operation, until another engine takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The operation.
    pub operation: OperationId,
    /// Higher is newer.
    pub number: u64,
    /// Who has it.
    pub owner: String,
}

/// An operation that an engine has taken.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The operation, `running`.
    pub operation: Operation,
    /// The right to write it.
    pub fence: Fence,
    /// Its plan, if one was made.
    pub plan: Option<Plan>,
    /// Its journal.
    pub steps: Vec<StepRecord>,
    /// Whether its former engine went away without saying so; a call of it may still be under way.
    pub unclean: bool,
    /// Whether that engine may still believe to hold it: the clock was set back since it was told so.
    pub still_held: bool,
}

impl Db {
    /// Takes the operation of a site whose turn it is, of those that are queued or whose engine has
    /// gone away.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn claim_operation(&self, owner: &str, site: SiteId) -> Result<Option<Claim>> {
        self.claim_where(owner, site, |_| true).await
    }

    /// The same among the operations that may not wait for others.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn claim_urgent_operation(&self, owner: &str, site: SiteId) -> Result<Option<Claim>> {
        self.claim_where(owner, site, |urgent| urgent).await
    }

    /// The same among those that may.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn claim_ordinary_operation(
        &self,
        owner: &str,
        site: SiteId,
    ) -> Result<Option<Claim>> {
        self.claim_where(owner, site, |urgent| !urgent).await
    }

    async fn claim_where(
        &self,
        owner: &str,
        site: SiteId,
        wanted: fn(bool) -> bool,
    ) -> Result<Option<Claim>> {
        for Candidate { waiting, row } in self.free_operations(site, wanted).await? {
            let id = waiting.id;
            let before = number(&row, "fence")?;
            let left = maybe_text(&row, "owner")?.is_some() && !flag(&row, "clean")?;
            let until = maybe_time(&row, "lease_until")?;
            tracing::debug!(%id, ?until, "an operation is free to take");
            let fence = Fence {
                operation: id,
                number: u64::try_from(before + 1).unwrap_or(0),
                owner: owner.to_owned(),
            };
            if let Some(mut claim) = self.take(&fence, before, left).await? {
                claim.still_held = left && until > Some(self.now().await?);
                return Ok(Some(claim));
            }
        }
        Ok(None)
    }

    /// No lease that was given by this clock ends later. One that does was given before the clock was
    /// set back, and would keep a dead engine's operation for as long as that was.
    pub(crate) fn no_lease(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + self.lease() * 2
    }

    async fn take(&self, fence: &Fence, before: i64, unclean: bool) -> Result<Option<Claim>> {
        self.transaction(|tx| {
            Box::pin(async move {
                let tx = &*tx;
                let at = now(tx, &*self.clock).await?;
                let taken = run(
                    tx,
                    "UPDATE dr_operations SET fence = fence + 1, owner = ?, clean = 0,
                        lease_until = ? WHERE id = ? AND fence = ?
                        AND status IN ('queued', 'running')
                        AND (lease_until IS NULL OR lease_until < ? OR lease_until > ?)",
                    [
                        fence.owner.clone().into(),
                        stamp(at + self.lease()).into(),
                        fence.operation.to_string().into(),
                        before.into(),
                        stamp(at).into(),
                        stamp(self.no_lease(at)).into(),
                    ],
                )
                .await?;
                if taken == 0 {
                    return Ok(None);
                }
                note_taken(tx, fence.operation, &stamp(at)).await?;
                let mut operation = required(tx, fence.operation).await?;
                operation.status = OperationStatus::Running;
                operation.started_at = operation.started_at.or_else(|| Some(self.clock.now()));
                operation.touch(self.clock.now());
                put_operation(tx, &operation).await?;
                let sql = "SELECT plan FROM dr_operations WHERE id = ?";
                let values = [fence.operation.to_string().into()];
                let found = crate::connection::rows(tx, sql, values).await?;
                let plan = found
                    .first()
                    .map_or(Ok(None), |row| maybe_json(row, "plan"))?;
                let steps = steps_in(tx, fence.operation).await?;
                Ok(Some(Claim {
                    operation,
                    fence: fence.clone(),
                    plan,
                    steps,
                    unclean,
                    still_held: false,
                }))
            })
        })
        .await
    }

    /// Goes on holding an operation.
    ///
    /// # Errors
    /// `Fenced` where another engine has it.
    pub async fn renew(&self, fence: &Fence) -> Result<()> {
        self.transaction(|tx| Box::pin(async move { self.renew_in(&tx, fence).await }))
            .await
    }

    pub(crate) async fn renew_in(&self, tx: &DatabaseTransaction, fence: &Fence) -> Result<()> {
        let until = now(tx, &*self.clock).await? + self.lease();
        let renewed = run(
            tx,
            "UPDATE dr_operations SET lease_until = ? WHERE id = ? AND fence = ? AND owner = ?",
            [
                stamp(until).into(),
                fence.operation.to_string().into(),
                i64::try_from(fence.number).unwrap_or(i64::MAX).into(),
                fence.owner.clone().into(),
            ],
        )
        .await?;
        if renewed == 0 && !is_on(Bug::FenceIgnored) {
            Err(DbError::Fenced)
        } else {
            Ok(())
        }
    }

    /// Keeps the plan and its journal, before anything of it runs.
    ///
    /// # Errors
    /// `Fenced`.
    pub async fn store_plan(&self, fence: &Fence, plan: &Plan, steps: &[StepRecord]) -> Result<()> {
        self.transaction(|tx| {
            Box::pin(async move {
                let tx = &*tx;
                self.renew_in(tx, fence).await?;
                let sql = "UPDATE dr_operations SET plan = ? WHERE id = ?";
                let id = fence.operation.to_string();
                run(tx, sql, [to_json(plan)?.into(), id.into()]).await?;
                for step in steps {
                    self.put_step(tx, fence.operation, step).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Journals a step.
    ///
    /// # Errors
    /// `Fenced`.
    pub async fn write_step(&self, fence: &Fence, step: &StepRecord) -> Result<()> {
        self.transaction(|tx| {
            Box::pin(async move {
                let tx = &*tx;
                self.renew_in(tx, fence).await?;
                self.put_step(tx, fence.operation, step).await
            })
        })
        .await
    }

    /// Writes the operation. A final or waiting status gives the lease back, a final one also the
    /// group's place.
    ///
    /// # Errors
    /// `Fenced`.
    pub async fn write_operation(&self, fence: &Fence, operation: &Operation) -> Result<()> {
        self.transaction(|tx| {
            Box::pin(async move {
                let tx = &*tx;
                self.renew_in(tx, fence).await?;
                put_operation(tx, operation).await?;
                if operation.status.is_final() {
                    self.leave_group(tx, operation).await?;
                }
                if operation.status.is_final()
                    || operation.status == OperationStatus::WaitingForUser
                {
                    self.give_back(tx, fence).await?;
                }
                if operation.status.is_final() {
                    // Where a person is asked, the wish to give it up stands.
                    let sql = "UPDATE dr_operations SET cancel_requested = 0 WHERE id = ?";
                    run(tx, sql, [fence.operation.to_string().into()]).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Gives an operation back unfinished, so that another engine can take it at once.
    ///
    /// # Errors
    /// `Fenced`.
    pub async fn release(&self, fence: &Fence) -> Result<()> {
        self.transaction(|tx| {
            Box::pin(async move {
                let tx = &*tx;
                self.renew_in(tx, fence).await?;
                self.give_back(tx, fence).await
            })
        })
        .await
    }

    async fn give_back(&self, tx: &DatabaseTransaction, fence: &Fence) -> Result<()> {
        let sql = "UPDATE dr_operations SET owner = NULL, lease_until = NULL, clean = 1
            WHERE id = ?";
        run(tx, sql, [fence.operation.to_string().into()])
            .await
            .map(|_| ())
    }

    /// Whether somebody asked to give the operation up.
    ///
    /// # Errors
    /// `Fenced` where the row is no longer this engine's.
    pub async fn cancel_requested(&self, fence: &Fence) -> Result<bool> {
        let sql = "SELECT cancel_requested FROM dr_operations WHERE id = ? AND fence = ?";
        let number = i64::try_from(fence.number).unwrap_or(i64::MAX);
        let found = self
            .rows(sql, [fence.operation.to_string().into(), number.into()])
            .await?;
        match found.first() {
            Some(row) => cancel_flag(row),
            None if is_on(Bug::FenceIgnored) => Ok(false),
            None => Err(DbError::Fenced),
        }
    }

    /// The operations of a site that are not finished.
    ///
    /// # Errors
    /// `Corrupt` where one cannot be read.
    pub async fn unfinished_operations(&self) -> Result<Vec<Operation>> {
        let sql = "SELECT body FROM dr_operations
            WHERE status IN ('queued', 'running', 'waiting_for_user') ORDER BY created_at";
        self.rows(sql, [])
            .await?
            .iter()
            .map(|row| json(row, "body"))
            .collect()
    }
}
