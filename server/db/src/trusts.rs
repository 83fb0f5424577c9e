use chrono::{DateTime, Utc};
use protector_framework::{ExposeSecret, GenericUuid as _, ProjectId, SecretString, SiteId, Trust};
use sea_orm::QueryResult;

use crate::connection::{Db, json, maybe_text, maybe_time, parsed, stamp, text, time, to_json};
use crate::error::Result;

/// A trust that a project's owner gave to the service on one site.
#[derive(Debug, Clone)]
pub struct TrustRecord {
    /// The site whose identity service holds it.
    pub site_id: SiteId,
    /// The project on that site.
    pub project_id: ProjectId,
    /// The trust.
    pub trust: Trust,
    /// `active`, `broken` or `revoked`.
    pub state: String,
    /// When it last worked.
    pub last_ok_at: Option<DateTime<Utc>>,
    /// Why it last did not.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

fn owner(site: SiteId, project: &ProjectId) -> String {
    format!("trust/{site}/{project}")
}

impl Db {
    /// Keeps a trust, in place of the project's former one. Its id is kept as a secret.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn put_trust(&self, record: &TrustRecord) -> Result<()> {
        let (site, project) = (record.site_id, &record.project_id);
        self.delete_trust(site, project).await?;
        let id = SecretString::from(record.trust.id.as_str());
        self.put_secret(&owner(site, project), "trust_id", &id)
            .await?;
        let shown = Trust {
            id: "".into(),
            ..record.trust.clone()
        };
        self.run(
            "INSERT INTO trusts (id, site_id, project_id, body, state, last_ok_at, last_error,
                created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                self.ids.uuid().to_string().into(),
                site.to_string().into(),
                project.as_str().into(),
                to_json(&shown)?.into(),
                record.state.clone().into(),
                record.last_ok_at.map(stamp).into(),
                record.last_error.clone().into(),
                stamp(record.created_at).into(),
                self.stamp().into(),
            ],
        )
        .await
        .map(|_| ())
    }

    /// The trust of a project on a site.
    ///
    /// # Errors
    /// `Sealed` where its id cannot be opened.
    pub async fn get_trust(
        &self,
        site: SiteId,
        project: &ProjectId,
    ) -> Result<Option<TrustRecord>> {
        let sql = "SELECT * FROM trusts WHERE site_id = ? AND project_id = ?";
        let found = self
            .rows(sql, [site.to_string().into(), project.as_str().into()])
            .await?;
        let Some(row) = found.first() else {
            return Ok(None);
        };
        let mut record = read(row)?;
        if let Some(id) = self.get_secret(&owner(site, project), "trust_id").await? {
            record.trust.id = id.expose_secret().into();
        }
        Ok(Some(record))
    }

    /// The trusts of a project, without their ids.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn list_trusts(&self, project: &ProjectId) -> Result<Vec<TrustRecord>> {
        let sql = "SELECT * FROM trusts WHERE project_id = ? ORDER BY created_at";
        self.rows(sql, [project.as_str().into()])
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Forgets a trust; an absent one is success.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn delete_trust(&self, site: SiteId, project: &ProjectId) -> Result<()> {
        self.delete_secrets(&owner(site, project)).await?;
        let sql = "DELETE FROM trusts WHERE site_id = ? AND project_id = ?";
        self.run(sql, [site.to_string().into(), project.as_str().into()])
            .await
            .map(|_| ())
    }
}

fn read(row: &QueryResult) -> Result<TrustRecord> {
    Ok(TrustRecord {
        site_id: SiteId::from_untyped_uuid(parsed(row, "site_id")?),
        project_id: text(row, "project_id")?.into(),
        trust: json(row, "body")?,
        state: text(row, "state")?,
        last_ok_at: maybe_time(row, "last_ok_at")?,
        last_error: maybe_text(row, "last_error")?,
        created_at: time(row, "created_at")?,
    })
}
