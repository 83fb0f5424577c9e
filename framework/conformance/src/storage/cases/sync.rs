//! Groups whose writes are on both arrays before they are acknowledged.

use std::time::Duration;

use protector_framework::{
    ArrayGroupName, EnsureGroup, ErrorKind, GetVolume, MaterializeVolume, ReplicationMode,
    StartReplication,
};

use crate::storage::bench::{LinkCondition, Side};
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::{NOT_USABLE, Rig, Vol};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("sync/made", "A synchronous group has the name and the target it was given.", made),
        case!("sync/ensured-again", "Ensuring it again gives the same reply and leaves its volumes.", ensured_again),
        case!("sync/mode-is-fixed", "A group's mode does not change: the other one is Conflict, and the group stays.", mode_is_fixed),
        case!("sync/members", "Its volumes are those that were set, by their serials, seeded in time.", members),
        case!("sync/bytes-stay", "A volume keeps its bytes and its serial when it is put into the group and taken out.", bytes_stay),
        case!("sync/point", "A point of it is complete and gives the bytes of its moment.", point),
        case!("sync/no-loss", "What was written before a point is in it, without waiting for a transfer.", no_loss),
        case!("sync/source-off", "With the source off, its newest bytes are used on the target.", source_off, needs Power),
        case!("sync/link-down", "With the link down, a point is not told to be complete on a target that does not have it.", link_down, needs Link),
        case!("sync/nothing-remains", "Of a synchronous group that is deleted here and on the target nothing is left on either array.", nothing_remains, needs Holdings),
        case!("sync/deleted", "Deleting the group leaves its volumes at the source, with their bytes.", deleted),
    ]
    .into_iter()
    .map(|case| case.claims(&[crate::storage::case::Claim::SyncReplication]))
    .collect()
}

fn request(rig: &Rig) -> EnsureGroup {
    EnsureGroup::new(
        rig.group(),
        ReplicationMode::Sync,
        rig.identity(Side::Target),
    )
}

/// A synchronous group with these volumes, in sync.
async fn mirrored(rig: &Rig, labels: &[&str]) -> Outcome<(ArrayGroupName, Vec<Vol>)> {
    let mut v = rig.volumes(labels).await?;
    let group = rig.group();
    rig.source.ensure_group(&rig.ctx(), request(rig)).await?;
    rig.set(&group, &v).await?;
    rig.seeded(&group).await?;
    // A volume may bear another name inside the group.
    let status = rig.status(&group).await?;
    for volume in &mut v {
        let held = status
            .volumes
            .iter()
            .find(|held| held.serial == volume.serial);
        check!(
            held.is_some(),
            "`{}` is not in the group: {status:?}",
            volume.name
        );
        if let Some(held) = held {
            volume.name = held.name.clone();
        }
    }
    Ok((group, v))
}

async fn made(rig: &Rig) -> Outcome {
    let status = rig.source.ensure_group(&rig.ctx(), request(rig)).await?;
    check!(
        status.group == rig.group(),
        "the reply is about `{}`",
        status.group
    );
    let target = rig.identity(Side::Target);
    check!(status.target == target, "it sends to {:?}", status.target);
    check!(status.volumes.is_empty(), "it holds {:?}", status.volumes);
    Ok(())
}

async fn ensured_again(rig: &Rig) -> Outcome {
    let (group, _) = mirrored(rig, &["one"]).await?;
    let before = rig.status(&group).await?;
    let again = rig.source.ensure_group(&rig.ctx(), request(rig)).await?;
    check!(
        before.volumes == again.volumes,
        "before {before:?}, then {again:?}"
    );
    Ok(())
}

async fn mode_is_fixed(rig: &Rig) -> Outcome {
    let group = rig.group();
    rig.source.ensure_group(&rig.ctx(), request(rig)).await?;
    if rig.can().async_replication {
        let other = rig
            .source
            .ensure_group(&rig.ctx(), rig.ensure(&group))
            .await;
        rig.refused(other, &[ErrorKind::Conflict])?;
        let there = rig.group_named("kit-other");
        rig.source
            .ensure_group(&rig.ctx(), rig.ensure(&there))
            .await?;
        let mut wrong = request(rig);
        wrong.group = there;
        let other = rig.source.ensure_group(&rig.ctx(), wrong).await;
        rig.refused(other, &[ErrorKind::Conflict])?;
    }
    rig.status(&group).await?;
    Ok(())
}

