//! Groups are made, changed, suspended and deleted.

use std::time::Duration;

use protector_framework::{
    ArrayIdentity, DeleteGroup, EnsureGroup, ErrorKind, GetGroup, ListPoints, ReplicationMode,
    StartReplication, SuspendGroup,
};

use crate::storage::bench::Side;
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::{Rig, shown};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "group/made",
            "A new group has the name and the target it was given, no volumes and no point.",
            made,
            claims AsyncReplication
        ),
        case!(
            "group/scheduled",
            "A group is scheduled when it has an interval and not when it has none, also if that changes.",
            scheduled,
            claims AsyncReplication
        ),
        case!(
            "group/ensure-keeps-volumes",
            "Ensuring a group again leaves its volumes in it.",
            ensure_keeps_volumes,
            claims AsyncReplication
        ),
        case!(
            "group/ensure-keeps-points",
            "Ensuring a group again leaves its points, here and on the target.",
            ensure_keeps_points,
            claims AsyncReplication
        ),
        case!(
            "group/ensure-other-target",
            "A group that sends elsewhere is refused and stays as it is.",
            ensure_other_target,
            claims AsyncReplication
        ),
        case!(
            "group/ensure-unlinked",
            "A target that is not linked is InvalidRequest, and no group is made.",
            ensure_unlinked,
            claims AsyncReplication
        ),
        case!(
            "group/get-absent",
            "A group that is not there is NotFound.",
            get_absent
        ),
        case!(
            "group/get-is-ensure",
            "A group is told as ensuring it replied.",
            get_is_ensure,
            claims AsyncReplication
        ),
        case!(
            "group/not-on-the-target",
            "A group of the source is no group of the target.",
            not_on_the_target,
            claims AsyncReplication
        ),
        case!(
            "group/last-complete",
            "The newest complete point's time is told once it has arrived.",
            last_complete,
            claims AsyncReplication
        ),
        case!(
            "group/suspended-refuses",
            "A suspended group takes no point: Conflict, and none is there afterwards.",
            suspended_refuses,
            claims AsyncReplication
        ),
        case!(
            "group/suspended-unscheduled",
            "A suspended group is not told as scheduled.",
            suspended_unscheduled,
            claims AsyncReplication
        ),
        case!(
            "group/suspend-keeps-points",
            "Suspending leaves points complete and usable.",
            suspend_keeps_points,
            claims AsyncReplication
        ),
        case!(
            "group/suspend-keeps-volumes",
            "Suspending leaves the volumes in the group.",
            suspend_keeps_volumes,
            claims AsyncReplication
        ),
        case!(
            "group/suspend-absent",
            "Suspending a group that is not there is success.",
            suspend_absent
        ),
        case!(
            "group/resumed",
            "Ensuring a suspended group lets it send again.",
            resumed,
            claims AsyncReplication
        ),
        case!(
            "group/suspend-one",
            "Suspending one group leaves another one sending.",
            suspend_one,
            claims AsyncReplication
        ),
        case!(
            "group/nothing-remains",
            "Of a group that is deleted here and on the target nothing is left on either array, whatever it went through.",
            nothing_remains,
            needs Holdings,
            claims AsyncReplication
        ),
        case!(
            "group/delete-absent",
            "Deleting a group that is not there, or of which nothing was received, is success.",
            delete_absent
        ),
        case!(
            "group/delete-keeps-volumes",
            "Deleting a group leaves its volumes and their bytes.",
            delete_keeps_volumes,
            claims AsyncReplication
        ),
        case!(
            "group/delete-keeps-received",
            "Deleting a group at its source leaves what the target has received usable.",
            delete_keeps_received,
            claims AsyncReplication
        ),
        case!(
            "group/delete-received",
            "Deleting what was received leaves no point of it.",
            delete_received,
            claims AsyncReplication
        ),
        case!(
            "group/delete-received-keeps-copies",
            "Deleting what was received leaves the volumes that were made from it.",
            delete_received_keeps_copies,
            claims AsyncReplication
        ),
        case!(
            "group/delete-one",
            "Deleting one group leaves another one of the same volumes sending.",
            delete_one,
            claims AsyncReplication
        ),
        case!(
            "group/delete-pinned",
            "A group with a pinned point is not deleted: Conflict, and its points stay usable.",
            delete_pinned,
            claims AsyncReplication PinPoints
        ),
        case!(
            "group/delete-unpinned",
            "A group is deleted once its points are let go.",
            delete_unpinned,
            claims AsyncReplication PinPoints
        ),
        case!(
            "group/two-apart",
            "The points of one group are not those of another, also under the same name.",
            two_apart,
            claims AsyncReplication
        ),
    ]
}

