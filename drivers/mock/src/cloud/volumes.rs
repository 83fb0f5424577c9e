//! Volumes: adopted, released, described.

use protector_framework::{
    DriverError, EnsureManagedVolume, ErrorKind, Result, SetVolumeProperties, Volume, VolumeStatus,
};

use super::back_end;
use super::boot::check_quota;
use super::state::{VolumeRecord, VolumeState};
use super::view::{View, invalid};
use crate::array::cinder_name;

impl View<'_> {
    pub(crate) fn show_volume(&self, id: &str) -> Result<Volume> {
        Ok(shown(id, self.volume(id)?, self.caller.admin))
    }

    /// The project's volumes of this name, oldest first.
    pub(crate) fn volumes_named(&self, name: &str) -> Vec<Volume> {
        let mut found: Vec<_> = self
            .state
            .volumes
            .iter()
            .filter(|(_, volume)| self.is_mine(&volume.project) && volume.name == name)
            .collect();
        found.sort_by_key(|(_, volume)| volume.made);
        found
            .iter()
            .map(|(id, volume)| shown(id, volume, self.caller.admin))
            .collect()
    }

    pub(crate) fn ensure_managed(&mut self, req: &EnsureManagedVolume) -> Result<Volume> {
        self.need_admin("manage volumes")?;
        if let Some(volume) = self.volumes_named(&req.name).into_iter().next() {
            return Ok(volume);
        }
        let size_gib = self.manageable_size(req)?;
        let room = self.headroom();
        check_quota("volumes", room.volumes, 1)?;
        check_quota("gigabytes", room.volume_gib, size_gib)?;
        let id = self.new_id();
        let record = VolumeRecord {
            project: self.caller.project.clone(),
            made: self.state.next(),
            name: req.name.clone(),
            description: req.description.clone(),
            size_gib,
            volume_type: Some(req.volume_type.to_string()),
            pool: req.host.clone(),
            state: VolumeState::Managing {
                source: req.source_name.clone(),
                until: self.state.until(self.now),
            },
            attachments: Vec::new(),
            bootable: req.bootable,
            encrypted: false,
            multiattach: false,
            image_metadata: Default::default(),
            metadata: req.metadata.clone(),
            group: None,
            snapshots: Default::default(),
        };
        self.state.volumes.insert(id.clone(), record);
        self.show_volume(&id)
    }

    /// Checks that the back end shows the array volume and that nobody has it.
    fn manageable_size(&self, req: &EnsureManagedVolume) -> Result<u64> {
        let pool = self
            .state
            .pools
            .get(&req.host)
            .ok_or_else(|| DriverError::not_found(format!("pool `{}`", req.host)))?;
        let kind = self
            .state
            .volume_types
            .get(req.volume_type.as_str())
            .ok_or_else(|| DriverError::not_found(format!("volume type `{}`", req.volume_type)))?;
        if let Some(backend) = kind.extra_specs.get("volume_backend_name")
            && *backend != pool.backend_name
        {
            return Err(invalid(format!(
                "volume type `{}` selects back end `{backend}` and pool `{}` is of `{}`",
                kind.name, req.host, pool.backend_name
            )));
        }
        let source = req.source_name.as_str();
        let owner = self.state.volumes.iter().find(|(id, volume)| {
            volume.pool == req.host
                && (cinder_name(id) == source
                    || matches!(&volume.state, VolumeState::Managing { source: s, .. } if s == source))
        });
        if let Some((id, _)) = owner {
            return Err(invalid(format!(
                "array volume `{source}` is already managed as volume `{id}`"
            )));
        }
        back_end::size_gib(&pool.array, source)?
            .ok_or_else(|| DriverError::not_found(format!("array volume `{source}`")))
    }

    pub(crate) fn unmanage(&mut self, id: &str) -> Result<()> {
        self.need_admin("unmanage volumes")?;
        let volume = match self.volume(id) {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        match &volume.state {
            VolumeState::Unmanaging { .. } => return Ok(()),
            VolumeState::Ready if volume.attachments.is_empty() => {}
            VolumeState::Ready | VolumeState::Error | VolumeState::ErrorUnmanaging => {
                return Err(DriverError::conflict(format!(
                    "volume `{id}` is {}; its status must be available",
                    volume.status()
                )));
            }
            _ => {
                return Err(DriverError::new(
                    ErrorKind::Busy,
                    format!("volume `{id}` is {}", volume.status()),
                ));
            }
        }
        self.check_loose(id)?;
        let until = self.state.until(self.now);
        self.volume_mut(id)?.state = VolumeState::Unmanaging { until };
        Ok(())
    }

    /// Refuses a volume that a group or a snapshot holds.
    pub(crate) fn check_loose(&self, id: &str) -> Result<()> {
        let volume = self.volume(id)?;
        if let Some(group) = &volume.group {
            return Err(DriverError::conflict(format!(
                "volume `{id}` is in volume group `{group}`"
            )));
        }
        if !volume.snapshots.is_empty() {
            return Err(DriverError::conflict(format!(
                "volume `{id}` has {} snapshots",
                volume.snapshots.len()
            )));
        }
        Ok(())
    }

    pub(crate) fn set_properties(&mut self, req: &SetVolumeProperties) -> Result<()> {
        let volume = self.volume_mut(req.id.as_str())?;
        volume.bootable = req.bootable;
        volume.image_metadata.extend(req.image_metadata.clone());
        if let Some(name) = &req.name {
            volume.name.clone_from(name);
        }
        Ok(())
    }
}

fn shown(id: &str, volume: &VolumeRecord, admin: bool) -> Volume {
    let status = match &volume.state {
        VolumeState::Ready if volume.attachments.iter().any(|a| a.connected) => VolumeStatus::InUse,
        VolumeState::Ready if !volume.attachments.is_empty() => VolumeStatus::Reserved,
        VolumeState::Ready => VolumeStatus::Available,
        VolumeState::Error | VolumeState::ErrorUnmanaging => VolumeStatus::Error,
        _ => VolumeStatus::Busy,
    };
    let servers: Vec<_> = volume
        .attachments
        .iter()
        .map(|held| held.server.as_str().into())
        .collect();
    Volume::new(id, &*volume.name, status, volume.size_gib)
        .raw_status(volume.status())
        .volume_type(volume.volume_type.as_deref().map(Into::into))
        .host(admin.then(|| volume.pool.clone()))
        .servers(servers)
        .connected(volume.attachments.iter().any(|held| held.connected))
        .bootable(volume.bootable)
        .group_id(volume.group.as_deref().map(Into::into))
        .snapshots(volume.snapshots.len() as u64)
}
