//! The recovery points that a failover could use now.

use protector_framework::{ArrayGroupName, GroupRef, ListPoints, MemberId, Point, ProjectId};
use protector_model::{Actor, GroupDocument};

use crate::control::Control;
use crate::convert::site_refused;
use crate::refusal::Result;
use crate::services::RecoveryPoint;

/// Lists the points on the array of the site that the group does not run on, the newest first.
pub(crate) async fn list(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    group: &str,
) -> Result<Vec<RecoveryPoint>> {
    let document = control.group(project, group).await?.document;
    let standby = control.site_of(document.standby_site()).await?;
    let array = control.reach.storage(&document, standby.id).await?;
    let policy = document.policy.as_ref();
    let source = policy.and_then(|p| p.arrays.get(&document.current_primary_site_id));
    let source = source.ok_or(protector_reach::ReachError::NoArray(
        document.current_primary_site_id,
    ))?;
    let replica = GroupRef::Replica {
        name: ArrayGroupName::from(document.remote_name()),
        source: source.identity.clone(),
    };
    let points = array
        .list_points(&control.ctx(actor), ListPoints::new(replica))
        .await
        .map_err(|error| site_refused(&standby, &error))?;
    Ok(points
        .into_iter()
        .rev()
        .map(|point| shown(&document, point))
        .collect())
}

fn shown(document: &GroupDocument, point: Point) -> RecoveryPoint {
    let site = document.current_primary_site_id;
    let mut members: Vec<(MemberId, String)> = Vec::new();
    let mut missing = Vec::new();
    for member in &document.members {
        let held = member.instance(site).is_some_and(|copy| {
            !copy.volumes.is_empty()
                && copy
                    .volumes
                    .iter()
                    .all(|volume| point.volumes.iter().any(|v| v.serial == volume.serial))
        });
        let named = (member.id, member.name.clone());
        if held {
            members.push(named);
        } else {
            missing.push(named);
        }
    }
    RecoveryPoint {
        usable: point.complete && !members.is_empty(),
        name: point.name,
        taken_at: point.taken_at,
        complete: point.complete,
        members,
        missing,
        pinned_by: point.pinned_by,
    }
}
