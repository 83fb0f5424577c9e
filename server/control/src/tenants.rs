//! Which projects of the two sites belong together, and what a project may have.

use protector_db::Quotas;
use protector_framework::{ErrorKind, GenericUuid as _, ProjectId, TenantMappingId};
use protector_model::{Actor, Site, TenantMapping};
use serde_json::json;

use crate::check::Faults;
use crate::control::Control;
use crate::refusal::{Refusal, Result};
use crate::registry;
use crate::services::NewTenantMapping;

/// One tenant mapping.
pub(crate) async fn get(control: &Control, id: TenantMappingId) -> Result<TenantMapping> {
    let found = control.db.get_tenant_mapping(id).await?;
    found.ok_or_else(|| Refusal::not_found(format_args!("tenant mapping {id}")))
}

/// Makes a tenant mapping, or finds the one of the same pair.
pub(crate) async fn create(
    control: &Control,
    actor: &Actor,
    new: NewTenantMapping,
) -> Result<TenantMapping> {
    let primary = control.site(&new.primary_site).await?;
    let secondary = control.site(&new.secondary_site).await?;
    let mut faults = Faults::default();
    if primary.id == secondary.id {
        faults.add("secondary_site_id", "is the same site as the primary one");
    }
    let pairs = [
        ("primary_project_id", &primary, &new.primary_project_id),
        (
            "secondary_project_id",
            &secondary,
            &new.secondary_project_id,
        ),
    ];
    for (field, site, project) in pairs {
        if let Some(why) = unfit(control, actor, site, project).await? {
            faults.add(field, why);
        }
    }
    faults.done()?;
    let known = control
        .db
        .tenant_mapping_for(primary.id, &new.primary_project_id, secondary.id)
        .await?;
    if let Some(known) = known {
        return if known.project_on(secondary.id) == Some(&new.secondary_project_id) {
            Ok(known)
        } else {
            Err(Refusal::conflict(
                "protector.duplicate",
                format!(
                    "project {} is mapped to another project of site `{}` by mapping {}",
                    new.primary_project_id, secondary.name, known.id
                ),
            ))
        };
    }
    let mapping = TenantMapping {
        id: TenantMappingId::from_untyped_uuid(control.uuid()),
        primary_site_id: primary.id,
        primary_project_id: new.primary_project_id,
        secondary_site_id: secondary.id,
        secondary_project_id: new.secondary_project_id,
        created_at: control.now(),
        updated_at: control.now(),
    };
    control.db.insert_tenant_mapping(&mapping).await?;
    control
        .audit("tenant_mapping.create", mapping.id, actor, json!(mapping))
        .await?;
    registry::push(control).await;
    Ok(mapping)
}

/// Deletes a tenant mapping here and at the other site.
pub(crate) async fn delete(control: &Control, actor: &Actor, id: TenantMappingId) -> Result<()> {
    let mapping = get(control, id).await?;
    registry::push_deleted_mapping(control, id).await?;
    control.db.delete_tenant_mapping(id).await?;
    control
        .audit("tenant_mapping.delete", id, actor, json!(mapping))
        .await
}

/// Why a project cannot be mapped, where its site says so; a site that cannot tell is no reason.
async fn unfit(
    control: &Control,
    actor: &Actor,
    site: &Site,
    project: &ProjectId,
) -> Result<Option<String>> {
    if project.as_str().is_empty() {
        return Ok(Some("must not be empty".to_owned()));
    }
    let identity = control.reach.identity(site.id).await?;
    Ok(
        match identity.get_project(&control.ctx(actor), project).await {
            Ok(found) if !found.enabled => Some(format!(
                "project {project} of site `{}` is disabled",
                site.name
            )),
            Err(error) if error.kind == ErrorKind::NotFound => Some(format!(
                "project {project} does not exist on site `{}`",
                site.name
            )),
            Ok(_) => None,
            Err(error) => {
                tracing::info!(site = %site.name, %project, %error, "the project cannot be checked");
                None
            }
        },
    )
}

/// Sets what a project may have.
pub(crate) async fn set_quotas(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    quotas: Quotas,
) -> Result<Quotas> {
    let mut faults = Faults::default();
    let limits = [
        ("protection_groups", quotas.protection_groups),
        ("members_per_group", quotas.members_per_group),
        ("running_operations", quotas.running_operations),
    ];
    for (field, limit) in limits {
        if limit < -1 {
            faults.add(field, "must be -1 (unlimited) or more");
        }
    }
    faults.done()?;
    control.db.set_quotas(project, &quotas).await?;
    control
        .audit("quota_set.update", project, actor, json!(quotas))
        .await?;
    Ok(quotas)
}

/// Gives a project the defaults again.
pub(crate) async fn reset_quotas(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
) -> Result<()> {
    control.db.reset_quotas(project).await?;
    control
        .audit("quota_set.delete", project, actor, json!({}))
        .await
}

/// Whether one more is within a limit.
pub(crate) fn within_quota(used: u64, limit: i64, what: &str) -> Result<()> {
    match u64::try_from(limit) {
        Ok(allowed) if used >= allowed => Err(Refusal::quota(what, limit)),
        _ => Ok(()),
    }
}
