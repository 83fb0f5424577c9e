//! What was last found out about whether a group's failover would work. Engines share the looks: who
//! takes one keeps the others from it for a while.

use chrono::{DateTime, Utc};
use protector_framework::GroupId;
use protector_model::readiness::{Readiness, Verdict};
use sea_orm::DatabaseTransaction;

use crate::connection::{Db, hold, maybe_json, rows, run, stamp, to_json};
use crate::error::{DbError, Result};

impl Db {
    /// Takes the next look at a group, where it is due at this moment; nobody else has one before
    /// `until`.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn take_look(
        &self,
        group: GroupId,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<bool> {
        let id = group.to_string();
        // Nobody says so late a time but before the clock was set back.
        let never = until + (until - now);
        let taken = "UPDATE readiness_reports SET next_look_at = ?
            WHERE id = ? AND (next_look_at <= ? OR next_look_at > ?)";
        let values = [
            stamp(until).into(),
            id.clone().into(),
            stamp(now).into(),
            stamp(never).into(),
        ];
        if self.run(taken, values).await? > 0 {
            return Ok(true);
        }
        let known = "SELECT id FROM readiness_reports WHERE id = ?";
        if !self.rows(known, [id.clone().into()]).await?.is_empty() {
            return Ok(false);
        }
        let first = "INSERT INTO readiness_reports (id, next_look_at, created_at, updated_at)
            VALUES (?, ?, ?, ?)";
        let now = self.stamp();
        let values = [
            id.into(),
            stamp(until).into(),
            now.clone().into(),
            now.into(),
        ];
        match self.run(first, values).await {
            Ok(_) => Ok(true),
            // Another engine was faster.
            Err(DbError::Duplicate(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Keeps what a look has found and says when the next one is due. The reply is the verdict
    /// before it, `None` for the first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn put_readiness(
        &self,
        group: GroupId,
        readiness: &Readiness,
        next_look_at: DateTime<Utc>,
    ) -> Result<Option<Verdict>> {
        let (body, verdict) = (to_json(readiness)?, to_json(&readiness.verdict())?);
        let kept = to_json(&readiness.kept())?;
        self.transaction(|tx| {
            let (body, verdict, kept) = (body.clone(), verdict.clone(), kept.clone());
            Box::pin(async move {
                let tx = &*tx;
                let id = group.to_string();
                hold(tx, "readiness_reports", &id).await?;
                let before = "SELECT verdict FROM readiness_reports WHERE id = ?";
                let before = rows(tx, before, [id.clone().into()]).await?;
                let before = match before.first() {
                    Some(row) => maybe_json(row, "verdict")?,
                    None => None,
                };
                let sql = "UPDATE readiness_reports
                    SET body = ?, verdict = ?, next_look_at = ?, updated_at = ? WHERE id = ?";
                let values = [
                    body.into(),
                    verdict.into(),
                    stamp(next_look_at).into(),
                    self.stamp().into(),
                    id.into(),
                ];
                run(tx, sql, values).await?;
                self.put_readiness_summary(tx, group, &kept).await?;
                Ok(before)
            })
        })
        .await
    }

    /// Makes the next look due at a moment: what was found is of no use.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn look_again(&self, group: GroupId, at: DateTime<Utc>) -> Result<()> {
        let sql = "UPDATE readiness_reports SET next_look_at = ? WHERE id = ?";
        let values = [stamp(at).into(), group.to_string().into()];
        self.run(sql, values).await.map(|_| ())
    }

    /// What the last look has found; `None`: there was none yet.
    ///
    /// # Errors
    /// `Corrupt` where it cannot be read.
    pub async fn readiness(&self, group: GroupId) -> Result<Option<Readiness>> {
        let sql = "SELECT body FROM readiness_reports WHERE id = ?";
        let found = self.rows(sql, [group.to_string().into()]).await?;
        found
            .first()
            .map_or(Ok(None), |row| maybe_json(row, "body"))
    }

    /// Forgets the looks at a group that is gone.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn forget_readiness(&self, group: GroupId) -> Result<()> {
        for table in ["readiness_reports", "readiness_summaries"] {
            let sql = format!("DELETE FROM {table} WHERE id = ?");
            self.run(&sql, [group.to_string().into()]).await?;
        }
        Ok(())
    }

    /// The part that stands in lists.
    async fn put_readiness_summary(
        &self,
        tx: &DatabaseTransaction,
        group: GroupId,
        kept: &str,
    ) -> Result<()> {
        let (id, now) = (group.to_string(), self.stamp());
        let sql = "UPDATE readiness_summaries SET body = ?, updated_at = ? WHERE id = ?";
        let values = [kept.into(), now.clone().into(), id.clone().into()];
        if run(tx, sql, values).await? > 0 {
            return Ok(());
        }
        let sql = "INSERT INTO readiness_summaries (id, body, created_at, updated_at)
            VALUES (?, ?, ?, ?)";
        let values = [id.into(), kept.into(), now.clone().into(), now.into()];
        run(tx, sql, values).await.map(|_| ())
    }
}
