use protector_framework::{GenericUuid as _, SiteId};
use protector_model::Site;
use sea_orm::{QueryResult, Value};

use crate::connection::{Db, flag, json, maybe_text, parsed, stamp, text, time, to_json};
use crate::error::{DbError, Result};
use crate::page::{Listing, Page};

const FIELDS: &[&str] = &[
    "id",
    "name",
    "status",
    "site_type",
    "auth_url",
    "region_name",
    "created_at",
    "updated_at",
];

impl Db {
    /// Every site, by name.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn list_sites(&self) -> Result<Vec<Site>> {
        self.rows("SELECT * FROM sites ORDER BY name", [])
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// One page of the sites.
    ///
    /// # Errors
    /// `BadQuery`, `BadMarker`.
    pub async fn page_sites(&self, page: &Page) -> Result<Vec<Site>> {
        let list = Listing {
            table: "sites",
            columns: "*",
            fields: FIELDS,
            always: ("1 = 1", Vec::new()),
        };
        self.page(list, page).await?.iter().map(read).collect()
    }

    /// One site.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn get_site(&self, id: SiteId) -> Result<Option<Site>> {
        self.one_site("SELECT * FROM sites WHERE id = ?", id.to_string())
            .await
    }

    /// The site of this id or name.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn find_site(&self, id_or_name: &str) -> Result<Option<Site>> {
        if let Some(site) = self
            .one_site("SELECT * FROM sites WHERE id = ?", id_or_name.to_owned())
            .await?
        {
            return Ok(Some(site));
        }
        self.one_site("SELECT * FROM sites WHERE name = ?", id_or_name.to_owned())
            .await
    }

    /// The site that this deployment belongs to, once it is known.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn local_site(&self) -> Result<Option<Site>> {
        let found = self
            .rows("SELECT * FROM sites WHERE is_local = 1", [])
            .await?;
        found.first().map(read).transpose()
    }

    async fn one_site(&self, sql: &str, key: String) -> Result<Option<Site>> {
        self.rows(sql, [key.into()])
            .await?
            .first()
            .map(read)
            .transpose()
    }

    /// Adds a site.
    ///
    /// # Errors
    /// `Duplicate` where its name or id is taken.
    pub async fn insert_site(&self, site: &Site) -> Result<()> {
        let mut values = values(site)?;
        values.push(site.id.to_string().into());
        self.run(
            "INSERT INTO sites (name, description, site_type, auth_url, region_name, account,
                status, status_reason, is_local, reach, created_at, updated_at, id)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        .await
        .map(|_| ())
        .map_err(|error| match error {
            DbError::Duplicate(_) => DbError::Duplicate(format!("site `{}`", site.name)),
            other => other,
        })
    }

    /// Replaces a site's row.
    ///
    /// # Errors
    /// `NotFound`; `Duplicate` where the new name is taken.
    pub async fn update_site(&self, site: &Site) -> Result<()> {
        let mut values = values(site)?;
        values.push(site.id.to_string().into());
        let changed = self
            .run(
                "UPDATE sites SET name = ?, description = ?, site_type = ?, auth_url = ?,
                    region_name = ?, account = ?, status = ?, status_reason = ?, is_local = ?,
                    reach = ?, created_at = ?, updated_at = ? WHERE id = ?",
                values,
            )
            .await?;
        if changed == 0 {
            return Err(DbError::NotFound(format!("site {}", site.id)));
        }
        Ok(())
    }

    /// Deletes a site with its secrets and its key; an absent one is success.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn delete_site(&self, id: SiteId) -> Result<()> {
        self.delete_secrets(&format!("site/{id}")).await?;
        let keys = "DELETE FROM peer_keys WHERE site_id = ?";
        self.run(keys, [id.to_string().into()]).await?;
        self.run("DELETE FROM sites WHERE id = ?", [id.to_string().into()])
            .await
            .map(|_| ())
    }
}

fn values(site: &Site) -> Result<Vec<Value>> {
    Ok(vec![
        site.name.clone().into(),
        site.description.clone().into(),
        site.site_type.clone().into(),
        site.auth_url.clone().into(),
        site.region_name.clone().into(),
        to_json(&site.account)?.into(),
        site.status.as_str().into(),
        site.status_reason.clone().into(),
        i32::from(site.is_local).into(),
        to_json(&site.reach)?.into(),
        stamp(site.created_at).into(),
        stamp(site.updated_at).into(),
    ])
}

fn read(row: &QueryResult) -> Result<Site> {
    Ok(Site {
        id: SiteId::from_untyped_uuid(parsed(row, "id")?),
        name: text(row, "name")?,
        description: text(row, "description")?,
        site_type: text(row, "site_type")?,
        auth_url: text(row, "auth_url")?,
        region_name: text(row, "region_name")?,
        account: json(row, "account")?,
        status: parsed(row, "status")?,
        status_reason: maybe_text(row, "status_reason")?,
        is_local: flag(row, "is_local")?,
        reach: json(row, "reach")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}
