//! Removes a copy that is no longer needed, in the order that cannot destroy production data.

use protector_framework::{
    DiscardVolume, PortRef, ServerRef, ServerStatus, SetDeleteOnTermination, VolumeGroupRef,
    VolumeId,
};
use protector_model::outputs::{Left, read};
use protector_model::plan::{Action, Step};
use protector_model::{Instance, InstanceState};

use super::copies::release;
use super::poll::CLOUD;
use super::work::{Work, found};
use super::{Output, output, points, volume_groups};
use crate::failure::StepFailure;

/// The copy on the step's site; the production copy is never cleaned.
fn copy<'a>(work: &'a Work<'_>) -> Result<Option<&'a Instance>, StepFailure> {
    let Some(copy) = work.member()?.instance(work.site()) else {
        return Ok(None);
    };
    if copy.state == InstanceState::Production {
        return Err(StepFailure::permanent(
            "the copy is in production by now and is not removed",
            "cancel the operation",
        ));
    }
    Ok(Some(copy))
}

pub(super) async fn delete_server(work: &Work<'_>) -> Output {
    if is_a_move(work) {
        points::must_hold_member(work).await?;
    }
    let Some(id) = copy(work)?.and_then(|copy| copy.server_id.as_ref()) else {
        return Ok(None);
    };
    let cloud = work.compute().await?;
    let server = found(cloud.get_server(&work.ctx()?, ServerRef::new(id)).await);
    let Some(server) = server.map_err(|e| work.failed(&e))? else {
        return Ok(None);
    };
    for volume in server.volumes.iter().filter(|v| v.delete_on_termination) {
        cloud
            .set_delete_on_termination(
                &work.ctx()?,
                SetDeleteOnTermination::new(id, &volume.id, false),
            )
            .await
            .map_err(|e| work.failed(&e))?;
    }
    remove_server(work, id).await?;
    Ok(None)
}

/// Unlocks the server of a member that leaves Protector's care.
pub(super) async fn unlock_server(work: &Work<'_>) -> Output {
    let copy = work.member()?.instance(work.site());
    let Some(id) = copy.and_then(|copy| copy.server_id.as_ref()) else {
        return Ok(None);
    };
    let cloud = work.compute().await?;
    found(cloud.unlock_server(&work.ctx()?, ServerRef::new(id)).await)
        .map_err(|e| work.failed(&e))?;
    Ok(None)
}

/// Deletes a server and waits until it is gone.
pub(super) async fn remove_server(
    work: &Work<'_>,
    id: &protector_framework::ServerId,
) -> Result<(), StepFailure> {
    let cloud = work.compute().await?;
    cloud
        .delete_server(&work.ctx()?, ServerRef::new(id))
        .await
        .map_err(|e| work.failed(&e))?;
    let mut poll = work.poll(format!("server {id} to be gone"), CLOUD);
    loop {
        let now = found(cloud.get_server(&work.ctx()?, ServerRef::new(id)).await);
        match now.map_err(|e| work.failed(&e))? {
            None => return Ok(()),
            Some(server) if server.status == ServerStatus::Deleted => return Ok(()),
            Some(server) => poll.pause(&server.raw_status).await?,
        }
    }
}

/// Whether the copy makes way for one that a move builds anew.
fn is_a_move(work: &Work<'_>) -> bool {
    work.run.plan.commit().is_some()
}

/// What a move cannot remove of an older copy holds up nobody's recovery: it is told, and left.
fn or_left(work: &Work<'_>, removed: Output) -> Output {
    match removed {
        Err(
            StepFailure::Transient { error, .. }
            | StepFailure::Permanent(error)
            | StepFailure::AskUser(error),
        ) if is_a_move(work) => output(&Left {
            left: error.message,
        }),
        other => other,
    }
}

/// Takes the copy's volumes out of the generic group and out of the cloud.
pub(super) async fn release_volumes(work: &Work<'_>) -> Output {
    or_left(work, release_them(work).await)
}

async fn release_them(work: &Work<'_>) -> Output {
    let Some(copy) = copy(work)? else {
        return Ok(None);
    };
    let own: Vec<VolumeId> = copy.volumes.iter().map(|v| v.id.clone()).collect();
    let cloud = work.compute().await?;
    if let Some(id) = work.document.volume_groups.get(&work.site()) {
        let _alone = work.steps.volume_group.lock().await;
        let group = found(
            cloud
                .get_volume_group(&work.ctx()?, VolumeGroupRef::new(id))
                .await,
        );
        if let Some(group) = group.map_err(|e| work.failed(&e))?
            && group.volumes.iter().any(|v| own.contains(v))
        {
            let rest: Vec<VolumeId> = group
                .volumes
                .iter()
                .filter(|v| !own.contains(v))
                .cloned()
                .collect();
            volume_groups::set(work, &group, &rest).await?;
        }
    }
    for id in &own {
        release(work, &*cloud, id).await?;
    }
    Ok(None)
}

/// Deletes the ports that Protector made for the copy; those of a user stay.
pub(super) async fn delete_ports(work: &Work<'_>) -> Output {
    or_left(work, delete_them(work).await)
}

async fn delete_them(work: &Work<'_>) -> Output {
    let Some(copy) = copy(work)?.filter(|copy| copy.made) else {
        return Ok(None);
    };
    let cloud = work.compute().await?;
    for port in &copy.ports {
        cloud
            .delete_port(&work.ctx()?, PortRef::new(port))
            .await
            .map_err(|e| work.failed(&e))?;
    }
    Ok(None)
}

/// Discards the copy's array volumes, where the cloud has let them go.
pub(super) async fn discard_volumes(work: &Work<'_>) -> Output {
    or_left(work, discard_them(work).await)
}

async fn discard_them(work: &Work<'_>) -> Output {
    let Some(copy) = copy(work)? else {
        return Ok(None);
    };
    let releases =
        |s: &&Step| s.member == work.run.step.member && matches!(s.action, Action::ReleaseVolumes);
    let release = work.run.plan.steps.iter().find(releases);
    if let Some(step) = release {
        let told = work.progress().record(&step.key);
        let left = read::<Left>(told.and_then(|record| record.output.as_ref()));
        if work.progress().is_skipped(&step.key) || left.is_some() {
            // The cloud keeps them: a person has said so, or it could not let them go.
            return Ok(None);
        }
    }
    let storage = work.storage().await?;
    for volume in &copy.volumes {
        let request = DiscardVolume::new(&volume.array_name, &volume.serial);
        storage
            .discard_volume(&work.ctx()?, request)
            .await
            .map_err(|e| work.failed(&e))?;
    }
    Ok(None)
}
