//! Volumes: found, renamed, resized, moved, destroyed.

use super::array::Millis;
use super::error::{ApiError, Kind, Outcome};
use super::fabric::{At, Fabric};
use super::names::{NameKind, Scoped, check, same};
use super::snapshot::SnapshotOf;
use crate::content::{Key, Manifest};
use crate::query::names::volume_size;

/// Limits of a volume or volume group; none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Qos {
    pub iops: Option<u64>,
    pub bandwidth: Option<u64>,
}

/// One volume.
#[derive(Debug, Clone)]
pub(crate) struct Volume {
    pub id: String,
    /// With its pod or volume group.
    pub name: String,
    pub serial: String,
    pub provisioned: u64,
    pub created: Millis,
    pub destroyed: Option<Millis>,
    pub qos: Qos,
    /// Id and name of what it was copied from.
    pub source: Option<(Option<String>, String)>,
    pub promoted: bool,
    /// Its content when it was last looked at.
    pub known: Manifest,
}

/// Where a volume goes and which groups it leaves and enters with that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Move {
    /// The empty name is the array's root.
    pub pod: Option<String>,
    /// The empty name is the array's root.
    pub volume_group: Option<String>,
    pub leaves: Vec<String>,
    pub enters: Vec<String>,
}

impl Fabric {
    pub(crate) fn volume(&self, at: At, id: &str) -> Option<&Volume> {
        self.arrays[at].volumes.get(id)
    }

    pub(super) fn volume_mut(&mut self, at: At, id: &str) -> Outcome<&mut Volume> {
        let volumes = &mut self.arrays[at].volumes;
        volumes
            .get_mut(id)
            .ok_or_else(|| ApiError::missing(Kind::Volume, id))
    }

    /// A volume by name, live or destroyed.
    pub(crate) fn volume_id(&self, at: At, name: &str) -> Outcome<String> {
        self.arrays[at]
            .volumes
            .values()
            .find(|volume| same(&volume.name, name))
            .map(|volume| volume.id.clone())
            .ok_or_else(|| ApiError::missing(Kind::Volume, name))
    }

    /// A volume by name that is not destroyed.
    pub(crate) fn live_volume_id(&self, at: At, name: &str) -> Outcome<String> {
        let id = self.volume_id(at, name)?;
        match self.volume(at, &id).and_then(|volume| volume.destroyed) {
            Some(_) => Err(ApiError::destroyed(Kind::Volume, name)),
            None => Ok(id),
        }
    }

    pub(super) fn name_taken(&self, at: At, id: &str) -> ApiError {
        let Some(volume) = self.volume(at, id) else {
            return ApiError::missing(Kind::Volume, id);
        };
        let text = self.switches.pending_name_text;
        ApiError::taken(Kind::Volume, &volume.name, volume.destroyed.is_some(), text)
    }

    /// What a volume holds now, which others may have written into its file.
    pub(crate) fn look_at(&mut self, at: At, id: &str) -> Outcome<Manifest> {
        self.refresh(at, id)?;
        let array = &mut self.arrays[at];
        let Some(volume) = array.volumes.get_mut(id) else {
            return Err(ApiError::missing(Kind::Volume, id));
        };
        volume.known = array.store.manifest(&Key::Volume(volume.name.clone()))?;
        Ok(volume.known.clone())
    }

    /// The container of a new name exists; its own spelling of its name is taken.
    pub(super) fn check_container(&self, at: At, place: &Scoped) -> Outcome<Scoped> {
        let mut found = place.clone();
        if let Some(pod) = &place.pod {
            let pod = self.live_pod(at, pod)?;
            found.pod = Some(pod.name.clone());
        }
        if let Some(name) = &place.vgroup {
            let held = self
                .volume_group_id(at, name)
                .and_then(|id| self.arrays[at].volume_groups.get(&id))
                .ok_or_else(|| ApiError::missing(Kind::VolumeGroup, name))?;
            if held.destroyed.is_some() {
                return Err(ApiError::destroyed(Kind::VolumeGroup, name));
            }
            found.vgroup = Some(held.name.clone());
        }
        Ok(found)
    }

