//! That an operation has ended is told once, by whichever engine comes first, however it has ended:
//! run to its end, cancelled before it began, or given way to another one. What is told is found in the
//! operations themselves, so that no end is missed whose engine was killed.

use chrono::{DateTime, TimeDelta, Utc};
use protector_framework::SiteId;
use protector_model::{Operation, OperationStatus};

use crate::connection::{Db, json, stamp};
use crate::error::{DbError, Result};

/// How long an engine may take to tell what it has taken; then another tells it.
const HELD: TimeDelta = TimeDelta::seconds(60);
/// What ended longer ago is not told any more: such operations are from before ends were told. No engine
/// is down for so long unnoticed.
const LOOKED_BACK: TimeDelta = TimeDelta::days(30);
/// How many are taken at once.
const AT_ONCE: u64 = 100;

/// The statuses of what has ended, as SQL lists them.
pub(super) fn final_statuses() -> String {
    let ended = OperationStatus::ALL.iter().filter(|one| one.is_final());
    let ended: Vec<String> = ended.map(|one| format!("'{one}'")).collect();
    ended.join(", ")
}

impl Db {
    /// Takes the operations of a site that have ended and whose end was not told. Each is this
    /// engine's to tell for a while; [`Db::end_was_told`] keeps it from being told again.
    ///
    /// # Errors
    /// `Corrupt` where one cannot be read.
    pub async fn take_untold_ends(&self, site: SiteId) -> Result<Vec<Operation>> {
        let now = self.now().await?;
        let sql = format!(
            "SELECT o.body FROM dr_operations o LEFT JOIN told_ends t ON t.id = o.id
             WHERE o.executor_site_id = ? AND o.status IN ({}) AND o.updated_at > ?
                AND (t.id IS NULL OR t.attempt < o.attempt OR (t.told = 0 AND t.held_until < ?))
             ORDER BY o.updated_at LIMIT {AT_ONCE}",
            final_statuses()
        );
        let values = [
            site.to_string().into(),
            stamp(now - LOOKED_BACK).into(),
            stamp(now).into(),
        ];
        let mut taken = Vec::new();
        for row in self.rows(&sql, values).await? {
            let operation: Operation = json(&row, "body")?;
            if self.take_end(&operation, now).await? {
                taken.push(operation);
            }
        }
        Ok(taken)
    }

    /// The end of an operation that was taken has been told.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn end_was_told(&self, operation: &Operation) -> Result<()> {
        let sql = "UPDATE told_ends SET told = 1, updated_at = ? WHERE id = ? AND attempt = ?";
        let values = [
            self.stamp().into(),
            operation.id.to_string().into(),
            i64::from(operation.attempt).into(),
        ];
        self.run(sql, values).await.map(drop)
    }

    async fn take_end(&self, operation: &Operation, now: DateTime<Utc>) -> Result<bool> {
        let (id, attempt) = (operation.id.to_string(), i64::from(operation.attempt));
        let (until, written) = (stamp(now + HELD), self.stamp());
        let again = "UPDATE told_ends SET attempt = ?, told = 0, held_until = ?, updated_at = ?
            WHERE id = ? AND (attempt < ? OR (told = 0 AND held_until < ?))";
        let values = [
            attempt.into(),
            until.clone().into(),
            written.clone().into(),
            id.clone().into(),
            attempt.into(),
            stamp(now).into(),
        ];
        if self.run(again, values).await? > 0 {
            return Ok(true);
        }
        let first = "INSERT INTO told_ends (id, attempt, told, held_until, created_at, updated_at)
            VALUES (?, ?, 0, ?, ?, ?)";
        let values = [
            id.into(),
            attempt.into(),
            until.into(),
            written.clone().into(),
            written.into(),
        ];
        match self.run(first, values).await {
            Ok(_) => Ok(true),
            // Another engine was faster.
            Err(DbError::Duplicate(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
