//! What happens while a point is on its way, and when the link or the source is gone.

use std::time::Duration;

use protector_framework::{
    ArrayGroupName, ErrorKind, ListPoints, OverwriteVolume, PinPoint, TransferState,
};

use crate::storage::bench::{LinkCondition, Side};
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::{NOT_USABLE, Rig, Vol};

/// A link over which nothing of note arrives within a minute.
const CRAWL: u64 = 4;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "transfer/stalled",
            "A point that is started over a link that is down is taken, is told as not complete, and sends nothing.",
            stalled,
            needs Link,
            claims AsyncReplication
        ),
        case!(
            "transfer/goes-on",
            "A point that was started over a link that is down arrives when it is back, with its bytes and its moment.",
            goes_on,
            needs Link,
            claims AsyncReplication
        ),
        case!(
            "transfer/partial-not-complete",
            "A point on its way is not complete, by its source and by its target.",
            partial_not_complete,
            needs Speed,
            claims AsyncReplication
        ),
        case!(
            "transfer/partial-not-materialized",
            "No volume is made from a point on its way, and no half of one is left.",
            partial_not_materialized,
            needs Speed,
            claims AsyncReplication
        ),
        case!(
            "transfer/partial-not-overwritten",
            "No volume is overwritten from a point on its way; it keeps its bytes and its name.",
            partial_not_overwritten,
            needs Speed,
            claims AsyncReplication
        ),
        case!(
            "transfer/partial-not-pinned",
            "A point on its way is not pinned.",
            partial_not_pinned,
            needs Speed,
            claims AsyncReplication PinPoints
        ),
        case!(
            "transfer/older-stay",
            "Older points stay complete and usable beside one on its way.",
            older_stay,
            needs Speed,
            claims AsyncReplication
        ),
        case!(
            "transfer/last-complete-waits",
            "The newest complete point's time does not rise for a point on its way.",
            last_complete_waits,
            needs Speed,
            claims AsyncReplication
        ),
        case!(
            "transfer/cut-midway",
            "A transfer that is cut midway is resumed when the link is back, with the right bytes.",
            cut_midway,
            needs Link Speed,
            claims AsyncReplication
        ),
        case!(
            "transfer/partial-after-cut",
            "A point that was cut midway is not complete and not usable, however long the link is down.",
            partial_after_cut,
            needs Link Speed,
            claims AsyncReplication
        ),
        case!(
            "transfer/flapping",
            "A link that goes down again and again delays a transfer and does not break it.",
            flapping,
            needs Link Speed,
            claims AsyncReplication
        ),
        case!(
            "transfer/rises",
            "The bytes sent never fall while a transfer runs, and never pass the total.",
            rises,
            needs Speed,
            claims AsyncReplication
        ),
        case!(
            "transfer/started-again",
            "Starting a point again while it is on its way finds it and does not take it anew.",
            started_again,
            needs Speed,
            claims AsyncReplication
        ),
        case!(
            "transfer/suspended-midway",
            "A group that is suspended with a point on its way sends nothing; the point is not complete.",
            suspended_midway,
            needs Speed,
            claims AsyncReplication
        ),
        case!(
            "transfer/link-down-reads",
            "With the link down the source still tells its groups and the target its points.",
            link_down_reads,
            needs Link,
            claims AsyncReplication
        ),
        case!(
            "transfer/source-off",
            "With the source off, what has arrived is listed and used on the target alone.",
            source_off,
            needs Power,
            claims AsyncReplication
        ),
        case!(
            "transfer/source-off-midway",
            "With the source off, a point that was on its way is not complete and not usable.",
            source_off_midway,
            needs Power Speed,
            claims AsyncReplication
        ),
        case!(
            "transfer/source-off-overwrite",
            "With the source off, a volume of the target is overwritten from what has arrived.",
            source_off_overwrite,
            needs Power,
            claims AsyncReplication
        ),
        case!(
            "transfer/source-back",
            "A source that was off and is back goes on sending.",
            source_back,
            needs Power,
            claims AsyncReplication
        ),
        case!(
            "transfer/target-off",
            "With the target off, the source still tells its group, and the point arrives when it is back.",
            target_off,
            needs Power,
            claims AsyncReplication
        ),
    ]
}

