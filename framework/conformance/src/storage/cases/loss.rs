//! A point has lost one of its volumes on the target.

use protector_framework::{ErrorKind, OverwriteVolume};

use crate::storage::bench::Side;
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::{NOT_USABLE, Rig, Vol};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("loss/told", "A point that has lost one of ten volumes does not tell it, or tells that it is not complete.", told, needs Loss),
        case!("loss/not-made", "The lost volume is not made from the point, and no half of it is left.", not_made, needs Loss),
        case!("loss/not-overwritten", "No volume is overwritten with the lost one.", not_overwritten, needs Loss),
        case!("loss/others", "Where the point is still complete, the other nine are made from it.", others, needs Loss),
        case!("loss/other-points", "Another point still holds all ten.", other_points, needs Loss),
        case!("loss/next-point", "The next point holds all ten again.", next_point, needs Loss),
    ]
    .into_iter()
    .map(|case| case.claims(&[crate::storage::case::Claim::AsyncReplication]))
    .collect()
}

/// Ten volumes in the points `p1` and `p2`, the fifth of them lost from `p2`.
async fn lost(rig: &Rig) -> Outcome<Vec<Vol>> {
    let labels = ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9"];
    let v = rig.sent(&labels).await?;
    rig.send(&rig.group(), "p2").await?;
    let replica = rig.replica(&rig.group());
    rig.bench
        .lose_from_point(Side::Target, &replica, &"p2".into(), &v[5].serial)
        .await?;
    Ok(v)
}

async fn told(rig: &Rig) -> Outcome {
    let v = lost(rig).await?;
    let point = rig.point(&rig.group(), "p2").await?;
    let held = point.volumes.iter().any(|held| held.serial == v[5].serial);
    check!(
        !(held && point.complete),
        "it is told to hold the lost volume and to be complete"
    );
    let others = point
        .volumes
        .iter()
        .filter(|held| held.serial != v[5].serial)
        .count();
    check!(others == 9, "of the nine others it tells {others}");
    Ok(())
}

async fn not_made(rig: &Rig) -> Outcome {
    let v = lost(rig).await?;
    let request = rig.copy_of("p2", &v[5], "copy");
    let made = rig
        .target
        .materialize_volume(&rig.step("copy"), request)
        .await;
    rig.refused(made, NOT_USABLE)?;
    let names = rig.names(Side::Target).await?;
    check!(names.is_empty(), "there is left {names:?}");
    Ok(())
}

async fn not_overwritten(rig: &Rig) -> Outcome {
    let v = lost(rig).await?;
    let there = rig.volume(Side::Target, "there").await?;
    let replica = rig.replica(&rig.group());
    let request = OverwriteVolume::new(replica, "p2", &v[5].serial, &there.name, &there.serial);
    let done = rig.target.overwrite_volume(&rig.ctx(), request).await;
    rig.refused(done, NOT_USABLE)?;
    rig.holds(Side::Target, &there.name, "there").await
}

async fn others(rig: &Rig) -> Outcome {
    let v = lost(rig).await?;
    let complete = rig.point(&rig.group(), "p2").await?.complete;
    for volume in v.iter().filter(|volume| volume.label != "v5") {
        let request = rig.copy_of("p2", volume, &volume.label);
        let made = rig
            .target
            .materialize_volume(&rig.step(&volume.label), request)
            .await;
        if complete {
            rig.holds(Side::Target, &made?.name, &volume.label).await?;
        } else {
            rig.refused(made, &[ErrorKind::Conflict])?;
        }
    }
    Ok(())
}

async fn other_points(rig: &Rig) -> Outcome {
    let v = lost(rig).await?;
    let point = rig.point(&rig.group(), "p1").await?;
    check!(
        point.complete && point.volumes.len() == 10,
        "it is {point:?}"
    );
    let copy = rig.copy("p1", &v[5], "copy").await?;
    rig.holds(Side::Target, &copy.name, "v5").await
}

async fn next_point(rig: &Rig) -> Outcome {
    let v = lost(rig).await?;
    let point = rig.send(&rig.group(), "p3").await?;
    check!(point.volumes.len() == 10, "it holds {:?}", point.volumes);
    let copy = rig.copy("p3", &v[5], "copy").await?;
    rig.holds(Side::Target, &copy.name, "v5").await
}
