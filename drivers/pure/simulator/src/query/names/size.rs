//! Sizes of volumes.

use super::NameError;

/// The smallest volume, in bytes. What is asked for below it is raised to it.
pub(crate) const SMALLEST_VOLUME: u64 = 1 << 20;

/// The largest volume, in bytes.
pub(crate) const LARGEST_VOLUME: u64 = 4 << 50;

/// A sector; every size is a multiple of it.
const SECTOR: u64 = 512;

/// The size that a volume gets when `requested` bytes are asked for.
pub(crate) fn volume_size(requested: u64) -> Result<u64, NameError> {
    if !requested.is_multiple_of(SECTOR) {
        return Err(NameError::new(format!(
            "Invalid size {requested}: it must be a multiple of {SECTOR}."
        )));
    }
    if requested > LARGEST_VOLUME {
        return Err(NameError::new(format!(
            "Invalid size {requested}: a volume has at most {LARGEST_VOLUME} bytes."
        )));
    }
    Ok(requested.max(SMALLEST_VOLUME))
}
