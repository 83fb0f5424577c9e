//! Names of protection groups: `pg`, `pod::pg`, and `A:pg` for what another array replicates here.

use std::fmt;

use super::case::CaseName;
use super::syntax::{NameError, NameKind, check};
use super::volume::split_place;

/// A protection group as one array calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName {
    /// Where the group's volumes are.
    pub home: GroupHome,
    /// The name itself.
    pub base: CaseName,
}

/// Where the volumes of a protection group are, seen from the array that names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupHome {
    /// On this array, outside pods.
    Array,
    /// In a pod of this array.
    Pod {
        /// The realm of the pod.
        realm: Option<CaseName>,
        /// The pod.
        pod: CaseName,
    },
    /// On another array; the group is replicated here. The source is the array's name, or the
    /// pod's name for the group of a pod.
    Remote(CaseName),
}

impl GroupName {
    /// Reads a full name; every part must be one that may exist.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (place, inner) = split_place(text)?;
        let (home, base) = match (place.pod, inner.split_once(':')) {
            (Some(pod), _) => (
                GroupHome::Pod {
                    realm: place.realm,
                    pod,
                },
                inner,
            ),
            (None, Some((source, base))) => {
                // A pod's name may be longer than an array's; here it may be either.
                check(NameKind::Pod, source)?;
                (GroupHome::Remote(source.into()), base)
            }
            (None, None) => (GroupHome::Array, inner),
        };
        check(NameKind::ProtectionGroup, base)?;
        Ok(Self {
            home,
            base: base.into(),
        })
    }

    /// What a target array calls this group of the array `source`. A group that is remote already
    /// is not passed on and keeps its name.
    pub fn on_target(&self, source: &str) -> Self {
        let home = match &self.home {
            GroupHome::Array => GroupHome::Remote(source.into()),
            GroupHome::Pod { pod, .. } => GroupHome::Remote(pod.clone()),
            GroupHome::Remote(_) => self.home.clone(),
        };
        Self {
            home,
            base: self.base.clone(),
        }
    }

    /// Whether the group's volumes are on the array that names it.
    pub fn is_local(&self) -> bool {
        !matches!(self.home, GroupHome::Remote(_))
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.home {
            GroupHome::Array => {}
            GroupHome::Pod { realm: None, pod } => write!(f, "{pod}::")?,
            GroupHome::Pod {
                realm: Some(realm),
                pod,
            } => write!(f, "{realm}::{pod}::")?,
            GroupHome::Remote(source) => write!(f, "{source}:")?,
        }
        write!(f, "{}", self.base)
    }
}
