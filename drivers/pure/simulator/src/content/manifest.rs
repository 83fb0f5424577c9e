//! What a content is made of: the hash of every block that is not all zeros.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// What is compared, hashed and sent as one piece, in bytes.
pub(crate) const BLOCK: u64 = 64 * 1024;

/// The hash of one block's bytes.
pub(crate) type BlockHash = [u8; 32];

/// Block number to hash; blocks of zeros are left out. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Manifest(Arc<BTreeMap<u64, BlockHash>>);

impl Manifest {
    /// Equal for equal bytes, whatever the size: growing a volume does not change it.
    pub(crate) fn content_id(&self) -> String {
        let mut hash = Sha256::new();
        for (index, block) in self.0.iter() {
            hash.update(index.to_be_bytes());
            hash.update(block);
        }
        hex::encode(hash.finalize())
    }

    /// The numbers of the blocks that hold something, in order.
    pub(crate) fn indexes(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.keys().copied()
    }

    /// The hashes of all blocks.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = BlockHash> + '_ {
        self.0.values().copied()
    }

    /// Bytes that hold something.
    pub(crate) fn data_bytes(&self) -> u64 {
        self.0.len() as u64 * BLOCK
    }

    /// Bytes to send to somebody who has `base` in the same place and `known` anywhere.
    pub(crate) fn bytes_since(&self, base: Option<&Self>, known: &BTreeSet<BlockHash>) -> u64 {
        let sent: BTreeSet<(u64, BlockHash)> = self
            .0
            .iter()
            .filter(|(index, hash)| base.is_none_or(|base| base.0.get(index) != Some(hash)))
            .filter(|(_, hash)| !known.contains(*hash))
            .map(|(index, hash)| (*index, *hash))
            .collect();
        sent.len() as u64 * BLOCK
    }
}

impl FromIterator<(u64, BlockHash)> for Manifest {
    fn from_iter<I: IntoIterator<Item = (u64, BlockHash)>>(blocks: I) -> Self {
        Self(Arc::new(blocks.into_iter().collect()))
    }
}

/// The hash of a block, or none when it is all zeros. A block that ends with the volume hashes as if
/// zeros followed.
pub(crate) fn hash_block(bytes: &[u8]) -> Option<BlockHash> {
    let end = bytes.iter().rposition(|byte| *byte != 0)? + 1;
    Some(Sha256::digest(&bytes[..end]).into())
}
