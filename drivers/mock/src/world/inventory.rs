//! All that is on a cloud, to compare before and after and to find what was left behind.

use std::collections::BTreeMap;

use protector_framework::{
    FixedIp, PortId, ProjectId, ResourceId, Result, ServerId, VolumeGroupId, VolumeId,
};
use serde::Serialize;

use super::cloud::MockCloud;
use crate::array::cinder_name;

/// The servers, ports, volumes and volume groups of all projects.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inventory {
    /// By age.
    pub servers: Vec<ServerEntry>,
    /// By age.
    pub ports: Vec<PortEntry>,
    /// By age.
    pub volumes: Vec<VolumeEntry>,
    /// By age.
    pub groups: Vec<VolumeGroupEntry>,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerEntry {
    /// Its id.
    pub id: ServerId,
    /// Its project.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// Its state in the cloud's words, with the task it is busy with.
    pub status: String,
    /// Whether it is locked.
    pub locked: bool,
    /// Its flavor.
    pub flavor: ResourceId,
    /// Its volumes, the root volume first.
    pub volumes: Vec<VolumeId>,
    /// The volumes that go with it.
    pub delete_on_termination: Vec<VolumeId>,
    /// Its ports.
    pub ports: Vec<PortId>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its metadata.
    pub metadata: BTreeMap<String, String>,
    /// Why it is in error.
    pub fault: Option<String>,
}

/// A port.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PortEntry {
    /// Its id.
    pub id: PortId,
    /// Its project.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// Its network.
    pub network: ResourceId,
    /// Its MAC.
    pub mac_address: String,
    /// Its addresses.
    pub fixed_ips: Vec<FixedIp>,
    /// Its security groups.
    pub security_groups: Vec<ResourceId>,
    /// The server it is on.
    pub server: Option<ServerId>,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeEntry {
    /// Its id.
    pub id: VolumeId,
    /// Its project.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// Its state in Cinder's word.
    pub status: String,
    /// Its size in GiB.
    pub size_gib: u64,
    /// What it is called on its array.
    pub array_name: String,
    /// The servers it is attached to or reserved for.
    pub servers: Vec<ServerId>,
    /// The generic group it is in.
    pub group: Option<VolumeGroupId>,
}

/// A generic volume group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeGroupEntry {
    /// Its id.
    pub id: VolumeGroupId,
    /// Its project.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// Its volumes.
    pub volumes: Vec<VolumeId>,
}

impl MockCloud {
    /// Everything on the cloud, as it is now.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn inventory(&self) -> Result<Inventory> {
        let whole = self.look()?;
        let state = whole.compute();
        Ok(Inventory {
            servers: by_age(&state.servers, |s| s.made)
                .map(|(id, server)| ServerEntry {
                    id: id.into(),
                    project: server.project.as_str().into(),
                    name: server.name.clone(),
                    status: server.status(),
                    locked: server.locked_by.is_some(),
                    flavor: server.flavor.as_str().into(),
                    volumes: server
                        .volumes
                        .iter()
                        .map(|v| v.id.as_str().into())
                        .collect(),
                    delete_on_termination: server
                        .volumes
                        .iter()
                        .filter(|held| held.delete_on_termination)
                        .map(|held| held.id.as_str().into())
                        .collect(),
                    ports: server.ports.iter().map(|id| id.as_str().into()).collect(),
                    tags: server.tags.clone(),
                    metadata: server.metadata.clone(),
                    fault: server.fault.clone(),
                })
                .collect(),
            ports: by_age(&state.ports, |port| port.made)
                .map(|(id, port)| PortEntry {
                    id: id.into(),
                    project: port.project.as_str().into(),
                    name: port.name.clone(),
                    network: port.network.as_str().into(),
                    mac_address: port.mac.clone(),
                    fixed_ips: port.fixed_ips.clone(),
                    security_groups: port
                        .security_groups
                        .iter()
                        .map(|id| id.as_str().into())
                        .collect(),
                    server: port.server.as_deref().map(Into::into),
                })
                .collect(),
            volumes: by_age(&state.volumes, |volume| volume.made)
                .map(|(id, volume)| VolumeEntry {
                    id: id.into(),
                    project: volume.project.as_str().into(),
                    name: volume.name.clone(),
                    status: volume.status().to_owned(),
                    size_gib: volume.size_gib,
                    array_name: cinder_name(id),
                    servers: volume
                        .attachments
                        .iter()
                        .map(|held| held.server.as_str().into())
                        .collect(),
                    group: volume.group.as_deref().map(Into::into),
                })
                .collect(),
            groups: by_age(&state.groups, |group| group.made)
                .map(|(id, group)| VolumeGroupEntry {
                    id: id.into(),
                    project: group.project.as_str().into(),
                    name: group.name.clone(),
                    volumes: state
                        .volumes
                        .iter()
                        .filter(|(_, volume)| volume.group.as_deref() == Some(id))
                        .map(|(id, _)| id.as_str().into())
                        .collect(),
                })
                .collect(),
        })
    }
}

fn by_age<T>(
    table: &BTreeMap<String, T>,
    made: impl Fn(&T) -> u64,
) -> impl Iterator<Item = (&str, &T)> {
    let mut all: Vec<(&str, &T)> = table
        .iter()
        .map(|(id, entry)| (id.as_str(), entry))
        .collect();
    all.sort_by_key(|(_, entry)| made(entry));
    all.into_iter()
}
