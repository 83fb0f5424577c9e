use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::connection::{Db, parsed, stamp, text, time};
use crate::error::Result;

/// How long a process is taken to live after its last heartbeat.
const ALIVE: TimeDelta = TimeDelta::seconds(60);

/// A process of this site, as its heartbeats show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRecord {
    /// Its row.
    pub id: Uuid,
    /// `protector-api` or `protector-engine`.
    pub binary: String,
    /// Where it runs.
    pub host: String,
    /// Its last heartbeat.
    pub last_seen_at: DateTime<Utc>,
    /// Whether that was within the last minute.
    pub up: bool,
}

impl Db {
    /// Tells that a process lives.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn heartbeat(&self, binary: &str, host: &str) -> Result<()> {
        let now = stamp(self.now().await?);
        let seen = self
            .run(
                "UPDATE services SET last_seen_at = ?, updated_at = ?
                 WHERE service = ? AND host = ?",
                [
                    now.clone().into(),
                    now.clone().into(),
                    binary.into(),
                    host.into(),
                ],
            )
            .await?;
        if seen == 0 {
            self.run(
                "INSERT INTO services (id, service, host, last_seen_at, created_at, updated_at)
                 VALUES (?, ?, ?, ?, ?, ?)",
                [
                    self.ids.uuid().to_string().into(),
                    binary.into(),
                    host.into(),
                    now.clone().into(),
                    now.clone().into(),
                    now.into(),
                ],
            )
            .await?;
        }
        Ok(())
    }

    /// Every process that ever told that it lives.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn list_services(&self) -> Result<Vec<ServiceRecord>> {
        let alive_since = self.now().await? - ALIVE;
        let found = self
            .rows("SELECT * FROM services ORDER BY service, host", [])
            .await?;
        found
            .iter()
            .map(|row| {
                let last_seen_at = time(row, "last_seen_at")?;
                Ok(ServiceRecord {
                    id: parsed(row, "id")?,
                    binary: text(row, "service")?,
                    host: text(row, "host")?,
                    last_seen_at,
                    up: last_seen_at >= alive_since,
                })
            })
            .collect()
    }

    /// Forgets a process that is gone. The reply is whether it was: one that lives, or has come back
    /// since it was looked at, stays.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn forget_service(&self, id: Uuid) -> Result<bool> {
        let alive_since = stamp(self.now().await? - ALIVE);
        let sql = "DELETE FROM services WHERE id = ? AND last_seen_at < ?";
        let gone = self.run(sql, [id.to_string().into(), alive_since.into()]);
        Ok(gone.await? > 0)
    }
}
