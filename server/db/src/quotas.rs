use protector_framework::ProjectId;
use serde::{Deserialize, Serialize};

use crate::connection::{Db, json, to_json};
use crate::error::Result;

/// What a project may have; -1 is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// Protection groups.
    pub protection_groups: i64,
    /// Members of one group.
    pub members_per_group: i64,
    /// Operations that are not finished.
    pub running_operations: i64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            protection_groups: 10,
            members_per_group: 50,
            running_operations: 10,
        }
    }
}

impl Db {
    /// What a project may have.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn quotas(&self, project: &ProjectId) -> Result<Quotas> {
        let sql = "SELECT body FROM quotas WHERE project_id = ?";
        let found = self.rows(sql, [project.as_str().into()]).await?;
        found
            .first()
            .map_or_else(|| Ok(Quotas::default()), |row| json(row, "body"))
    }

    /// Sets what a project may have.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn set_quotas(&self, project: &ProjectId, quotas: &Quotas) -> Result<()> {
        self.reset_quotas(project).await?;
        let now = self.stamp();
        self.run(
            "INSERT INTO quotas (project_id, id, body, created_at, updated_at)
             VALUES (?, ?, ?, ?, ?)",
            [
                project.as_str().into(),
                self.ids.uuid().to_string().into(),
                to_json(quotas)?.into(),
                now.clone().into(),
                now.into(),
            ],
        )
        .await
        .map(|_| ())
    }

    /// Gives a project the defaults again.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn reset_quotas(&self, project: &ProjectId) -> Result<()> {
        let sql = "DELETE FROM quotas WHERE project_id = ?";
        self.run(sql, [project.as_str().into()]).await.map(|_| ())
    }
}
