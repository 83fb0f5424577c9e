//! What a cloud does on the array behind a pool.

use std::fs::{self, File};
use std::path::Path;

use protector_framework::{DriverError, Result};

use crate::array::{Held, cinder_name};
use crate::store::failed;

pub(super) const GIB: u64 = 1 << 30;

/// The name that Cinder's file back end gives what it lets go.
fn unmanaged_name(volume: &str) -> String {
    format!("{}-unmanaged", cinder_name(volume))
}

fn open(array: &Path) -> Result<Held> {
    let held = Held::take(array)?;
    held.alive()?;
    Ok(held)
}

/// Connects a server's host to a volume.
pub(super) fn connect(array: &Path, volume: &str, server: &str) -> Result<()> {
    let mut held = open(array)?;
    let file = held.files.require(&cinder_name(volume))?;
    let connections = &mut held.state_mut().connections;
    connections
        .entry(file.serial)
        .or_default()
        .insert(server.to_owned());
    held.save()
}

/// Disconnects a server's host; on a dead array too, whose record would otherwise be wrong for ever.
pub(super) fn disconnect(array: &Path, volume: &str, server: &str) -> Result<()> {
    let mut held = Held::take(array)?;
    if let Some(file) = held.files.find(&cinder_name(volume))?
        && let Some(servers) = held.state_mut().connections.get_mut(&file.serial)
    {
        servers.remove(server);
    }
    held.save()
}

/// Makes an empty volume.
pub(super) fn create(array: &Path, volume: &str, size_gib: u64) -> Result<()> {
    let held = open(array)?;
    let path = held.files.volume(&cinder_name(volume));
    File::create(&path)
        .and_then(|file| file.set_len(size_gib * GIB))
        .map_err(|error| failed("make", &path, &error))
}

/// Destroys a volume; an absent one is success.
pub(super) fn delete(array: &Path, volume: &str) -> Result<()> {
    let held = open(array)?;
    let path = held.files.volume(&cinder_name(volume));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(failed("remove", &path, &error))
        }
        _ => Ok(()),
    }
}

/// The size of an array volume in GiB, rounded up as Cinder does; nothing where it is not there.
pub(super) fn size_gib(array: &Path, name: &str) -> Result<Option<u64>> {
    let found = open(array)?.files.find(name)?;
    Ok(found.map(|file| file.size.div_ceil(GIB)))
}

/// Gives an array volume the name that Cinder knows it by.
pub(super) fn adopt(array: &Path, name: &str, volume: &str) -> Result<()> {
    rename(array, name, &cinder_name(volume))
}

/// Gives a volume the name of one that Cinder has let go.
pub(super) fn release(array: &Path, volume: &str) -> Result<()> {
    rename(array, &cinder_name(volume), &unmanaged_name(volume))
}

fn rename(array: &Path, from: &str, to: &str) -> Result<()> {
    let held = open(array)?;
    held.files.require(from)?;
    if held.files.find(to)?.is_some() {
        return Err(DriverError::conflict(format!(
            "array volume `{to}` exists already"
        )));
    }
    let path = held.files.volume(from);
    fs::rename(&path, held.files.volume(to)).map_err(|error| failed("rename", &path, &error))
}
