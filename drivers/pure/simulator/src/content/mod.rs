//! The bytes of volumes and snapshots of one array.
//!
//! What a content is made of is known by the hashes of its blocks, so that copies can be told apart
//! and a transfer can count what it has to send without looking at the bytes again.

mod manifest;
mod memory;
mod pool;
mod sparse;

use std::io;
use std::path::PathBuf;

pub(crate) use manifest::{BLOCK, Manifest};
use memory::Memory;
use pool::Pool;

/// Names one content of an array.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Key {
    /// A volume, by its current name.
    Volume(String),
    /// A snapshot of one volume, by its id.
    Snapshot(String),
}

/// Where an array's bytes are. A clone of a pool is the same files.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    Memory(Memory),
    Pool(Pool),
}

impl Store {
    /// In memory, or as files of an existing or new directory.
    pub(crate) fn open(pool: Option<PathBuf>) -> io::Result<Self> {
        Ok(match pool {
            None => Self::Memory(Memory::default()),
            Some(directory) => Self::Pool(Pool::open(directory)?),
        })
    }

    /// An empty content of this size. What was there is gone.
    pub(crate) fn create(&mut self, key: &Key, size: u64) -> io::Result<()> {
        match self {
            Self::Memory(memory) => memory.create(key, size),
            Self::Pool(pool) => pool.create(key, size),
        }
    }

    /// Lets a content go; none is fine.
    pub(crate) fn remove(&mut self, key: &Key) -> io::Result<()> {
        match self {
            Self::Memory(memory) => memory.remove(key),
            Self::Pool(pool) => pool.remove(key),
        }
    }

    pub(crate) fn rename(&mut self, from: &Key, to: &Key) -> io::Result<()> {
        match self {
            Self::Memory(memory) => memory.rename(from, to),
            Self::Pool(pool) => pool.rename(from, to),
        }
    }

    /// Grows with zeros or cuts off.
    pub(crate) fn resize(&mut self, key: &Key, size: u64) -> io::Result<()> {
        match self {
            Self::Memory(memory) => memory.resize(key, size),
            Self::Pool(pool) => pool.resize(key, size),
        }
    }

    pub(crate) fn write(&mut self, key: &Key, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(memory) => memory.write(key, offset, bytes),
            Self::Pool(pool) => pool.write(key, offset, bytes),
        }
    }

    /// What lies beyond the end reads as zeros.
    pub(crate) fn read(&self, key: &Key, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::Memory(memory) => memory.read(key, offset, length),
            Self::Pool(pool) => pool.read(key, offset, length),
        }
    }

    /// What a content is made of now.
    pub(crate) fn manifest(&self, key: &Key) -> io::Result<Manifest> {
        match self {
            Self::Memory(memory) => memory.manifest(key),
            Self::Pool(pool) => pool.manifest(key),
        }
    }

    /// Makes `to` hold what `from` holds, with its size. A file that is there keeps its inode, so
    /// that whoever serves it goes on serving it.
    pub(crate) fn copy(&mut self, from: &Key, to: &Key) -> io::Result<()> {
        match self {
            Self::Memory(memory) => memory.copy(from, to),
            Self::Pool(pool) => pool.copy(from, to),
        }
    }

    /// Makes `to` hold what another array holds at `from`.
    pub(crate) fn receive(&mut self, other: &Self, from: &Key, to: &Key) -> io::Result<()> {
        match (self, other) {
            (Self::Memory(own), Self::Memory(other)) => own.receive(other, from, to),
            (Self::Pool(own), Self::Pool(other)) => own.receive(other, from, to),
            (own, other) => {
                let size = other.size(from)?;
                own.create(to, size)?;
                for index in other.manifest(from)?.indexes() {
                    let length = BLOCK.min(size.saturating_sub(index * BLOCK));
                    let length = usize::try_from(length).unwrap_or(0);
                    let bytes = other.read(from, index * BLOCK, length)?;
                    own.write(to, index * BLOCK, &bytes)?;
                }
                Ok(())
            }
        }
    }

    fn size(&self, key: &Key) -> io::Result<u64> {
        match self {
            Self::Memory(memory) => memory.size(key),
            Self::Pool(pool) => pool.size(key),
        }
    }
}

#[cfg(test)]
mod tests;