async fn members(rig: &Rig) -> Outcome {
    let (group, v) = mirrored(rig, &["one", "two"]).await?;
    let status = rig.status(&group).await?;
    check!(status.volumes.len() == 2, "it holds {:?}", status.volumes);
    check!(
        status.volumes.iter().all(|v| v.seeded),
        "not all are seeded: {status:?}"
    );
    let status = rig.set(&group, &v[..1]).await?;
    let serials: Vec<_> = status.volumes.iter().map(|v| &v.serial).collect();
    check!(serials == [&v[0].serial], "it holds {:?}", status.volumes);
    Ok(())
}

async fn by_serial(rig: &Rig, serial: &Vol) -> Outcome<Vol> {
    for name in rig.names(Side::Source).await? {
        let told = rig
            .source
            .get_volume(&rig.ctx(), GetVolume::new(&name))
            .await?;
        if told.serial == serial.serial {
            return Ok(Vol {
                name,
                ..serial.clone()
            });
        }
    }
    Err(crate::storage::case::Broken(format!(
        "no volume has the serial `{}` any more",
        serial.serial
    )))
}

async fn bytes_stay(rig: &Rig) -> Outcome {
    let (group, v) = mirrored(rig, &["one", "two"]).await?;
    rig.holds(Side::Source, &v[1].name, "two").await?;
    rig.set(&group, &v[..1]).await?;
    let out = by_serial(rig, &v[1]).await?;
    rig.holds(Side::Source, &out.name, "two").await
}

/// The copy of a volume that is made on the target from a point.
async fn copied(rig: &Rig, point: &str, volume: &Vol, holds: &str) -> Outcome {
    let copy = rig.copy(point, volume, "copy").await?;
    rig.holds(Side::Target, &copy.name, holds).await
}

async fn point(rig: &Rig) -> Outcome {
    let (group, v) = mirrored(rig, &["one"]).await?;
    rig.send(&group, "p1").await?;
    rig.write(Side::Source, &v[0].name, "too late").await?;
    copied(rig, "p1", &v[0], "one").await
}

async fn no_loss(rig: &Rig) -> Outcome {
    let (group, v) = mirrored(rig, &["one"]).await?;
    rig.write(Side::Source, &v[0].name, "the last word").await?;
    rig.send(&group, "p1").await?;
    copied(rig, "p1", &v[0], "the last word").await
}

async fn source_off(rig: &Rig) -> Outcome {
    let (group, v) = mirrored(rig, &["one"]).await?;
    rig.write(Side::Source, &v[0].name, "the last word").await?;
    rig.send(&group, "p1").await?;
    rig.bench.power(Side::Source, false).await?;
    rig.pass(Duration::from_secs(60)).await?;
    copied(rig, "p1", &v[0], "the last word").await
}

async fn link_down(rig: &Rig) -> Outcome {
    let (group, v) = mirrored(rig, &["one"]).await?;
    rig.bench.set_link(LinkCondition::Down).await?;
    rig.pass(Duration::from_secs(60)).await?;
    rig.write(Side::Source, &v[0].name, "alone").await?;
    let start = StartReplication::new(&group, "p1");
    let started = rig.source.start_replication(&rig.ctx(), start).await;
    let complete = rig.complete_points(&group).await?;
    check!(
        complete.iter().all(|name| name.as_str() != "p1"),
        "the target has {complete:?} over a link that is down; started as {started:?}"
    );
    let replica = rig.replica(&group);
    let name = rig.name("copy");
    let request = MaterializeVolume::new(replica, "p1", &v[0].serial, name.as_str());
    let made = rig
        .target
        .materialize_volume(&rig.step("copy"), request)
        .await;
    rig.refused(made, NOT_USABLE)?;
    Ok(())
}

async fn nothing_remains(rig: &Rig) -> Outcome {
    let mut before = Vec::new();
    for side in Side::BOTH {
        before.push(rig.holdings(side).await?);
    }
    let (group, v) = mirrored(rig, &["one", "two"]).await?;
    rig.send(&group, "p1").await?;
    let copy = rig.copy("p1", &v[0], "copy").await?;
    rig.delete_both(&group).await?;
    for (side, before) in Side::BOTH.into_iter().zip(&before) {
        rig.holds_only(side, before).await?;
    }
    let on_target = rig.names(Side::Target).await?;
    check!(
        on_target == [copy.name.clone()],
        "the target has volumes {on_target:?}"
    );
    rig.holds(Side::Target, &copy.name, "one").await
}

async fn deleted(rig: &Rig) -> Outcome {
    let (group, v) = mirrored(rig, &["one"]).await?;
    rig.delete(Side::Source, rig.local(&group)).await?;
    let out = by_serial(rig, &v[0]).await?;
    rig.holds(Side::Source, &out.name, "one").await
}
