//! Claims, the other way: what is not claimed is refused, and claims do not change.

use protector_framework::{
    EnsureGroup, ErrorKind, GetGroup, GetWritten, PinPoint, ReadManifest, ReplicationMode,
    WriteManifest,
};

use crate::storage::bench::Side;
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::Rig;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "claims/do-not-change",
            "Every instance of a driver claims the same, before and after its first verb.",
            stable
        ),
        case!(
            "claims/some-replication",
            "A driver claims at least one way to replicate.",
            some_replication
        ),
        case!(
            "claims/sync-is-had-or-refused",
            "A synchronous group is made where it is claimed, and is Unsupported where it is not.",
            sync
        ),
        case!(
            "claims/pins-are-had-or-refused",
            "Pinning a point works where it is claimed, and is Unsupported where it is not.",
            pins
        ),
        case!(
            "claims/manifests-are-had-or-refused",
            "Manifests are kept where it is claimed, and are Unsupported where it is not.",
            manifests
        ),
        case!(
            "claims/connections-are-told-or-not",
            "Whether a host is connected is told where it is claimed, and not guessed where it is not.",
            connections
        ),
        case!(
            "claims/written-bytes-are-told-or-refused",
            "What was written since a point is told where it is claimed, and is Unsupported where it is not.",
            written
        ),
    ]
}

async fn stable(rig: &Rig) -> Outcome {
    let before = rig.can();
    rig.source.describe(&rig.ctx()).await?;
    check!(rig.can() == before, "the first verb changed the claims");
    for side in Side::BOTH {
        let other = rig.restarted(side)?.capabilities();
        check!(
            other == before,
            "an instance for the {side:?} claims {other:?}"
        );
    }
    Ok(())
}

async fn some_replication(rig: &Rig) -> Outcome {
    let can = rig.can();
    check!(
        can.async_replication || can.sync_replication,
        "the driver claims no way to replicate: {can:?}"
    );
    Ok(())
}

async fn sync(rig: &Rig) -> Outcome {
    let group = rig.group();
    let to = rig.identity(Side::Target);
    let request = EnsureGroup::new(&group, ReplicationMode::Sync, to);
    let made = rig.source.ensure_group(&rig.ctx(), request).await;
    if rig.can().sync_replication {
        let status = made?;
        check!(
            status.group == group,
            "the reply is about `{}`",
            status.group
        );
        return Ok(());
    }
    rig.refused(made, &[ErrorKind::Unsupported])?;
    let left = rig
        .source
        .get_group(&rig.ctx(), GetGroup::new(&group))
        .await;
    rig.refused(left, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn pins(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let request = PinPoint::new(rig.replica(&rig.group()), "p1", "holder");
    let pinned = rig.target.pin_point(&rig.ctx(), request).await;
    if rig.can().pin_points {
        pinned?;
        let point = rig.point(&rig.group(), "p1").await?;
        check!(
            point.pinned_by == ["holder"],
            "pinned by {:?}",
            point.pinned_by
        );
    } else {
        rig.refused(pinned, &[ErrorKind::Unsupported])?;
    }
    Ok(())
}

async fn manifests(rig: &Rig) -> Outcome {
    let group = rig.group();
    rig.source
        .ensure_group(&rig.ctx(), rig.ensure(&group))
        .await?;
    let write = WriteManifest::new(&group, "document");
    let written = rig.source.write_manifest(&rig.ctx(), write).await;
    let read = ReadManifest::new(rig.local(&group));
    let read = rig.source.read_manifest(&rig.ctx(), read).await;
    if rig.can().manifest {
        written?;
        let read = read?;
        check!(read.as_deref() == Some("document"), "read {read:?}");
    } else {
        rig.refused(written, &[ErrorKind::Unsupported])?;
        rig.refused(read, &[ErrorKind::Unsupported])?;
    }
    Ok(())
}

async fn written(rig: &Rig) -> Outcome {
    let volumes = rig.sent(&["one"]).await?;
    let (group, volume) = (rig.group(), &volumes[0]);
    let asked = GetWritten::new(&group, "p1", &volume.serial);
    let before = rig.source.get_written(&rig.ctx(), asked.clone()).await;
    if !rig.can().written_since {
        rig.refused(before, &[ErrorKind::Unsupported])?;
        return Ok(());
    }
    let before = before?;
    check!(before == 0, "{before} bytes were written, and nobody wrote");
    rig.write(Side::Source, &volume.name, "two").await?;
    let after = rig.source.get_written(&rig.ctx(), asked).await?;
    check!(after > 0, "nothing was written, and somebody wrote");
    let other = GetWritten::new(&group, "no-such-point", &volume.serial);
    let other = rig.source.get_written(&rig.ctx(), other).await;
    rig.refused(other, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn connections(rig: &Rig) -> Outcome {
    let volume = rig.volume(Side::Source, "one").await?;
    let get = protector_framework::GetVolume::new(&volume.name);
    let told = rig.source.get_volume(&rig.ctx(), get).await?.connected;
    let wanted = rig.can().connection_state.then_some(false);
    check!(told == wanted, "connected is {told:?} and not {wanted:?}");
    Ok(())
}
