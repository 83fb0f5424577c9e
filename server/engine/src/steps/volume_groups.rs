//! The generic volume group of each cloud.

use protector_framework::{
    EnsureVolumeGroup, SetVolumeGroupVolumes, VolumeGroup, VolumeGroupRef, VolumeId,
};
use protector_model::MemberStatus;
use protector_model::outputs::GroupMade;

use super::poll::CLOUD;
use super::work::{Work, found};
use super::{Output, output};
use crate::failure::StepFailure;

/// The group type that an administrator makes on each cloud.
const GROUP_TYPE: &str = "protector";

pub(super) async fn ensure(work: &Work<'_>) -> Output {
    let group = make(work).await?;
    output(&GroupMade { id: group.id })
}

pub(super) async fn fill(work: &Work<'_>) -> Output {
    let group = make(work).await?;
    let site = work.site();
    let wanted: Vec<VolumeId> = work
        .document
        .members
        .iter()
        .filter(|m| m.status != MemberStatus::Removing)
        .filter_map(|m| m.instance(site))
        .flat_map(|copy| copy.volumes.iter().map(|v| v.id.clone()))
        .collect();
    set(work, &group, &wanted).await?;
    output(&GroupMade { id: group.id })
}

pub(super) async fn delete(work: &Work<'_>) -> Output {
    let Some(id) = work.document.volume_groups.get(&work.site()) else {
        return Ok(None);
    };
    let cloud = work.compute().await?;
    let reference = VolumeGroupRef::new(id);
    let present = found(
        cloud
            .get_volume_group(&work.ctx()?, reference.clone())
            .await,
    );
    let Some(group) = present.map_err(|e| work.failed(&e))? else {
        return Ok(None);
    };
    set(work, &group, &[]).await?;
    cloud
        .delete_volume_group(&work.ctx()?, reference)
        .await
        .map_err(|e| work.failed(&e))?;
    Ok(None)
}

async fn make(work: &Work<'_>) -> Result<VolumeGroup, StepFailure> {
    let cloud = work.compute().await?;
    let types: Vec<_> = work
        .document
        .volume_types
        .get(&work.site())
        .cloned()
        .into_iter()
        .collect();
    let request =
        EnsureVolumeGroup::new(work.document.remote_name(), GROUP_TYPE, types).description(
            format!("Volumes of protection group {}", work.document.name),
        );
    let group = cloud
        .ensure_volume_group(&work.ctx()?, request)
        .await
        .map_err(|e| work.failed(&e))?;
    settled(work, group, None).await
}

/// Sets a group's volumes and waits until it has exactly them.
pub(super) async fn set(
    work: &Work<'_>,
    group: &VolumeGroup,
    wanted: &[VolumeId],
) -> Result<(), StepFailure> {
    let cloud = work.compute().await?;
    let request = SetVolumeGroupVolumes::new(&group.id, wanted.to_vec());
    let group = cloud
        .set_volume_group_volumes(&work.ctx()?, request)
        .await
        .map_err(|e| work.failed(&e))?;
    settled(work, group, Some(wanted)).await.map(drop)
}

async fn settled(
    work: &Work<'_>,
    mut group: VolumeGroup,
    wanted: Option<&[VolumeId]>,
) -> Result<VolumeGroup, StepFailure> {
    let cloud = work.compute().await?;
    let mut poll = work.poll(format!("volume group `{}`", group.name), CLOUD);
    loop {
        let complete = wanted.is_none_or(|wanted| {
            wanted.len() == group.volumes.len() && wanted.iter().all(|v| group.volumes.contains(v))
        });
        if group.available && complete {
            return Ok(group);
        }
        if group.raw_status == "error" {
            return Err(StepFailure::permanent(
                format!("volume group `{}` is in state error", group.name),
                "look at the block storage service's log, reset the group's state, then `retry`",
            ));
        }
        poll.pause(&group.raw_status).await?;
        group = cloud
            .get_volume_group(&work.ctx()?, VolumeGroupRef::new(&group.id))
            .await
            .map_err(|e| work.failed(&e))?;
    }
}
