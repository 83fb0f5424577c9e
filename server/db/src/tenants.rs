use protector_framework::{GenericUuid as _, ProjectId, SiteId, TenantMappingId};
use protector_model::TenantMapping;
use sea_orm::QueryResult;

use crate::connection::{Db, parsed, stamp, text, time};
use crate::error::{DbError, Result};
use crate::page::{Listing, Page};

const FIELDS: &[&str] = &[
    "id",
    "primary_site_id",
    "primary_project_id",
    "secondary_site_id",
    "secondary_project_id",
    "created_at",
    "updated_at",
];

impl Db {
    /// One page of the tenant mappings.
    ///
    /// # Errors
    /// `BadQuery`, `BadMarker`.
    pub async fn page_tenant_mappings(&self, page: &Page) -> Result<Vec<TenantMapping>> {
        let list = Listing {
            table: "tenant_mappings",
            columns: "*",
            fields: FIELDS,
            always: ("1 = 1", Vec::new()),
        };
        self.page(list, page).await?.iter().map(read).collect()
    }

    /// One tenant mapping.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn get_tenant_mapping(&self, id: TenantMappingId) -> Result<Option<TenantMapping>> {
        let sql = "SELECT * FROM tenant_mappings WHERE id = ?";
        self.rows(sql, [id.to_string().into()])
            .await?
            .first()
            .map(read)
            .transpose()
    }

    /// Adds a tenant mapping; the same one again is success.
    ///
    /// # Errors
    /// `Duplicate` where the primary project is mapped to that site already.
    pub async fn insert_tenant_mapping(&self, mapping: &TenantMapping) -> Result<()> {
        if self.get_tenant_mapping(mapping.id).await?.is_some() {
            return Ok(());
        }
        self.run(
            "INSERT INTO tenant_mappings (id, primary_site_id, primary_project_id,
                secondary_site_id, secondary_project_id, created_at, updated_at)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                mapping.id.to_string().into(),
                mapping.primary_site_id.to_string().into(),
                mapping.primary_project_id.as_str().into(),
                mapping.secondary_site_id.to_string().into(),
                mapping.secondary_project_id.as_str().into(),
                stamp(mapping.created_at).into(),
                stamp(mapping.updated_at).into(),
            ],
        )
        .await
        .map(|_| ())
        .map_err(|error| match error {
            DbError::Duplicate(_) => DbError::Duplicate(format!(
                "a mapping of project {} to that site",
                mapping.primary_project_id
            )),
            other => other,
        })
    }

    /// Deletes a tenant mapping; an absent one is success.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn delete_tenant_mapping(&self, id: TenantMappingId) -> Result<()> {
        let sql = "DELETE FROM tenant_mappings WHERE id = ?";
        self.run(sql, [id.to_string().into()]).await.map(|_| ())
    }

    /// The mapping of a project of one site to the other, whichever way it was written.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn tenant_mapping_for(
        &self,
        site: SiteId,
        project: &ProjectId,
        other: SiteId,
    ) -> Result<Option<TenantMapping>> {
        let sql = "SELECT * FROM tenant_mappings
            WHERE (primary_site_id = ? AND primary_project_id = ? AND secondary_site_id = ?)
               OR (secondary_site_id = ? AND secondary_project_id = ? AND primary_site_id = ?)
            ORDER BY created_at";
        let (site, other) = (site.to_string(), other.to_string());
        let values = [
            site.clone().into(),
            project.as_str().into(),
            other.clone().into(),
            site.into(),
            project.as_str().into(),
            other.into(),
        ];
        self.rows(sql, values).await?.first().map(read).transpose()
    }
}

fn read(row: &QueryResult) -> Result<TenantMapping> {
    Ok(TenantMapping {
        id: TenantMappingId::from_untyped_uuid(parsed(row, "id")?),
        primary_site_id: SiteId::from_untyped_uuid(parsed(row, "primary_site_id")?),
        primary_project_id: text(row, "primary_project_id")?.into(),
        secondary_site_id: SiteId::from_untyped_uuid(parsed(row, "secondary_site_id")?),
        secondary_project_id: text(row, "secondary_project_id")?.into(),
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}
