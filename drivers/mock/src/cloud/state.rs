//! Everything that exists on a mock cloud beside its users.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use protector_framework::{AddressPair, FixedIp};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ComputeState {
    /// How long the cloud takes for what it does later.
    pub transition_milliseconds: u64,
    /// Numbers everything that is made, so that the older of two is known.
    pub made: u64,
    pub flavors: BTreeMap<String, FlavorRecord>,
    pub networks: BTreeMap<String, NetworkRecord>,
    pub subnets: BTreeMap<String, SubnetRecord>,
    pub security_groups: BTreeMap<String, SecurityGroupRecord>,
    pub keypairs: BTreeSet<KeypairRecord>,
    pub zones: BTreeSet<String>,
    pub volume_types: BTreeMap<String, VolumeTypeRecord>,
    /// Pools by `host@backend#pool`.
    pub pools: BTreeMap<String, PoolRecord>,
    pub group_types: BTreeSet<String>,
    pub quotas: BTreeMap<String, Quota>,
    pub servers: BTreeMap<String, ServerRecord>,
    pub ports: BTreeMap<String, PortRecord>,
    pub volumes: BTreeMap<String, VolumeRecord>,
    pub groups: BTreeMap<String, GroupRecord>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FlavorRecord {
    pub name: String,
    pub vcpus: u32,
    pub ram_mib: u64,
    pub disk_gib: u64,
    pub ephemeral_gib: u64,
    pub swap_mib: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NetworkRecord {
    pub name: String,
    /// Its owner; absent: everybody may use it.
    pub project: Option<String>,
    /// Whether it leads out of the cloud.
    #[serde(default)]
    pub external: bool,
    /// The networks that routers join it to.
    #[serde(default)]
    pub routed_to: BTreeSet<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SubnetRecord {
    pub name: String,
    pub network: String,
    pub cidr: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SecurityGroupRecord {
    pub name: String,
    pub project: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct KeypairRecord {
    pub user: String,
    pub name: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VolumeTypeRecord {
    pub name: String,
    pub extra_specs: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PoolRecord {
    pub backend_name: String,
    pub array: PathBuf,
    pub replication_targets: Vec<String>,
}

/// What a project may have in all; absent: without limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quota {
    /// Servers.
    pub instances: Option<u64>,
    /// Virtual processors.
    pub vcpus: Option<u64>,
    /// Memory in MiB.
    pub ram_mib: Option<u64>,
    /// Volumes.
    pub volumes: Option<u64>,
    /// Volume space in GiB.
    pub volume_gib: Option<u64>,
    /// Ports.
    pub ports: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServerState {
    Build,
    Active,
    Shutoff,
    ShelvedOffloaded,
    Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TaskKind {
    Spawning,
    PoweringOff,
    PoweringOn,
    Shelving,
    Unshelving,
    Deleting,
}

/// What a server is busy with, until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    pub kind: TaskKind,
    pub until: DateTime<Utc>,
}

/// Who locked a server. Nova compares projects: whoever comes from outside is the admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LockedBy {
    Owner,
    Admin,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerRecord {
    pub project: String,
    pub user: String,
    pub made: u64,
    pub name: String,
    pub state: ServerState,
    pub task: Option<Task>,
    pub locked_by: Option<LockedBy>,
    pub fault: Option<String>,
    pub flavor: String,
    pub volumes: Vec<HeldVolume>,
    pub ports: Vec<String>,
    pub tags: Vec<String>,
    pub hostname: Option<String>,
    pub keypair: Option<String>,
    pub zone: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub user_data: Option<String>,
    pub config_drive: bool,
    pub server_group: Option<String>,
    pub description: Option<String>,
    /// Whether its root disk was made from an image, outside any array.
    pub image_root: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HeldVolume {
    pub id: String,
    pub device: String,
    pub tag: Option<String>,
    pub delete_on_termination: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PortRecord {
    pub project: String,
    pub made: u64,
    pub network: String,
    pub mac: String,
    pub name: String,
    pub fixed_ips: Vec<FixedIp>,
    pub security_groups: Vec<String>,
    pub allowed_address_pairs: Vec<AddressPair>,
    pub port_security_enabled: bool,
    pub vnic_type: String,
    pub description: String,
    pub server: Option<String>,
    /// Whether the compute service made it for the server.
    pub owned_by_server: bool,
    pub floating_ip: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VolumeState {
    /// Available, reserved or in use, by its attachments.
    Ready,
    Creating {
        until: DateTime<Utc>,
    },
    Managing {
        source: String,
        until: DateTime<Utc>,
    },
    Unmanaging {
        until: DateTime<Utc>,
    },
    Deleting {
        until: DateTime<Utc>,
    },
    Error,
    ErrorUnmanaging,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VolumeRecord {
    pub project: String,
    pub made: u64,
    pub name: String,
    pub description: String,
    pub size_gib: u64,
    pub volume_type: Option<String>,
    pub pool: String,
    pub state: VolumeState,
    pub attachments: Vec<Attachment>,
    pub bootable: bool,
    pub encrypted: bool,
    pub multiattach: bool,
    pub image_metadata: BTreeMap<String, String>,
    pub metadata: BTreeMap<String, String>,
    pub group: Option<String>,
    pub snapshots: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attachment {
    pub server: String,
    /// Whether the server's host is connected; else the volume is only reserved for it.
    pub connected: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GroupState {
    Creating { until: DateTime<Utc> },
    Updating { until: DateTime<Utc> },
    Available,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GroupRecord {
    pub project: String,
    pub made: u64,
    pub name: String,
    pub description: String,
    pub volume_types: BTreeSet<String>,
    pub state: GroupState,
}

impl ComputeState {
    /// When something that begins at `now` is done.
    pub(crate) fn until(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let milliseconds = i64::try_from(self.transition_milliseconds).unwrap_or(i64::MAX);
        TimeDelta::try_milliseconds(milliseconds)
            .and_then(|wait| now.checked_add_signed(wait))
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The number of the next thing that is made.
    pub(crate) fn next(&mut self) -> u64 {
        self.made += 1;
        self.made
    }
}

impl VolumeRecord {
    /// The state in Cinder's word.
    pub(crate) fn status(&self) -> &'static str {
        match &self.state {
            VolumeState::Creating { .. } => "creating",
            VolumeState::Managing { .. } => "managing",
            VolumeState::Unmanaging { .. } => "unmanaging",
            VolumeState::Deleting { .. } => "deleting",
            VolumeState::Error => "error",
            VolumeState::ErrorUnmanaging => "error_unmanaging",
            VolumeState::Ready if self.attachments.iter().any(|a| a.connected) => "in-use",
            VolumeState::Ready if !self.attachments.is_empty() => "reserved",
            VolumeState::Ready => "available",
        }
    }
}

impl ServerRecord {
    /// The state in Nova's words, with the task it is busy with.
    pub(crate) fn status(&self) -> String {
        let state = match self.state {
            ServerState::Build => "BUILD",
            ServerState::Active => "ACTIVE",
            ServerState::Shutoff => "SHUTOFF",
            ServerState::ShelvedOffloaded => "SHELVED_OFFLOADED",
            ServerState::Error => "ERROR",
        };
        let task = self.task.map(|task| match task.kind {
            TaskKind::Spawning => "spawning",
            TaskKind::PoweringOff => "powering-off",
            TaskKind::PoweringOn => "powering-on",
            TaskKind::Shelving => "shelving",
            TaskKind::Unshelving => "unshelving",
            TaskKind::Deleting => "deleting",
        });
        match task {
            Some(task) => format!("{state} ({task})"),
            None => state.to_owned(),
        }
    }

    pub(crate) fn does(&self, kind: TaskKind) -> bool {
        self.task.is_some_and(|task| task.kind == kind)
    }
}