    /// Takes a new name, alone or with the container that the volume is in.
    pub(crate) fn rename_volume(&mut self, at: At, id: &str, to: &str) -> Outcome<()> {
        let volume = self.volume_mut(at, id)?;
        let from = volume.name.clone();
        if volume.destroyed.is_some() {
            return Err(ApiError::destroyed(Kind::Volume, &from));
        }
        let mut wanted = Scoped::parse(to);
        let held = Scoped::parse(&from);
        if wanted.is_at_root() {
            (wanted.pod, wanted.vgroup) = (held.pod.clone(), held.vgroup.clone());
        }
        if (&wanted.pod, &wanted.vgroup) != (&held.pod, &held.vgroup) {
            return Err(ApiError::refused(&from, "Cannot rename across containers."));
        }
        check(NameKind::Volume, to, &wanted.base)?;
        let to = wanted.full();
        if let Ok(other) = self.volume_id(at, &to)
            && other != id
        {
            return Err(self.name_taken(at, &other));
        }
        self.set_volume_name(at, id, &to)
    }

    /// The one place where a volume's name and its file change.
    pub(super) fn set_volume_name(&mut self, at: At, id: &str, to: &str) -> Outcome<()> {
        let follow = self.switches.member_names_follow_rename;
        let array = &mut self.arrays[at];
        let Some(volume) = array.volumes.get_mut(id) else {
            return Err(ApiError::missing(Kind::Volume, id));
        };
        if volume.name != to {
            let from = Key::Volume(volume.name.clone());
            array.store.rename(&from, &Key::Volume(to.to_owned()))?;
            to.clone_into(&mut volume.name);
        }
        for snapshot in array.snapshots.values_mut() {
            if snapshot.source.0.as_deref() == Some(id) {
                to.clone_into(&mut snapshot.source.1);
                if let SnapshotOf::Point { label, .. } = &mut snapshot.of
                    && follow
                {
                    *label = point_label(to);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn resize_volume(
        &mut self,
        at: At,
        id: &str,
        size: u64,
        truncate: bool,
    ) -> Outcome<()> {
        let volume = self.volume_mut(at, id)?;
        let (name, held) = (volume.name.clone(), volume.provisioned);
        if volume.destroyed.is_some() {
            return Err(ApiError::destroyed(Kind::Volume, &name));
        }
        let size = check_size(&name, size)?;
        if size < held && !truncate {
            return Err(ApiError::refused(
                &name,
                "Volume size cannot be reduced without truncate.",
            ));
        }
        let pod = Scoped::parse(&name).pod;
        self.check_quota(at, pod.as_deref(), size.saturating_sub(held), &name)?;
        if size < held {
            self.keep_undo(at, id)?;
        }
        self.arrays[at].store.resize(&Key::Volume(name), size)?;
        self.volume_mut(at, id)?.provisioned = size;
        self.look_at(at, id).map(|_| ())
    }

    /// What a volume holds stays for a while, under a name that the array chooses.
    pub(super) fn keep_undo(&mut self, at: At, id: &str) -> Outcome<()> {
        let undo = self.snapshot_volume(at, id, None)?;
        self.destroy_snapshot(at, &undo, true)
    }

    /// Destroys a volume with its own snapshots, or recovers it with those that went with it.
    pub(crate) fn destroy_volume(&mut self, at: At, id: &str, destroy: bool) -> Outcome<()> {
        let now = self.now;
        let connected = self.connection_count(at, id) > 0;
        let volume = self.volume_mut(at, id)?;
        let name = volume.name.clone();
        let before = volume.destroyed;
        match (destroy, before) {
            (true, Some(_)) => return Err(ApiError::destroyed_already(Kind::Volume, &name)),
            (false, None) => return Err(ApiError::not_destroyed(Kind::Volume, &name)),
            (true, None) if connected => {
                return Err(ApiError::refused(
                    &name,
                    "Volume cannot be deleted due to existing connections.",
                ));
            }
            _ => volume.destroyed = destroy.then_some(now),
        }
        for snapshot in self.arrays[at].snapshots.values_mut() {
            let own = matches!(&snapshot.of, SnapshotOf::Volume { volume } if volume == id);
            if own && snapshot.destroyed == (if destroy { None } else { before }) {
                snapshot.destroyed = destroy.then_some(now);
            }
        }
        Ok(())
    }

    /// Ends a destroyed volume before its time.
    pub(crate) fn eradicate_volume(&mut self, at: At, id: &str) -> Outcome<()> {
        let locked = self
            .groups_of(at, id)
            .iter()
            .any(|group| self.is_locked(at, group));
        let volume = self.volume_mut(at, id)?;
        if volume.destroyed.is_none() {
            return Err(ApiError::not_destroyed(Kind::Volume, &volume.name));
        }
        self.arrays[at].check_eradication(locked)?;
        self.forget_volume(at, id)
    }

    /// Nothing of the volume stays but its copies in points.
    pub(super) fn forget_volume(&mut self, at: At, id: &str) -> Outcome<()> {
        let array = &mut self.arrays[at];
        let Some(volume) = array.volumes.remove(id) else {
            return Ok(());
        };
        array.store.remove(&Key::Volume(volume.name))?;
        array.tags.retain(|tag| tag.volume != id);
        array
            .connections
            .retain(|connection| connection.volume != id);
        for group in array.groups.values_mut() {
            group.members.retain(|member| member != id);
        }
        let own: Vec<String> = array
            .snapshots
            .values()
            .filter(|s| matches!(&s.of, SnapshotOf::Volume { volume } if volume == id))
            .map(|snapshot| snapshot.id.clone())
            .collect();
        for snapshot in own {
            self.forget_snapshot(at, &snapshot)?;
        }
        Ok(())
    }

    /// Moves a volume between the root, pods and volume groups.
    pub(crate) fn move_volume(&mut self, at: At, id: &str, wanted: &Move) -> Outcome<()> {
        let volume = self.volume_mut(at, id)?;
        let name = volume.name.clone();
        if volume.destroyed.is_some() {
            return Err(ApiError::destroyed(Kind::Volume, &name));
        }
        let held = Scoped::parse(&name);
        let place = Scoped {
            pod: wanted.pod.clone().filter(|name| !name.is_empty()),
            vgroup: wanted.volume_group.clone().filter(|name| !name.is_empty()),
            base: held.base.clone(),
        };
        let place = self.check_container(at, &place)?;
        for pod in [&held.pod, &place.pod].into_iter().flatten() {
            self.check_pod_is_open(at, pod)?;
        }
        let leaves = self.group_ids(at, &wanted.leaves)?;
        let groups = self.groups_of(at, id);
        if groups.iter().any(|group| !leaves.contains(group)) {
            return Err(ApiError::refused(
                &name,
                "Cannot move volume in protection groups.",
            ));
        }
        if let Ok(other) = self.volume_id(at, &place.full())
            && other != id
        {
            return Err(self.name_taken(at, &other));
        }
        let size = self.volume_mut(at, id)?.provisioned;
        self.check_quota(at, place.pod.as_deref(), size, &name)?;
        for group in groups {
            self.remove_member(at, &group, id)?;
        }
        self.set_volume_name(at, id, &place.full())?;
        for group in self.group_ids(at, &wanted.enters)? {
            self.add_member(at, &group, id)?;
        }
        Ok(())
    }

    pub(crate) fn set_volume_qos(&mut self, at: At, id: &str, qos: Qos) -> Outcome<()> {
        self.volume_mut(at, id)?.qos = qos;
        Ok(())
    }

    /// Stops or allows writes to one volume.
    pub(crate) fn promote_volume(&mut self, at: At, id: &str, promoted: bool) -> Outcome<()> {
        let connected = self.connection_count(at, id) > 0;
        let refuses = connected && !promoted && !self.switches.demote_connected;
        let volume = self.volume_mut(at, id)?;
        if refuses {
            return Err(ApiError::refused(
                &volume.name,
                "Volume cannot be demoted due to existing connections.",
            ));
        }
        volume.promoted = promoted;
        Ok(())
    }
}

/// What a volume is called within a group's snapshot: its pod is dropped, its volume group kept.
pub(super) fn point_label(name: &str) -> String {
    let place = Scoped::parse(name);
    match place.pod {
        Some(_) => place.base,
        None => name.to_owned(),
    }
}

pub(super) fn check_size(name: &str, size: u64) -> Outcome<u64> {
    volume_size(size).map_err(|error| ApiError::refused(name, error.to_string()))
}
