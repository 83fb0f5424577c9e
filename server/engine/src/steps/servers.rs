//! Servers on the target: built anew, or the parked one brought back.

use protector_framework::{
    BootVolume, ComputeDriver, EnsureServer, GenericUuid as _, PortId, ResourceId, ResourceKind,
    ServerRef, ServerStatus, VolumeId,
};
use protector_model::outputs::{Adopted, Booted, PortsMade, read};
use protector_model::plan::Action;
use protector_model::translate::{Translated, server_tag, translate};

use super::quiesce::wait;
use super::work::{Work, found};
use super::{Output, output};
use crate::failure::StepFailure;

pub(super) async fn boot(work: &Work<'_>, test: bool) -> Output {
    let member = work.member()?;
    let cloud = work.compute().await?;
    let translated = translate(&work.document, member, work.site()).ok_or_else(|| {
        StepFailure::permanent(
            format!("`{}` uses what is not mapped to this site", member.name),
            "complete the resource mappings, then `retry`",
        )
    })?;
    let flavor = flavor(work, &*cloud, &translated).await?;
    let request = request(work, test, &translated, flavor)?;
    let server = cloud
        .ensure_server(&work.ctx()?, request)
        .await
        .map_err(|e| work.failed(&e))?;
    // Told before it runs: a build that fails has left a server that must be found again.
    let booted = Booted { server: server.id };
    work.note(serde_json::to_value(&booted).unwrap_or_default())
        .await?;
    let runs = wait(work, &*cloud, &booted.server, "to run", |s| {
        s.status == ServerStatus::Active && !s.busy
    })
    .await;
    if let Err(StepFailure::Permanent(error)) = runs {
        remove_failed_build(work, &*cloud, &booted).await?;
        return Err(StepFailure::Permanent(error));
    }
    runs?;
    output(&booted)
}

/// A build that has failed has never run, and would be found again by each retry. Its volumes and
/// ports stay.
async fn remove_failed_build(
    work: &Work<'_>,
    cloud: &dyn ComputeDriver,
    booted: &Booted,
) -> Result<(), StepFailure> {
    let reference = ServerRef::new(&booted.server);
    let server = found(cloud.get_server(&work.ctx()?, reference.clone()).await);
    let server = server.map_err(|e| work.failed(&e))?;
    if server.is_none_or(|s| s.status == ServerStatus::Error) {
        cloud
            .delete_server(&work.ctx()?, reference)
            .await
            .map_err(|e| work.failed(&e))?;
        work.note(serde_json::Value::Null).await?;
    }
    Ok(())
}

fn request(
    work: &Work<'_>,
    test: bool,
    translated: &Translated,
    flavor: ResourceId,
) -> Result<EnsureServer, StepFailure> {
    let member = work.member()?;
    let blueprint = member.blueprint.as_ref().ok_or_else(|| {
        StepFailure::permanent("the member was never captured", "remove the member")
    })?;
    let tag = server_tag(
        work.operation().into_untyped_uuid(),
        member.id.into_untyped_uuid(),
    );
    let name = match test {
        true => format!("{}-test", translated.name),
        false => translated.name.clone(),
    };
    let text = |id: &Option<ResourceId>| id.as_ref().map(|id| id.as_str().to_owned());
    Ok(
        EnsureServer::new(tag, name, flavor, volumes(work, translated)?, ports(work)?)
            .hostname(blueprint.hostname.clone())
            .keypair(text(&translated.keypair))
            .availability_zone(text(&translated.availability_zone))
            .metadata(blueprint.metadata.clone())
            .tags(blueprint.tags.clone())
            .user_data(blueprint.user_data.clone())
            .config_drive(blueprint.config_drive)
            .description(blueprint.description.clone()),
    )
}

/// The adopted volumes of the member, in their slots.
fn volumes(work: &Work<'_>, translated: &Translated) -> Result<Vec<BootVolume>, StepFailure> {
    let mut volumes = Vec::new();
    for (slot, spec) in translated.volumes.iter().enumerate() {
        let id: VolumeId = work
            .progress()
            .done()
            .find(|(step, _)| {
                step.member == work.run.step.member
                    && matches!(step.action, Action::AdoptVolume { slot: s, .. } if s == slot)
            })
            .and_then(|(_, output)| read::<Adopted>(output))
            .map(|adopted| adopted.id)
            .ok_or_else(|| {
                StepFailure::permanent(
                    format!("volume {slot} was not adopted"),
                    "retry the operation",
                )
            })?;
        volumes.push(
            BootVolume::new(id)
                .tag(spec.tag.clone())
                .device(spec.device.clone()),
        );
    }
    Ok(volumes)
}

fn ports(work: &Work<'_>) -> Result<Vec<PortId>, StepFailure> {
    work.progress()
        .done()
        .find(|(step, _)| {
            step.member == work.run.step.member && matches!(step.action, Action::CreatePorts { .. })
        })
        .and_then(|(_, output)| read::<PortsMade>(output))
        .map(|made| made.ports)
        .ok_or_else(|| StepFailure::permanent("the ports were not made", "retry the operation"))
}

/// The mapped flavor, or the one of the same name.
async fn flavor(
    work: &Work<'_>,
    cloud: &dyn ComputeDriver,
    translated: &Translated,
) -> Result<ResourceId, StepFailure> {
    if let Some(flavor) = &translated.flavor {
        return Ok(flavor.clone());
    }
    cloud
        .list_resources(&work.ctx()?, ResourceKind::Flavor)
        .await
        .map_err(|e| work.failed(&e))?
        .into_iter()
        .find(|flavor| flavor.name == translated.flavor_name)
        .map(|flavor| flavor.id)
        .ok_or_else(|| {
            StepFailure::permanent(
                format!(
                    "this site has no flavor named `{}`, and none is mapped",
                    translated.flavor_name
                ),
                "map the flavor or make one of that name, then `retry`",
            )
        })
}

/// Brings the parked server back; only then may its owner touch it again.
pub(super) async fn revive(work: &Work<'_>) -> Output {
    let copy = work.copy_on(work.site())?;
    let id = copy.server_id.clone().ok_or_else(|| {
        StepFailure::permanent(
            "the parked server is gone",
            "run `cleanup` on the site, then ask again: it is then built anew",
        )
    })?;
    let cloud = work.compute().await?;
    let server = wait(work, &*cloud, &id, "to be at rest", |s| !s.busy).await?;
    let reference = ServerRef::new(&id);
    match server.status {
        ServerStatus::Active => {}
        ServerStatus::Stopped => cloud
            .start_server(&work.ctx()?, reference.clone())
            .await
            .map_err(|e| work.failed(&e))?,
        _ => cloud
            .unpark_server(&work.ctx()?, reference.clone())
            .await
            .map_err(|e| work.failed(&e))?,
    }
    wait(work, &*cloud, &id, "to run", |s| {
        s.status == ServerStatus::Active && !s.busy
    })
    .await?;
    cloud
        .unlock_server(&work.ctx()?, reference)
        .await
        .map_err(|e| work.failed(&e))?;
    output(&Booted { server: id })
}
