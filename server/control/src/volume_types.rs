//! Which volume type a group uses on a site.

use protector_framework::{ProjectId, ReplicationMode, VolumeType, VolumeTypeId};
use protector_model::{Actor, Site};

use crate::control::Control;
use crate::convert::site_refused;
use crate::refusal::{Refusal, Result};

/// The volume types a project can use on a site.
pub(crate) async fn list(
    control: &Control,
    actor: &Actor,
    site: &Site,
    project: &ProjectId,
) -> Result<Vec<VolumeType>> {
    let cloud = control.reach.compute(site.id, project).await?;
    let types = cloud.list_volume_types(&control.ctx(actor)).await;
    types.map_err(|error| site_refused(site, &error))
}

/// The type that was asked for, by id or name, or the only one that replicates in this mode.
pub(crate) fn choose(
    types: &[VolumeType],
    site: &Site,
    mode: ReplicationMode,
    asked: Option<&VolumeTypeId>,
    field: &str,
) -> Result<VolumeTypeId> {
    let fits: Vec<&VolumeType> = types.iter().filter(|t| t.replicates(mode)).collect();
    let names = || match fits.as_slice() {
        [] => "none".to_owned(),
        fits => fits
            .iter()
            .map(|t| format!("{} ({})", t.id, t.name))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let how = match mode {
        ReplicationMode::Async => "async",
        ReplicationMode::Sync => "sync",
    };
    let Some(asked) = asked else {
        return match fits.as_slice() {
            [only] => Ok(only.id.clone()),
            _ => Err(Refusal::invalid_field(
                field,
                format!(
                    "name one: these types of site `{}` replicate {how}: {}",
                    site.name,
                    names()
                ),
            )),
        };
    };
    let is = |t: &&VolumeType| t.id == *asked || t.name == asked.as_str();
    if let Some(found) = fits.iter().find(|t| is(t)) {
        return Ok(found.id.clone());
    }
    let why = if types.iter().any(|t| is(&t)) {
        format!("does not replicate {how} (replication_enabled, replication_type)")
    } else {
        "does not exist for the project".to_owned()
    };
    Err(Refusal::invalid_field(
        field,
        format!(
            "volume type `{asked}` of site `{}` {why}; these do: {}",
            site.name,
            names()
        ),
    ))
}
