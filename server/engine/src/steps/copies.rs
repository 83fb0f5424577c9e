//! Volumes on the target: made from the point, adopted by the cloud, or overwritten in place.

use protector_framework::{
    ArrayVolume, ArrayVolumeName, ArrayVolumeSerial, ComputeDriver, DiscardVolume,
    EnsureManagedVolume, GenericUuid as _, GetVolume, MaterializeVolume, OverwriteVolume,
    ReplicationMode, ServerRef, ServerStatus, SetVolumeProperties, SnapshotVolume, StorageDriver,
    Volume, VolumeRef, VolumeStatus, VolumeTypeId,
};
use protector_model::outputs::{Adopted, Chosen, Copied, read};
use protector_model::seeded::{Bug, is_on};
use protector_model::{Instance, InstanceState, InstanceVolume, backend};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::poll::CLOUD;
use super::quiesce::disconnect;
use super::work::{Work, copy_name, found, tail};
use super::{Output, output, points};
use crate::failure::StepFailure;

/// The serial, at the source, of the volume in a slot of the step's member.
fn source_serial(work: &Work<'_>, slot: usize) -> Result<ArrayVolumeSerial, StepFailure> {
    let member = work.member()?;
    let source = work.copy_on(work.other())?;
    source
        .volumes
        .get(slot)
        .map(|v| v.serial.clone())
        .ok_or_else(|| {
            StepFailure::permanent(
                format!(
                    "the source of volume {slot} of `{}` is not known",
                    member.name
                ),
                "retry when the source site is back, or go on without the member",
            )
        })
}

pub(super) async fn copy(work: &Work<'_>, slot: usize) -> Output {
    let chosen = points::chosen(work).await?;
    let member = work.member()?;
    let source = source_serial(work, slot)?;
    if !chosen.volumes.iter().any(|v| v.serial == source) {
        return Err(StepFailure::permanent(
            format!(
                "recovery point {} does not hold volume {slot} of `{}`: the member was not \
                 protected yet when it was taken",
                chosen.point, member.name
            ),
            "choose a later point, or go on without the member",
        ));
    }
    let name = ArrayVolumeName::from(copy_name(work.operation(), member.id, slot));
    let request = MaterializeVolume::new(work.replica()?, chosen.point, source, name);
    let storage = work.storage().await?;
    // Adopting renames it: a step that is run again after that finds it by its journal alone.
    let made: ArrayVolume = storage
        .materialize_volume(&work.ctx()?, request)
        .await
        .map_err(|e| work.failed(&e))?;
    output(&Copied {
        name: made.name,
        serial: made.serial,
    })
}

pub(super) async fn undo_copy(work: &Work<'_>, slot: usize) -> Result<(), StepFailure> {
    let member = work.member()?;
    let storage = work.storage().await?;
    let name = ArrayVolumeName::from(copy_name(work.operation(), member.id, slot));
    let made: Option<Copied> = read(work.noted().as_ref());
    let made = match made {
        Some(made) => Some(made),
        None => found(
            storage
                .get_volume(&work.ctx()?, GetVolume::new(&name))
                .await,
        )
        .map_err(|e| work.failed(&e))?
        .map(|v| Copied {
            name: v.name,
            serial: v.serial,
        }),
    };
    let Some(made) = made else { return Ok(()) };
    storage
        .discard_volume(&work.ctx()?, DiscardVolume::new(made.name, made.serial))
        .await
        .map_err(|e| work.failed(&e))
}

/// The step before: what was copied into the slot.
fn copied(work: &Work<'_>) -> Result<Copied, StepFailure> {
    let key = work.run.step.key.replacen("adopt/", "copy/", 1);
    read(work.run.journal.noted(&key).as_ref()).ok_or_else(|| {
        StepFailure::permanent(
            "the array volume to adopt was not made",
            "retry the operation",
        )
    })
}

