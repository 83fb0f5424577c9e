//! What a tenant does on a mock cloud, with a tenant's rights.

use std::collections::BTreeMap;

use protector_framework::{
    DriverError, EnsurePort, EnsureVolumeGroup, ErrorKind, FixedIp, Port, PortId, ProjectId,
    ResourceId, Result, Server, ServerId, SetDeleteOnTermination, UserId, Volume, VolumeGroupId,
    VolumeId, VolumeTypeId,
};

use super::array::MockArray;
use super::cloud::MockCloud;
use crate::array::cinder_name;
use crate::cloud::{
    Attachment, Build, Caller, HeldVolume, LockedBy, View, VolumeRecord, VolumeState,
};

/// A user at work in a project of a mock cloud.
#[derive(Debug, Clone)]
pub struct Tenant {
    cloud: MockCloud,
    user: UserId,
    project: ProjectId,
}

/// A server as a tenant asks for it. Its volumes must be available, the root volume bootable.
#[derive(Debug, Clone, Default)]
pub struct NewServer {
    /// Its name.
    pub name: String,
    /// Its volumes, the root volume first.
    pub volumes: Vec<VolumeId>,
    /// Ports that exist.
    pub ports: Vec<PortId>,
    /// Networks on which the cloud makes ports that go with the server.
    pub networks: Vec<ResourceId>,
    /// Its keypair.
    pub keypair: Option<String>,
    /// Its metadata.
    pub metadata: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// User data, base64.
    pub user_data: Option<String>,
    /// Whether its volumes go with it.
    pub delete_on_termination: bool,
    /// Whether its root disk is made from an image, outside any array.
    pub image_root: bool,
}

/// A port as a tenant asks for it.
#[derive(Debug, Clone, Default)]
pub struct NewPort {
    /// Its name.
    pub name: String,
    /// Its MAC; absent: one that is free.
    pub mac_address: Option<String>,
    /// Its addresses; empty: one that is free.
    pub fixed_ips: Vec<FixedIp>,
    /// Its security groups; empty: the project's default.
    pub security_groups: Vec<ResourceId>,
}

impl Tenant {
    pub(super) fn new(cloud: MockCloud, user: UserId, project: ProjectId) -> Self {
        Self {
            cloud,
            user,
            project,
        }
    }

    /// Asks for an empty volume.
    ///
    /// # Errors
    /// `NotFound` for the type, or where no pool serves it; `QuotaExceeded`.
    pub fn create_volume(
        &self,
        name: &str,
        size_gib: u64,
        volume_type: &VolumeTypeId,
        bootable: bool,
    ) -> Result<VolumeId> {
        self.act(|view| {
            let kind = view.state.volume_types.get(volume_type.as_str());
            let kind =
                kind.ok_or_else(|| DriverError::not_found(format!("volume type `{volume_type}`")))?;
            let backend = kind.extra_specs.get("volume_backend_name");
            let pool = view
                .state
                .pools
                .iter()
                .find(|(_, pool)| backend.is_none_or(|name| *name == pool.backend_name))
                .map(|(name, _)| name.clone())
                .ok_or_else(|| DriverError::not_found("a pool for the volume type"))?;
            let room = view.headroom();
            if room.volumes == Some(0) || room.volume_gib.is_some_and(|left| left < size_gib) {
                return Err(DriverError::new(
                    ErrorKind::QuotaExceeded,
                    "quota exceeded for volumes or gigabytes",
                ));
            }
            let id = view.new_id();
            let record = VolumeRecord {
                project: view.caller.project.clone(),
                made: view.state.next(),
                name: name.to_owned(),
                description: String::new(),
                size_gib,
                volume_type: Some(volume_type.to_string()),
                pool,
                state: VolumeState::Creating {
                    until: view.state.until(view.now),
                },
                attachments: Vec::new(),
                bootable,
                encrypted: false,
                multiattach: false,
                image_metadata: BTreeMap::new(),
                metadata: BTreeMap::new(),
                group: None,
                snapshots: Default::default(),
            };
            view.state.volumes.insert(id.clone(), record);
            Ok(id.into())
        })
    }

    /// Asks for a port.
    ///
    /// # Errors
    /// As [`protector_framework::ComputeDriver::ensure_port`]; `Conflict` for a MAC that is taken.
    pub fn create_port(&self, network: &ResourceId, port: &NewPort) -> Result<PortId> {
        self.act(|view| {
            let mac = port.mac_address.clone().unwrap_or_else(|| view.new_mac());
            let taken = view.state.ports.values();
            if taken
                .clone()
                .any(|p| p.network == network.as_str() && p.mac == mac)
            {
                return Err(DriverError::conflict(format!("MAC {mac} is taken")));
            }
            let req = EnsurePort::new(network, &*mac)
                .name(port.name.clone())
                .fixed_ips(port.fixed_ips.clone())
                .security_groups(port.security_groups.clone());
            Ok(view.create_port(&req, mac, false)?.into())
        })
    }

