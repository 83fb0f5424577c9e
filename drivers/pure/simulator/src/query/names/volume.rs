//! Names of volumes: `vol`, `pod::vol`, `vgroup/vol`, `realm::pod::vol`.

use std::fmt;

use super::case::CaseName;
use super::syntax::{NameError, NameKind, check, check_existing};

/// Where a volume is and what it is called there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VolumeName {
    /// The realm of the pod.
    pub realm: Option<CaseName>,
    /// The pod.
    pub pod: Option<CaseName>,
    /// The volume group.
    pub volume_group: Option<CaseName>,
    /// The name itself.
    pub base: CaseName,
}

impl VolumeName {
    /// Reads a full name; every part must be one that may exist.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (place, inner) = split_place(text)?;
        let (volume_group, base) = match inner.split_once('/') {
            Some((group, base)) => (Some(group), base),
            None => (None, inner),
        };
        if let Some(group) = volume_group {
            check(NameKind::VolumeGroup, group)?;
        }
        check(NameKind::Volume, base)?;
        Ok(Self {
            realm: place.realm,
            pod: place.pod,
            volume_group: volume_group.map(CaseName::from),
            base: base.into(),
        })
    }

    /// A volume at the root of its array.
    pub fn at_root(base: &str) -> Result<Self, NameError> {
        check(NameKind::Volume, base)?;
        Ok(Self {
            realm: None,
            pod: None,
            volume_group: None,
            base: base.into(),
        })
    }

    /// How the snapshots of a protection group call the volume: without its pod, with its volume
    /// group.
    pub fn as_member(&self) -> CaseName {
        match &self.volume_group {
            Some(group) => format!("{group}/{}", self.base).into(),
            None => self.base.clone(),
        }
    }
}

impl fmt::Display for VolumeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(realm) = &self.realm {
            write!(f, "{realm}::")?;
        }
        if let Some(pod) = &self.pod {
            write!(f, "{pod}::")?;
        }
        if let Some(group) = &self.volume_group {
            write!(f, "{group}/")?;
        }
        write!(f, "{}", self.base)
    }
}

/// The realm and pod in front of a name.
pub(super) struct Place {
    pub(super) realm: Option<CaseName>,
    pub(super) pod: Option<CaseName>,
}

/// Splits `realm::pod::` or `pod::` off a name.
pub(super) fn split_place(text: &str) -> Result<(Place, &str), NameError> {
    let Some((front, inner)) = text.rsplit_once("::") else {
        return Ok((
            Place {
                realm: None,
                pod: None,
            },
            text,
        ));
    };
    let (realm, pod) = match front.split_once("::") {
        Some((realm, pod)) => (Some(realm), pod),
        None => (None, front),
    };
    if let Some(realm) = realm {
        check(NameKind::Realm, realm)?;
    }
    check_pod(pod)?;
    let place = Place {
        realm: realm.map(CaseName::from),
        pod: Some(pod.into()),
    };
    Ok((place, inner))
}

/// A pod's name, or that of what a pod left behind: `p.restretch`, `p.undo-demote`,
/// `p.undo-demote.2`.
fn check_pod(pod: &str) -> Result<(), NameError> {
    let mut pieces = pod.split('.');
    let base = pieces.next().unwrap_or_default();
    check(NameKind::Pod, base)?;
    pieces.try_for_each(|piece| check_existing(NameKind::SnapshotSuffix, piece))
}