pub(super) async fn adopt(work: &Work<'_>, slot: usize, test: bool) -> Output {
    let copied = copied(work)?;
    let member = work.member()?;
    let blueprint = member.blueprint.as_ref();
    let spec = blueprint.and_then(|b| b.volumes.get(slot)).ok_or_else(|| {
        StepFailure::permanent(
            format!("`{}` has no volume {slot} any more", member.name),
            "cancel the operation",
        )
    })?;
    let cloud = work.compute().await?;
    let volume_type = target_type(work, test)?;
    let host = pool(work, &*cloud, &volume_type).await?;
    let name = copy_name(work.operation(), member.id, slot);
    let request = EnsureManagedVolume::new(
        &*name,
        copied.name.as_str(),
        host,
        volume_type,
        spec.bootable,
    )
    .description(format!(
        "Volume {slot} of {}, recovered by Protector",
        member.name
    ))
    .metadata(spec.metadata.clone());
    let adopted = cloud
        .ensure_managed_volume(&work.ctx()?, request)
        .await
        .map_err(|e| work.failed(&e))?;
    let adopted = settled(work, &*cloud, adopted).await?;
    let properties = SetVolumeProperties::new(&adopted.id, spec.bootable)
        .image_metadata(spec.image_metadata.clone());
    cloud
        .set_volume_properties(&work.ctx()?, properties)
        .await
        .map_err(|e| work.failed(&e))?;
    let on_array = resolve(work, &adopted).await?;
    if on_array.serial != copied.serial {
        return Err(StepFailure::permanent(
            format!(
                "volume {} is backed by {} on the array, not by the copy that was made for it",
                adopted.id, on_array.serial
            ),
            "look at the back end; nothing is started from this volume",
        ));
    }
    output(&Adopted {
        id: adopted.id,
        name: on_array.name,
        serial: on_array.serial,
    })
}

async fn resolve(work: &Work<'_>, volume: &Volume) -> Result<ArrayVolume, StepFailure> {
    work.storage()
        .await?
        .resolve_volume(&work.ctx()?, work.backing(&volume.id).await?)
        .await
        .map_err(|e| work.failed(&e))
}

/// Waits until an adoption has ended. One that ends in error is left as it is: removing it can
/// destroy data on the array.
async fn settled(
    work: &Work<'_>,
    cloud: &dyn ComputeDriver,
    mut volume: Volume,
) -> Result<Volume, StepFailure> {
    let mut poll = work.poll(format!("volume `{}` to be adopted", volume.name), CLOUD);
    loop {
        match volume.status {
            VolumeStatus::Available | VolumeStatus::InUse | VolumeStatus::Reserved => {
                return Ok(volume);
            }
            VolumeStatus::Error => {
                return Err(StepFailure::permanent(
                    format!(
                        "the block storage service failed to adopt volume {}",
                        volume.id
                    ),
                    "find out why in cinder-volume's log; do not delete the record before the \
                     service was restarted, for that can destroy data on the array",
                ));
            }
            _ => poll.pause(&volume.raw_status).await?,
        }
        volume = cloud
            .get_volume(&work.ctx()?, VolumeRef::new(&volume.id))
            .await
            .map_err(|e| work.failed(&e))?;
    }
}

fn target_type(work: &Work<'_>, test: bool) -> Result<VolumeTypeId, StepFailure> {
    let site = work.site();
    backend::target_type(&work.document, site, test).ok_or_else(|| {
        StepFailure::permanent(
            format!("the protection group has no volume type on site {site}"),
            "set `secondary_volume_type_id`",
        )
    })
}

/// The pool that holds the target type's volumes.
async fn pool(
    work: &Work<'_>,
    cloud: &dyn ComputeDriver,
    volume_type: &VolumeTypeId,
) -> Result<String, StepFailure> {
    let types = cloud
        .list_volume_types(&work.ctx()?)
        .await
        .map_err(|e| work.failed(&e))?;
    let pools = cloud
        .list_pools(&work.ctx()?)
        .await
        .map_err(|e| work.failed(&e))?;
    let asked = work.policy()?.secondary_backend_host.as_deref();
    backend::choose_pool(&types, &pools, volume_type, asked)
        .map_err(|none| StepFailure::permanent(none.to_string(), none.what_to_do()))
}

