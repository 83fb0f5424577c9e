//! Files of GiB with few bytes in them: copied, compared and hashed by their data alone.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

/// What is compared and hashed as one piece.
const BLOCK: u64 = 64 * 1024;

/// A range of a file that may hold something other than zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    start: u64,
    end: u64,
}

/// The ranges of a file that are not holes.
fn extents(file: &File) -> io::Result<Vec<Extent>> {
    use rustix::fs::{SeekFrom, seek};
    use rustix::io::Errno;

    let length = file.metadata()?.len();
    let mut found = Vec::new();
    let mut at = 0;
    while at < length {
        let start = match seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            // A file system that knows no holes has nothing but data.
            Err(Errno::INVAL) => at,
            Err(error) => return Err(error.into()),
        };
        let end = match seek(file, SeekFrom::Hole(start)) {
            Ok(end) => end.min(length),
            Err(Errno::INVAL) => length,
            Err(error) => return Err(error.into()),
        };
        found.push(Extent { start, end });
        at = end;
    }
    Ok(found)
}

/// How many bytes of a file are not holes.
pub(crate) fn data_bytes(file: &File) -> io::Result<u64> {
    Ok(extents(file)?.iter().map(|e| e.end - e.start).sum())
}

/// Makes `to` hold what `from` holds. A longer `to` keeps its length and ends in zeros.
pub(crate) fn copy(from: &File, to: &File) -> io::Result<()> {
    let length = from.metadata()?.len().max(to.metadata()?.len());
    // Emptying first turns into holes what `from` does not hold.
    to.set_len(0)?;
    to.set_len(length)?;
    let mut buffer = vec![0; 1024 * 1024];
    for extent in extents(from)? {
        let mut at = extent.start;
        while at < extent.end {
            let piece = piece(&mut buffer, extent.end - at);
            from.read_exact_at(piece, at)?;
            to.write_all_at(piece, at)?;
            at += piece.len() as u64;
        }
    }
    Ok(())
}

/// How many bytes of `new` have to be sent to somebody who holds `old`.
pub(crate) fn changed_bytes(new: &File, old: &File) -> io::Result<u64> {
    let length = new.metadata()?.len();
    let mut changed = 0;
    for block in blocks(&[extents(new)?, extents(old)?]) {
        if block >= length {
            continue;
        }
        let size = BLOCK.min(length - block);
        if read_block(new, block, size)? != read_block(old, block, size)? {
            changed += size;
        }
    }
    Ok(changed)
}

/// A hash of a file's length and content that does not depend on where its holes are.
pub(crate) fn hash(file: &File) -> io::Result<String> {
    let length = file.metadata()?.len();
    let mut hash = Sha256::new();
    hash.update(length.to_be_bytes());
    for block in blocks(&[extents(file)?]) {
        let content = read_block(file, block, BLOCK.min(length - block))?;
        if content.iter().any(|byte| *byte != 0) {
            hash.update(block.to_be_bytes());
            hash.update(&content);
        }
    }
    Ok(hex::encode(hash.finalize()))
}

/// The starts of all blocks that some extent touches, in order.
fn blocks(extents: &[Vec<Extent>]) -> std::collections::BTreeSet<u64> {
    extents
        .iter()
        .flatten()
        .flat_map(|extent| (extent.start / BLOCK..=(extent.end - 1) / BLOCK).map(|n| n * BLOCK))
        .collect()
}

/// A block's content; what lies beyond the end of the file reads as zeros.
fn read_block(file: &File, start: u64, size: u64) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], start + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(buffer)
}

fn piece(buffer: &mut [u8], left: u64) -> &mut [u8] {
    let size = usize::try_from(left)
        .unwrap_or(usize::MAX)
        .min(buffer.len());
    &mut buffer[..size]
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn sparse(length: u64, writes: &[(u64, &[u8])]) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(length).unwrap();
        for (at, bytes) in writes {
            file.write_all_at(bytes, *at).unwrap();
        }
        file
    }

    #[test]
    fn a_copy_keeps_content_and_holes() {
        let from = sparse(1 << 30, &[(0, b"boot"), (700 << 20, b"data")]);
        let to = sparse(4096, &[(100, b"old")]);
        copy(&from, &to).unwrap();
        assert_eq!(to.metadata().unwrap().len(), 1 << 30);
        assert_eq!(hash(&from).unwrap(), hash(&to).unwrap());
        assert!(to.metadata().unwrap().blocks() * 512 < 1 << 20);
    }

    #[test]
    fn a_longer_target_ends_in_zeros() {
        let from = sparse(1 << 20, &[(0, b"new")]);
        let to = sparse(2 << 20, &[(0, b"old content"), (3 << 19, b"tail")]);
        copy(&from, &to).unwrap();
        let same = sparse(2 << 20, &[(0, b"new")]);
        assert_eq!(hash(&to).unwrap(), hash(&same).unwrap());
    }

    #[test]
    fn only_changed_blocks_are_counted() {
        let old = sparse(1 << 30, &[(0, b"one"), (1 << 20, b"two")]);
        let new = sparse(
            1 << 30,
            &[(0, b"one"), (1 << 20, b"TWO"), (5 << 20, b"three")],
        );
        assert_eq!(changed_bytes(&new, &old).unwrap(), 2 * BLOCK);
        assert_eq!(changed_bytes(&new, &new).unwrap(), 0);
    }
}
