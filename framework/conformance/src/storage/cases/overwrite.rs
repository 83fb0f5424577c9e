//! Volumes are overwritten in place.

use protector_framework::{
    ArrayVolume, ArrayVolumeSerial, ErrorKind, GetVolume, OverwriteVolume, SnapshotVolume,
};

use crate::storage::bench::Side;
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::{Rig, SIZE, Vol};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("overwrite/keeps-itself", "An overwritten volume holds the point's bytes and keeps its name, serial and size.", keeps_itself),
        case!("overwrite/told", "The reply is the volume as it is told by its name afterwards.", told),
        case!("overwrite/nothing-of-before", "Nothing of what the volume held before is left.", nothing_of_before),
        case!("overwrite/again", "Overwriting again gives the same reply and the same bytes.", again),
        case!("overwrite/older-then-newer", "A volume is overwritten from an older point and then from a newer one.", older_then_newer),
        case!("overwrite/serial-differs", "Another serial is Conflict, and the volume keeps its bytes.", serial_differs),
        case!("overwrite/connected", "A volume with a host connected is Conflict and keeps its bytes and its name.", connected, needs Hosts, claims ConnectionState),
        case!("overwrite/disconnected", "A volume is overwritten once its host is gone.", disconnected, needs Hosts, claims ConnectionState),
        case!("overwrite/volume-absent", "A volume that is not there is NotFound, and none is made.", volume_absent),
        case!("overwrite/point-absent", "A point that is not there is NotFound, and the volume keeps its bytes.", point_absent),
        case!("overwrite/not-in-point", "A volume that is not in the point is NotFound, and the one to overwrite keeps its bytes.", not_in_point),
        case!("overwrite/grows", "A smaller volume grows to the point's size.", grows),
        case!("overwrite/never-shrinks", "A larger volume is refused or keeps its size; it never shrinks.", never_shrinks),
        case!("overwrite/point-untouched", "Writing to an overwritten volume changes the point as little as its other copies.", point_untouched),
        case!("overwrite/others-untouched", "Other volumes keep their bytes.", others_untouched),
        case!("overwrite/nothing-left", "No volume is there afterwards that was not there before.", nothing_left),
        case!("overwrite/snapshots-stay", "What was kept of a volume before it was overwritten stays kept.", snapshots_stay, needs Snapshots),
    ]
    .into_iter()
    .map(|case| case.claims(&[crate::storage::case::Claim::AsyncReplication]))
    .collect()
}

fn request(rig: &Rig, point: &str, from: &ArrayVolumeSerial, volume: &Vol) -> OverwriteVolume {
    let replica = rig.replica(&rig.group());
    OverwriteVolume::new(replica, point, from, &volume.name, &volume.serial)
}

async fn overwrite(rig: &Rig, point: &str, from: &Vol, volume: &Vol) -> Outcome<ArrayVolume> {
    let request = request(rig, point, &from.serial, volume);
    Ok(rig
        .target
        .overwrite_volume(&rig.step("overwrite"), request)
        .await?)
}

/// A sent volume, and one on the target to overwrite.
async fn both(rig: &Rig) -> Outcome<(Vol, Vol)> {
    let v = rig.sent(&["one"]).await?;
    let there = rig.volume(Side::Target, "there").await?;
    Ok((v[0].clone(), there))
}

async fn keeps_itself(rig: &Rig) -> Outcome {
    let (one, there) = both(rig).await?;
    let done = overwrite(rig, "p1", &one, &there).await?;
    check!(
        done.name == there.name && done.serial == there.serial && done.size_bytes == SIZE,
        "it was {there:?} and is {done:?}"
    );
    rig.holds(Side::Target, &there.name, "one").await
}

async fn told(rig: &Rig) -> Outcome {
    let (one, there) = both(rig).await?;
    let done = overwrite(rig, "p1", &one, &there).await?;
    let told = rig
        .target
        .get_volume(&rig.ctx(), GetVolume::new(&there.name))
        .await?;
    check!(done == told, "the reply was {done:?}, told is {told:?}");
    Ok(())
}

async fn nothing_of_before(rig: &Rig) -> Outcome {
    let (one, there) = both(rig).await?;
    let middle = rig_pattern();
    for offset in [SIZE / 4, SIZE / 2] {
        rig.bench
            .write(Side::Target, &there.name, offset, &middle)
            .await?;
    }
    overwrite(rig, "p1", &one, &there).await?;
    rig.holds(Side::Target, &there.name, "one").await
}

fn rig_pattern() -> Vec<u8> {
    crate::storage::rig::pattern("divergent")
}

async fn again(rig: &Rig) -> Outcome {
    let (one, there) = both(rig).await?;
    let first = overwrite(rig, "p1", &one, &there).await?;
    let second = overwrite(rig, "p1", &one, &there).await?;
    check!(first == second, "first {first:?}, then {second:?}");
    rig.holds(Side::Target, &there.name, "one").await
}

async fn older_then_newer(rig: &Rig) -> Outcome {
    let (one, there) = both(rig).await?;
    rig.write(Side::Source, &one.name, "newer").await?;
    rig.send(&rig.group(), "p2").await?;
    overwrite(rig, "p1", &one, &there).await?;
    rig.holds(Side::Target, &there.name, "one").await?;
    overwrite(rig, "p2", &one, &there).await?;
    rig.holds(Side::Target, &there.name, "newer").await
}

