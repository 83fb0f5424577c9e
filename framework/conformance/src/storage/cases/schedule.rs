//! Points on schedule, and how long they are kept.

use std::time::Duration;

use protector_framework::{ArrayGroupName, EnsureGroup, PointName, SuspendGroup};

use crate::storage::bench::{LinkCondition, Side};
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::{Rig, Vol, shown};

const HOUR: Duration = Duration::from_secs(3600);
const KEPT: u32 = 3;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "schedule/points-come",
            "A group with an interval gets a new point in each interval.",
            points_come,
            needs Warp,
            claims AsyncReplication
        ),
        case!(
            "schedule/no-interval",
            "A group without an interval gets no point by itself.",
            no_interval,
            needs Warp,
            claims AsyncReplication
        ),
        case!(
            "schedule/bytes",
            "A scheduled point gives the bytes of its time.",
            bytes,
            needs Warp,
            claims AsyncReplication
        ),
        case!(
            "schedule/taken-off",
            "A group whose interval is taken off gets no further points.",
            taken_off,
            needs Warp,
            claims AsyncReplication
        ),
        case!(
            "schedule/suspended",
            "A suspended group gets no points.",
            suspended,
            needs Warp,
            claims AsyncReplication
        ),
        case!(
            "schedule/resumed",
            "A group that was suspended gets points again after it was ensured.",
            resumed,
            needs Warp,
            claims AsyncReplication
        ),
        case!(
            "schedule/link-down",
            "Points that could not be sent are made good when the link is back.",
            link_down,
            needs Warp Link,
            claims AsyncReplication
        ),
        case!(
            "schedule/last-complete",
            "The newest complete point's time follows the schedule.",
            last_complete,
            needs Warp,
            claims AsyncReplication
        ),
        case!(
            "schedule/on-demand-between",
            "A point on demand arrives between scheduled ones, under its own name.",
            on_demand_between,
            needs Warp,
            claims AsyncReplication
        ),
        case!(
            "keep/newest-stay",
            "The newest points of the kept number stay.",
            newest_stay,
            needs Warp,
            claims AsyncReplication
        ),
        case!(
            "keep/old-go",
            "Points beyond the kept number go, in time.",
            old_go,
            needs Warp,
            claims AsyncReplication
        ),
        case!(
            "keep/link-down",
            "However long the link is down, the newest complete points are not let go.",
            kept_link_down,
            needs Warp Link,
            claims AsyncReplication
        ),
        case!(
            "keep/suspended",
            "However long a group is suspended, its newest complete points are not let go.",
            kept_suspended,
            needs Warp,
            claims AsyncReplication
        ),
        case!(
            "keep/source-off",
            "However long the source is off, what the target has is not let go.",
            kept_source_off,
            needs Warp Power,
            claims AsyncReplication
        ),
        case!(
            "keep/copies-stay",
            "A volume that was made from a point stays when the point goes.",
            copies_stay,
            needs Warp,
            claims AsyncReplication
        ),
        case!(
            "keep/pinned-stay",
            "A pinned point stays, complete and usable, while newer ones come and go.",
            pinned_stay,
            needs Warp,
            claims AsyncReplication PinPoints
        ),
        case!(
            "keep/unpinned-go",
            "A point that is let go is subject to retention again.",
            unpinned_go,
            needs Warp,
            claims AsyncReplication PinPoints
        ),
        case!(
            "keep/pinned-then-used",
            "A point that is pinned and then used gives its bytes, however many newer ones have come.",
            pinned_then_used,
            needs Warp,
            claims AsyncReplication PinPoints
        ),
    ]
}

fn hourly(rig: &Rig) -> EnsureGroup {
    rig.ensure(&rig.group())
        .interval_seconds(3600)
        .keep_points(KEPT)
}

/// A group on schedule with one volume.
async fn on_schedule(rig: &Rig) -> Outcome<(ArrayGroupName, Vol)> {
    let v = rig.volumes(&["one"]).await?;
    rig.protect_as(hourly(rig), &v).await?;
    Ok((rig.group(), v[0].clone()))
}

/// Lets hours pass, looking in now and then as a service does.
async fn hours(rig: &Rig, count: u32) -> Outcome {
    for _ in 0..count {
        for _ in 0..4 {
            rig.pass(HOUR / 4).await?;
            rig.received_points(&rig.group()).await?;
        }
    }
    Ok(())
}

async fn newest(rig: &Rig) -> Outcome<Option<PointName>> {
    Ok(rig.complete_points(&rig.group()).await?.pop())
}