    /// Asks for a server; it is `BUILD` for a while.
    ///
    /// # Errors
    /// As [`protector_framework::ComputeDriver::ensure_server`].
    pub fn create_server(&self, flavor: &ResourceId, server: &NewServer) -> Result<ServerId> {
        self.act(|view| {
            let volumes = server.volumes.iter().map(|id| HeldVolume {
                id: id.to_string(),
                device: String::new(),
                tag: None,
                delete_on_termination: server.delete_on_termination,
            });
            let mut ports: Vec<String> = server.ports.iter().map(ToString::to_string).collect();
            for network in &server.networks {
                let mac = view.new_mac();
                let req = EnsurePort::new(network, &*mac);
                ports.push(view.create_port(&req, mac, true)?);
            }
            let id = view.build(Build {
                name: server.name.clone(),
                flavor: flavor.to_string(),
                volumes: volumes.collect(),
                ports,
                tags: server.tags.clone(),
                keypair: server.keypair.clone(),
                metadata: server.metadata.clone(),
                user_data: server.user_data.clone(),
                image_root: server.image_root,
                ..Build::default()
            })?;
            Ok(id.into())
        })
    }

    /// Stops a server.
    ///
    /// # Errors
    /// As [`protector_framework::ComputeDriver::stop_server`]; `Conflict` where it is locked, for
    /// every change.
    pub fn stop_server(&self, id: &ServerId) -> Result<()> {
        self.act(|view| view.stop(id.as_str()))
    }

    /// Starts a server.
    ///
    /// # Errors
    /// As [`Tenant::stop_server`].
    pub fn start_server(&self, id: &ServerId) -> Result<()> {
        self.act(|view| view.start(id.as_str()))
    }

    /// Shelves a stopped server.
    ///
    /// # Errors
    /// As [`Tenant::stop_server`].
    pub fn shelve_server(&self, id: &ServerId) -> Result<()> {
        self.act(|view| view.park(id.as_str()))
    }

    /// Brings a shelved server back.
    ///
    /// # Errors
    /// As [`Tenant::stop_server`].
    pub fn unshelve_server(&self, id: &ServerId) -> Result<()> {
        self.act(|view| view.unpark(id.as_str()))
    }

    /// Deletes a server.
    ///
    /// # Errors
    /// As [`Tenant::stop_server`].
    pub fn delete_server(&self, id: &ServerId) -> Result<()> {
        self.act(|view| view.delete_server(id.as_str()))
    }

