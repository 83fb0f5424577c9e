//! The other direction, and home again.

use protector_framework::{
    ArrayGroupName, ArrayVolume, EnsureGroup, GetGroup, ListPoints, MaterializeVolume,
    OverwriteVolume, ReplicationMode, SetGroupVolumes, StartReplication, SuspendGroup,
    TransferState,
};

use crate::storage::bench::Side;
use crate::storage::case::{Broken, Case, Outcome, case, check};
use crate::storage::rig::{Rig, Vol};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("direction/reverse", "What was made on the target is sent back, under the same group's name.", reverse),
        case!("direction/both-at-once", "Groups of one name that send in either direction do not meet.", both_at_once),
        case!("direction/received-apart", "What was received of a group and the group of that name that sends are two things.", received_apart),
        case!("direction/home-again", "A group goes to the target and home: the original keeps its serial and holds what was written there.", home_again),
        case!("direction/home-and-out", "After the way home the first direction is taken up again, with new points.", home_and_out),
        case!("direction/round-trips", "Two round trips give the right bytes each time.", round_trips),
        case!("direction/new-on-the-way", "A volume that was born on the target is made at the source on the way home.", new_on_the_way),
    ]
    .into_iter()
    .map(|case| case.claims(&[crate::storage::case::Claim::AsyncReplication]))
    .collect()
}

/// Makes the group of this name on the target, sends a point of these volumes, and waits for it.
async fn send_back(rig: &Rig, volumes: &[&ArrayVolume], point: &str) -> Outcome {
    let group = rig.group();
    let ensure = EnsureGroup::new(&group, ReplicationMode::Async, rig.identity(Side::Source));
    rig.target.ensure_group(&rig.ctx(), ensure).await?;
    let names: Vec<_> = volumes.iter().map(|volume| volume.name.clone()).collect();
    let set = SetGroupVolumes::new(&group, names);
    rig.target.set_group_volumes(&rig.ctx(), set).await?;
    send_from_target(rig, &group, &format!("{point}-seed")).await?;
    seeded(rig, &group).await?;
    send_from_target(rig, &group, point).await
}

async fn send_from_target(rig: &Rig, group: &ArrayGroupName, point: &str) -> Outcome {
    let start = StartReplication::new(group, point);
    rig.target.start_replication(&rig.ctx(), start).await?;
    for _ in 0..900 {
        let get = protector_framework::GetReplication::new(group, point);
        let told = rig.target.get_replication(&rig.ctx(), get).await?;
        rig.pass(std::time::Duration::from_secs(1)).await?;
        if told.state == TransferState::Complete {
            return Ok(());
        }
    }
    Err(Broken(format!("point `{point}` has not come back")))
}

async fn seeded(rig: &Rig, group: &ArrayGroupName) -> Outcome {
    for _ in 0..900 {
        let status = rig
            .target
            .get_group(&rig.ctx(), GetGroup::new(group))
            .await?;
        if status.volumes.iter().all(|volume| volume.seeded) {
            return Ok(());
        }
        rig.pass(std::time::Duration::from_secs(1)).await?;
    }
    Err(Broken(
        "the volumes are not seeded on the way back".to_owned(),
    ))
}

async fn suspend(rig: &Rig, side: Side) -> Outcome {
    let request = SuspendGroup::new(rig.group());
    Ok(rig.driver(side).suspend_group(&rig.ctx(), request).await?)
}

/// Moves to the target: what was sent is made there, and something is written to it.
async fn move_out(rig: &Rig, volume: &Vol, point: &str, written: &str) -> Outcome<ArrayVolume> {
    suspend(rig, Side::Source).await?;
    let copy = rig.copy(point, volume, &format!("copy-{point}")).await?;
    rig.write(Side::Target, &copy.name, written).await?;
    Ok(copy)
}

/// Moves home: the original is overwritten with what was sent back.
async fn move_home(rig: &Rig, volume: &Vol, copy: &ArrayVolume, point: &str) -> Outcome {
    suspend(rig, Side::Target).await?;
    let received = rig.received(&rig.group(), Side::Target);
    let request = OverwriteVolume::new(received, point, &copy.serial, &volume.name, &volume.serial);
    let home = rig
        .source
        .overwrite_volume(&rig.step(point), request)
        .await?;
    check!(
        home.name == volume.name && home.serial == volume.serial,
        "the original {volume:?} came home as {home:?}"
    );
    Ok(())
}

