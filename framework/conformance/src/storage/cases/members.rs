//! The volumes of a group.

use std::collections::BTreeSet;

use protector_framework::{
    ArrayVolumeName, DiscardVolume, ErrorKind, GetGroup, GroupStatus, SetGroupVolumes,
};

use crate::storage::bench::{LinkCondition, Side};
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::{Rig, Vol};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "members/exactly",
            "A group holds exactly the volumes it was set to, with their names and serials.",
            exactly,
            claims AsyncReplication
        ),
        case!("members/order", "The order in which volumes are named means nothing.", order, claims AsyncReplication),
        case!("members/twice-named", "A volume that is named twice is in the group once.", twice_named, claims AsyncReplication),
        case!("members/none", "A group can be set to no volumes.", none, claims AsyncReplication),
        case!(
            "members/group-absent",
            "The volumes of a group that is not there are NotFound.",
            group_absent
        ),
        case!(
            "members/volume-absent",
            "A volume that is not there is NotFound, and the group stays as it was.",
            volume_absent,
            claims AsyncReplication
        ),
        case!(
            "members/not-the-targets",
            "A volume of the target is NotFound at the source.",
            not_the_targets,
            claims AsyncReplication
        ),
        case!(
            "members/removed-not-in-points",
            "A volume that was taken out is in the points before and not in those after.",
            removed_not_in_points,
            claims AsyncReplication
        ),
        case!(
            "members/removed-keeps-bytes",
            "A volume that is taken out of its group stays with its bytes.",
            removed_keeps_bytes,
            claims AsyncReplication
        ),
        case!(
            "members/back-again",
            "A volume that was taken out and put back is in the points again.",
            back_again,
            claims AsyncReplication
        ),
        case!(
            "members/renamed",
            "A renamed volume stays in its group, under its new name and its serial.",
            renamed,
            needs Rename,
            claims AsyncReplication
        ),
        case!(
            "members/renamed-in-points",
            "A point names a volume as it was called when the point was taken, with one serial throughout.",
            renamed_in_points,
            needs Rename,
            claims AsyncReplication
        ),
        case!(
            "members/discarded",
            "A member that was destroyed does not keep the others from being sent.",
            discarded,
            claims AsyncReplication
        ),
        case!(
            "members/in-two-groups",
            "A volume may be in two groups, and each sends it.",
            in_two_groups,
            claims AsyncReplication
        ),
        case!(
            "members/link-down",
            "Volumes are set while the link is down; they are sent when it is back.",
            link_down,
            needs Link,
            claims AsyncReplication
        ),
    ]
}

/// Checks that a group holds exactly these volumes.
fn hold(status: &GroupStatus, volumes: &[&Vol]) -> Outcome {
    let wanted: BTreeSet<_> = volumes.iter().map(|v| (&v.name, &v.serial)).collect();
    let held: BTreeSet<_> = status
        .volumes
        .iter()
        .map(|v| (&v.name, &v.serial))
        .collect();
    check!(
        held == wanted && status.volumes.len() == volumes.len(),
        "the group was to hold {wanted:?} and holds {:?}",
        status.volumes
    );
    Ok(())
}

async fn with_group(rig: &Rig, labels: &[&str]) -> Outcome<Vec<Vol>> {
    let volumes = rig.volumes(labels).await?;
    let group = rig.group();
    rig.source
        .ensure_group(&rig.ctx(), rig.ensure(&group))
        .await?;
    Ok(volumes)
}

async fn exactly(rig: &Rig) -> Outcome {
    let v = with_group(rig, &["one", "two", "three"]).await?;
    let group = rig.group();
    for wanted in [&v[..2], &v[1..], &v[..], &v[..1]] {
        let status = rig.set(&group, wanted).await?;
        let wanted: Vec<_> = wanted.iter().collect();
        hold(&status, &wanted)?;
        hold(&rig.status(&group).await?, &wanted)?;
    }
    Ok(())
}

async fn order(rig: &Rig) -> Outcome {
    let mut v = with_group(rig, &["one", "two", "three"]).await?;
    rig.set(&rig.group(), &v).await?;
    v.reverse();
    let status = rig.set(&rig.group(), &v).await?;
    hold(&status, &v.iter().collect::<Vec<_>>())
}

async fn twice_named(rig: &Rig) -> Outcome {
    let v = with_group(rig, &["one", "two"]).await?;
    let doubled = [v[0].clone(), v[1].clone(), v[0].clone()];
    let status = rig.set(&rig.group(), &doubled).await?;
    hold(&status, &[&v[0], &v[1]])
}

async fn none(rig: &Rig) -> Outcome {
    let v = with_group(rig, &["one"]).await?;
    let group = rig.group();
    rig.set(&group, &v).await?;
    hold(&rig.set(&group, &[]).await?, &[])?;
    hold(&rig.status(&group).await?, &[])
}

