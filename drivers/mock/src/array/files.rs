//! The directories of an array and the volumes in it.
//!
//! Volumes are sparse files in the array's directory and nothing else is in there, because Cinder's
//! file back end offers every file of its pool as a volume. All else is in `<directory>.array`.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use protector_framework::{DriverError, ErrorKind, Result};

use crate::sparse;
use crate::store::failed;

/// What Cinder's file back end puts into the name of a snapshot.
const CINDER_SNAPSHOT: &str = ".snapshot-";

/// Where things are.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// The volumes.
    pub pool: PathBuf,
    /// Everything else.
    pub book: PathBuf,
}

/// A volume's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VolumeFile {
    pub name: String,
    pub serial: String,
    pub size: u64,
}

impl Files {
    pub(crate) fn of(pool: &Path) -> Self {
        let mut name = pool.file_name().unwrap_or_default().to_owned();
        name.push(".array");
        Self {
            pool: pool.to_owned(),
            book: pool.with_file_name(name),
        }
    }

    pub(super) fn state(&self) -> PathBuf {
        self.book.join("state.json")
    }

    pub(crate) fn volume(&self, name: &str) -> PathBuf {
        self.pool.join(name)
    }

    pub(super) fn point(&self, group: &str, point: &str) -> PathBuf {
        self.book.join("points").join(group).join(point)
    }

    pub(crate) fn replica(&self, source: &str, group: &str, point: &str) -> PathBuf {
        self.book
            .join("replicas")
            .join(source)
            .join(group)
            .join(point)
    }

    pub(super) fn seed(&self, group: &str, serial: &str) -> PathBuf {
        self.book.join("seeds").join(group).join(serial)
    }

    pub(crate) fn snapshots(&self, serial: &str) -> PathBuf {
        self.book.join("snapshots").join(serial)
    }

    pub(super) fn scratch(&self) -> PathBuf {
        self.book.join("scratch")
    }

    /// Whether a host is connected to a volume, where Cinder's file back end writes that down: one
    /// file for each host in `connections/<volume>`.
    pub(super) fn connected(&self, name: &str) -> Option<bool> {
        let all = self.book.join("connections");
        if !all.is_dir() {
            return None;
        }
        let hosts = fs::read_dir(all.join(name));
        Some(hosts.is_ok_and(|mut hosts| hosts.next().is_some()))
    }

    /// The volumes, by name.
    pub(crate) fn volumes(&self) -> Result<Vec<VolumeFile>> {
        let entries = fs::read_dir(&self.pool).map_err(|e| self.gone(&e))?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| self.gone(&e))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.starts_with('.') || name.contains(CINDER_SNAPSHOT) {
                continue;
            }
            // Cinder may delete or rename while we look.
            if let Some(volume) = self.find(&name)? {
                found.push(volume);
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The volume of this name.
    pub(crate) fn find(&self, name: &str) -> Result<Option<VolumeFile>> {
        let path = self.pool.join(checked(name)?);
        match fs::metadata(&path) {
            Ok(meta) if meta.is_file() => Ok(Some(VolumeFile {
                name: name.to_owned(),
                serial: serial(&meta),
                size: meta.len(),
            })),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("look at", &path, &error)),
        }
    }

    /// The space that the volumes take.
    pub(crate) fn used_bytes(&self) -> Result<u64> {
        let mut used = 0;
        for volume in self.volumes()? {
            let path = self.volume(&volume.name);
            used += match fs::metadata(&path) {
                Ok(meta) => meta.blocks() * 512,
                Err(_) => 0,
            };
        }
        Ok(used)
    }

    /// The names of a volume's snapshots.
    pub(crate) fn snapshots_of(&self, serial: &str) -> Result<Vec<String>> {
        let path = self.snapshots(serial);
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|error| failed("read", &path, &error))?,
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// The volume of this name, which the caller named as existing.
    pub(crate) fn require(&self, name: &str) -> Result<VolumeFile> {
        self.find(name)?
            .ok_or_else(|| DriverError::not_found(format!("array volume `{name}`")))
    }

    /// A sparse copy in the scratch directory, from where it is moved to its place.
    pub(super) fn copy_aside(&self, from: &Path, name: &str) -> Result<PathBuf> {
        let to = self.scratch().join(name);
        let copied = || -> io::Result<()> {
            fs::create_dir_all(self.scratch())?;
            remove(&to)?;
            sparse::copy(&File::open(from)?, &File::create(&to)?)
        };
        copied().map_err(|error| failed("copy", from, &error))?;
        Ok(to)
    }

    /// Makes a sparse copy that is whole as soon as it is there.
    pub(super) fn copy_into(&self, from: &Path, directory: &Path, name: &str) -> Result<()> {
        let aside = self.copy_aside(from, name)?;
        fs::create_dir_all(directory)
            .and_then(|()| fs::rename(&aside, directory.join(name)))
            .map_err(|error| failed("write", directory, &error))
    }

    fn gone(&self, error: &io::Error) -> DriverError {
        DriverError::new(
            ErrorKind::Unreachable,
            format!("cannot read {}: {error}", self.pool.display()),
        )
    }
}

/// What renaming and overwriting a file do not change. An inode is used again after its file was
/// deleted; its time of birth tells the two apart.
pub(super) fn serial(meta: &fs::Metadata) -> String {
    let born = meta
        .created()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |age| age.as_nanos());
    format!("{:x}-{born:x}", meta.ino())
}

/// A name that is one path segment and that Cinder's file back end would take.
pub(super) fn checked(name: &str) -> Result<&str> {
    if name.is_empty() || name.len() > 200 || name.starts_with('.') || name.contains(['/', '\0']) {
        return Err(DriverError::new(
            ErrorKind::InvalidRequest,
            format!("`{name}` is no name that the mock array can use"),
        ));
    }
    Ok(name)
}

/// Removes a file or directory that may be absent.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let result = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_known_where_the_back_end_writes_them_down() {
        let home = tempfile::tempdir().unwrap();
        let files = Files::of(&home.path().join("pool"));
        assert_eq!(files.connected("v"), None);
        let hosts = files.book.join("connections").join("v");
        fs::create_dir_all(&hosts).unwrap();
        assert_eq!(files.connected("v"), Some(false));
        fs::write(hosts.join("compute-1"), "").unwrap();
        assert_eq!(files.connected("v"), Some(true));
        assert_eq!(files.connected("w"), Some(false));
    }
}