/// Checks that a request is refused and the volume is as it was.
async fn refuse(rig: &Rig, request: OverwriteVolume, kind: ErrorKind, volume: &Vol) -> Outcome {
    let before = rig.names(Side::Target).await?;
    let done = rig
        .target
        .overwrite_volume(&rig.step("overwrite"), request)
        .await;
    rig.refused(done, &[kind])?;
    let after = rig.names(Side::Target).await?;
    check!(
        before == after,
        "volumes before {before:?}, after {after:?}"
    );
    rig.holds(Side::Target, &volume.name, &volume.label).await
}

async fn serial_differs(rig: &Rig) -> Outcome {
    let (one, there) = both(rig).await?;
    let other = rig.volume(Side::Target, "other").await?;
    let mut wrong = request(rig, "p1", &one.serial, &there);
    wrong.serial = other.serial.clone();
    refuse(rig, wrong, ErrorKind::Conflict, &there).await?;
    rig.holds(Side::Target, &other.name, "other").await
}

async fn connected(rig: &Rig) -> Outcome {
    let (one, there) = both(rig).await?;
    rig.bench.connect(Side::Target, &there.name).await?;
    let wanted = request(rig, "p1", &one.serial, &there);
    refuse(rig, wanted, ErrorKind::Conflict, &there).await
}

async fn disconnected(rig: &Rig) -> Outcome {
    let (one, there) = both(rig).await?;
    rig.bench.connect(Side::Target, &there.name).await?;
    rig.bench.disconnect(Side::Target, &there.name).await?;
    overwrite(rig, "p1", &one, &there).await?;
    rig.holds(Side::Target, &there.name, "one").await
}

async fn volume_absent(rig: &Rig) -> Outcome {
    let (one, there) = both(rig).await?;
    let mut wrong = request(rig, "p1", &one.serial, &there);
    wrong.name = rig.name("nobody").into();
    wrong.serial = "0123456789ABCDEF01234567".into();
    refuse(rig, wrong, ErrorKind::NotFound, &there).await
}

async fn point_absent(rig: &Rig) -> Outcome {
    let (one, there) = both(rig).await?;
    let wrong = request(rig, "p9", &one.serial, &there);
    refuse(rig, wrong, ErrorKind::NotFound, &there).await
}

async fn not_in_point(rig: &Rig) -> Outcome {
    let (_, there) = both(rig).await?;
    let stranger = rig.volume(Side::Source, "stranger").await?;
    let wrong = request(rig, "p1", &stranger.serial, &there);
    refuse(rig, wrong, ErrorKind::NotFound, &there).await
}

async fn grows(rig: &Rig) -> Outcome {
    let large = rig.volume_sized(Side::Source, "large", 3 * SIZE).await?;
    rig.protect(&rig.group(), std::slice::from_ref(&large))
        .await?;
    rig.send(&rig.group(), "p1").await?;
    let there = rig.volume(Side::Target, "there").await?;
    let done = overwrite(rig, "p1", &large, &there).await?;
    check!(
        done.size_bytes == 3 * SIZE && done.serial == there.serial,
        "it was to grow to {} and is {done:?}",
        3 * SIZE
    );
    rig.holds(Side::Target, &there.name, "large").await
}

async fn never_shrinks(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let there = rig.volume_sized(Side::Target, "there", 3 * SIZE).await?;
    let wanted = request(rig, "p1", &v[0].serial, &there);
    let done = rig
        .target
        .overwrite_volume(&rig.step("overwrite"), wanted)
        .await;
    let told = rig
        .target
        .get_volume(&rig.ctx(), GetVolume::new(&there.name))
        .await?;
    check!(
        told.size_bytes == 3 * SIZE,
        "it had {} bytes and has {}",
        3 * SIZE,
        told.size_bytes
    );
    if done.is_ok() {
        return rig.holds(Side::Target, &there.name, "one").await;
    }
    rig.refused(done, &[ErrorKind::Conflict, ErrorKind::InvalidRequest])?;
    rig.holds(Side::Target, &there.name, "there").await
}

async fn point_untouched(rig: &Rig) -> Outcome {
    let (one, there) = both(rig).await?;
    overwrite(rig, "p1", &one, &there).await?;
    rig.write(Side::Target, &there.name, "by a guest").await?;
    let copy = rig.copy("p1", &one, "copy").await?;
    rig.holds(Side::Target, &copy.name, "one").await
}

async fn others_untouched(rig: &Rig) -> Outcome {
    let (one, there) = both(rig).await?;
    let other = rig.volume(Side::Target, "other").await?;
    overwrite(rig, "p1", &one, &there).await?;
    rig.holds(Side::Target, &other.name, "other").await?;
    rig.holds(Side::Source, &one.name, "one").await
}

async fn nothing_left(rig: &Rig) -> Outcome {
    let (one, there) = both(rig).await?;
    let before = rig.names(Side::Target).await?;
    overwrite(rig, "p1", &one, &there).await?;
    let after = rig.names(Side::Target).await?;
    check!(
        before == after,
        "volumes before {before:?}, after {after:?}"
    );
    Ok(())
}

async fn snapshots_stay(rig: &Rig) -> Outcome {
    let (one, there) = both(rig).await?;
    let keep = SnapshotVolume::new(&there.name, "diverged");
    rig.target.snapshot_volume(&rig.ctx(), keep).await?;
    overwrite(rig, "p1", &one, &there).await?;
    let wanted = crate::storage::rig::pattern("there");
    let kept = rig
        .bench
        .read_snapshot(Side::Target, &there.name, "diverged", wanted.len())
        .await?;
    check!(
        kept.as_deref() == Some(&*wanted),
        "the snapshot holds something else"
    );
    Ok(())
}
