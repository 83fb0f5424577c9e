//! Volume groups: a name before the names of their volumes, and a common limit.

use super::array::Millis;
use super::error::{ApiError, Kind, Outcome};
use super::fabric::{At, Fabric};
use super::names::{NameKind, Scoped, check, same};
use super::volume::Qos;

/// One volume group.
#[derive(Debug, Clone)]
pub(crate) struct VolumeGroup {
    pub id: String,
    pub name: String,
    pub destroyed: Option<Millis>,
    pub qos: Qos,
}

impl Fabric {
    pub(crate) fn volume_group_id(&self, at: At, name: &str) -> Option<String> {
        self.arrays[at]
            .volume_groups
            .values()
            .find(|held| same(&held.name, name))
            .map(|held| held.id.clone())
    }

    pub(crate) fn create_volume_group(&mut self, at: At, name: &str, qos: Qos) -> Outcome<String> {
        check(NameKind::VolumeGroup, name, name)?;
        if self.volume_group_id(at, name).is_some() {
            return Err(ApiError::exists(Kind::VolumeGroup, name));
        }
        let id = self.new_id();
        let group = VolumeGroup {
            id: id.clone(),
            name: name.to_owned(),
            destroyed: None,
            qos,
        };
        self.arrays[at].volume_groups.insert(id.clone(), group);
        Ok(id)
    }

    /// Destroys a group with all its volumes, or recovers it with them.
    pub(crate) fn destroy_volume_group(&mut self, at: At, id: &str, destroy: bool) -> Outcome<()> {
        let now = self.now;
        let Some(group) = self.arrays[at].volume_groups.get_mut(id) else {
            return Err(ApiError::missing(Kind::VolumeGroup, id));
        };
        let name = group.name.clone();
        match (destroy, group.destroyed) {
            (true, Some(_)) => return Err(ApiError::destroyed_already(Kind::VolumeGroup, &name)),
            (false, None) => return Err(ApiError::not_destroyed(Kind::VolumeGroup, &name)),
            _ => group.destroyed = destroy.then_some(now),
        }
        for volume in self.volumes_of_volume_group(at, &name) {
            let destroyed = self
                .volume(at, &volume)
                .is_some_and(|v| v.destroyed.is_some());
            if destroyed != destroy {
                self.destroy_volume(at, &volume, destroy)?;
            }
        }
        Ok(())
    }

    pub(crate) fn eradicate_volume_group(&mut self, at: At, id: &str) -> Outcome<()> {
        let Some(group) = self.arrays[at].volume_groups.get(id) else {
            return Err(ApiError::missing(Kind::VolumeGroup, id));
        };
        let name = group.name.clone();
        if group.destroyed.is_none() {
            return Err(ApiError::not_destroyed(Kind::VolumeGroup, &name));
        }
        for volume in self.volumes_of_volume_group(at, &name) {
            self.eradicate_volume(at, &volume)?;
        }
        self.arrays[at].volume_groups.remove(id);
        Ok(())
    }

    pub(crate) fn volumes_of_volume_group(&self, at: At, name: &str) -> Vec<String> {
        let within = |full: &str| Scoped::parse(full).vgroup.is_some_and(|v| same(&v, name));
        self.arrays[at]
            .volumes
            .values()
            .filter(|volume| within(&volume.name))
            .map(|volume| volume.id.clone())
            .collect()
    }
}
