//! Which resource of one site stands for which of the other.

use futures::StreamExt as _;
use protector_framework::{
    ComputeDriver, ErrorKind, GetResource, ProjectId, ResourceId, ResourceKind, SiteId,
};
use protector_model::policy::check_mappings;
use protector_model::{Actor, GroupChange, GroupDocument, Mapping};
use serde_json::json;
use std::sync::Arc;

use crate::change;
use crate::check::Faults;
use crate::control::Control;
use crate::refusal::{Refusal, Result};

/// How many resources are looked up at once.
const AT_ONCE: usize = 8;

/// Replaces all mappings.
pub(crate) async fn set(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    group: &str,
    mappings: Vec<Mapping>,
) -> Result<Vec<Mapping>> {
    let record = control.group(project, group).await?;
    check_mappings(&mappings)
        .map_err(|error| Refusal::invalid_field("resource_mappings", error.to_string()))?;
    exist(control, actor, &record.document, &mappings).await?;
    let wanted = GroupChange::SetMappings { mappings };
    let changed = change::change(control, actor, &record, wanted, Default::default()).await?;
    let mappings = changed.document.mappings;
    control
        .audit(
            "resource_mappings.update",
            changed.document.id,
            actor,
            json!(mappings),
        )
        .await?;
    Ok(mappings)
}

/// Refuses resources that a site says it does not have. A site that does not answer is no reason:
/// mappings must be changeable while one is down.
async fn exist(
    control: &Control,
    actor: &Actor,
    document: &GroupDocument,
    mappings: &[Mapping],
) -> Result<()> {
    let primary = cloud(control, document, document.primary_site_id).await?;
    let secondary = cloud(control, document, document.secondary_site_id).await?;
    let at_primary = acts_as_tenant(control, document, document.primary_site_id).await?;
    let at_secondary = acts_as_tenant(control, document, document.secondary_site_id).await?;
    let mut look_ups = Vec::new();
    for (n, mapping) in mappings.iter().enumerate() {
        let sides = [
            ("primary_id", &primary, at_primary, &mapping.primary_id),
            (
                "secondary_id",
                &secondary,
                at_secondary,
                &mapping.secondary_id,
            ),
        ];
        for (side, cloud, as_tenant, id) in sides {
            // A key belongs to a user: the service's own account does not see it.
            if mapping.kind == ResourceKind::Keypair && !as_tenant {
                continue;
            }
            let field = format!("resource_mappings[{n}].{side}");
            look_ups.push(missing(control, actor, cloud, mapping.kind, id, field));
        }
    }
    let missing: Vec<Option<(String, String)>> = futures::stream::iter(look_ups)
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut faults = Faults::default();
    for (field, why) in missing.into_iter().flatten() {
        faults.add(&field, why);
    }
    faults.done()
}

async fn cloud(
    control: &Control,
    document: &GroupDocument,
    site: SiteId,
) -> Result<Arc<dyn ComputeDriver>> {
    let project = document.projects.get(&site);
    let project = project.ok_or_else(|| Refusal::internal("the group has no project there"))?;
    Ok(control.reach.compute(site, project).await?)
}

/// Whether this site's Protector acts as the tenant's user there; trusts are known only where they
/// were made.
async fn acts_as_tenant(control: &Control, document: &GroupDocument, site: SiteId) -> Result<bool> {
    let Some(project) = document.projects.get(&site) else {
        return Ok(false);
    };
    let trust = control.db.get_trust(site, project).await?;
    Ok(trust.is_some_and(|trust| trust.state == "active"))
}

async fn missing(
    control: &Control,
    actor: &Actor,
    cloud: &Arc<dyn ComputeDriver>,
    kind: ResourceKind,
    id: &ResourceId,
    field: String,
) -> Option<(String, String)> {
    // A test network is a network; only its use differs.
    let looked_up = match kind {
        ResourceKind::TestNetwork => ResourceKind::Network,
        other => other,
    };
    let asked = GetResource::new(looked_up, id);
    match cloud.get_resource(&control.ctx(actor), asked).await {
        Err(error) if error.kind == ErrorKind::NotFound => Some((field, error.to_string())),
        Err(error) => {
            tracing::info!(%error, ?kind, %id, "the resource cannot be looked up");
            None
        }
        Ok(_) => None,
    }
}
