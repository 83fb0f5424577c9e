//! What an operator must know before another version of the services works on this database: rows that
//! this version cannot read, and what the rows name that must be there.

use std::collections::BTreeSet;

use protector_model::{GroupDocument, Operation, Plan, StepRecord};

use crate::connection::{Db, maybe_bytes, maybe_json, maybe_text, rows, text};
use crate::error::Result;

/// Unfinished work and documents as this version sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forms {
    /// Operations that are not finished.
    pub unfinished: u64,
    /// Those of them that an earlier version made and that have no turn among the others.
    pub without_turn: Vec<String>,
    /// Unfinished operations and documents that this version cannot read, each with the reason.
    pub unreadable: Vec<String>,
}

impl Db {
    /// Reads every unfinished operation with its plan and journal, and every document.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn forms(&self) -> Result<Forms> {
        let mut forms = Forms::default();
        let sql = "SELECT o.id, o.body, o.plan, t.id AS turn
            FROM dr_operations o LEFT JOIN operation_turns t ON t.id = o.id
            WHERE o.status IN ('queued', 'running', 'waiting_for_user') ORDER BY o.created_at";
        for row in &self.rows(sql, []).await? {
            let id = text(row, "id")?;
            forms.unfinished += 1;
            if maybe_text(row, "turn")?.is_none() {
                forms.without_turn.push(id.clone());
            }
            let body = serde_json::from_str::<Operation>(&text(row, "body")?);
            let plan = maybe_json::<Plan>(row, "plan");
            let faults = [
                body.err().map(|error| error.to_string()),
                plan.err().map(|error| error.to_string()),
                self.journal_fault(&id).await?,
            ];
            let faults = faults.into_iter().flatten();
            let told = faults.map(|fault| format!("operation {id}: {fault}"));
            forms.unreadable.extend(told);
        }
        let sql = "SELECT id, document FROM metadata_sync WHERE document IS NOT NULL";
        for row in &self.rows(sql, []).await? {
            let bytes = maybe_bytes(row, "document")?.unwrap_or_default();
            if let Err(error) = GroupDocument::from_bytes(&bytes) {
                let id = text(row, "id")?;
                let fault = format!("the document of protection group {id}: {error}");
                forms.unreadable.push(fault);
            }
        }
        Ok(forms)
    }

    async fn journal_fault(&self, operation: &str) -> Result<Option<String>> {
        let sql = "SELECT step_key, body FROM dr_operation_steps WHERE operation_id = ?";
        for row in &rows(&self.conn, sql, [operation.into()]).await? {
            if let Err(error) = serde_json::from_str::<StepRecord>(&text(row, "body")?) {
                return Ok(Some(format!("step {}: {error}", text(row, "step_key")?)));
            }
        }
        Ok(None)
    }

    /// The storage drivers that replication policies name.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn policy_drivers(&self) -> Result<BTreeSet<String>> {
        let sql = "SELECT DISTINCT driver FROM replication_policies";
        let found = self.rows(sql, []).await?;
        found.iter().map(|row| text(row, "driver")).collect()
    }
}
