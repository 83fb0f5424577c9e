//! The replication group of each array.

use protector_framework::{
    ArrayVolumeName, DeleteGroup, EnsureGroup, GroupRef, SetGroupVolumes, SuspendGroup,
};
use protector_model::seeded::{Bug, is_on};
use protector_model::{InstanceState, MemberStatus};

use super::Output;
use super::work::Work;

/// Makes the group that the step's site sends, with the volumes of what runs there.
pub(super) async fn ensure_group(work: &Work<'_>) -> Output {
    let policy = work.policy()?;
    let storage = work.storage().await?;
    let request = EnsureGroup::new(
        work.group_name(),
        work.document.replication_type,
        work.array(work.other())?.identity.clone(),
    )
    .interval_seconds(policy.interval_seconds())
    .keep_points(policy.retention.points);
    storage
        .ensure_group(&work.ctx()?, request)
        .await
        .map_err(|e| work.failed(&e))?;
    let mut volumes = volume_names(work).await?;
    if is_on(Bug::NotReplicated) {
        volumes.clear();
    }
    storage
        .set_group_volumes(
            &work.ctx()?,
            SetGroupVolumes::new(work.group_name(), volumes),
        )
        .await
        .map_err(|e| work.failed(&e))?;
    Ok(None)
}

/// The present names of the volumes in production on the step's site.
async fn volume_names(
    work: &Work<'_>,
) -> Result<Vec<ArrayVolumeName>, crate::failure::StepFailure> {
    let storage = work.storage().await?;
    let mut names = Vec::new();
    for member in &work.document.members {
        if member.status == MemberStatus::Removing {
            continue;
        }
        let copy = member
            .instance(work.site())
            .filter(|copy| copy.state == InstanceState::Production);
        for volume in copy.iter().flat_map(|copy| &copy.volumes) {
            let found = storage
                .resolve_volume(&work.ctx()?, work.backing(&volume.id).await?)
                .await
                .map_err(|e| work.failed(&e))?;
            names.push(found.name);
        }
    }
    Ok(names)
}

/// Stops this array's own points, until its volumes are overwritten. Once authority is here they are the
/// group's.
pub(super) async fn hold_group(work: &Work<'_>) -> Output {
    if work.record.document.current_primary_site_id == work.site() {
        return Ok(None);
    }
    suspend_group(work, true).await
}

/// `here_only`: the other array is not asked.
pub(super) async fn suspend_group(work: &Work<'_>, here_only: bool) -> Output {
    if work.document.policy.is_none() {
        return Ok(None);
    }
    let request = SuspendGroup::new(work.group_name()).here_only(here_only);
    work.storage()
        .await?
        .suspend_group(&work.ctx()?, request)
        .await
        .map_err(|e| work.failed(&e))?;
    Ok(None)
}

/// Deletes what the step's site sends and what it has received.
pub(super) async fn delete_group(work: &Work<'_>) -> Output {
    let storage = work.storage().await?;
    super::points::release_ended(work).await?;
    let local = GroupRef::Local {
        name: work.group_name(),
    };
    for group in [local, work.replica()?] {
        storage
            .delete_group(&work.ctx()?, DeleteGroup::new(group))
            .await
            .map_err(|e| work.failed(&e))?;
    }
    Ok(None)
}
