//! Overwriting a volume in place. It bears another name for that time, so that whoever knows it by
//! its own misses it.

use protector_framework::{ArrayVolume, DriverError, ErrorKind, OverwriteVolume, Result};
use serde_json::json;

use super::{destroy, free, held, recover, rename, source, told, wrong_serial};
use crate::client::{Call, quoted};
use crate::names;
use crate::points::Held;
use crate::side::{Side, no_volume};
use crate::wire::Volume;

/// A volume to overwrite, with its two names.
struct Task<'a> {
    side: Side<'a>,
    name: &'a str,
    /// What it bears while it is written.
    aside: String,
    serial: &'a str,
}

/// Overwrites a volume in place.
pub(crate) async fn overwrite(side: Side<'_>, req: &OverwriteVolume) -> Result<ArrayVolume> {
    let name = names::volume(&req.name)?;
    let serial = req.serial.as_str();
    let task = Task {
        side,
        name,
        aside: names::overwriting(name, serial),
        serial,
    };
    let (volume, stray) = task.look().await?;
    let done = task.replace(req, &volume, stray).await;
    if let Err(error) = &done
        && !error.is_transient()
    {
        // Nobody comes back to finish it, and by its other name nobody finds it.
        task.give_name_back(&volume.id).await;
    }
    done
}

impl Task<'_> {
    /// The volume under the one name or the other, and a volume that does not belong under the other
    /// one. One look: another call may rename the volume between two.
    async fn look(&self) -> Result<(Volume, Option<Volume>)> {
        let any = [
            ("name", self.name),
            ("name", &self.aside),
            ("serial", self.serial),
        ];
        let any = any.map(|(key, value)| format!("{key}={}", quoted(value)));
        let call = Call::get("volumes").with("filter", any.join(" or "));
        let found = self.side.list_volumes(call).await?;
        let (own, others): (Vec<Volume>, Vec<Volume>) = found
            .into_iter()
            .partition(|volume| names::same(&volume.serial, self.serial));
        let other = |name: &str| {
            let mut live = others.iter().filter(|volume| !volume.destroyed);
            live.find(|volume| names::same(&volume.name, name))
        };
        if let Some(other) = other(self.name) {
            return Err(wrong_serial(other, self.serial));
        }
        let volume = own
            .into_iter()
            .find(|own| {
                [self.name, &self.aside]
                    .iter()
                    .any(|n| names::same(&own.name, n))
            })
            .ok_or_else(|| no_volume(self.name))?;
        if volume.destroyed {
            // Its content is of no interest, its identity is.
            recover(self.side, &volume.name).await?;
        }
        Ok((volume, other(&self.aside).cloned()))
    }

    async fn replace(
        &self,
        req: &OverwriteVolume,
        volume: &Volume,
        stray: Option<Volume>,
    ) -> Result<ArrayVolume> {
        let (side, name) = (self.side, self.name);
        let from = held(side, &req.group, &req.point, req.source.as_str()).await?;
        if volume.provisioned > from.size {
            return Err(DriverError::conflict(format!(
                "array volume `{}` has {} bytes, the point's has {}; overwriting would cut it off",
                volume.name, volume.provisioned, from.size
            )));
        }
        free(volume)?;
        if let Some(stray) = stray {
            drop_stray(side, &stray).await?;
        }
        rename(side, volume, &self.aside).await?;
        // Nobody finds it by its old name any more; who was faster is seen now.
        let volume = side
            .volume_by_id(&volume.id)
            .await?
            .filter(|volume| !volume.destroyed)
            .ok_or_else(|| no_volume(name))?;
        free(&volume)?;
        if volume.provisioned < from.size {
            let call = Call::patch("volumes")
                .with("ids", &volume.id)
                .json(json!({"provisioned": from.size}));
            side.send(call).await?;
        }
        self.write(&volume, &from).await?;
        let volume = Volume {
            name: self.aside.clone(),
            ..volume
        };
        rename(side, &volume, name).await?;
        self.checked(&volume.id, &from).await
    }

    /// Writes the point over the volume, which bears its other name now.
    async fn write(&self, volume: &Volume, from: &Held) -> Result<()> {
        let call = Call::post("volumes")
            .with("names", &self.aside)
            .flag("overwrite")
            .json(source(&from.snapshot));
        let written = self.side.send(call).await;
        if let Err(failure) = &written
            && !failure.is_refusal()
        {
            return written.map(drop).map_err(Into::into);
        }
        let now = self.side.volume_by_id(&volume.id).await?;
        if now.is_some_and(|now| names::same(&now.name, &self.aside)) {
            return written.map(drop).map_err(Into::into);
        }
        // Another call has given it its name back between two of ours.
        if let Some(stray) = self
            .side
            .volume(&self.aside)
            .await?
            .filter(|stray| stray.id != volume.id)
        {
            drop_stray(self.side, &stray).await?;
        }
        Err(DriverError::new(
            ErrorKind::Busy,
            format!(
                "array volume `{}` is being overwritten by another call",
                volume.name
            ),
        ))
    }

    /// The volume as it is when all is done.
    async fn checked(&self, id: &str, from: &Held) -> Result<ArrayVolume> {
        let done = self
            .side
            .volume_by_id(id)
            .await?
            .ok_or_else(|| no_volume(self.name))?;
        if names::same(&done.serial, self.serial) && done.provisioned == from.size {
            return told(self.side, &done).await;
        }
        Err(DriverError::new(
            ErrorKind::Unexpected,
            format!(
                "array volume `{}` has serial `{}` and {} bytes after it was overwritten; it \
                 should have `{}` and {}",
                done.name, done.serial, done.provisioned, self.serial, from.size
            ),
        ))
    }

    async fn give_name_back(&self, id: &str) {
        let back = async {
            match self.side.volume_by_id(id).await? {
                Some(now) if names::same(&now.name, &self.aside) => {
                    rename(self.side, &now, self.name).await
                }
                _ => Ok(()),
            }
        };
        if let Err(error) = back.await {
            tracing::warn!(volume = %self.aside, name = self.name, %error, "a volume keeps its other name");
        }
    }
}

/// Destroys what an array has made that found nothing to overwrite under the other name. Nobody can
/// have made it but a call that came too late, so it is nobody's; it can be had back.
async fn drop_stray(side: Side<'_>, stray: &Volume) -> Result<()> {
    free(stray)?;
    let gone = names::discarded(&stray.name, &stray.serial);
    rename(side, stray, &gone).await?;
    destroy(side, stray).await
}
