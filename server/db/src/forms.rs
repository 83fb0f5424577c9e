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
    /// Reads every unfinished operation with its plan and journal, and every document. The schema may be
    /// that of an earlier version: no table is read that is not there, and no column that the table did
    /// not begin with.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn forms(&self) -> Result<Forms> {
        let mut forms = Forms::default();
        if self.has_table("dr_operations").await? {
            self.read_unfinished(&mut forms).await?;
        }
        if self.has_table("metadata_sync").await? {
            self.read_documents(&mut forms).await?;
        }
        Ok(forms)
    }

    async fn read_unfinished(&self, forms: &mut Forms) -> Result<()> {
        let sql = match self.has_table("operation_turns").await? {
            true => UNFINISHED,
            false => UNFINISHED_BEFORE_TURNS,
        };
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
        Ok(())
    }

    async fn read_documents(&self, forms: &mut Forms) -> Result<()> {
        let sql = "SELECT id, document FROM metadata_sync WHERE document IS NOT NULL";
        for row in &self.rows(sql, []).await? {
            let bytes = maybe_bytes(row, "document")?.unwrap_or_default();
            if let Err(error) = GroupDocument::from_bytes(&bytes) {
                let id = text(row, "id")?;
                let fault = format!("the document of protection group {id}: {error}");
                forms.unreadable.push(fault);
            }
        }
        Ok(())
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

    /// The storage drivers that replication policies name, under any schema.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn policy_drivers(&self) -> Result<BTreeSet<String>> {
        if !self.has_table("replication_policies").await? {
            return Ok(BTreeSet::new());
        }
        let sql = "SELECT DISTINCT driver FROM replication_policies";
        let found = self.rows(sql, []).await?;
        found.iter().map(|row| text(row, "driver")).collect()
    }

    /// The name of each site and of the drivers for its cloud, under any schema.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn site_drivers(&self) -> Result<Vec<(String, String)>> {
        let found = self
            .rows("SELECT name, site_type FROM sites ORDER BY name", [])
            .await?;
        found
            .iter()
            .map(|row| Ok((text(row, "name")?, text(row, "site_type")?)))
            .collect()
    }
}

const UNFINISHED: &str = "SELECT o.id, o.body, o.plan, t.id AS turn
    FROM dr_operations o LEFT JOIN operation_turns t ON t.id = o.id
    WHERE o.status IN ('queued', 'running', 'waiting_for_user') ORDER BY o.created_at";

/// The same in a schema that has no turns yet.
const UNFINISHED_BEFORE_TURNS: &str = "SELECT o.id, o.body, o.plan, CAST(NULL AS CHAR(36)) AS turn
    FROM dr_operations o
    WHERE o.status IN ('queued', 'running', 'waiting_for_user') ORDER BY o.created_at";
