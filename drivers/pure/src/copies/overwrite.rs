//! Overwriting a volume in place. It bears another name for that time.

use protector_framework::{ArrayVolume, DriverError, ErrorKind, OverwriteVolume, Result};
use serde_json::json;

use super::{destroy, free, held, recover, rename, source, told, wrong_serial};
use crate::client::Call;
use crate::group::no_volume;
use crate::names;
use crate::points::Held;
use crate::side::Side;
use crate::wire::Volume;

/// Overwrites a volume in place.
pub(crate) async fn overwrite(side: Side<'_>, req: &OverwriteVolume) -> Result<ArrayVolume> {
    let name = names::volume(&req.name)?;
    let serial = req.serial.as_str();
    let aside = names::overwriting(name, serial);
    let volume = to_overwrite(side, name, &aside, serial).await?;
    let from = held(side, &req.group, &req.point, req.source.as_str()).await?;
    if volume.provisioned > from.size {
        return Err(DriverError::conflict(format!(
            "array volume `{}` has {} bytes, the point's has {}; overwriting would cut it off",
            volume.name, volume.provisioned, from.size
        )));
    }
    free(&volume)?;
    rename(side, &volume, &aside).await?;
    // Nobody finds it by its old name any more; who was faster is seen now.
    let volume = side
        .volume_by_id(&volume.id)
        .await?
        .filter(|volume| !volume.destroyed)
        .ok_or_else(|| no_volume(name))?;
    if let Err(error) = free(&volume) {
        rename(side, &volume, name).await?;
        return Err(error);
    }
    if volume.provisioned < from.size {
        let call = Call::patch("volumes")
            .with("ids", &volume.id)
            .json(json!({"provisioned": from.size}));
        side.send(call).await?;
    }
    write(side, &volume, &aside, &from).await?;
    let volume = Volume {
        name: aside,
        ..volume
    };
    rename(side, &volume, name).await?;
    let done = side
        .volume_by_id(&volume.id)
        .await?
        .ok_or_else(|| no_volume(name))?;
    if !names::same(&done.serial, serial) || done.provisioned != from.size {
        return Err(DriverError::new(
            ErrorKind::Unexpected,
            format!(
                "array volume `{}` has serial `{}` and {} bytes after it was overwritten; it \
                 should have `{serial}` and {}",
                done.name, done.serial, done.provisioned, from.size
            ),
        ));
    }
    told(side, &done).await
}

/// Writes the point over the volume, which bears its name for that time.
async fn write(side: Side<'_>, volume: &Volume, aside: &str, from: &Held) -> Result<()> {
    let call = Call::post("volumes")
        .with("names", aside)
        .flag("overwrite")
        .json(source(&from.snapshot));
    let written = side.send(call).await;
    if let Err(failure) = &written
        && !failure.is_refusal()
    {
        return written.map(drop).map_err(Into::into);
    }
    let now = side.volume_by_id(&volume.id).await?;
    if now.is_some_and(|now| names::same(&now.name, aside)) {
        return written.map(drop).map_err(Into::into);
    }
    // Another call has given it its name back between two of ours. An array that finds nothing to
    // overwrite makes a volume: that one is nobody's.
    if let Some(stray) = side
        .volume(aside)
        .await?
        .filter(|stray| stray.id != volume.id)
    {
        let gone = names::discarded(&stray.name, &stray.serial);
        rename(side, &stray, &gone).await?;
        destroy(side, &stray).await?;
    }
    Err(DriverError::new(
        ErrorKind::Busy,
        format!(
            "array volume `{}` is being overwritten by another call",
            volume.name
        ),
    ))
}

/// The volume of this serial under its name, or under the one it bears while it is written.
async fn to_overwrite(side: Side<'_>, name: &str, aside: &str, serial: &str) -> Result<Volume> {
    let under = side.volume(name).await?;
    match under {
        Some(volume) if names::same(&volume.serial, serial) => {
            if volume.destroyed {
                // Its content is of no interest, its identity is.
                recover(side, name).await?;
            }
            Ok(volume)
        }
        other => {
            // Under the one or the other: another call may rename it between two looks by name.
            if let Some(half) = side.volume_by_serial(serial).await?
                && (names::same(&half.name, aside) || names::same(&half.name, name))
            {
                return Ok(half);
            }
            match other {
                Some(volume) if !volume.destroyed => Err(wrong_serial(&volume, serial)),
                _ => Err(no_volume(name)),
            }
        }
    }
}
