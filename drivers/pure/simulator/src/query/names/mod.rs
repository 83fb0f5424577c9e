//! Names: what may be one, how they are put together, and when two are the same.

mod case;
mod group;
mod size;
mod snapshot;
mod syntax;
mod volume;

pub use case::CaseName;
pub use group::{GroupHome, GroupName};
pub use size::{LARGEST_VOLUME, SMALLEST_VOLUME, volume_size};
pub use snapshot::{GroupMemberName, GroupSnapshotName, SourceName, VolumeSnapshotName};
pub use syntax::{NameError, NameKind, check};
pub use volume::VolumeName;
