use chrono::{DateTime, Utc};
use protector_model::Actor;
use serde_json::Value;

use crate::connection::{Db, json, text, time, to_json};
use crate::error::Result;
use crate::page::{Listing, Page};

/// Who did what to which object. Holds no secret.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// What was done, such as `protection_group.sync_force`.
    pub action: String,
    /// What it was done to.
    pub object: String,
    /// Who did it.
    pub actor: Actor,
    /// What was said, with the outcome.
    pub detail: Value,
    /// When; set by the database when it is written.
    pub at: DateTime<Utc>,
}

impl Db {
    /// Writes an event down.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn audit(
        &self,
        action: &str,
        object: &str,
        actor: &Actor,
        detail: &Value,
    ) -> Result<()> {
        let now = self.stamp();
        self.run(
            "INSERT INTO audit_events (id, action, object, actor, detail, created_at, updated_at)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                self.ids.uuid().to_string().into(),
                action.into(),
                object.into(),
                to_json(actor)?.into(),
                to_json(detail)?.into(),
                now.clone().into(),
                now.into(),
            ],
        )
        .await
        .map(|_| ())
    }

    /// One page of the events, the newest first.
    ///
    /// # Errors
    /// `BadQuery`, `BadMarker`.
    pub async fn page_audit(&self, page: &Page) -> Result<Vec<AuditEvent>> {
        let list = Listing {
            table: "audit_events",
            columns: "*",
            fields: &["id", "action", "object", "created_at"],
            always: ("1 = 1", Vec::new()),
        };
        let found = self.page(list, page).await?;
        found
            .iter()
            .map(|row| {
                Ok(AuditEvent {
                    action: text(row, "action")?,
                    object: text(row, "object")?,
                    actor: json(row, "actor")?,
                    detail: json(row, "detail")?,
                    at: time(row, "created_at")?,
                })
            })
            .collect()
    }
}
