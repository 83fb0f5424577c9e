//! The tables that are looked up by, written anew from the document.

use protector_framework::SiteId;
use protector_model::GroupDocument;
use sea_orm::DatabaseTransaction;

use crate::connection::{Db, run, stamp, to_json};
use crate::error::Result;

impl Db {
    pub(super) async fn project(
        &self,
        tx: &DatabaseTransaction,
        document: &GroupDocument,
    ) -> Result<()> {
        self.project_group(tx, document).await?;
        for table in [
            "pg_members",
            "consistency_groups",
            "cg_volumes",
            "replication_policies",
            "resource_mappings",
        ] {
            let sql = format!("DELETE FROM {table} WHERE group_id = ?");
            run(tx, &sql, [document.id.to_string().into()]).await?;
        }
        if document.deleted {
            return Ok(());
        }
        self.project_members(tx, document).await?;
        self.project_policy(tx, document).await
    }

    async fn project_group(&self, tx: &DatabaseTransaction, d: &GroupDocument) -> Result<()> {
        let replication = to_json(&d.replication_type)?;
        let values = [
            d.name.clone().into(),
            self.local_project(tx, d).await?.into(),
            d.status.as_str().into(),
            d.status_reason.clone().into(),
            d.primary_site_id.to_string().into(),
            d.secondary_site_id.to_string().into(),
            d.current_primary_site_id.to_string().into(),
            replication.trim_matches('"').into(),
            i64::from(d.failover_count).into(),
            i32::from(d.deleted).into(),
            stamp(d.created_at).into(),
            stamp(d.updated_at).into(),
            d.id.to_string().into(),
        ];
        let changed = run(
            tx,
            "UPDATE protection_groups SET name = ?, project_id = ?, status = ?, status_reason = ?,
                primary_site_id = ?, secondary_site_id = ?, current_primary_site_id = ?,
                replication_type = ?, failover_count = ?, deleted = ?, created_at = ?,
                updated_at = ? WHERE id = ?",
            values.clone(),
        )
        .await?;
        if changed == 0 {
            run(
                tx,
                "INSERT INTO protection_groups (name, project_id, status, status_reason,
                    primary_site_id, secondary_site_id, current_primary_site_id, replication_type,
                    failover_count, deleted, created_at, updated_at, id)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            .await?;
        }
        Ok(())
    }

    /// The group's project on the site of this database.
    async fn local_project(&self, tx: &DatabaseTransaction, d: &GroupDocument) -> Result<String> {
        let sql = "SELECT id FROM sites WHERE is_local = 1";
        let found = crate::connection::rows(tx, sql, []).await?;
        let local = found
            .first()
            .and_then(|row| row.try_get::<String>("", "id").ok())
            .and_then(|id| id.parse::<SiteId>().ok());
        let project = local.and_then(|site| d.projects.get(&site));
        Ok(project.map_or_else(String::new, |p| p.as_str().to_owned()))
    }

    async fn project_members(&self, tx: &DatabaseTransaction, d: &GroupDocument) -> Result<()> {
        let now = self.stamp();
        for member in &d.members {
            let server = |site| {
                member
                    .instance(site)
                    .and_then(|i| i.server_id.as_ref())
                    .map(|id| id.as_str().to_owned())
            };
            run(
                tx,
                "INSERT INTO pg_members (id, group_id, name, boot_tier, boot_delay, status,
                    status_reason, primary_server_id, secondary_server_id, created_at, updated_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    member.id.to_string().into(),
                    d.id.to_string().into(),
                    member.name.clone().into(),
                    i32::from(member.boot_tier).into(),
                    i64::from(member.boot_delay).into(),
                    member.status.as_str().into(),
                    member.status_reason.clone().into(),
                    server(d.primary_site_id).into(),
                    server(d.secondary_site_id).into(),
                    stamp(member.created_at).into(),
                    stamp(member.updated_at).into(),
                ],
            )
            .await?;
            for (site, copy) in &member.instances {
                for volume in &copy.volumes {
                    run(
                        tx,
                        "INSERT INTO cg_volumes (id, group_id, site_id, member_id, volume_id,
                            array_name, serial, created_at, updated_at)
                         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        [
                            self.ids.uuid().to_string().into(),
                            d.id.to_string().into(),
                            site.to_string().into(),
                            member.id.to_string().into(),
                            volume.id.as_str().into(),
                            volume.array_name.as_str().into(),
                            volume.serial.as_str().into(),
                            now.clone().into(),
                            now.clone().into(),
                        ],
                    )
                    .await?;
                }
            }
        }
        for (site, group) in &d.volume_groups {
            run(
                tx,
                "INSERT INTO consistency_groups (id, group_id, site_id, volume_group_id,
                    created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    self.ids.uuid().to_string().into(),
                    d.id.to_string().into(),
                    site.to_string().into(),
                    group.as_str().into(),
                    now.clone().into(),
                    now.clone().into(),
                ],
            )
            .await?;
        }
        Ok(())
    }

    async fn project_policy(&self, tx: &DatabaseTransaction, d: &GroupDocument) -> Result<()> {
        let now = self.stamp();
        if let Some(policy) = &d.policy {
            run(
                tx,
                "INSERT INTO replication_policies (id, group_id, driver, rpo_minutes, body,
                    created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    policy.id.to_string().into(),
                    d.id.to_string().into(),
                    policy.driver.clone().into(),
                    i64::from(policy.rpo_minutes).into(),
                    to_json(policy)?.into(),
                    stamp(policy.created_at).into(),
                    stamp(policy.updated_at).into(),
                ],
            )
            .await?;
        }
        for mapping in &d.mappings {
            let kind = to_json(&mapping.kind)?;
            run(
                tx,
                "INSERT INTO resource_mappings (id, group_id, kind, primary_id, secondary_id,
                    created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    self.ids.uuid().to_string().into(),
                    d.id.to_string().into(),
                    kind.trim_matches('"').into(),
                    mapping.primary_id.as_str().into(),
                    mapping.secondary_id.as_str().into(),
                    now.clone().into(),
                    now.clone().into(),
                ],
            )
            .await?;
        }
        Ok(())
    }
}
