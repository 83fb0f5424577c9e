//! What a driver says it can do. A claim holds for the life of the instance, and the conformance
//! suite checks it both ways. Absent fields read as "cannot".

use serde::{Deserialize, Serialize};

/// Capabilities of a [`crate::StorageDriver`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StorageCapabilities {
    /// Snapshots are sent to the other array at an interval and on demand.
    pub async_replication: bool,
    /// Both arrays hold each write before it is acknowledged.
    pub sync_replication: bool,
    /// A point can be kept from retention.
    pub pin_points: bool,
    /// Whether a volume has a host connected can be told.
    pub connection_state: bool,
    /// The replica is a standing volume that is promoted and demoted.
    pub promote: bool,
    /// A document can be kept with the replicated data.
    pub manifest: bool,
    /// How much was written to a volume since a point can be told.
    pub written_since: bool,
}

impl StorageCapabilities {
    /// No capability claimed; set the fields that hold.
    pub const fn none() -> Self {
        Self {
            async_replication: false,
            sync_replication: false,
            pin_points: false,
            connection_state: false,
            promote: false,
            manifest: false,
            written_since: false,
        }
    }
}

/// Capabilities of a [`crate::ComputeDriver`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ComputeCapabilities {
    /// A stopped server can be shelved, which disconnects its volumes and keeps its ports.
    pub shelve: bool,
    /// Servers can be tagged when they are created.
    pub server_tags: bool,
    /// What a server's console shows can be read.
    pub console: bool,
}

impl ComputeCapabilities {
    /// No capability claimed; set the fields that hold.
    pub const fn none() -> Self {
        Self {
            shelve: false,
            server_tags: false,
            console: false,
        }
    }
}

/// Capabilities of an [`crate::IdentityDriver`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct IdentityCapabilities {
    /// A user can let the service act in a project.
    pub trusts: bool,
}

impl IdentityCapabilities {
    /// No capability claimed; set the fields that hold.
    pub const fn none() -> Self {
        Self { trusts: false }
    }
}