async fn points_come(rig: &Rig) -> Outcome {
    let (group, _) = on_schedule(rig).await?;
    let mut seen = newest(rig).await?;
    for hour in 1..=3 {
        hours(rig, 1).await?;
        rig.pass(Duration::from_secs(120)).await?;
        let now = newest(rig).await?;
        check!(
            now.is_some() && now != seen,
            "no new point in hour {hour}: {now:?}"
        );
        seen = now;
    }
    let listed = rig.received_points(&group).await?;
    check!(
        listed.is_sorted_by_key(|p| p.taken_at),
        "listed as {listed:?}"
    );
    Ok(())
}

async fn no_interval(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one"]).await?;
    rig.protect(&rig.group(), &v).await?;
    stands_still(rig).await
}

async fn bytes(rig: &Rig) -> Outcome {
    let (_, volume) = on_schedule(rig).await?;
    rig.write(Side::Source, &volume.name, "scheduled").await?;
    hours(rig, 2).await?;
    let Some(point) = newest(rig).await? else {
        check!(false, "there is no point");
        return Ok(());
    };
    let copy = rig.copy(point.as_str(), &volume, "copy").await?;
    rig.holds(Side::Target, &copy.name, "scheduled").await
}

/// Checks that no point comes in six hours.
async fn stands_still(rig: &Rig) -> Outcome {
    hours(rig, 1).await?;
    let before = newest(rig).await?;
    hours(rig, 6).await?;
    let after = newest(rig).await?;
    check!(
        before == after,
        "the newest point was {before:?} and is {after:?}"
    );
    Ok(())
}

async fn taken_off(rig: &Rig) -> Outcome {
    let (group, _) = on_schedule(rig).await?;
    hours(rig, 2).await?;
    rig.source
        .ensure_group(&rig.ctx(), rig.ensure(&group))
        .await?;
    stands_still(rig).await
}

async fn suspend(rig: &Rig) -> Outcome {
    let request = SuspendGroup::new(rig.group());
    Ok(rig.source.suspend_group(&rig.ctx(), request).await?)
}

async fn suspended(rig: &Rig) -> Outcome {
    on_schedule(rig).await?;
    hours(rig, 2).await?;
    suspend(rig).await?;
    stands_still(rig).await
}

async fn resumed(rig: &Rig) -> Outcome {
    on_schedule(rig).await?;
    hours(rig, 2).await?;
    suspend(rig).await?;
    hours(rig, 3).await?;
    let before = newest(rig).await?;
    rig.source.ensure_group(&rig.ctx(), hourly(rig)).await?;
    hours(rig, 2).await?;
    let after = newest(rig).await?;
    check!(before != after, "the newest point is still {after:?}");
    Ok(())
}

async fn link_down(rig: &Rig) -> Outcome {
    let (_, volume) = on_schedule(rig).await?;
    hours(rig, 2).await?;
    rig.bench.set_link(LinkCondition::Down).await?;
    hours(rig, 3).await?;
    let before = newest(rig).await?;
    rig.write(Side::Source, &volume.name, "while down").await?;
    rig.bench.set_link(LinkCondition::Up).await?;
    hours(rig, 3).await?;
    let after = newest(rig).await?;
    check!(before != after, "the newest point is still {after:?}");
    let Some(point) = after else { return Ok(()) };
    let copy = rig.copy(point.as_str(), &volume, "copy").await?;
    rig.holds(Side::Target, &copy.name, "while down").await
}

async fn last_complete(rig: &Rig) -> Outcome {
    let (group, _) = on_schedule(rig).await?;
    let before = rig.status(&group).await?.last_complete_at;
    hours(rig, 2).await?;
    let after = rig.status(&group).await?.last_complete_at;
    check!(after > before, "it was {before:?} and is {after:?}");
    let listed = rig.received_points(&group).await?;
    let newest = listed
        .iter()
        .filter(|p| p.complete)
        .map(|p| p.taken_at)
        .max();
    check!(
        after == newest,
        "told is {after:?}, the target has {newest:?}"
    );
    Ok(())
}

async fn on_demand_between(rig: &Rig) -> Outcome {
    let (group, volume) = on_schedule(rig).await?;
    hours(rig, 1).await?;
    rig.write(Side::Source, &volume.name, "on demand").await?;
    rig.send(&group, "by-hand").await?;
    let copy = rig.copy("by-hand", &volume, "copy").await?;
    rig.holds(Side::Target, &copy.name, "on demand").await?;
    let before = newest(rig).await?;
    hours(rig, 2).await?;
    check!(newest(rig).await? != before, "the schedule has stopped");
    Ok(())
}

async fn newest_stay(rig: &Rig) -> Outcome {
    on_schedule(rig).await?;
    hours(rig, 8).await?;
    let complete = rig.complete_points(&rig.group()).await?;
    check!(
        complete.len() >= KEPT as usize,
        "of {KEPT} to keep there are {complete:?}"
    );
    Ok(())
}

