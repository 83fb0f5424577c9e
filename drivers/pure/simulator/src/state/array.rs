//! What one array holds.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::error::{ApiError, Kind, Outcome};
use super::group::Group;
use super::host::{Connection, Host};
use super::point::Point;
use super::snapshot::Snapshot;
use super::tag::Tag;
use super::volume::Volume;
use super::volume_group::VolumeGroup;
use crate::content::{BLOCK, Store};
use crate::spec::Profile;

/// Milliseconds since 1970 of the fabric's time.
pub(crate) type Millis = i64;

/// 24 hours, as an array comes from the factory.
pub(crate) const DAY: Millis = 86_400_000;

/// Who may eradicate before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ManualEradication {
    /// Everybody may.
    #[default]
    AllEnabled,
    /// Not what a locked group protects.
    PartiallyDisabled,
    /// Nobody may: SafeMode.
    AllDisabled,
}

/// What an array has only so many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// Volumes, the destroyed ones too.
    Volumes,
    /// Snapshots of volumes, those of groups and the destroyed ones too.
    Snapshots,
    /// Protection groups, inbound ones too.
    ProtectionGroups,
    /// Pods.
    Pods,
    /// Hosts.
    Hosts,
    /// Connections of volumes to hosts.
    Connections,
}

/// One array.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    pub id: String,
    pub name: String,
    pub profile: Profile,
    pub serial_prefix: String,
    pub serials: u32,
    pub store: Store,
    pub volumes: BTreeMap<String, Volume>,
    pub snapshots: BTreeMap<String, Snapshot>,
    pub groups: BTreeMap<String, Group>,
    pub points: BTreeMap<String, Point>,
    pub volume_groups: BTreeMap<String, VolumeGroup>,
    pub hosts: BTreeMap<String, Host>,
    pub connections: Vec<Connection>,
    pub tags: Vec<Tag>,
    /// What new volumes of a container are protected by; the array itself is the empty name.
    pub default_protections: BTreeMap<String, Vec<String>>,
    pub limits: BTreeMap<LimitKind, u64>,
    pub capacity: u64,
    pub manual_eradication: ManualEradication,
    pub eradication_delay: Millis,
    /// Whether it answers and replicates at all.
    pub powered: bool,
    pub reaches_mediator: bool,
    /// Of a session that nobody uses, in milliseconds.
    pub idle_timeout: Millis,
    /// Where it listens, for what shows an address.
    pub address: String,
    pub connection_key: String,
}

impl Array {
    pub(crate) fn new(id: String, name: String, profile: Profile, store: Store) -> Self {
        let serial_prefix: String = id
            .chars()
            .filter(char::is_ascii_hexdigit)
            .map(|c| c.to_ascii_uppercase())
            .rev()
            .take(16)
            .collect();
        Self {
            id,
            name,
            profile,
            serial_prefix,
            serials: 0x0001_0000,
            store,
            volumes: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            groups: BTreeMap::new(),
            points: BTreeMap::new(),
            volume_groups: BTreeMap::new(),
            hosts: BTreeMap::new(),
            connections: Vec::new(),
            tags: Vec::new(),
            default_protections: BTreeMap::new(),
            limits: BTreeMap::new(),
            capacity: 10 << 40,
            manual_eradication: ManualEradication::default(),
            eradication_delay: DAY,
            powered: true,
            reaches_mediator: true,
            idle_timeout: 1_800_000,
            address: String::new(),
            connection_key: String::new(),
        }
    }

    /// 24 upper-case hex digits: the array's prefix and a counter.
    pub(crate) fn new_serial(&mut self) -> String {
        self.serials += 1;
        format!("{}{:08X}", self.serial_prefix, self.serials)
    }

    /// Whether `more` objects of a kind fit.
    pub(crate) fn check_limit(&self, limit: LimitKind, more: usize, name: &str) -> Outcome<()> {
        let (held, kind) = match limit {
            LimitKind::Volumes => (self.volumes.len(), Kind::Volume),
            LimitKind::Snapshots => (self.snapshots.len(), Kind::Snapshot),
            LimitKind::ProtectionGroups => (self.groups.len(), Kind::Group),
            // Pods are the fabric's; it counts them itself.
            LimitKind::Pods => (0, Kind::Pod),
            LimitKind::Hosts => (self.hosts.len(), Kind::Host),
            LimitKind::Connections => (self.connections.len(), Kind::Connection),
        };
        match self.limits.get(&limit) {
            Some(most) if (held + more) as u64 > *most => Err(ApiError::limit(kind, name)),
            _ => Ok(()),
        }
    }

    /// Refuses new data on a full array.
    pub(crate) fn check_space(&self, name: &str) -> Outcome<()> {
        if self.is_full() {
            return Err(ApiError::refused(name, "Array capacity limit reached."));
        }
        Ok(())
    }

    pub(crate) fn is_full(&self) -> bool {
        // Counting every block once takes long: not while even all copies together would fit.
        let volumes = self
            .volumes
            .values()
            .map(|volume| volume.known.data_bytes());
        let snapshots = self
            .snapshots
            .values()
            .map(|held| held.manifest.data_bytes());
        let most: u64 = volumes.chain(snapshots).sum();
        most >= self.capacity && self.used_bytes() >= self.capacity
    }

    /// Every block once, as an array that finds duplicates keeps them. What others have written into
    /// a pool's files counts from the next copy or snapshot on.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.known_blocks().len() as u64 * BLOCK
    }

    /// The hashes of all blocks that the array holds anywhere.
    pub(crate) fn known_blocks(&self) -> BTreeSet<[u8; 32]> {
        let volumes = self.volumes.values().map(|volume| &volume.known);
        let snapshots = self.snapshots.values().map(|snapshot| &snapshot.manifest);
        volumes
            .chain(snapshots)
            .flat_map(|manifest| manifest.hashes())
            .collect()
    }

    /// Whether something may be eradicated before its time.
    pub(crate) fn check_eradication(&self, locked: bool) -> Outcome<()> {
        match self.manual_eradication {
            ManualEradication::AllDisabled => Err(ApiError::eradication_disabled()),
            _ if locked => Err(ApiError::eradication_disabled()),
            _ => Ok(()),
        }
    }
}