async fn made(rig: &Rig) -> Outcome {
    let group = rig.group();
    let request = rig.ensure(&group).interval_seconds(3600).keep_points(3_u32);
    let status = rig.source.ensure_group(&rig.ctx(), request).await?;
    check!(
        status.group == group,
        "the reply is about `{}`",
        status.group
    );
    let target = rig.identity(Side::Target);
    check!(status.target == target, "it sends to {:?}", status.target);
    check!(status.volumes.is_empty(), "it holds {:?}", status.volumes);
    check!(status.scheduled, "it is not scheduled");
    check!(status.last_complete_at.is_none(), "it has a complete point");
    let points = rig.received_points(&group).await?;
    check!(points.is_empty(), "the target has {:?}", shown(&points));
    Ok(())
}

async fn scheduled(rig: &Rig) -> Outcome {
    let group = rig.group();
    for interval in [None, Some(3600), None, Some(7200)] {
        let request = rig.ensure(&group).interval_seconds(interval);
        let status = rig.source.ensure_group(&rig.ctx(), request).await?;
        let told = rig.status(&group).await?;
        let wanted = interval.is_some();
        check!(
            status.scheduled == wanted && told.scheduled == wanted,
            "with the interval {interval:?} it is told as scheduled: {} by ensure_group, {} by get_group",
            status.scheduled,
            told.scheduled
        );
    }
    Ok(())
}

async fn ensure_keeps_volumes(rig: &Rig) -> Outcome {
    let volumes = rig.volumes(&["one", "two"]).await?;
    let group = rig.group();
    rig.source
        .ensure_group(&rig.ctx(), rig.ensure(&group))
        .await?;
    rig.set(&group, &volumes).await?;
    let request = rig.ensure(&group).interval_seconds(3600).keep_points(5_u32);
    let status = rig.source.ensure_group(&rig.ctx(), request).await?;
    check!(status.volumes.len() == 2, "it holds {:?}", status.volumes);
    Ok(())
}

async fn ensure_keeps_points(rig: &Rig) -> Outcome {
    let volumes = rig.sent(&["one"]).await?;
    let group = rig.group();
    let before = rig.point(&group, "p1").await?;
    let request = rig.ensure(&group).interval_seconds(3600);
    rig.source.ensure_group(&rig.ctx(), request).await?;
    let after = rig.point(&group, "p1").await?;
    check!(before == after, "before {before:?}, after {after:?}");
    let here = ListPoints::new(rig.local(&group));
    let here = rig.source.list_points(&rig.ctx(), here).await?;
    check!(
        here.iter().any(|p| p.name.as_str() == "p1"),
        "the source has {:?}",
        shown(&here)
    );
    let copy = rig.copy("p1", &volumes[0], "copy").await?;
    rig.holds(Side::Target, &copy.name, "one").await
}

fn stranger() -> ArrayIdentity {
    ArrayIdentity {
        id: "11111111-2222-3333-4444-555555555555".into(),
        name: "stranger".to_owned(),
    }
}

async fn ensure_other_target(rig: &Rig) -> Outcome {
    let group = rig.group();
    let before = rig
        .source
        .ensure_group(&rig.ctx(), rig.ensure(&group))
        .await?;
    let request = EnsureGroup::new(&group, ReplicationMode::Async, stranger());
    let refused = rig.source.ensure_group(&rig.ctx(), request).await;
    // The other target is not linked either: both refusals are true.
    rig.refused(refused, &[ErrorKind::Conflict, ErrorKind::InvalidRequest])?;
    let after = rig.status(&group).await?;
    check!(before == after, "before {before:?}, after {after:?}");
    Ok(())
}

async fn ensure_unlinked(rig: &Rig) -> Outcome {
    let group = rig.group();
    let request = EnsureGroup::new(&group, ReplicationMode::Async, stranger());
    let refused = rig.source.ensure_group(&rig.ctx(), request).await;
    rig.refused(refused, &[ErrorKind::InvalidRequest])?;
    absent(rig, &GetGroup::new(&group)).await
}