async fn old_go(rig: &Rig) -> Outcome {
    on_schedule(rig).await?;
    hours(rig, 24).await?;
    let complete = rig.complete_points(&rig.group()).await?;
    // Retention may let a point stay until after the next one has come.
    check!(
        complete.len() <= KEPT as usize + 2,
        "of {KEPT} to keep there are {}: {complete:?}",
        complete.len()
    );
    check!(
        complete.iter().all(|name| name.as_str() != "seed"),
        "the first one is still there"
    );
    Ok(())
}

/// Checks that the newest points of `before` are all there after a week, and the last one usable.
async fn kept_for_a_week(rig: &Rig, volume: &Vol, before: &[PointName]) -> Outcome {
    rig.pass(24 * HOUR).await?;
    rig.received_points(&rig.group()).await?;
    rig.pass(6 * 24 * HOUR).await?;
    let after = rig.received_points(&rig.group()).await?;
    let newest = &before[before.len().saturating_sub(KEPT as usize)..];
    for name in newest {
        check!(
            after
                .iter()
                .any(|point| point.name == *name && point.complete),
            "point `{name}` of {before:?} is gone; there are {:?}",
            shown(&after)
        );
    }
    let Some(last) = before.last() else {
        return Ok(());
    };
    let copy = rig.copy(last.as_str(), volume, "copy").await?;
    rig.holds(Side::Target, &copy.name, "one").await
}

/// A group on schedule whose kept number of points is there.
async fn grown(rig: &Rig) -> Outcome<(Vol, Vec<PointName>)> {
    let (group, volume) = on_schedule(rig).await?;
    hours(rig, 5).await?;
    let complete = rig.complete_points(&group).await?;
    check!(
        complete.len() >= KEPT as usize,
        "of {KEPT} to keep there are {complete:?}"
    );
    Ok((volume, complete))
}

async fn kept_link_down(rig: &Rig) -> Outcome {
    let (volume, complete) = grown(rig).await?;
    rig.bench.set_link(LinkCondition::Down).await?;
    kept_for_a_week(rig, &volume, &complete).await
}

async fn kept_suspended(rig: &Rig) -> Outcome {
    let (volume, _) = grown(rig).await?;
    suspend(rig).await?;
    let complete = rig.complete_points(&rig.group()).await?;
    kept_for_a_week(rig, &volume, &complete).await
}

async fn kept_source_off(rig: &Rig) -> Outcome {
    let (volume, complete) = grown(rig).await?;
    rig.bench.power(Side::Source, false).await?;
    kept_for_a_week(rig, &volume, &complete).await
}

async fn copies_stay(rig: &Rig) -> Outcome {
    let (_, volume) = on_schedule(rig).await?;
    let copy = rig.copy("seed", &volume, "copy").await?;
    hours(rig, 24).await?;
    let left = rig.complete_points(&rig.group()).await?;
    check!(
        left.iter().all(|name| name.as_str() != "seed"),
        "the point is still there"
    );
    rig.holds(Side::Target, &copy.name, "one").await
}

/// A pinned point `by-hand`, after which a day of newer points has come and gone.
async fn pinned(rig: &Rig) -> Outcome<Vol> {
    let (group, volume) = on_schedule(rig).await?;
    rig.send(&group, "by-hand").await?;
    rig.pin("by-hand", "holder").await?;
    rig.write(Side::Source, &volume.name, "later").await?;
    hours(rig, 24).await?;
    Ok(volume)
}

async fn pinned_stay(rig: &Rig) -> Outcome {
    pinned(rig).await?;
    let point = rig.point(&rig.group(), "by-hand").await?;
    check!(point.complete, "it is not complete any more");
    check!(
        point.pinned_by == ["holder"],
        "it is pinned by {:?}",
        point.pinned_by
    );
    let all = rig.received_points(&rig.group()).await?;
    check!(
        all.len() <= KEPT as usize + 3,
        "a pin keeps others as well: {:?}",
        shown(&all)
    );
    Ok(())
}

async fn unpinned_go(rig: &Rig) -> Outcome {
    pinned(rig).await?;
    rig.unpin("by-hand", "holder").await?;
    hours(rig, 24).await?;
    let listed = rig.received_points(&rig.group()).await?;
    check!(
        listed.iter().all(|point| point.name.as_str() != "by-hand"),
        "it is still there: {:?}",
        shown(&listed)
    );
    Ok(())
}

async fn pinned_then_used(rig: &Rig) -> Outcome {
    let volume = pinned(rig).await?;
    let copy = rig.copy("by-hand", &volume, "copy").await?;
    rig.holds(Side::Target, &copy.name, "one").await?;
    rig.unpin("by-hand", "holder").await?;
    hours(rig, 24).await?;
    rig.holds(Side::Target, &copy.name, "one").await
}