async fn reverse(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let copy = move_out(rig, &v[0], "p1", "there").await?;
    send_back(rig, &[&copy], "b1").await?;
    let received = rig.received(&rig.group(), Side::Target);
    let points = rig
        .source
        .list_points(&rig.ctx(), ListPoints::new(received))
        .await?;
    let point = points.iter().find(|point| point.name.as_str() == "b1");
    check!(
        point.is_some_and(|p| p.complete && p.volumes.iter().any(|v| v.serial == copy.serial)),
        "the source has received {points:?}"
    );
    Ok(())
}

async fn both_at_once(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let copy = rig.copy("p1", &v[0], "copy").await?;
    rig.write(Side::Target, &copy.name, "there").await?;
    send_back(rig, &[&copy], "p2").await?;
    rig.write(Side::Source, &v[0].name, "here").await?;
    rig.send(&rig.group(), "p2").await?;
    let out = rig.copy("p2", &v[0], "out").await?;
    rig.holds(Side::Target, &out.name, "here").await?;
    let received = rig.received(&rig.group(), Side::Target);
    let name = rig.name("back");
    let request = MaterializeVolume::new(received, "p2", &copy.serial, name.as_str());
    let back = rig
        .source
        .materialize_volume(&rig.step("back"), request)
        .await?;
    rig.holds(Side::Source, &back.name, "there").await
}

async fn received_apart(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let copy = rig.copy("p1", &v[0], "copy").await?;
    send_back(rig, &[&copy], "b1").await?;
    let delete = protector_framework::DeleteGroup::new(rig.local(&rig.group()));
    rig.target.delete_group(&rig.ctx(), delete).await?;
    let point = rig.point(&rig.group(), "p1").await?;
    check!(
        point.complete,
        "what was received went with the group that sends"
    );
    rig.send(&rig.group(), "p2").await?;
    Ok(())
}

async fn home_again(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let copy = move_out(rig, &v[0], "p1", "there").await?;
    send_back(rig, &[&copy], "b1").await?;
    move_home(rig, &v[0], &copy, "b1").await?;
    rig.same(&v[0].name, &copy.name).await?;
    rig.holds(Side::Source, &v[0].name, "there").await
}

async fn home_and_out(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let copy = move_out(rig, &v[0], "p1", "there").await?;
    send_back(rig, &[&copy], "b1").await?;
    move_home(rig, &v[0], &copy, "b1").await?;
    rig.write(Side::Source, &v[0].name, "home").await?;
    rig.protect(&rig.group(), &v).await?;
    let point = rig.send(&rig.group(), "p2").await?;
    check!(
        point.volumes.iter().any(|held| held.serial == v[0].serial),
        "the point holds {:?}",
        point.volumes
    );
    let out = rig.copy("p2", &v[0], "out").await?;
    rig.holds(Side::Target, &out.name, "home").await
}

async fn round_trips(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    for trip in 1..=2 {
        let out = format!("out-{trip}");
        rig.source
            .ensure_group(&rig.ctx(), rig.ensure(&rig.group()))
            .await?;
        rig.write(Side::Source, &v[0].name, &out).await?;
        rig.send(&rig.group(), &out).await?;
        let there = format!("there-{trip}");
        let copy = move_out(rig, &v[0], &out, &there).await?;
        let back = format!("back-{trip}");
        send_back(rig, &[&copy], &back).await?;
        move_home(rig, &v[0], &copy, &back).await?;
        rig.holds(Side::Source, &v[0].name, &there).await?;
        let discard = protector_framework::DiscardVolume::new(&copy.name, &copy.serial);
        rig.target.discard_volume(&rig.ctx(), discard).await?;
    }
    Ok(())
}

async fn new_on_the_way(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let copy = move_out(rig, &v[0], "p1", "there").await?;
    let born = rig.volume(Side::Target, "born").await?;
    let get = protector_framework::GetVolume::new(&born.name);
    let born = rig.target.get_volume(&rig.ctx(), get).await?;
    send_back(rig, &[&copy, &born], "b1").await?;
    let received = rig.received(&rig.group(), Side::Target);
    let name = rig.name("born");
    let request = MaterializeVolume::new(received, "b1", &born.serial, name.as_str());
    let made = rig
        .source
        .materialize_volume(&rig.step("born"), request)
        .await?;
    rig.holds(Side::Source, &made.name, "born").await
}
