//! When each group's test failover last went well.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protector_framework::GroupId;
use protector_model::{Operation, OperationKind, OperationStatus};

use crate::connection::{Db, json};
use crate::error::Result;

impl Db {
    /// When the newest test failover of each group ended in which nothing went wrong. A group that
    /// has none is not in it.
    ///
    /// # Errors
    /// `Corrupt` where one cannot be read.
    pub async fn last_good_tests(&self) -> Result<BTreeMap<GroupId, DateTime<Utc>>> {
        let kind = OperationKind::TestFailover.as_str();
        let completed = OperationStatus::Completed.as_str();
        let sql = "SELECT o.body FROM dr_operations o
            JOIN (SELECT group_id, MAX(created_at) AS newest FROM dr_operations
                WHERE kind = ? AND status = ? GROUP BY group_id) last
            ON last.group_id = o.group_id AND last.newest = o.created_at
            WHERE o.kind = ? AND o.status = ?";
        let values = [kind, completed, kind, completed].map(Into::into);
        let found = self.rows(sql, values).await?;
        let mut tests = BTreeMap::new();
        for row in &found {
            let test: Operation = json(row, "body")?;
            tests.insert(test.group_id, test.finished_at.unwrap_or(test.updated_at));
        }
        Ok(tests)
    }
}