    /// Locks a server for its owner.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn lock_server(&self, id: &ServerId) -> Result<()> {
        self.act(|view| view.lock(id.as_str(), LockedBy::Owner))
    }

    /// Unlocks a server.
    ///
    /// # Errors
    /// `NotFound`; `Unauthorized` where an admin locked it.
    pub fn unlock_server(&self, id: &ServerId) -> Result<()> {
        self.act(|view| view.unlock(id.as_str()))
    }

    /// Says whether a volume goes with its server.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn set_delete_on_termination(
        &self,
        server: &ServerId,
        volume: &VolumeId,
        delete: bool,
    ) -> Result<()> {
        let req = SetDeleteOnTermination::new(server, volume, delete);
        self.act(|view| view.set_delete_on_termination(&req))
    }

    /// Deletes a port.
    ///
    /// # Errors
    /// None but that the cloud is gone.
    pub fn delete_port(&self, id: &PortId) -> Result<()> {
        self.act(|view| view.delete_port(id.as_str()))
    }

    /// Deletes a volume with its content.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while it is attached, in a group or has snapshots.
    pub fn delete_volume(&self, id: &VolumeId) -> Result<()> {
        self.act(|view| {
            view.check_loose(id.as_str())?;
            let until = view.state.until(view.now);
            let volume = view.volume(id.as_str())?;
            let gone_wrong = matches!(volume.state, VolumeState::Error);
            if !gone_wrong && volume.status() != "available" {
                return Err(DriverError::conflict(format!(
                    "volume `{id}` is {}",
                    volume.status()
                )));
            }
            if let Some(volume) = view.state.volumes.get_mut(id.as_str()) {
                volume.state = VolumeState::Deleting { until };
            }
            Ok(())
        })
    }

    /// Gives a volume a snapshot in the block storage service; its data are not copied.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn snapshot_volume(&self, id: &VolumeId, name: &str) -> Result<()> {
        self.change_volume(id, |volume| {
            volume.snapshots.insert(name.to_owned());
        })
    }

    /// Deletes a snapshot.
    ///
    /// # Errors
    /// `NotFound` for the volume.
    pub fn delete_snapshot(&self, id: &VolumeId, name: &str) -> Result<()> {
        self.change_volume(id, |volume| {
            volume.snapshots.remove(name);
        })
    }

    /// Marks a volume as encrypted or as one that several servers may have.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn set_volume_kind(&self, id: &VolumeId, encrypted: bool, multiattach: bool) -> Result<()> {
        self.change_volume(id, |volume| {
            volume.encrypted = encrypted;
            volume.multiattach = multiattach;
        })
    }

    /// Gives a server another flavor.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where it is locked.
    pub fn resize_server(&self, id: &ServerId, flavor: &ResourceId) -> Result<()> {
        self.act(|view| view.resize(id.as_str(), flavor.as_str()))
    }

    /// Gives a running server another disk.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn attach_volume(&self, server: &ServerId, volume: &VolumeId) -> Result<()> {
        self.change_volume(volume, |volume| {
            volume.attachments.push(Attachment {
                server: server.to_string(),
                connected: true,
            });
        })?;
        self.act(|view| {
            let held = HeldVolume {
                id: volume.to_string(),
                device: String::new(),
                tag: None,
                delete_on_termination: false,
            };
            view.server_mut(server.as_str())?.volumes.push(held);
            Ok(())
        })
    }

    /// Takes a disk from a server.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn detach_volume(&self, server: &ServerId, volume: &VolumeId) -> Result<()> {
        self.act(|view| {
            let server = view.server_mut(server.as_str())?;
            server.volumes.retain(|held| held.id != volume.as_str());
            Ok(())
        })?;
        self.change_volume(volume, |record| {
            let mine = |a: &Attachment| a.server == server.as_str();
            record.attachments.retain(|attachment| !mine(attachment));
        })
    }

    /// Makes a generic volume group, also where one of this name exists.
    ///
    /// # Errors
    /// `NotFound` for the group type or a volume type.
    pub fn create_volume_group(
        &self,
        name: &str,
        group_type: &str,
        volume_types: &[VolumeTypeId],
    ) -> Result<VolumeGroupId> {
        let req = EnsureVolumeGroup::new(name, group_type, volume_types);
        self.act(|view| Ok(view.create_group(&req)?.into()))
    }

    /// A server as it is now.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn server(&self, id: &ServerId) -> Result<Server> {
        self.act(|view| view.show_server(id.as_str()))
    }

    /// The ports of a server, in the order of its interfaces.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn ports(&self, server: &ServerId) -> Result<Vec<Port>> {
        self.act(|view| {
            let ports = view.server(server.as_str())?.ports.clone();
            ports.iter().map(|id| view.show_port(id)).collect()
        })
    }

    /// A volume as it is now.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn volume(&self, id: &VolumeId) -> Result<Volume> {
        self.act(|view| view.show_volume(id.as_str()))
    }

    /// Writes into a volume, as its server's guest does.
    ///
    /// # Errors
    /// `NotFound`; `InvalidRequest` beyond its end.
    pub fn write_volume(&self, id: &VolumeId, offset: u64, bytes: &[u8]) -> Result<()> {
        self.array_of(id)?
            .write(&cinder_name(id.as_str()), offset, bytes)
    }

    /// Reads from a volume.
    ///
    /// # Errors
    /// `NotFound`; `InvalidRequest` beyond its end.
    pub fn read_volume(&self, id: &VolumeId, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.array_of(id)?
            .read(&cinder_name(id.as_str()), offset, length)
    }

    /// A hash of a volume's size and content.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn hash_volume(&self, id: &VolumeId) -> Result<String> {
        self.array_of(id)?.hash(&cinder_name(id.as_str()))
    }

    fn array_of(&self, id: &VolumeId) -> Result<MockArray> {
        let directory = self.act(|view| {
            let pool = &view.volume(id.as_str())?.pool;
            view.state
                .pools
                .get(pool)
                .map(|pool| pool.array.clone())
                .ok_or_else(|| DriverError::not_found(format!("pool `{pool}`")))
        })?;
        MockArray::open(directory, self.cloud.env.clone())
    }

    fn change_volume(&self, id: &VolumeId, change: impl FnOnce(&mut VolumeRecord)) -> Result<()> {
        self.act(|view| {
            view.volume(id.as_str())?;
            if let Some(volume) = view.state.volumes.get_mut(id.as_str()) {
                change(volume);
            }
            Ok(())
        })
    }

    fn act<T>(&self, work: impl FnOnce(&mut View<'_>) -> Result<T>) -> Result<T> {
        self.cloud.change(|whole| {
            let caller = Caller {
                user: self.user.to_string(),
                project: self.project.to_string(),
                admin: false,
                outside: false,
            };
            let now = whole.now;
            let mut view = View {
                state: whole.compute_mut(),
                caller,
                now,
                ids: &*self.cloud.env.ids,
            };
            work(&mut view)
        })
    }
}
