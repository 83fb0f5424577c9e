//! Letting a volume go.

use protector_framework::{DiscardVolume, DriverError, Result};

use super::{destroy, free, rename, wrong_serial};
use crate::names;
use crate::side::Side;

/// Destroys a volume; it can be recovered until the array eradicates it.
pub(crate) async fn discard(side: Side<'_>, req: &DiscardVolume) -> Result<()> {
    let name = names::volume(&req.name)?;
    let serial = req.serial.as_str();
    let volume = match side.volume(name).await?.filter(|volume| !volume.destroyed) {
        Some(volume) if !names::same(&volume.serial, serial) => {
            return Err(wrong_serial(&volume, serial));
        }
        Some(volume) => Some(volume),
        None => side.volume_by_serial(serial).await?,
    };
    let Some(volume) = volume else {
        return Ok(());
    };
    // By another name than the one that was asked for: Cinder may have it again.
    let now = names::base(&volume.name);
    if names::is_cinders(now) && !names::same(now, names::base(name)) {
        return Err(DriverError::conflict(format!(
            "array volume `{name}` (serial `{serial}`) is called `{}` by now: somebody has let \
             Cinder manage it, so it is not destroyed; delete it in Cinder",
            volume.name
        )));
    }
    free(&volume)?;
    // Its name stays taken until the eradication: who may need it again must not wait for that.
    let gone = names::discarded(&volume.name, &volume.serial);
    let free_name = rename(side, &volume, &gone).await;
    if let Err(error) = free_name {
        if error.is_transient() {
            return Err(error);
        }
        tracing::info!(volume = %volume.name, %error, "destroyed under its own name");
    }
    destroy(side, &volume).await
}