/// Lets an adopted volume go again; its array volume keeps whatever name the cloud leaves it.
pub(super) async fn undo_adopt(work: &Work<'_>, slot: usize) -> Result<(), StepFailure> {
    let member = work.member()?;
    let name = copy_name(work.operation(), member.id, slot);
    release_named(work, &name).await.map(drop)
}

/// Unmanages the volumes of a name and waits until they are gone.
pub(super) async fn release_named(
    work: &Work<'_>,
    name: &str,
) -> Result<Vec<ArrayVolume>, StepFailure> {
    let cloud = work.compute().await?;
    let volumes = cloud
        .find_volumes(&work.ctx()?, name)
        .await
        .map_err(|e| work.failed(&e))?;
    let mut released = Vec::new();
    for volume in volumes {
        // What is behind it may have been removed by hand.
        released.extend(behind(work, &volume).await?);
        release(work, &*cloud, &volume.id).await?;
    }
    Ok(released)
}

/// The array volume behind one of the cloud; `None`: there is none any more.
async fn behind(work: &Work<'_>, volume: &Volume) -> Result<Option<ArrayVolume>, StepFailure> {
    let request = work.backing(&volume.id).await?;
    let storage = work.storage().await?;
    let resolved = found(storage.resolve_volume(&work.ctx()?, request).await);
    resolved.map_err(|e| work.failed(&e))
}

/// Unmanages a volume once it is free, and waits until it is gone.
pub(super) async fn release(
    work: &Work<'_>,
    cloud: &dyn ComputeDriver,
    id: &protector_framework::VolumeId,
) -> Result<(), StepFailure> {
    let mut poll = work.poll(format!("volume {id} to be released"), CLOUD);
    let mut asked = false;
    loop {
        let now = found(cloud.get_volume(&work.ctx()?, VolumeRef::new(id)).await);
        let Some(now) = now.map_err(|e| work.failed(&e))? else {
            return Ok(());
        };
        if now.snapshots > 0 {
            return Err(StepFailure::permanent(
                format!(
                    "volume {id} has {} snapshots, which would be lost",
                    now.snapshots
                ),
                "delete them, or keep the volume and `skip` this step",
            ));
        }
        if now.status == VolumeStatus::Error {
            return Err(StepFailure::permanent(
                format!(
                    "the block storage service cannot let volume {id} go, it is `{}`: what was behind \
                     it may have been removed by hand",
                    now.raw_status
                ),
                "have an administrator find out why and remove the record, then `retry`; or `skip` \
                 this step, which leaves it",
            ));
        }
        if now.status == VolumeStatus::Available && !asked {
            cloud
                .unmanage_volume(&work.ctx()?, VolumeRef::new(id))
                .await
                .map_err(|e| work.failed(&e))?;
            asked = true;
        } else {
            poll.pause(&now.raw_status).await?;
        }
    }
}

/// Overwrites the parked copy's volume in place. Never while it is connected.
pub(super) async fn overwrite(work: &Work<'_>, slot: usize) -> Output {
    if work.progress().kept().is_some() {
        return Ok(Some(json!({ "kept": true })));
    }
    let chosen = points::chosen(work).await?;
    let member = work.member()?;
    let copy = work.copy_on(work.site())?;
    let volume = copy.volumes.get(slot).ok_or_else(|| {
        StepFailure::permanent(
            format!("the parked copy of `{}` has no volume {slot}", member.name),
            "run `cleanup`, then ask again",
        )
    })?;
    if !is_recovered(work, &chosen)? {
        return keep(work);
    }
    let serial = source_serial(work, slot)?;
    let cloud = work.compute().await?;
    make_sure_it_is_parked(work, &*cloud, copy).await?;
    let in_cloud = cloud
        .get_volume(&work.ctx()?, VolumeRef::new(&volume.id))
        .await
        .map_err(|e| work.failed(&e))?;
    if in_cloud.connected {
        return Err(StepFailure::permanent(
            format!("volume {} is connected; it is not overwritten", volume.id),
            "find out who uses it, then `retry`",
        ));
    }
    let storage = work.storage().await?;
    let (present, kept_as) = match read::<Overwriting>(work.noted().as_ref()) {
        // It bears another name while it is overwritten: after a crash only its serial finds it.
        Some(noted) => (noted.present, noted.kept_as),
        None => prepare(work, &*storage, copy, volume).await?,
    };
    let request = OverwriteVolume::new(
        work.replica()?,
        chosen.point,
        serial,
        &present,
        &volume.serial,
    );
    storage
        .overwrite_volume(&work.ctx()?, request)
        .await
        .map_err(|e| work.failed(&e))?;
    Ok(Some(json!({ "kept_as": kept_as })))
}

