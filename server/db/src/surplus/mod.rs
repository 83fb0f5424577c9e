//! What a database holds that nobody needs any more, and its removal.
//!
//! The document of a deleted group stays: a site that has it not is given it by the one that has, and a
//! site that returns from long ago learns from it that the group is gone. Its operations, its reports
//! and its array tokens go.

mod find;
mod remove;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protector_framework::OperationId;
use protector_model::keeping::Need;
use serde_json::{Value, json};

use crate::connection::Db;
use crate::error::Result;

/// What is not needed, and what was old enough and is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surplus {
    /// What can go, operations first.
    pub items: Vec<Item>,
    /// How many finished operations are old enough and stay, by what for.
    pub kept: BTreeMap<Need, u64>,
    /// Operations that cannot be read, and groups whose document cannot: nothing of those goes.
    pub unreadable: u64,
}

/// One thing that can go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A finished operation with its journal, its turn and the keys of the requests for it, as long as it
    /// has not changed since.
    Operation {
        /// Which one.
        id: OperationId,
        /// When it last changed, as it is stored.
        updated_at: String,
    },
    /// A row of another table, as long as it is as old as it was.
    Row {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
        /// The column that says how old it is.
        column: &'static str,
        /// What that column holds.
        stamp: String,
    },
}

/// How many rows of each table.
pub type Counts = BTreeMap<&'static str, u64>;

/// What of each table belongs into an archive: all but sealed values.
const ARCHIVED: &[(&str, &str)] = &[
    ("idempotency_keys", "*"),
    ("readiness_reports", "*"),
    ("readiness_summaries", "*"),
    ("group_summaries", "*"),
    ("secrets", "id, owner, name, created_at, updated_at"),
    ("services", "*"),
    ("audit_events", "*"),
];

/// What goes with an operation, with the column that names it.
const OF_OPERATION: [(&str, &str); 5] = [
    ("dr_operations", "id"),
    ("dr_operation_steps", "operation_id"),
    ("operation_turns", "id"),
    ("told_ends", "id"),
    ("idempotency_keys", "operation_id"),
];

impl Db {
    /// What can go of what has not changed since `before`. Nothing is changed.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn surplus(&self, before: DateTime<Utc>) -> Result<Surplus> {
        find::surplus(self, before).await
    }

    /// The audit events that were written before `before`, the oldest first. Nothing needs them but
    /// whoever wants to know who did what.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn old_audit(&self, before: DateTime<Utc>) -> Result<Vec<Item>> {
        find::old_audit(self, before).await
    }

    /// How many rows an item is.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn count_surplus(&self, item: &Item) -> Result<Counts> {
        let mut counts = Counts::new();
        match item {
            Item::Row { table, .. } => {
                counts.insert(*table, 1);
            }
            Item::Operation { id, .. } => {
                for (table, column) in OF_OPERATION {
                    let sql = format!("SELECT COUNT(*) AS n FROM {table} WHERE {column} = ?");
                    let found = self.rows(&sql, [id.to_string().into()]).await?;
                    let count = found
                        .first()
                        .map_or(Ok(0), |row| crate::connection::number(row, "n"))?;
                    counts.insert(table, u64::try_from(count).unwrap_or(0));
                }
            }
        }
        Ok(counts)
    }

    /// The rows of an item as they are, for an archive: `{"table": ..., "row": {...}}` each. Sealed
    /// values are left out.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn surplus_rows(&self, item: &Item) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        match item {
            Item::Operation { id, .. } => {
                for (table, column) in OF_OPERATION {
                    let sql = format!("SELECT * FROM {table} WHERE {column} = ?");
                    all.extend(self.archived(table, &sql, &id.to_string()).await?);
                }
            }
            Item::Row { table, id, .. } => {
                let columns = ARCHIVED.iter().find(|(known, _)| known == table);
                let columns = columns.map_or("id", |(_, columns)| columns);
                let sql = format!("SELECT {columns} FROM {table} WHERE id = ?");
                all.extend(self.archived(table, &sql, id).await?);
            }
        }
        Ok(all)
    }

    async fn archived(&self, table: &str, sql: &str, id: &str) -> Result<Vec<Value>> {
        use sea_orm::FromQueryResult as _;
        let found = self.rows(sql, [id.into()]).await?;
        found
            .iter()
            .map(|row| {
                let row = Value::from_query_result(row, "")?;
                Ok(json!({"table": table, "row": row}))
            })
            .collect()
    }

    /// Removes items in one transaction, but not those that have changed since they were found.
    ///
    /// # Errors
    /// Where the database does not answer; then all of them stay.
    pub async fn remove_surplus(&self, items: &[Item]) -> Result<Counts> {
        self.transaction(|tx| Box::pin(async move { remove::items(&tx, items).await }))
            .await
    }
}
