//! Names of snapshots: `vol.suffix`, `pg.suffix`, and `pg.suffix.vol` for a volume in the snapshot
//! of a protection group. Only suffixes are set off by dots, so the dots behind pod and array tell
//! which it is.

use std::fmt;

use super::case::CaseName;
use super::group::GroupName;
use super::syntax::{NameError, NameKind, check_existing};
use super::volume::VolumeName;

/// A snapshot of one volume.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VolumeSnapshotName {
    /// The volume.
    pub volume: VolumeName,
    /// What stands behind the dot.
    pub suffix: CaseName,
}

/// A snapshot of a protection group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupSnapshotName {
    /// The group.
    pub group: GroupName,
    /// What stands behind the dot.
    pub suffix: CaseName,
}

/// One volume in a snapshot of a protection group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupMemberName {
    /// The group's snapshot.
    pub snapshot: GroupSnapshotName,
    /// The volume, without its pod: [`VolumeName::as_member`].
    pub member: CaseName,
}

/// Anything that a volume can be copied from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceName {
    /// A volume as it is now.
    Volume(VolumeName),
    /// A snapshot of a volume.
    VolumeSnapshot(VolumeSnapshotName),
    /// A volume in the snapshot of a group, local or replicated here.
    GroupMember(GroupMemberName),
}

impl VolumeSnapshotName {
    /// Reads `vol.suffix`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (front, dotted) = split_front(text);
        let [volume, suffix] = pieces(text, dotted)?;
        check_existing(NameKind::SnapshotSuffix, suffix)?;
        Ok(Self {
            volume: VolumeName::parse(&format!("{front}{volume}"))?,
            suffix: suffix.into(),
        })
    }

    /// The name after a rename, for which clients send the new suffix alone or the whole new name.
    pub fn renamed(&self, new: &str) -> Result<Self, NameError> {
        if !new.contains('.') {
            check_existing(NameKind::SnapshotSuffix, new)?;
            return Ok(Self {
                volume: self.volume.clone(),
                suffix: new.into(),
            });
        }
        let new = Self::parse(new)?;
        if new.volume == self.volume {
            Ok(new)
        } else {
            Err(NameError::new(format!(
                "Invalid snapshot name '{new}': a snapshot stays with its volume {}.",
                self.volume
            )))
        }
    }
}

impl GroupSnapshotName {
    /// Reads `pg.suffix`, `pod::pg.suffix` or `A:pg.suffix`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (front, dotted) = split_front(text);
        let [group, suffix] = pieces(text, dotted)?;
        check_existing(NameKind::SnapshotSuffix, suffix)?;
        Ok(Self {
            group: GroupName::parse(&format!("{front}{group}"))?,
            suffix: suffix.into(),
        })
    }

    /// The name of one volume in this snapshot.
    pub fn member(&self, volume: &VolumeName) -> GroupMemberName {
        GroupMemberName {
            snapshot: self.clone(),
            member: volume.as_member(),
        }
    }

    /// The name after a rename, for which clients send the new suffix alone or the whole new name.
    pub fn renamed(&self, new: &str) -> Result<Self, NameError> {
        if !new.contains('.') {
            check_existing(NameKind::SnapshotSuffix, new)?;
            return Ok(Self {
                group: self.group.clone(),
                suffix: new.into(),
            });
        }
        let new = Self::parse(new)?;
        if new.group == self.group {
            Ok(new)
        } else {
            Err(NameError::new(format!(
                "Invalid snapshot name '{new}': a snapshot stays with its protection group {}.",
                self.group
            )))
        }
    }
}

impl GroupMemberName {
    /// Reads `pg.suffix.vol`, `pg.suffix.vgroup/vol`, with pod or array in front.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (front, dotted) = split_front(text);
        let [group, suffix, member] = pieces(text, dotted)?;
        let volume = VolumeName::parse(member)?;
        Ok(Self {
            snapshot: GroupSnapshotName::parse(&format!("{front}{group}.{suffix}"))?,
            member: volume.as_member(),
        })
    }
}

impl SourceName {
    /// Reads any of the three; the number of dots says which.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (_, dotted) = split_front(text);
        match dotted.matches('.').count() {
            0 => VolumeName::parse(text).map(Self::Volume),
            1 => VolumeSnapshotName::parse(text).map(Self::VolumeSnapshot),
            _ => GroupMemberName::parse(text).map(Self::GroupMember),
        }
    }
}

/// Splits what stands in front (realm, pod, array) from what dots divide. A pod's own name may
/// hold dots.
fn split_front(text: &str) -> (&str, &str) {
    match text.rfind(':') {
        Some(colon) => text.split_at(colon + 1),
        None => ("", text),
    }
}

fn pieces<'a, const N: usize>(whole: &str, dotted: &'a str) -> Result<[&'a str; N], NameError> {
    let found: Vec<&str> = dotted.split('.').collect();
    found.try_into().map_err(|found: Vec<&str>| {
        NameError::new(format!(
            "Invalid snapshot name '{whole}': it has {} parts instead of {N}.",
            found.len()
        ))
    })
}

impl fmt::Display for VolumeSnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.volume, self.suffix)
    }
}

impl fmt::Display for GroupSnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.group, self.suffix)
    }
}

impl fmt::Display for GroupMemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.snapshot, self.member)
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Volume(name) => name.fmt(f),
            Self::VolumeSnapshot(name) => name.fmt(f),
            Self::GroupMember(name) => name.fmt(f),
        }
    }
}
