//! Points are taken on demand.

use std::time::Duration;

use protector_framework::{ErrorKind, GetReplication, ListPoints, StartReplication, TransferState};

use crate::storage::bench::Side;
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::{Rig, SIZE, shown};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "replicate/arrives",
            "A point that was started arrives, and the target lists it complete with its volumes.",
            arrives,
            claims AsyncReplication
        ),
        case!(
            "replicate/moment",
            "A point holds the bytes of the moment it was started.",
            moment,
            claims AsyncReplication
        ),
        case!(
            "replicate/not-retaken",
            "Starting a point again finds the first one: its moment and its bytes stay.",
            not_retaken,
            claims AsyncReplication
        ),
        case!(
            "replicate/told-as-started",
            "A transfer is told by get_replication as start_replication began it.",
            told_as_started,
            claims AsyncReplication
        ),
        case!(
            "replicate/group-absent",
            "A point of a group that is not there is NotFound.",
            group_absent
        ),
        case!(
            "replicate/point-absent",
            "A point that was never started is NotFound.",
            point_absent,
            claims AsyncReplication
        ),
        case!(
            "replicate/order",
            "Points are listed oldest first, with times that rise.",
            order,
            claims AsyncReplication
        ),
        case!(
            "replicate/each-its-bytes",
            "Every point that is kept gives its own bytes, whatever was written since.",
            each_its_bytes,
            claims AsyncReplication
        ),
        case!(
            "replicate/bytes-sent",
            "A complete transfer has sent what there was to send.",
            bytes_sent,
            claims AsyncReplication
        ),
        case!(
            "replicate/unchanged",
            "A point of unchanged volumes is a point as well.",
            unchanged,
            claims AsyncReplication
        ),
        case!(
            "replicate/on-the-source",
            "The source lists its points as well, under the same names and times.",
            on_the_source,
            claims AsyncReplication
        ),
        case!(
            "replicate/ten",
            "A point of ten volumes holds all ten, each with its bytes.",
            ten,
            claims AsyncReplication
        ),
        case!(
            "replicate/same-moment-everywhere",
            "The time of a point is the same from the source, the target and the transfer.",
            same_moment,
            claims AsyncReplication
        ),
        case!(
            "replicate/source-untouched",
            "Taking points changes no byte of a volume and makes no volume.",
            source_untouched,
            claims AsyncReplication
        ),
        case!(
            "replicate/points-absent",
            "A group that nobody knows has no points, on either array.",
            points_absent
        ),
    ]
}

async fn arrives(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one", "two"]).await?;
    let point = rig.point(&rig.group(), "p1").await?;
    check!(point.volumes.len() == 2, "it holds {:?}", point.volumes);
    for volume in &v {
        let held = point
            .volumes
            .iter()
            .find(|held| held.serial == volume.serial);
        check!(
            held.is_some_and(|held| held.name == volume.name && held.size_bytes == SIZE),
            "the volume `{}` is held as {held:?}",
            volume.name
        );
    }
    Ok(())
}

async fn moment(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let group = rig.group();
    rig.write(Side::Source, &v[0].name, "at the moment").await?;
    rig.start(&group, "p2").await?;
    rig.write(Side::Source, &v[0].name, "too late").await?;
    rig.arrive(&group, "p2").await?;
    let copy = rig.copy("p2", &v[0], "copy").await?;
    rig.holds(Side::Target, &copy.name, "at the moment").await
}

async fn not_retaken(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let group = rig.group();
    let first = rig.point(&group, "p1").await?;
    rig.write(Side::Source, &v[0].name, "later").await?;
    rig.pass(Duration::from_secs(30)).await?;
    let again = rig.start(&group, "p1").await?;
    check!(
        again.taken_at == first.taken_at,
        "{first:?} became {again:?}"
    );
    check!(
        again.state == TransferState::Complete,
        "it is {:?} again",
        again.state
    );
    rig.pass(Duration::from_secs(30)).await?;
    let listed = rig.received_points(&group).await?;
    let named = listed.iter().filter(|p| p.name.as_str() == "p1").count();
    check!(named == 1, "the target lists {:?}", shown(&listed));
    let copy = rig.copy("p1", &v[0], "copy").await?;
    rig.holds(Side::Target, &copy.name, "one").await
}

async fn told_as_started(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let started = rig.start(&rig.group(), "p2").await?;
    check!(
        started.point.as_str() == "p2",
        "the reply is about `{}`",
        started.point
    );
    let told = rig.transfer(&rig.group(), "p2").await?;
    check!(
        told.point == started.point && told.taken_at == started.taken_at,
        "started {started:?}, told {told:?}"
    );
    Ok(())
}

