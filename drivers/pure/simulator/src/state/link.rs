//! What joins two arrays.

use super::fabric::{At, Fabric};

/// The connection of two arrays, used by both ways.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub a: At,
    pub b: At,
    pub id: String,
    pub up: bool,
    /// None: as fast as it is asked.
    pub bytes_per_second: Option<u64>,
    /// `sync-replication` carries asynchronous replication too.
    pub kind: String,
    pub throttle: Option<u64>,
}

impl Link {
    pub(crate) fn joins(&self, one: At, other: At) -> bool {
        (self.a, self.b) == (one, other) || (self.b, self.a) == (one, other)
    }

    /// The array at the other end.
    pub(crate) fn other(&self, at: At) -> Option<At> {
        match at {
            at if at == self.a => Some(self.b),
            at if at == self.b => Some(self.a),
            _ => None,
        }
    }
}

impl Fabric {
    pub(crate) fn link(&self, one: At, other: At) -> Option<&Link> {
        self.links.iter().find(|link| link.joins(one, other))
    }

    pub(crate) fn link_mut(&mut self, one: At, other: At) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.joins(one, other))
    }

    /// Whether something gets from one to the other now.
    pub(crate) fn reaches(&self, one: At, other: At) -> bool {
        self.link(one, other).is_some_and(|link| link.up)
            && self.arrays[one].powered
            && self.arrays[other].powered
    }
}
