//! New volumes are seeded beside the group.

use std::time::Duration;

use protector_framework::{ArrayGroupName, TransferState};

use crate::storage::bench::{LinkCondition, Side};
use crate::storage::case::{Broken, Case, Outcome, case, check};
use crate::storage::rig::{Rig, Vol};

/// A link over which the first copy of a large volume takes minutes, and a change takes seconds.
const SLOW: u64 = 32 << 10;
/// How much a large volume holds.
const LARGE: usize = 8 << 20;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "seed/first-point",
            "The first point of a new group seeds its volumes; the next one holds them all.",
            first_point,
            claims AsyncReplication
        ),
        case!(
            "seed/not-before",
            "A volume is not told to be seeded before its bytes could have arrived.",
            not_before,
            needs Speed,
            claims AsyncReplication
        ),
        case!(
            "seed/does-not-delay",
            "A large new volume on a slow link does not delay the points of the others.",
            does_not_delay,
            needs Speed,
            claims AsyncReplication
        ),
        case!(
            "seed/not-in-points",
            "A volume is in no point that was taken before its first full copy had arrived.",
            not_in_points,
            needs Speed,
            claims AsyncReplication
        ),
        case!(
            "seed/then-in-points",
            "A volume is in the points that are taken after its first full copy has arrived.",
            then_in_points,
            needs Speed,
            claims AsyncReplication
        ),
        case!(
            "seed/one-of-many",
            "Seeding a volume leaves the others told as seeded.",
            one_of_many,
            claims AsyncReplication
        ),
        case!(
            "seed/interrupted",
            "A first copy that the link interrupts is finished when the link is back.",
            interrupted,
            needs Link Speed,
            claims AsyncReplication
        ),
        case!(
            "seed/taken-out",
            "A volume that is taken out while it is seeded is not waited for.",
            taken_out,
            needs Speed,
            claims AsyncReplication
        ),
    ]
}

async fn first_point(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one", "two"]).await?;
    let group = rig.group();
    rig.source
        .ensure_group(&rig.ctx(), rig.ensure(&group))
        .await?;
    rig.set(&group, &v).await?;
    rig.send(&group, "p1").await?;
    rig.seeded(&group).await?;
    let point = rig.send(&group, "p2").await?;
    check!(point.volumes.len() == 2, "it holds {:?}", point.volumes);
    for volume in &v {
        let copy = rig.copy("p2", volume, &volume.label).await?;
        rig.holds(Side::Target, &copy.name, &volume.label).await?;
    }
    Ok(())
}

/// A group with a seeded volume, a slow link, and a large volume that has just been added.
async fn growing(rig: &Rig) -> Outcome<(ArrayGroupName, Vol, Vol)> {
    let v = rig.sent(&["one"]).await?;
    let group = rig.group();
    let large = rig
        .volume_sized(Side::Source, "large", 2 * LARGE as u64)
        .await?;
    let mut bytes = vec![0; LARGE];
    // Nothing that an array could make smaller.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for chunk in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
    }
    rig.bench
        .write(Side::Source, &large.name, 0, &bytes)
        .await?;
    rig.write(Side::Source, &large.name, "large").await?;
    rig.bench.set_link(LinkCondition::Slow(SLOW)).await?;
    rig.set(&group, &[v[0].clone(), large.clone()]).await?;
    Ok((group, v[0].clone(), large))
}

async fn is_seeded(rig: &Rig, group: &ArrayGroupName, volume: &Vol) -> Outcome<bool> {
    let status = rig.status(group).await?;
    let found = status.volumes.iter().find(|v| v.serial == volume.serial);
    found
        .map(|v| v.seeded)
        .ok_or_else(|| Broken(format!("`{}` is not in its group", volume.name)))
}