async fn group_absent(rig: &Rig) -> Outcome {
    let start = StartReplication::new(rig.group(), "p1");
    let started = rig.source.start_replication(&rig.ctx(), start).await;
    rig.refused(started, &[ErrorKind::NotFound])?;
    let get = GetReplication::new(rig.group(), "p1");
    let told = rig.source.get_replication(&rig.ctx(), get).await;
    rig.refused(told, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn point_absent(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let get = GetReplication::new(rig.group(), "p9");
    let told = rig.source.get_replication(&rig.ctx(), get).await;
    rig.refused(told, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn order(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let group = rig.group();
    // Names that do not sort as they are taken.
    for name in ["p9", "p4", "p7"] {
        rig.send(&group, name).await?;
    }
    let listed = rig.received_points(&group).await?;
    check!(
        listed.is_sorted_by_key(|p| p.taken_at),
        "listed as {listed:?}"
    );
    let names: Vec<_> = listed.iter().map(|p| p.name.as_str()).collect();
    check!(
        names.ends_with(&["p1", "p9", "p4", "p7"]),
        "listed as {names:?}"
    );
    let rising = listed
        .windows(2)
        .all(|pair| pair[0].taken_at < pair[1].taken_at);
    check!(rising, "two points are of one time: {listed:?}");
    Ok(())
}

async fn each_its_bytes(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["start"]).await?;
    let group = rig.group();
    let request = rig.ensure(&group).keep_points(8_u32);
    rig.protect_as(request, &v).await?;
    for name in ["p1", "p2", "p3", "p4"] {
        rig.write(Side::Source, &v[0].name, &format!("at {name}"))
            .await?;
        rig.send(&group, name).await?;
    }
    for name in ["p3", "p1", "p4", "p2"] {
        let copy = rig.copy(name, &v[0], &format!("copy-{name}")).await?;
        rig.holds(Side::Target, &copy.name, &format!("at {name}"))
            .await?;
    }
    Ok(())
}

async fn bytes_sent(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    rig.write(Side::Source, &v[0].name, "changed").await?;
    rig.send(&rig.group(), "p2").await?;
    let told = rig.transfer(&rig.group(), "p2").await?;
    if let Some(total) = told.bytes_total {
        check!(
            told.bytes_sent == total,
            "complete, {} of {total} bytes sent",
            told.bytes_sent
        );
    }
    Ok(())
}

async fn unchanged(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    rig.send(&rig.group(), "p2").await?;
    let copy = rig.copy("p2", &v[0], "copy").await?;
    rig.holds(Side::Target, &copy.name, "one").await
}

async fn on_the_source(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let there = rig.point(&rig.group(), "p1").await?;
    let local = ListPoints::new(rig.local(&rig.group()));
    let here = rig.source.list_points(&rig.ctx(), local).await?;
    let found = here.iter().find(|p| p.name == there.name);
    check!(
        found.is_some_and(|here| here.taken_at == there.taken_at && here.complete),
        "on the target {there:?}, on the source {found:?}"
    );
    check!(
        here.is_sorted_by_key(|p| p.taken_at),
        "the source lists {here:?}"
    );
    Ok(())
}

async fn ten(rig: &Rig) -> Outcome {
    let labels = ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9"];
    let v = rig.sent(&labels).await?;
    let point = rig.point(&rig.group(), "p1").await?;
    check!(point.volumes.len() == 10, "it holds {:?}", point.volumes);
    for volume in &v {
        let copy = rig
            .copy("p1", volume, &format!("copy-{}", volume.label))
            .await?;
        rig.holds(Side::Target, &copy.name, &volume.label).await?;
    }
    Ok(())
}

async fn same_moment(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let started = rig.start(&rig.group(), "p2").await?.taken_at;
    let there = rig.arrive(&rig.group(), "p2").await?.taken_at;
    let told = rig.transfer(&rig.group(), "p2").await?.taken_at;
    check!(
        started == there && told == there,
        "started at {started}, told as {told}, on the target of {there}"
    );
    Ok(())
}

async fn source_untouched(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one"]).await?;
    let before = rig.names(Side::Source).await?;
    rig.protect(&rig.group(), &v).await?;
    rig.send(&rig.group(), "p1").await?;
    rig.holds(Side::Source, &v[0].name, "one").await?;
    let after = rig.names(Side::Source).await?;
    check!(
        before == after,
        "volumes before {before:?}, after {after:?}"
    );
    let there = rig.names(Side::Target).await?;
    check!(there.is_empty(), "volumes on the target: {there:?}");
    Ok(())
}

async fn points_absent(rig: &Rig) -> Outcome {
    let group = rig.group();
    for side in Side::BOTH {
        for group in [rig.local(&group), rig.received(&group, side.other())] {
            let points = rig
                .driver(side)
                .list_points(&rig.ctx(), ListPoints::new(group))
                .await?;
            check!(points.is_empty(), "the {side:?} lists {:?}", shown(&points));
        }
    }
    Ok(())
}
