//! Generic volume groups.

use std::collections::BTreeSet;

use protector_framework::{
    DriverError, EnsureVolumeGroup, ErrorKind, Result, SetVolumeGroupVolumes, VolumeGroup, VolumeId,
};

use super::state::{GroupRecord, GroupState, VolumeState};
use super::view::{View, invalid};

impl View<'_> {
    pub(crate) fn show_group(&self, id: &str) -> Result<VolumeGroup> {
        let group = self.group(id)?;
        let status = match group.state {
            GroupState::Creating { .. } => "creating",
            GroupState::Updating { .. } => "updating",
            GroupState::Available => "available",
        };
        let volumes: Vec<VolumeId> = self
            .volumes_in(id)
            .iter()
            .map(|v| v.as_str().into())
            .collect();
        let available = group.state == GroupState::Available;
        Ok(VolumeGroup::new(
            id,
            &*group.name,
            available,
            status,
            volumes,
        ))
    }

    pub(crate) fn ensure_group(&mut self, req: &EnsureVolumeGroup) -> Result<VolumeGroup> {
        let mut twins: Vec<(u64, String)> = self
            .state
            .groups
            .iter()
            .filter(|(_, group)| self.is_mine(&group.project) && group.name == req.name)
            .map(|(id, group)| (group.made, id.clone()))
            .collect();
        twins.sort();
        if let Some(((_, oldest), others)) = twins.split_first() {
            for (_, twin) in others {
                if self.volumes_in(twin).is_empty() {
                    self.state.groups.remove(twin);
                }
            }
            return self.show_group(oldest);
        }
        let id = self.create_group(req)?;
        self.show_group(&id)
    }

    /// Makes a group, also one whose name another has: Cinder's names are not unique.
    pub(crate) fn create_group(&mut self, req: &EnsureVolumeGroup) -> Result<String> {
        if !self.state.group_types.contains(&req.group_type) {
            return Err(DriverError::not_found(format!(
                "group type `{}`; an administrator makes it with `openstack volume group type \
                 create {}`",
                req.group_type, req.group_type
            )));
        }
        for kind in &req.volume_types {
            if !self.state.volume_types.contains_key(kind.as_str()) {
                return Err(DriverError::not_found(format!("volume type `{kind}`")));
            }
        }
        let id = self.new_id();
        let record = GroupRecord {
            project: self.caller.project.clone(),
            made: self.state.next(),
            name: req.name.clone(),
            description: req.description.clone(),
            volume_types: req.volume_types.iter().map(ToString::to_string).collect(),
            state: GroupState::Creating {
                until: self.state.until(self.now),
            },
        };
        self.state.groups.insert(id.clone(), record);
        Ok(id)
    }

    pub(crate) fn set_group_volumes(&mut self, req: &SetVolumeGroupVolumes) -> Result<VolumeGroup> {
        let id = req.id.as_str();
        if self.group(id)?.state != GroupState::Available {
            return Err(DriverError::new(
                ErrorKind::Busy,
                format!("volume group `{id}` is changing"),
            ));
        }
        let wanted: BTreeSet<String> = req.volumes.iter().map(ToString::to_string).collect();
        let present: BTreeSet<String> = self.volumes_in(id).into_iter().collect();
        for volume in wanted.difference(&present) {
            self.check_joins(id, volume)?;
        }
        for volume in present.difference(&wanted) {
            self.check_status(
                volume,
                "taken out of a group",
                &["available", "in-use", "error"],
            )?;
        }
        if wanted == present {
            return self.show_group(id);
        }
        for volume in &present {
            self.volume_mut(volume)?.group = None;
        }
        for volume in &wanted {
            self.volume_mut(volume)?.group = Some(id.to_owned());
        }
        let until = self.state.until(self.now);
        if let Some(group) = self.state.groups.get_mut(id) {
            group.state = GroupState::Updating { until };
        }
        self.show_group(id)
    }

    pub(crate) fn delete_group(&mut self, id: &str) -> Result<()> {
        match self.group(id) {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            other => drop(other?),
        }
        let volumes = self.volumes_in(id);
        if !volumes.is_empty() {
            return Err(DriverError::conflict(format!(
                "volume group `{id}` has {} volumes",
                volumes.len()
            )));
        }
        self.state.groups.remove(id);
        Ok(())
    }

    fn check_joins(&self, group: &str, id: &str) -> Result<()> {
        let volume = self.volume(id)?;
        if let Some(other) = &volume.group {
            return Err(invalid(format!(
                "volume `{id}` is in volume group `{other}`"
            )));
        }
        let types = &self.group(group)?.volume_types;
        if !volume
            .volume_type
            .as_ref()
            .is_some_and(|t| types.contains(t))
        {
            return Err(invalid(format!(
                "volume `{id}` is of a type that volume group `{group}` does not take"
            )));
        }
        self.check_status(id, "put into a group", &["available", "in-use"])
    }

    /// Cinder lets a volume in and out of a group in few states; `reserved` is not one of them.
    fn check_status(&self, id: &str, done: &str, allowed: &[&str]) -> Result<()> {
        let volume = self.volume(id)?;
        let status = volume.status();
        if allowed.contains(&status) {
            return Ok(());
        }
        let settled = matches!(
            volume.state,
            VolumeState::Ready | VolumeState::Error | VolumeState::ErrorUnmanaging
        );
        let kind = if settled {
            ErrorKind::InvalidRequest
        } else {
            ErrorKind::Busy
        };
        Err(DriverError::new(
            kind,
            format!("volume `{id}` is {status} and cannot be {done}"),
        ))
    }

    fn volumes_in(&self, group: &str) -> Vec<String> {
        self.state
            .volumes
            .iter()
            .filter(|(_, volume)| volume.group.as_deref() == Some(group))
            .map(|(id, _)| id.clone())
            .collect()
    }
}