async fn stalled(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let group = rig.group();
    rig.write(Side::Source, &v[0].name, "changed").await?;
    rig.bench.set_link(LinkCondition::Down).await?;
    rig.start(&group, "p2").await?;
    rig.pass(Duration::from_secs(60)).await?;
    let told = rig.transfer(&group, "p2").await?;
    check!(
        told.state == TransferState::Stalled,
        "it is told as {told:?}"
    );
    let complete = rig.complete_points(&group).await?;
    check!(
        complete.iter().all(|name| name.as_str() != "p2"),
        "the target has {complete:?}"
    );
    Ok(())
}

async fn goes_on(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let group = rig.group();
    rig.write(Side::Source, &v[0].name, "at the moment").await?;
    rig.bench.set_link(LinkCondition::Down).await?;
    let started = rig.start(&group, "p2").await?;
    rig.pass(Duration::from_secs(60)).await?;
    rig.write(Side::Source, &v[0].name, "too late").await?;
    rig.bench.set_link(LinkCondition::Up).await?;
    let arrived = rig.arrive(&group, "p2").await?;
    check!(
        arrived.taken_at == started.taken_at,
        "{started:?} arrived as {arrived:?}"
    );
    let copy = rig.copy("p2", &v[0], "copy").await?;
    rig.holds(Side::Target, &copy.name, "at the moment").await
}

/// A group whose point `p2` is on its way.
async fn on_its_way(rig: &Rig) -> Outcome<(ArrayGroupName, Vol)> {
    let v = rig.sent(&["one"]).await?;
    let group = rig.group();
    rig.write(Side::Source, &v[0].name, "changed").await?;
    rig.bench.set_link(LinkCondition::Slow(CRAWL)).await?;
    rig.start(&group, "p2").await?;
    rig.pass(Duration::from_secs(10)).await?;
    Ok((group, v[0].clone()))
}

async fn is_partial(rig: &Rig, group: &ArrayGroupName) -> Outcome {
    let told = rig.transfer(group, "p2").await?;
    check!(
        told.state != TransferState::Complete,
        "the source tells {told:?}"
    );
    let listed = rig.received_points(group).await?;
    let found = listed.iter().find(|point| point.name.as_str() == "p2");
    check!(
        found.is_none_or(|point| !point.complete),
        "the target tells {found:?}"
    );
    Ok(())
}

async fn partial_not_complete(rig: &Rig) -> Outcome {
    let (group, _) = on_its_way(rig).await?;
    is_partial(rig, &group).await
}

/// Checks that nothing is made from the point `p2`.
async fn is_unusable(rig: &Rig, volume: &Vol) -> Outcome {
    let before = rig.names(Side::Target).await?;
    let request = rig.copy_of("p2", volume, "half");
    let made = rig
        .target
        .materialize_volume(&rig.step("half"), request)
        .await;
    rig.refused(made, NOT_USABLE)?;
    let after = rig.names(Side::Target).await?;
    check!(
        before == after,
        "volumes before {before:?}, after {after:?}"
    );
    Ok(())
}

async fn partial_not_materialized(rig: &Rig) -> Outcome {
    let (_, volume) = on_its_way(rig).await?;
    is_unusable(rig, &volume).await
}

async fn partial_not_overwritten(rig: &Rig) -> Outcome {
    let there = rig.volume(Side::Target, "there").await?;
    let (group, volume) = on_its_way(rig).await?;
    let replica = rig.replica(&group);
    let request = OverwriteVolume::new(replica, "p2", &volume.serial, &there.name, &there.serial);
    let done = rig.target.overwrite_volume(&rig.ctx(), request).await;
    rig.refused(done, NOT_USABLE)?;
    rig.holds(Side::Target, &there.name, "there").await
}

