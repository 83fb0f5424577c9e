//! Files of GiB with few bytes in them: read and copied by their data alone.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use super::manifest::{BLOCK, Manifest, hash_block};

/// Makes `to` what `from` is, holes included.
pub(super) fn copy(from: &File, to: &File) -> io::Result<()> {
    let length = from.metadata()?.len();
    if rustix::fs::ioctl_ficlone(to, from).is_ok() && to.metadata()?.len() == length {
        return Ok(());
    }
    // Emptying first turns into holes what `from` does not hold.
    to.set_len(0)?;
    to.set_len(length)?;
    for block in data_blocks(from)? {
        let bytes = read_block(from, block, length)?;
        if bytes.iter().any(|byte| *byte != 0) {
            to.write_all_at(&bytes, block * BLOCK)?;
        }
    }
    Ok(())
}

/// What the file is made of.
pub(super) fn manifest(file: &File) -> io::Result<Manifest> {
    let length = file.metadata()?.len();
    let mut found = Vec::new();
    for block in data_blocks(file)? {
        if let Some(hash) = hash_block(&read_block(file, block, length)?) {
            found.push((block, hash));
        }
    }
    Ok(found.into_iter().collect())
}

/// The numbers of the blocks that some data touches.
fn data_blocks(file: &File) -> io::Result<BTreeSet<u64>> {
    let length = file.metadata()?.len();
    let mut found = BTreeSet::new();
    let mut at = 0;
    while at < length {
        let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            // A file system that knows no holes has nothing but data.
            Err(Errno::INVAL) => at,
            Err(error) => return Err(error.into()),
        };
        let end = match rustix::fs::seek(file, SeekFrom::Hole(start)) {
            Ok(end) => end.min(length),
            Err(Errno::INVAL) => length,
            Err(error) => return Err(error.into()),
        };
        found.extend(start / BLOCK..end.div_ceil(BLOCK));
        at = end;
    }
    Ok(found)
}

fn read_block(file: &File, block: u64, length: u64) -> io::Result<Vec<u8>> {
    let size = BLOCK.min(length.saturating_sub(block * BLOCK));
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
    file.read_exact_at(&mut bytes, block * BLOCK)?;
    Ok(bytes)
}