async fn absent(rig: &Rig, request: &GetGroup) -> Outcome {
    let found = rig.source.get_group(&rig.ctx(), request.clone()).await;
    rig.refused(found, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn get_absent(rig: &Rig) -> Outcome {
    absent(rig, &GetGroup::new(rig.name("nobody"))).await
}

async fn get_is_ensure(rig: &Rig) -> Outcome {
    let group = rig.group();
    let request = rig.ensure(&group).interval_seconds(3600);
    let made = rig.source.ensure_group(&rig.ctx(), request).await?;
    let told = rig.status(&group).await?;
    check!(made == told, "ensured {made:?}, told {told:?}");
    Ok(())
}

async fn not_on_the_target(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let found = rig
        .target
        .get_group(&rig.ctx(), GetGroup::new(rig.group()))
        .await;
    rig.refused(found, &[ErrorKind::NotFound])?;
    let local = ListPoints::new(rig.local(&rig.group()));
    let points = rig.target.list_points(&rig.ctx(), local).await?;
    check!(
        points.is_empty(),
        "the target lists {:?} as its own",
        shown(&points)
    );
    Ok(())
}

async fn last_complete(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let group = rig.group();
    rig.pass(Duration::from_secs(5)).await?;
    let point = rig.send(&group, "p2").await?;
    let told = rig.status(&group).await?.last_complete_at;
    check!(
        told == Some(point.taken_at),
        "the newest complete point is of {}, told is {told:?}",
        point.taken_at
    );
    Ok(())
}

async fn suspend(rig: &Rig) -> Outcome {
    let request = SuspendGroup::new(rig.group());
    Ok(rig.source.suspend_group(&rig.ctx(), request).await?)
}

async fn suspended_refuses(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    suspend(rig).await?;
    let start = StartReplication::new(rig.group(), "p2");
    let refused = rig.source.start_replication(&rig.ctx(), start).await;
    rig.refused(refused, &[ErrorKind::Conflict])?;
    rig.pass(Duration::from_secs(60)).await?;
    let points = rig.received_points(&rig.group()).await?;
    check!(
        points.iter().all(|p| p.name.as_str() != "p2"),
        "the target has {:?}",
        shown(&points)
    );
    Ok(())
}

async fn suspended_unscheduled(rig: &Rig) -> Outcome {
    let group = rig.group();
    let request = rig.ensure(&group).interval_seconds(3600);
    rig.source.ensure_group(&rig.ctx(), request).await?;
    suspend(rig).await?;
    check!(!rig.status(&group).await?.scheduled, "it is scheduled");
    Ok(())
}

async fn suspend_keeps_points(rig: &Rig) -> Outcome {
    let volumes = rig.sent(&["one"]).await?;
    let before = rig.received_points(&rig.group()).await?;
    suspend(rig).await?;
    let after = rig.received_points(&rig.group()).await?;
    check!(
        before == after,
        "before {:?}, after {:?}",
        shown(&before),
        shown(&after)
    );
    let copy = rig.copy("p1", &volumes[0], "copy").await?;
    rig.holds(Side::Target, &copy.name, "one").await
}

async fn suspend_keeps_volumes(rig: &Rig) -> Outcome {
    rig.sent(&["one", "two"]).await?;
    suspend(rig).await?;
    let status = rig.status(&rig.group()).await?;
    check!(status.volumes.len() == 2, "it holds {:?}", status.volumes);
    Ok(())
}

async fn suspend_absent(rig: &Rig) -> Outcome {
    suspend(rig).await?;
    absent(rig, &GetGroup::new(rig.group())).await
}

async fn resumed(rig: &Rig) -> Outcome {
    let volumes = rig.sent(&["one"]).await?;
    let group = rig.group();
    suspend(rig).await?;
    rig.write(Side::Source, &volumes[0].name, "later").await?;
    rig.source
        .ensure_group(&rig.ctx(), rig.ensure(&group))
        .await?;
    rig.send(&group, "p2").await?;
    let copy = rig.copy("p2", &volumes[0], "copy").await?;
    rig.holds(Side::Target, &copy.name, "later").await
}

async fn suspend_one(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let other = rig.group_named("kit-other");
    let volumes = rig.volumes(&["two"]).await?;
    rig.protect(&other, &volumes).await?;
    suspend(rig).await?;
    rig.send(&other, "p2").await?;
    Ok(())
}

async fn delete_absent(rig: &Rig) -> Outcome {
    let group = rig.group();
    for side in Side::BOTH {
        rig.delete(side, rig.local(&group)).await?;
        rig.delete(side, rig.received(&group, side.other())).await?;
    }
    Ok(())
}

async fn delete_keeps_volumes(rig: &Rig) -> Outcome {
    let volumes = rig.sent(&["one", "two"]).await?;
    let before = rig.names(Side::Source).await?;
    rig.delete(Side::Source, rig.local(&rig.group())).await?;
    absent(rig, &GetGroup::new(rig.group())).await?;
    let after = rig.names(Side::Source).await?;
    check!(
        before == after,
        "volumes before {before:?}, after {after:?}"
    );
    for volume in volumes {
        rig.holds(Side::Source, &volume.name, &volume.label).await?;
    }
    Ok(())
}

async fn delete_keeps_received(rig: &Rig) -> Outcome {
    let volumes = rig.sent(&["one"]).await?;
    rig.delete(Side::Source, rig.local(&rig.group())).await?;
    rig.pass(Duration::from_secs(60)).await?;
    let point = rig.point(&rig.group(), "p1").await?;
    check!(point.complete, "the point is not complete any more");
    let copy = rig.copy("p1", &volumes[0], "copy").await?;
    rig.holds(Side::Target, &copy.name, "one").await
}

async fn delete_received(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    both_go(rig).await
}

async fn both_go(rig: &Rig) -> Outcome {
    let group = rig.group();
    rig.delete_both(&group).await?;
    let points = rig.received_points(&group).await?;
    check!(points.is_empty(), "the target has {:?}", shown(&points));
    Ok(())
}

async fn delete_received_keeps_copies(rig: &Rig) -> Outcome {
    let volumes = rig.sent(&["one"]).await?;
    let copy = rig.copy("p1", &volumes[0], "copy").await?;
    rig.delete_both(&rig.group()).await?;
    rig.pass(Duration::from_secs(60)).await?;
    rig.holds(Side::Target, &copy.name, "one").await
}

async fn nothing_remains(rig: &Rig) -> Outcome {
    let volumes = rig.volumes(&["one", "two", "three"]).await?;
    let mut before = Vec::new();
    for side in Side::BOTH {
        before.push(rig.holdings(side).await?);
    }
    let group = rig.group();
    let scheduled = rig.ensure(&group).interval_seconds(3600);
    rig.protect_as(scheduled, &volumes[..1]).await?;
    // Seeded beside the group; the third one's seed is under way when all ends.
    rig.set(&group, &volumes[..2]).await?;
    rig.seeded(&group).await?;
    rig.send(&group, "p1").await?;
    rig.set(&group, &volumes).await?;
    let copy = rig.copy("p1", &volumes[0], "copy").await?;
    suspend(rig).await?;
    rig.delete_both(&group).await?;
    rig.pass(Duration::from_secs(60)).await?;
    for (side, before) in Side::BOTH.into_iter().zip(&before) {
        rig.holds_only(side, before).await?;
    }
    rig.holds(Side::Target, &copy.name, "one").await
}

async fn delete_one(rig: &Rig) -> Outcome {
    let volumes = rig.sent(&["one"]).await?;
    let other = rig.group_named("kit-other");
    rig.protect(&other, &volumes).await?;
    rig.delete_both(&rig.group()).await?;
    let point = rig.send(&other, "p2").await?;
    check!(
        point.volumes.len() == 1,
        "its point holds {:?}",
        point.volumes
    );
    Ok(())
}

async fn delete_pinned(rig: &Rig) -> Outcome {
    let volumes = rig.sent(&["one"]).await?;
    let group = rig.group();
    rig.pin("p1", "holder").await?;
    let request = DeleteGroup::new(rig.replica(&group));
    let refused = rig.target.delete_group(&rig.ctx(), request).await;
    rig.refused(refused, &[ErrorKind::Conflict])?;
    let point = rig.point(&group, "p1").await?;
    check!(point.complete, "the point is not complete any more");
    let copy = rig.copy("p1", &volumes[0], "copy").await?;
    rig.holds(Side::Target, &copy.name, "one").await
}

async fn delete_unpinned(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    rig.pin("p1", "holder").await?;
    rig.unpin("p1", "holder").await?;
    both_go(rig).await
}

async fn two_apart(rig: &Rig) -> Outcome {
    let one = rig.sent(&["one"]).await?;
    let other = rig.group_named("kit-other");
    let two = rig.volumes(&["two"]).await?;
    rig.protect(&other, &two).await?;
    rig.send(&other, "p1").await?;
    for (group, volume) in [(rig.group(), &one[0]), (other, &two[0])] {
        let point = rig.point(&group, "p1").await?;
        let serials: Vec<_> = point.volumes.iter().map(|v| &v.serial).collect();
        check!(
            serials == [&volume.serial],
            "`p1` of `{group}` holds {serials:?}"
        );
    }
    Ok(())
}