async fn partial_not_pinned(rig: &Rig) -> Outcome {
    let (group, _) = on_its_way(rig).await?;
    let request = PinPoint::new(rig.replica(&group), "p2", "holder");
    let pinned = rig.target.pin_point(&rig.ctx(), request).await;
    rig.refused(pinned, NOT_USABLE)?;
    Ok(())
}

async fn older_stay(rig: &Rig) -> Outcome {
    let (group, volume) = on_its_way(rig).await?;
    let point = rig.point(&group, "p1").await?;
    check!(point.complete, "the older point is not complete any more");
    let copy = rig.copy("p1", &volume, "copy").await?;
    rig.holds(Side::Target, &copy.name, "one").await
}

async fn last_complete_waits(rig: &Rig) -> Outcome {
    let (group, _) = on_its_way(rig).await?;
    let newest = rig.point(&group, "p1").await?.taken_at;
    let told = rig.status(&group).await?.last_complete_at;
    check!(
        told == Some(newest),
        "the newest complete point is of {newest}, told is {told:?}"
    );
    Ok(())
}

async fn cut_midway(rig: &Rig) -> Outcome {
    let (group, volume) = on_its_way(rig).await?;
    rig.bench.set_link(LinkCondition::Down).await?;
    rig.pass(Duration::from_secs(60)).await?;
    rig.write(Side::Source, &volume.name, "too late").await?;
    rig.bench.set_link(LinkCondition::Up).await?;
    rig.arrive(&group, "p2").await?;
    let copy = rig.copy("p2", &volume, "copy").await?;
    rig.holds(Side::Target, &copy.name, "changed").await
}

async fn partial_after_cut(rig: &Rig) -> Outcome {
    let (group, volume) = on_its_way(rig).await?;
    rig.bench.set_link(LinkCondition::Down).await?;
    for _ in 0..3 {
        rig.pass(Duration::from_secs(60)).await?;
        is_partial(rig, &group).await?;
    }
    is_unusable(rig, &volume).await
}

async fn flapping(rig: &Rig) -> Outcome {
    let (group, volume) = on_its_way(rig).await?;
    for _ in 0..4 {
        rig.bench.set_link(LinkCondition::Down).await?;
        rig.pass(Duration::from_secs(5)).await?;
        rig.bench.set_link(LinkCondition::Slow(CRAWL)).await?;
        rig.pass(Duration::from_secs(5)).await?;
        is_partial(rig, &group).await?;
    }
    rig.bench.set_link(LinkCondition::Up).await?;
    rig.arrive(&group, "p2").await?;
    let copy = rig.copy("p2", &volume, "copy").await?;
    rig.holds(Side::Target, &copy.name, "changed").await
}

async fn rises(rig: &Rig) -> Outcome {
    let (group, _) = on_its_way(rig).await?;
    let mut seen = 0;
    for _ in 0..6 {
        let told = rig.transfer(&group, "p2").await?;
        check!(
            told.bytes_sent >= seen,
            "{seen} bytes became {}",
            told.bytes_sent
        );
        let total = told.bytes_total.unwrap_or(u64::MAX);
        check!(
            told.bytes_sent <= total,
            "{} of {total} bytes are sent",
            told.bytes_sent
        );
        seen = told.bytes_sent;
        rig.pass(Duration::from_secs(5)).await?;
    }
    Ok(())
}

async fn started_again(rig: &Rig) -> Outcome {
    let (group, volume) = on_its_way(rig).await?;
    let first = rig.transfer(&group, "p2").await?;
    rig.write(Side::Source, &volume.name, "too late").await?;
    let again = rig.start(&group, "p2").await?;
    check!(
        first.taken_at == again.taken_at,
        "{first:?} became {again:?}"
    );
    rig.bench.set_link(LinkCondition::Up).await?;
    rig.arrive(&group, "p2").await?;
    let copy = rig.copy("p2", &volume, "copy").await?;
    rig.holds(Side::Target, &copy.name, "changed").await
}

