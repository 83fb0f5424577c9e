//! Building servers.

use std::collections::BTreeMap;

use protector_framework::{DriverError, EnsureServer, ErrorKind, Result, Server};

use super::state::{
    Attachment, HeldVolume, KeypairRecord, ServerRecord, ServerState, Task, TaskKind, VolumeState,
};
use super::view::{View, invalid};

/// Nova's limit for a tag.
const TAG_LENGTH: usize = 60;

/// What a server is made of, whoever makes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Build {
    pub name: String,
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
    pub image_root: bool,
}

impl View<'_> {
    pub(crate) fn ensure_server(&mut self, req: &EnsureServer) -> Result<Server> {
        if req.tag.is_empty() || req.tag.chars().count() > TAG_LENGTH {
            return Err(invalid(format!(
                "`{}` is no tag of 1 to {TAG_LENGTH} characters",
                req.tag
            )));
        }
        if let Some(server) = self.servers_tagged(&req.tag).into_iter().next() {
            return Ok(server);
        }
        let mut tags = vec![req.tag.clone()];
        tags.extend(req.tags.iter().filter(|tag| **tag != req.tag).cloned());
        let volumes = req.volumes.iter().map(|volume| HeldVolume {
            id: volume.id.to_string(),
            device: volume.device.clone().unwrap_or_default(),
            tag: volume.tag.clone(),
            delete_on_termination: false,
        });
        let id = self.build(Build {
            name: req.name.clone(),
            flavor: req.flavor.to_string(),
            volumes: volumes.collect(),
            ports: req.ports.iter().map(ToString::to_string).collect(),
            tags,
            hostname: req.hostname.clone(),
            keypair: req.keypair.clone(),
            zone: req.availability_zone.clone(),
            metadata: req.metadata.clone(),
            user_data: req.user_data.clone(),
            config_drive: req.config_drive,
            server_group: req.server_group.as_ref().map(ToString::to_string),
            description: req.description.clone(),
            image_root: false,
        })?;
        self.show_server(&id)
    }

    /// Accepts a new server: its volumes are reserved at once, the rest comes later.
    pub(crate) fn build(&mut self, build: Build) -> Result<String> {
        self.check_parts(&build)?;
        self.check_room(&build.flavor)?;
        let id = self.new_id();
        let mut volumes = build.volumes;
        for (index, held) in volumes.iter_mut().enumerate() {
            if held.device.is_empty() {
                held.device = device(index);
            }
            let volume = self.volume_mut(&held.id)?;
            volume.attachments = vec![Attachment {
                server: id.clone(),
                connected: false,
            }];
        }
        for port in &build.ports {
            if let Some(port) = self.state.ports.get_mut(port) {
                port.server = Some(id.clone());
            }
        }
        let record = ServerRecord {
            project: self.caller.project.clone(),
            user: self.caller.user.clone(),
            made: self.state.next(),
            state: ServerState::Build,
            task: Some(Task {
                kind: TaskKind::Spawning,
                until: self.state.until(self.now),
            }),
            locked_by: None,
            fault: None,
            hostname: build.hostname.or_else(|| Some(build.name.to_lowercase())),
            name: build.name,
            flavor: build.flavor,
            volumes,
            ports: build.ports,
            tags: build.tags,
            keypair: build.keypair,
            zone: build.zone.or_else(|| self.state.zones.first().cloned()),
            metadata: build.metadata,
            user_data: build.user_data,
            config_drive: build.config_drive,
            server_group: build.server_group,
            description: build.description,
            image_root: build.image_root,
        };
        self.state.servers.insert(id.clone(), record);
        Ok(id)
    }

    fn check_parts(&mut self, build: &Build) -> Result<()> {
        if build.volumes.is_empty() && !build.image_root {
            return Err(invalid(format!(
                "server `{}` has no root volume to boot from",
                build.name
            )));
        }
        for held in &build.volumes {
            self.drop_orphans(&held.id)?;
            let volume = self.volume(&held.id)?;
            if volume.state != VolumeState::Ready || !volume.attachments.is_empty() {
                return Err(DriverError::conflict(format!(
                    "volume `{}` is {}; its status must be available",
                    held.id,
                    volume.status()
                )));
            }
        }
        if let Some(root) = build.volumes.first().filter(|_| !build.image_root)
            && !self.volume(&root.id)?.bootable
        {
            return Err(invalid(format!("volume `{}` is not bootable", root.id)));
        }
        for id in &build.ports {
            if let Some(server) = &self.port(id)?.server {
                return Err(DriverError::conflict(format!(
                    "port `{id}` is in use by server `{server}`"
                )));
            }
        }
        if let Some(name) = &build.keypair {
            let key = KeypairRecord {
                user: self.caller.user.clone(),
                name: name.clone(),
            };
            if !self.state.keypairs.contains(&key) {
                return Err(DriverError::not_found(format!(
                    "keypair `{name}` of user `{}`",
                    self.caller.user
                )));
            }
        }
        match &build.zone {
            Some(zone) if !self.state.zones.contains(zone) => Err(DriverError::not_found(format!(
                "availability zone `{zone}`"
            ))),
            _ => Ok(()),
        }
    }

    fn check_room(&self, flavor: &str) -> Result<()> {
        let flavor = self
            .state
            .flavors
            .get(flavor)
            .ok_or_else(|| DriverError::not_found(format!("flavor `{flavor}`")))?;
        let room = self.headroom();
        for (what, left, wanted) in [
            ("instances", room.instances, 1),
            ("cores", room.vcpus, u64::from(flavor.vcpus)),
            ("ram", room.ram_mib, flavor.ram_mib),
        ] {
            check_quota(what, left, wanted)?;
        }
        Ok(())
    }

    /// Drops what is reserved for servers that do not exist.
    fn drop_orphans(&mut self, volume: &str) -> Result<()> {
        let known: Vec<String> = self.state.servers.keys().cloned().collect();
        let volume = self.volume_mut(volume)?;
        volume
            .attachments
            .retain(|held| held.connected || known.contains(&held.server));
        Ok(())
    }
}

pub(super) fn check_quota(what: &str, left: Option<u64>, wanted: u64) -> Result<()> {
    match left {
        Some(left) if left < wanted => Err(DriverError::new(
            ErrorKind::QuotaExceeded,
            format!("quota exceeded for {what}: {wanted} wanted, {left} left"),
        )),
        _ => Ok(()),
    }
}

fn device(index: usize) -> String {
    let letter = u8::try_from(index).map_or('z', |n| char::from(b'a' + n.min(25)));
    format!("/dev/vd{letter}")
}
