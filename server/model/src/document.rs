//! The document that both sites hold of a group. It has no secret in it and nothing that changes by
//! itself, such as progress or the age of a recovery point.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protector_framework::{
    ArrayVolumeName, ArrayVolumeSerial, Blueprint, GroupId, MemberId, OperationId, PortId,
    ProjectId, ReplicationMode, ServerId, SiteId, VolumeGroupId, VolumeId, VolumeTypeId,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::epoch::{Epoch, Head};
use crate::policy::{Mapping, Policy};
use crate::probe::Probe;
use crate::status::{GroupStatus, MemberStatus};

/// The replicated document of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupDocument {
    /// The group's id, the same on both sites.
    pub id: GroupId,
    /// Who has authority.
    pub epoch: Epoch,
    /// Counts every change; goes on counting when the epoch changes.
    pub version: u64,
    /// Its name, unique in its project.
    pub name: String,
    /// For people.
    pub description: String,
    /// The owning project on each site.
    pub projects: BTreeMap<SiteId, ProjectId>,
    /// The site it was made on.
    pub primary_site_id: SiteId,
    /// The other site.
    pub secondary_site_id: SiteId,
    /// The site its servers run on.
    pub current_primary_site_id: SiteId,
    /// How it replicates; fixed when it is made.
    pub replication_type: ReplicationMode,
    /// The replicated volume type on each site.
    pub volume_types: BTreeMap<SiteId, VolumeTypeId>,
    /// The generic volume group on each site, once made.
    pub volume_groups: BTreeMap<SiteId, VolumeGroupId>,
    /// The group's own status, without what runs at the moment.
    pub status: GroupStatus,
    /// Why it has that status.
    pub status_reason: Option<String>,
    /// How often its primary has changed.
    pub failover_count: u32,
    /// Its members.
    pub members: Vec<Member>,
    /// How it is replicated.
    pub policy: Option<Policy>,
    /// Which resource of one site stands for which of the other.
    pub mappings: Vec<Mapping>,
    /// The group is gone; the document stays so that a returning site learns it.
    #[serde(default)]
    pub deleted: bool,
    /// The planned move that the primary gave up alone because its executor had fallen silent. Who
    /// holds this document may not carry that move on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<OperationId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its document last changed.
    pub updated_at: DateTime<Utc>,
    /// What a newer version of Protector put in; kept and passed on.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

/// One server of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Its id, the same on both sites.
    pub id: MemberId,
    /// The server's name.
    pub name: String,
    /// When it starts: tier 1 first, tier 5 last.
    pub boot_tier: u8,
    /// Seconds to wait after its start before the next tier.
    pub boot_delay: u32,
    /// How to tell from outside that its server has come up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// Its status.
    pub status: MemberStatus,
    /// Why it has that status.
    pub status_reason: Option<String>,
    /// How to build it again; `None` until it was first read.
    pub blueprint: Option<Blueprint>,
    /// The site whose ids the blueprint holds.
    pub blueprint_site: SiteId,
    /// What there is of it on each site.
    pub instances: BTreeMap<SiteId, Instance>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// What role a site's copy of a member plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// It is the production server.
    Production,
    /// It is kept, stopped and disconnected, for the way back.
    Parked,
    /// It was found after the other site had taken over; its data may have diverged.
    Quarantined,
    /// It was being brought up and is not finished.
    Incomplete,
}

/// What there is of a member on one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The role of this copy.
    pub state: InstanceState,
    /// The server.
    pub server_id: Option<ServerId>,
    /// Its ports, in the blueprint's order.
    pub ports: Vec<PortId>,
    /// Its volumes, in the blueprint's order.
    pub volumes: Vec<InstanceVolume>,
    /// Whether Protector built this copy: its ports are then Protector's to delete.
    #[serde(default)]
    pub made: bool,
}

/// One volume of a member on one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceVolume {
    /// Its id in the site's block storage service.
    pub id: VolumeId,
    /// Its name on the site's array.
    pub array_name: ArrayVolumeName,
    /// Its serial on the site's array.
    pub serial: ArrayVolumeSerial,
}

impl GroupDocument {
    /// The bytes that are sent, stored and hashed.
    ///
    /// # Errors
    /// Never for a document that this version made.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads a document from its bytes.
    ///
    /// # Errors
    /// Where the bytes are not a document.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The head that these bytes of this document are.
    pub fn head(&self, bytes: &[u8]) -> Head {
        Head {
            epoch: self.epoch.clone(),
            version: self.version,
            hash: hash(bytes),
        }
    }

    /// The site that is not `site`.
    pub fn other_site(&self, site: SiteId) -> SiteId {
        if site == self.primary_site_id {
            self.secondary_site_id
        } else {
            self.primary_site_id
        }
    }

    /// The site that its servers do not run on.
    pub fn standby_site(&self) -> SiteId {
        self.other_site(self.current_primary_site_id)
    }

    /// Whether its servers run on the site it was made on.
    pub fn is_home(&self) -> bool {
        self.current_primary_site_id == self.primary_site_id
    }

    /// The member of this id.
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.members.iter().find(|m| m.id == id)
    }

    /// The member of this id, to change.
    pub fn member_mut(&mut self, id: MemberId) -> Option<&mut Member> {
        self.members.iter_mut().find(|m| m.id == id)
    }

    /// Its name on clouds and arrays.
    pub fn remote_name(&self) -> String {
        format!("protector-{}", self.id)
    }

    /// The next version of this document, at this moment.
    #[must_use]
    pub fn next_version(&self, now: DateTime<Utc>) -> Self {
        Self {
            version: self.version + 1,
            updated_at: now,
            ..self.clone()
        }
    }

    /// The resource on `to` that stands for one on `from`; itself where the site is the same.
    pub fn mapped(
        &self,
        kind: protector_framework::ResourceKind,
        id: &protector_framework::ResourceId,
        from: SiteId,
        to: SiteId,
    ) -> Option<protector_framework::ResourceId> {
        if from == to {
            return Some(id.clone());
        }
        self.mappings
            .iter()
            .filter(|m| m.kind == kind)
            .find_map(|m| match from == self.primary_site_id {
                true if m.primary_id == *id => Some(m.secondary_id.clone()),
                false if m.secondary_id == *id => Some(m.primary_id.clone()),
                _ => None,
            })
    }
}

impl Member {
    /// Takes what was read of its server on a site for what the member is.
    pub fn is_now(&mut self, site: SiteId, blueprint: Blueprint) {
        let instance = self.instances.entry(site).or_insert_with(|| Instance {
            state: InstanceState::Production,
            server_id: None,
            ports: Vec::new(),
            volumes: Vec::new(),
            made: false,
        });
        instance.server_id = Some(blueprint.server_id.clone());
        instance.ports = blueprint.ports.iter().map(|p| p.id.clone()).collect();
        self.name.clone_from(&blueprint.name);
        self.blueprint = Some(blueprint);
        self.blueprint_site = site;
    }

    /// The copy on a site.
    pub fn instance(&self, site: SiteId) -> Option<&Instance> {
        self.instances.get(&site)
    }

    /// Whether a site keeps a copy that can be overwritten and started again.
    pub fn has_parked_copy(&self, site: SiteId) -> bool {
        self.instance(site).is_some_and(|copy| {
            matches!(
                copy.state,
                InstanceState::Parked | InstanceState::Quarantined
            ) && copy.server_id.is_some()
                && self
                    .blueprint
                    .as_ref()
                    .is_some_and(|b| b.volumes.len() == copy.volumes.len())
        })
    }
}

/// SHA-256 in lower-case hex.
pub fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
