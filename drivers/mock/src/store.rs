//! State that several processes share and that survives the death of any of them: a JSON file that
//! is changed under an exclusive lock and replaced as a whole.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use protector_framework::{DriverError, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The right to change a directory; ends when dropped, also by death.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the right to change `directory`.
    pub(crate) fn take(directory: &Path, name: &str) -> io::Result<Self> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join(name))?;
        file.lock()?;
        Ok(Self { _file: file })
    }
}

/// A value and the bytes it was read from.
#[derive(Debug)]
pub(crate) struct Stored<T> {
    pub value: T,
    bytes: Vec<u8>,
}

impl<T: Serialize + DeserializeOwned> Stored<T> {
    /// Reads the file, or nothing where there is none.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", path, &error)),
        };
        let value = parse(path, &bytes)?;
        Ok(Some(Self { value, bytes }))
    }

    /// Writes the value if it has changed.
    pub(crate) fn save(&mut self, path: &Path) -> Result<()> {
        let bytes = render(&self.value)?;
        if bytes != self.bytes {
            replace(path, &bytes)?;
            self.bytes = bytes;
        }
        Ok(())
    }
}

/// Reads a JSON file's bytes.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| DriverError::invalid_config(format!("{}: {error}", path.display())))
}

/// Writes a value as a whole: a reader sees the old or the new file, never a part.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    replace(path, &render(value)?)
}

fn render<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value)
        .map_err(|error| DriverError::new(ErrorKind::Unexpected, format!("state: {error}")))
}

fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    // One writer at a time holds the lock, so one name for the new file is enough.
    let new = path.with_extension("new");
    fs::write(&new, bytes)
        .and_then(|()| fs::rename(&new, path))
        .map_err(|error| failed("write", path, &error))
}

/// An error of the file system in a driver's words.
pub(crate) fn failed(did: &str, path: &Path, error: &io::Error) -> DriverError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::QuotaExceeded,
        _ => ErrorKind::Unexpected,
    };
    DriverError::new(kind, format!("cannot {did} {}: {error}", path.display()))
}
