//! The present content of a volume is kept.

use protector_framework::{ErrorKind, SnapshotVolume};

use crate::storage::bench::Side;
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::{Rig, Vol, pattern};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("snapshot/kept", "A snapshot holds what the volume held.", kept, needs Snapshots),
        case!("snapshot/once", "A snapshot of that name is not taken again.", once, needs Snapshots),
        case!("snapshot/names-apart", "Two names are two snapshots, each of its moment.", names_apart, needs Snapshots),
        case!("snapshot/volumes-apart", "The snapshots of two volumes may have one name.", volumes_apart, needs Snapshots),
        case!(
            "snapshot/volume-absent",
            "A volume that is not there is NotFound.",
            volume_absent
        ),
        case!(
            "snapshot/untouched",
            "A snapshot changes no byte of its volume and makes no volume.",
            untouched
        ),
        case!("snapshot/connected", "A volume is kept also while a host is connected.", connected, needs Hosts),
    ]
}

async fn keep(rig: &Rig, volume: &Vol, name: &str) -> Outcome {
    let request = SnapshotVolume::new(&volume.name, name);
    Ok(rig.source.snapshot_volume(&rig.ctx(), request).await?)
}

async fn holds(rig: &Rig, volume: &Vol, name: &str, label: &str) -> Outcome {
    let wanted = pattern(label);
    let kept = rig
        .bench
        .read_snapshot(Side::Source, &volume.name, name, wanted.len())
        .await?;
    check!(
        kept.is_some(),
        "there is no snapshot `{name}` of `{}`",
        volume.name
    );
    check!(
        kept.as_deref() == Some(&*wanted),
        "the snapshot `{name}` does not hold `{label}`"
    );
    Ok(())
}

async fn kept(rig: &Rig) -> Outcome {
    let volume = rig.volume(Side::Source, "one").await?;
    keep(rig, &volume, "before").await?;
    rig.write(Side::Source, &volume.name, "later").await?;
    holds(rig, &volume, "before", "one").await?;
    rig.holds(Side::Source, &volume.name, "later").await
}

async fn once(rig: &Rig) -> Outcome {
    let volume = rig.volume(Side::Source, "one").await?;
    keep(rig, &volume, "before").await?;
    rig.write(Side::Source, &volume.name, "later").await?;
    keep(rig, &volume, "before").await?;
    holds(rig, &volume, "before", "one").await
}

async fn names_apart(rig: &Rig) -> Outcome {
    let volume = rig.volume(Side::Source, "one").await?;
    keep(rig, &volume, "before").await?;
    rig.write(Side::Source, &volume.name, "later").await?;
    keep(rig, &volume, "after").await?;
    holds(rig, &volume, "before", "one").await?;
    holds(rig, &volume, "after", "later").await
}

async fn volumes_apart(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one", "two"]).await?;
    for volume in &v {
        keep(rig, volume, "before").await?;
    }
    for volume in &v {
        holds(rig, volume, "before", &volume.label).await?;
    }
    Ok(())
}

async fn volume_absent(rig: &Rig) -> Outcome {
    let request = SnapshotVolume::new(rig.name("nobody"), "before");
    let kept = rig.source.snapshot_volume(&rig.ctx(), request).await;
    rig.refused(kept, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn untouched(rig: &Rig) -> Outcome {
    let volume = rig.volume(Side::Source, "one").await?;
    let before = rig.names(Side::Source).await?;
    keep(rig, &volume, "before").await?;
    let after = rig.names(Side::Source).await?;
    check!(
        before == after,
        "volumes before {before:?}, after {after:?}"
    );
    rig.holds(Side::Source, &volume.name, "one").await
}

async fn connected(rig: &Rig) -> Outcome {
    let volume = rig.volume(Side::Source, "one").await?;
    rig.bench.connect(Side::Source, &volume.name).await?;
    keep(rig, &volume, "before").await
}
