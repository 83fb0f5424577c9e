//! Contents as sparse files: a volume under its current name, snapshots under `.snapshots/`.
//!
//! Others may write into a volume's file, for instance an iSCSI target that serves it: its bytes are
//! looked at when they matter, never remembered.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::{Key, sparse};

const SNAPSHOTS: &str = ".snapshots";

/// A directory of contents.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    directory: PathBuf,
}

impl Pool {
    pub(super) fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(directory.join(SNAPSHOTS))?;
        Ok(Self { directory })
    }

    pub(super) fn create(&mut self, key: &Key, size: u64) -> io::Result<()> {
        let file = self.file_to_fill(key)?;
        file.set_len(0)?;
        file.set_len(size)
    }

    pub(super) fn remove(&mut self, key: &Key) -> io::Result<()> {
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    pub(super) fn rename(&mut self, from: &Key, to: &Key) -> io::Result<()> {
        let to = self.path(to);
        make_parent(&to)?;
        fs::rename(self.path(from), to)
    }

    pub(super) fn resize(&mut self, key: &Key, size: u64) -> io::Result<()> {
        self.file_to_change(key)?.set_len(size)
    }

    pub(super) fn size(&self, key: &Key) -> io::Result<u64> {
        Ok(fs::metadata(self.path(key))?.len())
    }

    pub(super) fn write(&mut self, key: &Key, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file_to_change(key)?.write_all_at(bytes, offset)
    }

    pub(super) fn read(&self, key: &Key, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let file = File::open(self.path(key))?;
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }

    pub(super) fn manifest(&self, key: &Key) -> io::Result<Manifest> {
        sparse::manifest(&File::open(self.path(key))?)
    }

    pub(super) fn copy(&mut self, from: &Key, to: &Key) -> io::Result<()> {
        sparse::copy(&File::open(self.path(from))?, &self.file_to_fill(to)?)
    }

    pub(super) fn receive(&mut self, other: &Self, from: &Key, to: &Key) -> io::Result<()> {
        sparse::copy(&File::open(other.path(from))?, &self.file_to_fill(to)?)
    }

    fn path(&self, key: &Key) -> PathBuf {
        match key {
            Key::Volume(name) => self.directory.join(name),
            Key::Snapshot(id) => self.directory.join(SNAPSHOTS).join(id),
        }
    }

    fn file_to_change(&self, key: &Key) -> io::Result<File> {
        File::options().read(true).write(true).open(self.path(key))
    }

    fn file_to_fill(&self, key: &Key) -> io::Result<File> {
        let path = self.path(key);
        make_parent(&path)?;
        File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
    }
}

/// A volume of a volume group has its file in a directory of that name.
fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}