/// What is known of a volume before it is overwritten.
#[derive(Serialize, Deserialize)]
struct Overwriting {
    present: ArrayVolumeName,
    kept_as: Option<String>,
}

/// Finds the volume's name on its array and keeps what has diverged, once.
async fn prepare(
    work: &Work<'_>,
    storage: &dyn StorageDriver,
    copy: &Instance,
    volume: &InstanceVolume,
) -> Result<(ArrayVolumeName, Option<String>), StepFailure> {
    let resolved = storage
        .resolve_volume(&work.ctx()?, work.backing(&volume.id).await?)
        .await;
    let present = found(resolved)
        .map_err(|e| work.failed(&e))?
        .map_or_else(|| volume.array_name.clone(), |v| v.name);
    let mut kept_as = None;
    if copy.state == InstanceState::Quarantined && !is_on(Bug::DivergedNotKept) {
        // What was written here after the other site took over exists nowhere else.
        let snapshot = format!(
            "protector-{}-diverged",
            tail(work.operation().into_untyped_uuid())
        );
        let request = SnapshotVolume::new(&present, snapshot.as_str());
        storage
            .snapshot_volume(&work.ctx()?, request)
            .await
            .map_err(|e| work.failed(&e))?;
        kept_as = Some(format!("{present}.{snapshot}"));
    }
    let noted = Overwriting { present, kept_as };
    work.note(json!(noted)).await?;
    Ok((noted.present, noted.kept_as))
}

/// Whether the point holds what the member has written last. A member that does not run at the
/// source, as far as this site knows, may be in a point all the same: wholly or not at all. What a
/// synchronous array has of it is no point of the time since then.
fn is_recovered(work: &Work<'_>, chosen: &Chosen) -> Result<bool, StepFailure> {
    let Some(source) = work.member()?.instance(work.other()) else {
        return Ok(false);
    };
    if source.state == InstanceState::Production {
        return Ok(true);
    }
    let asynchronous = work.document.replication_type == ReplicationMode::Async;
    let holds = |volume: &InstanceVolume| chosen.volumes.iter().any(|v| v.serial == volume.serial);
    let all = !source.volumes.is_empty() && source.volumes.iter().all(holds);
    Ok(asynchronous && all)
}

/// A member that had not come up on the other site, as far as this one knows, is in no point: what is
/// kept of it here is started as it is if a person says so.
fn keep(work: &Work<'_>) -> Output {
    if work.run.operation.options.accepts_loss() {
        return Ok(Some(json!({ "kept": true })));
    }
    Err(StepFailure::permanent(
        format!(
            "the recovery point does not hold `{}`: it had not come up on the other site when this \
             one last heard of it",
            work.member()?.name
        ),
        "`retry` with `accept_loss` to start what is kept here; what the other site may have written \
         since is not in it",
    ))
}

/// A copy whose parking failed is parked now; one that runs stops the step.
async fn make_sure_it_is_parked(
    work: &Work<'_>,
    cloud: &dyn ComputeDriver,
    copy: &protector_model::Instance,
) -> Result<(), StepFailure> {
    let Some(id) = &copy.server_id else {
        return Ok(());
    };
    let server = cloud
        .get_server(&work.ctx()?, ServerRef::new(id))
        .await
        .map_err(|e| work.failed(&e))?;
    match server.status {
        ServerStatus::Shelved => Ok(()),
        ServerStatus::Stopped => disconnect(work, cloud, id).await,
        _ => Err(StepFailure::permanent(
            format!(
                "server {id} is {} and not parked; its volumes are not overwritten",
                server.raw_status
            ),
            "find out who started it; stop it, then `retry`",
        )),
    }
}
