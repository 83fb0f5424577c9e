//! How many rows there are: what grows without end shows here.

use std::collections::BTreeMap;

use crate::connection::{Db, number};
use crate::error::Result;

/// Every table of Protector's own.
const TABLES: &[&str] = &[
    "audit_events",
    "cg_volumes",
    "consistency_groups",
    "deployment",
    "dr_operation_steps",
    "dr_operations",
    "group_summaries",
    "idempotency_keys",
    "metadata_sync",
    "operation_turns",
    "peer_keys",
    "pg_members",
    "protection_groups",
    "quarantines_due",
    "quotas",
    "readiness_reports",
    "readiness_summaries",
    "replication_policies",
    "resource_mappings",
    "secrets",
    "services",
    "sites",
    "tenant_mappings",
    "told_ends",
    "trusts",
];

impl Db {
    /// The number of rows of each table.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn row_counts(&self) -> Result<BTreeMap<&'static str, u64>> {
        let mut counts = BTreeMap::new();
        for table in TABLES {
            let found = self
                .rows(&format!("SELECT COUNT(*) AS n FROM {table}"), [])
                .await?;
            let count = found.first().map_or(Ok(0), |row| number(row, "n"))?;
            counts.insert(*table, u64::try_from(count).unwrap_or(0));
        }
        Ok(counts)
    }
}
