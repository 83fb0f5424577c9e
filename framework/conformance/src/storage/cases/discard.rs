//! Volumes are destroyed, and only the right ones.

use protector_framework::{
    ArrayVolumeName, ArrayVolumeSerial, DiscardVolume, ErrorKind, GetVolume, ResolveVolume,
};

use crate::storage::bench::Side;
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::{Rig, Vol};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "discard/gone",
            "A destroyed volume is NotFound by its name and by Cinder's id.",
            gone
        ),
        case!(
            "discard/again",
            "Destroying a volume again is success.",
            again
        ),
        case!(
            "discard/absent",
            "Destroying what never was is success, and destroys nothing.",
            absent
        ),
        case!(
            "discard/serial-differs",
            "Another serial is Conflict, and the volume stays.",
            serial_differs
        ),
        case!("discard/connected", "A volume with a host connected is Conflict and stays.", connected, needs Hosts, claims ConnectionState),
        case!("discard/disconnected", "A volume is destroyed once its host is gone.", disconnected, needs Hosts, claims ConnectionState),
        case!("discard/renamed", "A volume that was renamed is destroyed by its serial, and no other.", renamed, needs Rename),
        case!("discard/renamed-again", "Destroying a renamed volume again is success.", renamed_again, needs Rename),
        case!(
            "discard/renamed-connected",
            "A renamed volume with a host connected is Conflict and stays.",
            renamed_connected,
            needs Rename Hosts,
            claims ConnectionState
        ),
        case!("discard/name-taken", "Where another volume has the name by now, it stays: Conflict.", name_taken, needs Rename),
        case!(
            "discard/snapshots-with-it",
            "A volume with snapshots is destroyed.",
            snapshots_with_it
        ),
        case!("discard/points-stay", "The points that hold a destroyed volume still give its bytes.", points_stay, claims AsyncReplication),
        case!("discard/copy", "A volume made from a point is destroyed; the point stays.", copy, claims AsyncReplication),
    ]
}

async fn discard(rig: &Rig, name: &ArrayVolumeName, serial: &ArrayVolumeSerial) -> Outcome {
    let request = DiscardVolume::new(name, serial);
    Ok(rig.source.discard_volume(&rig.ctx(), request).await?)
}

async fn refuse(rig: &Rig, name: &ArrayVolumeName, serial: &ArrayVolumeSerial) -> Outcome {
    let request = DiscardVolume::new(name, serial);
    let done = rig.source.discard_volume(&rig.ctx(), request).await;
    rig.refused(done, &[ErrorKind::Conflict])?;
    Ok(())
}

async fn is_gone(rig: &Rig, volume: &Vol) -> Outcome {
    let get = GetVolume::new(&volume.name);
    let told = rig.source.get_volume(&rig.ctx(), get).await;
    rig.refused(told, &[ErrorKind::NotFound])?;
    let found = rig
        .source
        .resolve_volume(&rig.ctx(), ResolveVolume::new(&volume.id))
        .await;
    rig.refused(found, &[ErrorKind::NotFound])?;
    let names = rig.names(Side::Source).await?;
    check!(
        !names.contains(&volume.name),
        "it is still there: {names:?}"
    );
    Ok(())
}

async fn gone(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one", "two"]).await?;
    discard(rig, &v[0].name, &v[0].serial).await?;
    is_gone(rig, &v[0]).await?;
    rig.holds(Side::Source, &v[1].name, "two").await
}

async fn again(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one"]).await?;
    for _ in 0..3 {
        discard(rig, &v[0].name, &v[0].serial).await?;
    }
    let other = rig.restarted(Side::Source)?;
    let request = DiscardVolume::new(&v[0].name, &v[0].serial);
    other.discard_volume(&rig.ctx(), request).await?;
    is_gone(rig, &v[0]).await
}

async fn absent(rig: &Rig) -> Outcome {
    rig.volumes(&["one", "two"]).await?;
    let before = rig.names(Side::Source).await?;
    let never = ArrayVolumeSerial::from("0123456789ABCDEF01234567");
    discard(rig, &rig.name("nobody").into(), &never).await?;
    let after = rig.names(Side::Source).await?;
    check!(
        before == after,
        "volumes before {before:?}, after {after:?}"
    );
    Ok(())
}

async fn serial_differs(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one", "two"]).await?;
    refuse(rig, &v[0].name, &v[1].serial).await?;
    for volume in &v {
        rig.holds(Side::Source, &volume.name, &volume.label).await?;
    }
    Ok(())
}

async fn connected(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one"]).await?;
    rig.bench.connect(Side::Source, &v[0].name).await?;
    refuse(rig, &v[0].name, &v[0].serial).await?;
    rig.holds(Side::Source, &v[0].name, "one").await
}

async fn disconnected(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one"]).await?;
    rig.bench.connect(Side::Source, &v[0].name).await?;
    rig.bench.disconnect(Side::Source, &v[0].name).await?;
    discard(rig, &v[0].name, &v[0].serial).await?;
    is_gone(rig, &v[0]).await
}

async fn rename(rig: &Rig, volume: &Vol) -> Outcome<ArrayVolumeName> {
    let new = ArrayVolumeName::from(rig.name("let-go"));
    rig.bench.rename(Side::Source, &volume.name, &new).await?;
    Ok(new)
}

async fn renamed(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one", "two"]).await?;
    let new = rename(rig, &v[0]).await?;
    discard(rig, &v[0].name, &v[0].serial).await?;
    let names = rig.names(Side::Source).await?;
    check!(!names.contains(&new), "it is still there: {names:?}");
    check!(names.contains(&v[1].name), "another one is gone: {names:?}");
    Ok(())
}

async fn renamed_again(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one"]).await?;
    rename(rig, &v[0]).await?;
    for _ in 0..3 {
        discard(rig, &v[0].name, &v[0].serial).await?;
    }
    Ok(())
}

async fn renamed_connected(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one"]).await?;
    let new = rename(rig, &v[0]).await?;
    rig.bench.connect(Side::Source, &new).await?;
    refuse(rig, &v[0].name, &v[0].serial).await?;
    rig.holds(Side::Source, &new, "one").await
}

async fn name_taken(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one", "two"]).await?;
    rename(rig, &v[0]).await?;
    rig.bench
        .rename(Side::Source, &v[1].name, &v[0].name)
        .await?;
    refuse(rig, &v[0].name, &v[0].serial).await?;
    rig.holds(Side::Source, &v[0].name, "two").await
}

async fn snapshots_with_it(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one"]).await?;
    let keep = protector_framework::SnapshotVolume::new(&v[0].name, "before");
    rig.source.snapshot_volume(&rig.ctx(), keep).await?;
    discard(rig, &v[0].name, &v[0].serial).await?;
    is_gone(rig, &v[0]).await
}

async fn points_stay(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    discard(rig, &v[0].name, &v[0].serial).await?;
    let copy = rig.copy("p1", &v[0], "copy").await?;
    rig.holds(Side::Target, &copy.name, "one").await
}

async fn copy(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let first = rig.copy("p1", &v[0], "first").await?;
    let request = DiscardVolume::new(&first.name, &first.serial);
    rig.target.discard_volume(&rig.ctx(), request).await?;
    let second = rig.copy("p1", &v[0], "second").await?;
    rig.holds(Side::Target, &second.name, "one").await
}
