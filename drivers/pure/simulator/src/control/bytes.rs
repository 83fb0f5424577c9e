//! The bytes of volumes and snapshots.

use super::{Control, ControlError, Done};
use crate::content::Key;
use crate::state::{ApiError, At, Fabric, Kind, Outcome};

impl Control {
    /// Writes into a volume, as a server would that has it.
    ///
    /// # Errors
    /// No such array or volume, or beyond its end, or its file cannot be written.
    pub fn write_volume(&self, array: &str, volume: &str, offset: u64, bytes: &[u8]) -> Done<()> {
        self.with(array, |world, at| {
            let fabric = &mut world.fabric;
            let id = fabric.live_volume_id(at, volume)?;
            let held = fabric
                .volume(at, &id)
                .ok_or_else(|| ApiError::missing(Kind::Volume, volume))?;
            if offset + bytes.len() as u64 > held.provisioned {
                return Err(ControlError(format!(
                    "{volume} ends at {} bytes",
                    held.provisioned
                )));
            }
            let key = Key::Volume(held.name.clone());
            fabric.refresh(at, &id)?;
            fabric.arrays[at]
                .store
                .write(&key, offset, bytes)
                .map_err(ApiError::from)?;
            fabric.look_at(at, &id)?;
            Ok(())
        })
    }

    /// Reads a volume, or a snapshot of one by its full name. What was never written is zeros.
    ///
    /// # Errors
    /// No such array or volume, or its file cannot be read.
    pub fn read_volume(
        &self,
        array: &str,
        name: &str,
        offset: u64,
        length: usize,
    ) -> Done<Vec<u8>> {
        self.with(array, |world, at| {
            let key = key(&mut world.fabric, at, name)?;
            let store = &world.fabric.arrays[at].store;
            Ok(store.read(&key, offset, length).map_err(ApiError::from)?)
        })
    }

    /// What a volume, or a snapshot by its full name, holds: equal bytes have equal ids, on all
    /// arrays and whatever the size.
    ///
    /// # Errors
    /// No such array or volume, or its file cannot be read.
    pub fn content_id(&self, array: &str, name: &str) -> Done<String> {
        self.with(array, |world, at| {
            let key = key(&mut world.fabric, at, name)?;
            let store = &world.fabric.arrays[at].store;
            Ok(store.manifest(&key).map_err(ApiError::from)?.content_id())
        })
    }
}

fn key(fabric: &mut Fabric, at: At, name: &str) -> Outcome<Key> {
    if let Ok(id) = fabric.volume_id(at, name) {
        fabric.refresh(at, &id)?;
        let held = fabric
            .volume(at, &id)
            .map_or(name, |volume| volume.name.as_str());
        return Ok(Key::Volume(held.to_owned()));
    }
    Ok(Key::Snapshot(fabric.snapshot_id(at, name)?))
}