async fn not_before(rig: &Rig) -> Outcome {
    let (group, one, large) = growing(rig).await?;
    check!(
        !is_seeded(rig, &group, &large).await?,
        "it is seeded at once"
    );
    rig.start(&group, "p2").await?;
    rig.pass(Duration::from_secs(30)).await?;
    check!(
        !is_seeded(rig, &group, &large).await?,
        "8 MiB arrived in 30 s at 32 KiB/s"
    );
    check!(
        is_seeded(rig, &group, &one).await?,
        "a volume that was seeded is not any more"
    );
    Ok(())
}

async fn does_not_delay(rig: &Rig) -> Outcome {
    let (group, one, large) = growing(rig).await?;
    rig.write(Side::Source, &one.name, "changed").await?;
    rig.start(&group, "p2").await?;
    for _ in 0..60 {
        if rig.transfer(&group, "p2").await?.state == TransferState::Complete {
            check!(
                !is_seeded(rig, &group, &large).await?,
                "the point has waited for the first copy of the large volume"
            );
            rig.arrive(&group, "p2").await?;
            let copy = rig.copy("p2", &one, "copy").await?;
            return rig.holds(Side::Target, &copy.name, "changed").await;
        }
        rig.pass(Duration::from_secs(1)).await?;
    }
    Err(Broken(
        "the others' point has not arrived within a minute beside the large volume".to_owned(),
    ))
}

async fn not_in_points(rig: &Rig) -> Outcome {
    let (group, _, large) = growing(rig).await?;
    let point = rig.send(&group, "p2").await?;
    let held = point.volumes.iter().any(|v| v.serial == large.serial);
    check!(
        !held || is_seeded(rig, &group, &large).await?,
        "a complete point holds a volume whose first copy has not arrived"
    );
    check!(
        !held,
        "the point holds a volume that was not seeded when it was taken"
    );
    Ok(())
}

async fn then_in_points(rig: &Rig) -> Outcome {
    let (group, _, large) = growing(rig).await?;
    rig.send(&group, "p2").await?;
    rig.bench.set_link(LinkCondition::Up).await?;
    rig.seeded(&group).await?;
    let point = rig.send(&group, "p3").await?;
    check!(point.volumes.len() == 2, "it holds {:?}", point.volumes);
    let copy = rig.copy("p3", &large, "copy").await?;
    rig.same(&large.name, &copy.name).await
}

async fn one_of_many(rig: &Rig) -> Outcome {
    let mut v = rig.sent(&["one", "two"]).await?;
    v.push(rig.volume(Side::Source, "three").await?);
    let status = rig.set(&rig.group(), &v).await?;
    for volume in &v[..2] {
        let told = status
            .volumes
            .iter()
            .find(|told| told.serial == volume.serial);
        check!(
            told.is_some_and(|v| v.seeded),
            "`{}` is not seeded any more",
            volume.name
        );
    }
    Ok(())
}

async fn interrupted(rig: &Rig) -> Outcome {
    let (group, _, large) = growing(rig).await?;
    rig.send(&group, "p2").await?;
    rig.pass(Duration::from_secs(20)).await?;
    rig.bench.set_link(LinkCondition::Down).await?;
    rig.pass(Duration::from_secs(60)).await?;
    check!(
        !is_seeded(rig, &group, &large).await?,
        "it was seeded over a link that is down"
    );
    rig.bench.set_link(LinkCondition::Up).await?;
    rig.seeded(&group).await?;
    rig.send(&group, "p3").await?;
    let copy = rig.copy("p3", &large, "copy").await?;
    rig.same(&large.name, &copy.name).await
}

async fn taken_out(rig: &Rig) -> Outcome {
    let (group, one, _) = growing(rig).await?;
    rig.send(&group, "p2").await?;
    let status = rig.set(&group, std::slice::from_ref(&one)).await?;
    check!(
        status.volumes.len() == 1,
        "the group holds {:?}",
        status.volumes
    );
    check!(
        status.volumes.iter().all(|v| v.seeded),
        "it is still waited for"
    );
    let point = rig.send(&group, "p3").await?;
    check!(point.volumes.len() == 1, "it holds {:?}", point.volumes);
    Ok(())
}
