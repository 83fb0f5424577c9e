//! Keeping what a volume holds.

use protector_framework::{Result, SnapshotVolume};
use serde_json::json;

use crate::client::Call;
use crate::names;
use crate::side::Side;
use crate::wire::VolumeSnapshot;

/// Keeps the present content of a volume.
pub(crate) async fn snapshot(side: Side<'_>, req: &SnapshotVolume) -> Result<()> {
    let volume = names::volume(&req.volume)?;
    let suffix = names::suffix(&req.snapshot)?;
    let known = side.live_volume(volume).await?;
    let name = format!("{}.{suffix}", known.name);
    if kept(side, &name).await? {
        return Ok(());
    }
    let call = Call::post("volume-snapshots")
        .with("source_names", &known.name)
        .json(json!({"suffix": suffix}));
    match side.send(call).await {
        Err(failure) if failure.is_refusal() => match kept(side, &name).await? {
            true => Ok(()),
            false => Err(failure.into()),
        },
        Err(failure) => Err(failure.into()),
        Ok(_) => Ok(()),
    }
}

/// Whether the snapshot is there; one that was destroyed and can be had back is taken back.
async fn kept(side: Side<'_>, name: &str) -> Result<bool> {
    let call = Call::get("volume-snapshots").with("names", name);
    let found: Vec<VolumeSnapshot> = side.find(call).await?;
    let Some(found) = found.into_iter().find(|one| names::same(&one.name, name)) else {
        return Ok(false);
    };
    if found.destroyed {
        let call = Call::patch("volume-snapshots")
            .with("names", name)
            .json(json!({"destroyed": false}));
        side.send(call).await?;
    }
    Ok(true)
}
