//! Data on volumes: patterns that can be told apart.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::failure::{During, Outcome, ensure};

const BLOCK: usize = 64 * 1024;
/// How many places of a volume are written.
const PLACES: u64 = 16;

/// Writes a pattern at places from the first to the last byte of a volume.
///
/// # Errors
/// What the file system says.
pub fn write(path: &Path, seed: &str) -> Outcome {
    let file = File::options()
        .write(true)
        .open(path)
        .during(|| format!("{}", path.display()))?;
    for (place, offset) in places(file.metadata()?.len()) {
        file.write_all_at(&pattern(seed, place), offset)?;
    }
    file.sync_data()?;
    Ok(())
}

/// Checks that a volume bears the pattern.
///
/// # Errors
/// Where it does not.
pub fn check(path: &Path, seed: &str) -> Outcome {
    let file = File::open(path).during(|| format!("{}", path.display()))?;
    let mut found = vec![0; BLOCK];
    for (place, offset) in places(file.metadata()?.len()) {
        file.read_exact_at(&mut found, offset)?;
        ensure(found == pattern(seed, place), || {
            format!(
                "{} does not bear the data `{seed}` at byte {offset}",
                path.display()
            )
        })?;
    }
    Ok(())
}

/// Where test data stands on a volume of this size: a number and the byte it begins at.
pub fn places(len: u64) -> impl Iterator<Item = (u64, u64)> {
    let last = len.saturating_sub(BLOCK as u64);
    (0..PLACES).map(move |place| (place, last / (PLACES - 1) * place))
}

/// Bytes that depend on the seed and the place alone and do not compress.
pub fn pattern(seed: &str, place: u64) -> Vec<u8> {
    let mut state = seed.bytes().fold(place + 1, |sum, byte| {
        sum.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte)
    });
    let mut bytes = Vec::with_capacity(BLOCK);
    while bytes.len() < BLOCK {
        // splitmix64, from its public definition.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes
}
