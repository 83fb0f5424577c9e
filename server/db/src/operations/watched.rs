//! What those who watch a site ask of its operations: when some last ended, and how long those that run
//! have not moved.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protector_framework::SiteId;
use protector_model::{Operation, OperationKind, OperationStatus};

use crate::connection::{Db, json, maybe_time, parsed, stamp};
use crate::error::Result;

impl Db {
    /// When operations of each kind last ended in each way, of those that this site holds and that have
    /// changed since a moment: whoever has ended them, and wherever they ran.
    ///
    /// # Errors
    /// `Corrupt` where one cannot be read.
    pub async fn last_ends(
        &self,
        since: DateTime<Utc>,
    ) -> Result<BTreeMap<(OperationKind, OperationStatus), DateTime<Utc>>> {
        let sql = format!(
            "SELECT body FROM dr_operations WHERE status IN ({}) AND updated_at > ?",
            super::ends::final_statuses()
        );
        let mut ends = BTreeMap::new();
        for row in &self.rows(&sql, [stamp(since).into()]).await? {
            let operation: Operation = json(row, "body")?;
            // What was found out later changes the operation, and not its end.
            let end = operation.finished_at.unwrap_or(operation.updated_at);
            let of = (operation.kind, operation.status);
            let newest = ends.entry(of).or_insert(end);
            *newest = end.max(*newest);
        }
        ends.retain(|_, end| *end > since);
        Ok(ends)
    }

    /// When each operation that a site runs last moved: a step of it began, got on or ended.
    ///
    /// # Errors
    /// `Corrupt` where one cannot be read.
    pub async fn last_moves(&self, site: SiteId) -> Result<Vec<(OperationKind, DateTime<Utc>)>> {
        let sql = "SELECT o.kind, COALESCE((SELECT MAX(s.updated_at) FROM dr_operation_steps s
                WHERE s.operation_id = o.id), o.updated_at) AS moved_at
            FROM dr_operations o WHERE o.status = ? AND o.executor_site_id = ?";
        let running = OperationStatus::Running.as_str();
        let values = [running.into(), site.to_string().into()];
        let mut moves = Vec::new();
        for row in &self.rows(sql, values).await? {
            if let Some(at) = maybe_time(row, "moved_at")? {
                moves.push((parsed(row, "kind")?, at));
            }
        }
        Ok(moves)
    }
}