async fn suspended_midway(rig: &Rig) -> Outcome {
    let (group, volume) = on_its_way(rig).await?;
    let request = protector_framework::SuspendGroup::new(&group);
    rig.source.suspend_group(&rig.ctx(), request).await?;
    rig.bench.set_link(LinkCondition::Up).await?;
    rig.pass(Duration::from_secs(60)).await?;
    is_partial(rig, &group).await?;
    is_unusable(rig, &volume).await?;
    // Resumed, it need not arrive any more; a new one must.
    rig.source
        .ensure_group(&rig.ctx(), rig.ensure(&group))
        .await?;
    rig.send(&group, "p3").await?;
    let copy = rig.copy("p3", &volume, "copy").await?;
    rig.holds(Side::Target, &copy.name, "changed").await
}

async fn link_down_reads(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let group = rig.group();
    let before = (
        rig.status(&group).await?,
        rig.received_points(&group).await?,
    );
    rig.bench.set_link(LinkCondition::Down).await?;
    let after = (
        rig.status(&group).await?,
        rig.received_points(&group).await?,
    );
    check!(before == after, "before {before:?}, after {after:?}");
    Ok(())
}

async fn source_off(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one", "two"]).await?;
    rig.bench.power(Side::Source, false).await?;
    let local = ListPoints::new(rig.local(&rig.group()));
    let here = rig.source.list_points(&rig.ctx(), local).await;
    rig.refused(here, &[ErrorKind::Unreachable])?;
    let alone = rig.restarted(Side::Target)?;
    let listed = ListPoints::new(rig.replica(&rig.group()));
    let listed = alone.list_points(&rig.ctx(), listed).await?;
    check!(
        listed
            .iter()
            .any(|p| p.name.as_str() == "p1" && p.complete && p.volumes.len() == 2),
        "the target alone lists {listed:?}"
    );
    for volume in &v {
        let copy = rig.copy("p1", volume, &volume.label).await?;
        rig.holds(Side::Target, &copy.name, &volume.label).await?;
    }
    Ok(())
}

async fn source_off_midway(rig: &Rig) -> Outcome {
    let (group, volume) = on_its_way(rig).await?;
    rig.bench.power(Side::Source, false).await?;
    rig.pass(Duration::from_secs(60)).await?;
    let listed = rig.received_points(&group).await?;
    let found = listed.iter().find(|point| point.name.as_str() == "p2");
    check!(
        found.is_none_or(|point| !point.complete),
        "the target tells {found:?}"
    );
    is_unusable(rig, &volume).await?;
    let copy = rig.copy("p1", &volume, "copy").await?;
    rig.holds(Side::Target, &copy.name, "one").await
}

async fn source_off_overwrite(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let there = rig.volume(Side::Target, "there").await?;
    rig.bench.power(Side::Source, false).await?;
    let replica = rig.replica(&rig.group());
    let request = OverwriteVolume::new(replica, "p1", &v[0].serial, &there.name, &there.serial);
    rig.target.overwrite_volume(&rig.ctx(), request).await?;
    rig.holds(Side::Target, &there.name, "one").await
}

async fn source_back(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    rig.bench.power(Side::Source, false).await?;
    rig.pass(Duration::from_secs(60)).await?;
    rig.bench.power(Side::Source, true).await?;
    rig.write(Side::Source, &v[0].name, "back").await?;
    rig.send(&rig.group(), "p2").await?;
    let copy = rig.copy("p2", &v[0], "copy").await?;
    rig.holds(Side::Target, &copy.name, "back").await
}

async fn target_off(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let group = rig.group();
    rig.bench.power(Side::Target, false).await?;
    let status = rig.status(&group).await?;
    check!(status.volumes.len() == 1, "the source tells {status:?}");
    rig.bench.power(Side::Target, true).await?;
    rig.write(Side::Source, &v[0].name, "back").await?;
    rig.send(&group, "p2").await?;
    let copy = rig.copy("p2", &v[0], "copy").await?;
    rig.holds(Side::Target, &copy.name, "back").await
}
