//! Contents in memory: blocks shared between copies.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::Key;
use super::manifest::{BLOCK, BlockHash, Manifest, hash_block};

#[derive(Debug, Clone)]
struct Block {
    hash: BlockHash,
    bytes: Arc<[u8]>,
}

#[derive(Debug, Clone, Default)]
struct Content {
    size: u64,
    blocks: BTreeMap<u64, Block>,
}

/// Contents by key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(BTreeMap<Key, Content>);

impl Memory {
    pub(super) fn create(&mut self, key: &Key, size: u64) -> io::Result<()> {
        let content = Content {
            size,
            blocks: BTreeMap::new(),
        };
        self.0.insert(key.clone(), content);
        Ok(())
    }

    pub(super) fn remove(&mut self, key: &Key) -> io::Result<()> {
        self.0.remove(key);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Key, to: &Key) -> io::Result<()> {
        let content = self.0.remove(from).ok_or_else(|| missing(from))?;
        self.0.insert(to.clone(), content);
        Ok(())
    }

    pub(super) fn resize(&mut self, key: &Key, size: u64) -> io::Result<()> {
        let content = self.content_mut(key)?;
        if size < content.size {
            let kept = size / BLOCK;
            let tail = content.blocks.get(&kept).map(|block| block.bytes.clone());
            content.blocks.retain(|index, _| *index < kept);
            if let Some(tail) = tail {
                let length = usize::try_from(size % BLOCK).unwrap_or(0);
                content.put(kept, tail[..length.min(tail.len())].to_vec());
            }
        }
        content.size = size;
        Ok(())
    }

    pub(super) fn size(&self, key: &Key) -> io::Result<u64> {
        Ok(self.content(key)?.size)
    }

    pub(super) fn write(&mut self, key: &Key, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let content = self.content_mut(key)?;
        let mut at = offset;
        let mut left = bytes;
        while !left.is_empty() {
            let start = usize::try_from(at % BLOCK).unwrap_or(0);
            let room = usize::try_from(BLOCK).unwrap_or(usize::MAX) - start;
            let (piece, rest) = left.split_at(room.min(left.len()));
            let mut block = content.bytes_of(at / BLOCK);
            let end = start + piece.len();
            block.resize(block.len().max(end), 0);
            block[start..end].copy_from_slice(piece);
            content.put(at / BLOCK, block);
            at += piece.len() as u64;
            left = rest;
        }
        Ok(())
    }

    pub(super) fn read(&self, key: &Key, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let content = self.content(key)?;
        let mut found = vec![0; length];
        let end = offset + length as u64;
        for (index, block) in content.blocks.range(offset / BLOCK..=end / BLOCK) {
            for (at, byte) in (index * BLOCK..).zip(block.bytes.iter()) {
                if (offset..end).contains(&at) {
                    found[usize::try_from(at - offset).unwrap_or(0)] = *byte;
                }
            }
        }
        Ok(found)
    }

    pub(super) fn manifest(&self, key: &Key) -> io::Result<Manifest> {
        let blocks = &self.content(key)?.blocks;
        Ok(blocks.iter().map(|(index, b)| (*index, b.hash)).collect())
    }

    pub(super) fn copy(&mut self, from: &Key, to: &Key) -> io::Result<()> {
        let content = self.content(from)?.clone();
        self.0.insert(to.clone(), content);
        Ok(())
    }

    pub(super) fn receive(&mut self, other: &Self, from: &Key, to: &Key) -> io::Result<()> {
        let content = other.content(from)?.clone();
        self.0.insert(to.clone(), content);
        Ok(())
    }

    fn content(&self, key: &Key) -> io::Result<&Content> {
        self.0.get(key).ok_or_else(|| missing(key))
    }

    fn content_mut(&mut self, key: &Key) -> io::Result<&mut Content> {
        self.0.get_mut(key).ok_or_else(|| missing(key))
    }
}

impl Content {
    fn bytes_of(&self, index: u64) -> Vec<u8> {
        self.blocks
            .get(&index)
            .map(|block| block.bytes.to_vec())
            .unwrap_or_default()
    }

    fn put(&mut self, index: u64, bytes: Vec<u8>) {
        match hash_block(&bytes) {
            Some(hash) => {
                let bytes = bytes.into();
                self.blocks.insert(index, Block { hash, bytes });
            }
            None => {
                self.blocks.remove(&index);
            }
        }
    }
}

fn missing(key: &Key) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no content at {key:?}"))
}