async fn group_absent(rig: &Rig) -> Outcome {
    let volume = rig.volume(Side::Source, "one").await?;
    let request = SetGroupVolumes::new(rig.group(), vec![volume.name]);
    let set = rig.source.set_group_volumes(&rig.ctx(), request).await;
    rig.refused(set, &[ErrorKind::NotFound])?;
    let found = rig
        .source
        .get_group(&rig.ctx(), GetGroup::new(rig.group()))
        .await;
    rig.refused(found, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn refuse(rig: &Rig, names: Vec<ArrayVolumeName>) -> Outcome {
    let request = SetGroupVolumes::new(rig.group(), names);
    let set = rig.source.set_group_volumes(&rig.ctx(), request).await;
    rig.refused(set, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn volume_absent(rig: &Rig) -> Outcome {
    let v = with_group(rig, &["one", "two"]).await?;
    rig.set(&rig.group(), &v[..1]).await?;
    let absent = ArrayVolumeName::from(rig.name("nobody"));
    refuse(rig, vec![v[1].name.clone(), absent]).await?;
    hold(&rig.status(&rig.group()).await?, &[&v[0]])
}

async fn not_the_targets(rig: &Rig) -> Outcome {
    with_group(rig, &[]).await?;
    let there = rig.volume(Side::Target, "there").await?;
    refuse(rig, vec![there.name]).await
}

async fn serials(rig: &Rig, point: &str) -> Outcome<BTreeSet<String>> {
    let point = rig.point(&rig.group(), point).await?;
    Ok(point.volumes.iter().map(|v| v.serial.to_string()).collect())
}

async fn removed_not_in_points(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one", "two"]).await?;
    rig.set(&rig.group(), &v[..1]).await?;
    rig.send(&rig.group(), "p2").await?;
    let (before, after) = (serials(rig, "p1").await?, serials(rig, "p2").await?);
    check!(
        before.contains(v[1].serial.as_str()),
        "the point before holds {before:?}"
    );
    check!(
        !after.contains(v[1].serial.as_str()),
        "the point after holds {after:?}"
    );
    check!(
        after.contains(v[0].serial.as_str()),
        "the point after holds {after:?}"
    );
    let copy = rig.copy("p1", &v[1], "copy").await?;
    rig.holds(Side::Target, &copy.name, "two").await
}

async fn removed_keeps_bytes(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one", "two"]).await?;
    rig.set(&rig.group(), &v[..1]).await?;
    rig.holds(Side::Source, &v[1].name, "two").await
}

async fn back_again(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one", "two"]).await?;
    let group = rig.group();
    rig.set(&group, &v[..1]).await?;
    rig.send(&group, "p2").await?;
    rig.write(Side::Source, &v[1].name, "changed").await?;
    rig.set(&group, &v).await?;
    rig.send(&group, "p3").await?;
    rig.seeded(&group).await?;
    rig.send(&group, "p4").await?;
    let copy = rig.copy("p4", &v[1], "copy").await?;
    rig.holds(Side::Target, &copy.name, "changed").await
}

async fn rename(rig: &Rig, volume: &Vol) -> Outcome<Vol> {
    let new = ArrayVolumeName::from(rig.name("renamed"));
    rig.bench.rename(Side::Source, &volume.name, &new).await?;
    Ok(Vol {
        name: new,
        ..volume.clone()
    })
}

async fn renamed(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one", "two"]).await?;
    let one = rename(rig, &v[0]).await?;
    hold(&rig.status(&rig.group()).await?, &[&one, &v[1]])
}

async fn renamed_in_points(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let group = rig.group();
    let new = rename(rig, &v[0]).await?;
    rig.send(&group, "p2").await?;
    let old = rig.point(&group, "p1").await?.volumes;
    check!(
        old.len() == 1 && old[0].name == v[0].name && old[0].serial == v[0].serial,
        "the point before the renaming holds {old:?}"
    );
    let after = rig.point(&group, "p2").await?.volumes;
    check!(
        after.len() == 1 && after[0].name == new.name && after[0].serial == v[0].serial,
        "the point after the renaming holds {after:?}"
    );
    let copy = rig.copy("p2", &v[0], "copy").await?;
    rig.holds(Side::Target, &copy.name, "one").await
}

async fn discarded(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one", "two"]).await?;
    let request = DiscardVolume::new(&v[1].name, &v[1].serial);
    rig.source.discard_volume(&rig.ctx(), request).await?;
    rig.write(Side::Source, &v[0].name, "later").await?;
    rig.set(&rig.group(), &v[..1]).await?;
    rig.send(&rig.group(), "p2").await?;
    let copy = rig.copy("p2", &v[0], "copy").await?;
    rig.holds(Side::Target, &copy.name, "later").await
}

async fn in_two_groups(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let other = rig.group_named("kit-other");
    rig.protect(&other, &v).await?;
    rig.send(&rig.group(), "p2").await?;
    let there = rig.send(&other, "p2").await?;
    check!(
        there.volumes.len() == 1,
        "the other group's point holds {:?}",
        there.volumes
    );
    Ok(())
}

async fn link_down(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one", "two"]).await?;
    let group = rig.group();
    let three = rig.volume(Side::Source, "three").await?;
    rig.bench.set_link(LinkCondition::Down).await?;
    let all = [v[0].clone(), v[1].clone(), three.clone()];
    let status = rig.set(&group, &all).await?;
    hold(&status, &all.iter().collect::<Vec<_>>())?;
    let new = status.volumes.iter().find(|v| v.serial == three.serial);
    check!(
        new.is_some_and(|v| !v.seeded),
        "it is told to be seeded over a link that is down"
    );
    rig.bench.set_link(LinkCondition::Up).await?;
    rig.send(&group, "p2").await?;
    rig.seeded(&group).await?;
    rig.send(&group, "p3").await?;
    let copy = rig.copy("p3", &three, "copy").await?;
    rig.holds(Side::Target, &copy.name, "three").await
}
