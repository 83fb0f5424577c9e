//! Names can be used again, also where the array keeps what was destroyed for a while.

use protector_framework::{DeleteGroup, DiscardVolume, GetVolume};

use crate::storage::bench::Side;
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::{Rig, Vol};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("names/volume-again", "A volume is made under the name of one that was discarded, with its own bytes.", volume_again),
        case!("names/volume-again-and-again", "A name is used, discarded and used again several times over.", volume_again_and_again),
        case!("names/volume-of-another", "The name of a discarded volume is free for another operation.", volume_of_another),
        case!("names/old-serial-stays-gone", "The serial of a discarded volume does not destroy its successor.", old_serial_stays_gone),
        case!("names/group-again", "A group that was deleted is made again under its name, without the volumes and points of the first.", group_again),
        case!("names/group-again-sends", "A group that was made again under its name sends, and its points are its own.", group_again_sends),
        case!("names/point-again", "The point of a group that was made again may have the name of one of the first group.", point_again),
        case!("names/received-again", "After what was received was deleted, what is sent under the same group's name arrives.", received_again),
        case!("names/long", "Names as long as the service's own are taken: a group, a point and a volume.", long),
    ]
    .into_iter()
    .map(|case| case.claims(&[crate::storage::case::Claim::AsyncReplication]))
    .collect()
}

async fn discard(rig: &Rig, volume: &protector_framework::ArrayVolume) -> Outcome {
    let request = DiscardVolume::new(&volume.name, &volume.serial);
    Ok(rig.target.discard_volume(&rig.ctx(), request).await?)
}

async fn volume_again(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let first = rig.copy("p1", &v[0], "copy").await?;
    rig.write(Side::Target, &first.name, "by a guest").await?;
    discard(rig, &first).await?;
    let second = rig.copy("p1", &v[0], "copy").await?;
    check!(second.name == first.name, "it is called `{}`", second.name);
    rig.holds(Side::Target, &second.name, "one").await
}

async fn volume_again_and_again(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    for _ in 0..4 {
        let copy = rig.copy("p1", &v[0], "copy").await?;
        rig.holds(Side::Target, &copy.name, "one").await?;
        rig.write(Side::Target, &copy.name, "by a guest").await?;
        discard(rig, &copy).await?;
        let names = rig.names(Side::Target).await?;
        check!(names.is_empty(), "there is left {names:?}");
    }
    Ok(())
}

async fn volume_of_another(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one", "two"]).await?;
    let first = rig.copy("p1", &v[0], "copy").await?;
    discard(rig, &first).await?;
    let request = rig.copy_of("p1", &v[1], "copy");
    let second = rig
        .target
        .materialize_volume(&rig.step_of_another("copy"), request)
        .await?;
    rig.holds(Side::Target, &second.name, "two").await
}

async fn old_serial_stays_gone(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let first = rig.copy("p1", &v[0], "copy").await?;
    discard(rig, &first).await?;
    let second = rig.copy("p1", &v[0], "copy").await?;
    if second.serial == first.serial {
        // The array brought the first one back: then it is the one that is named.
        return rig.holds(Side::Target, &second.name, "one").await;
    }
    let request = DiscardVolume::new(&first.name, &first.serial);
    let done = rig.target.discard_volume(&rig.ctx(), request).await;
    rig.refused(done, &[protector_framework::ErrorKind::Conflict])?;
    rig.target
        .get_volume(&rig.ctx(), GetVolume::new(&second.name))
        .await?;
    rig.holds(Side::Target, &second.name, "one").await
}

async fn delete(rig: &Rig) -> Outcome {
    let request = DeleteGroup::new(rig.local(&rig.group()));
    Ok(rig.source.delete_group(&rig.ctx(), request).await?)
}

async fn delete_received(rig: &Rig) -> Outcome {
    let request = DeleteGroup::new(rig.replica(&rig.group()));
    Ok(rig.target.delete_group(&rig.ctx(), request).await?)
}

async fn group_again(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let group = rig.group();
    delete(rig).await?;
    delete_received(rig).await?;
    let status = rig
        .source
        .ensure_group(&rig.ctx(), rig.ensure(&group))
        .await?;
    check!(status.volumes.is_empty(), "it holds {:?}", status.volumes);
    check!(
        status.last_complete_at.is_none(),
        "it has a point of {:?}",
        status.last_complete_at
    );
    let list = protector_framework::ListPoints::new(rig.local(&group));
    let here = rig.source.list_points(&rig.ctx(), list).await?;
    check!(
        here.is_empty(),
        "the source has {:?}",
        crate::storage::rig::shown(&here)
    );
    Ok(())
}

/// The group of a case, deleted on both arrays and made again with a changed volume.
async fn made_again(rig: &Rig) -> Outcome<Vol> {
    let v = rig.sent(&["one"]).await?;
    delete(rig).await?;
    delete_received(rig).await?;
    rig.write(Side::Source, &v[0].name, "later").await?;
    rig.protect(&rig.group(), &v).await?;
    Ok(v[0].clone())
}

async fn group_again_sends(rig: &Rig) -> Outcome {
    let volume = made_again(rig).await?;
    rig.send(&rig.group(), "p2").await?;
    let listed = rig.received_points(&rig.group()).await?;
    check!(
        listed.iter().all(|point| point.name.as_str() != "p1"),
        "a point of the first group is there: {:?}",
        crate::storage::rig::shown(&listed)
    );
    let copy = rig.copy("p2", &volume, "copy").await?;
    rig.holds(Side::Target, &copy.name, "later").await
}

async fn point_again(rig: &Rig) -> Outcome {
    let volume = made_again(rig).await?;
    rig.send(&rig.group(), "p1").await?;
    let copy = rig.copy("p1", &volume, "copy").await?;
    rig.holds(Side::Target, &copy.name, "later").await
}

async fn received_again(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    delete(rig).await?;
    delete_received(rig).await?;
    rig.protect(&rig.group(), &v).await?;
    let point = rig.send(&rig.group(), "p7").await?;
    check!(point.volumes.len() == 1, "it holds {:?}", point.volumes);
    Ok(())
}

async fn long(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one"]).await?;
    // `protector-` and a tail of an id; `protector-<tail>-<step>-<attempt>`; a copy's name.
    let group = rig.group_named("protector-4f3e2d1c0b9a-4f3e2d1c0b9a");
    let point = "protector-4f3e2d1c0b9a-replicate-final-1";
    let name = rig.name("protector-4f3e2d1c0b9a-5e4d3c2b1a09-12");
    rig.protect(&group, &v).await?;
    rig.send(&group, point).await?;
    let replica = rig.replica(&group);
    let request =
        protector_framework::MaterializeVolume::new(replica, point, &v[0].serial, name.as_str());
    let copy = rig
        .target
        .materialize_volume(&rig.step("copy"), request)
        .await?;
    check!(copy.name.as_str() == name, "it is called `{}`", copy.name);
    rig.holds(Side::Target, &copy.name, "one").await
}
