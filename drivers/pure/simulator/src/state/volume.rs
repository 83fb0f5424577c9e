//! Volumes: made, copied, overwritten, renamed, moved, destroyed.

use super::array::{LimitKind, Millis};
use super::error::{ApiError, Kind, Outcome};
use super::fabric::{At, Fabric};
use super::names::{NameKind, Scoped, check, same};
use super::snapshot::SnapshotOf;
use super::tag;
use crate::content::{Key, Manifest};
use crate::query::names::volume_size;
use crate::spec::OverwriteSizePolicy;

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

/// What a new volume, a copy or an overwrite is to be.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewVolume {
    pub provisioned: Option<u64>,
    /// The name of a volume or of a snapshot of one.
    pub source: Option<String>,
    pub qos: Qos,
    pub overwrite: bool,
    pub with_default_protection: bool,
    pub groups: Vec<String>,
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

/// Content to copy from.
struct Origin {
    key: Key,
    size: u64,
    manifest: Manifest,
    id: Option<String>,
    name: String,
    volume: Option<String>,
}

impl Fabric {
    pub(crate) fn volume(&self, at: At, id: &str) -> Option<&Volume> {
        self.arrays[at].volumes.get(id)
    }

    fn volume_mut(&mut self, at: At, id: &str) -> Outcome<&mut Volume> {
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

    /// Makes a volume, copies one, or overwrites one.
    pub(crate) fn create_volume(
        &mut self,
        at: At,
        name: &str,
        wanted: &NewVolume,
    ) -> Outcome<String> {
        self.check_overwrite_parameters(name, wanted)?;
        let origin = match &wanted.source {
            Some(source) => Some(self.origin(at, source)?),
            None => None,
        };
        match (self.volume_id(at, name), origin) {
            (Ok(id), Some(origin)) if wanted.overwrite => self.overwrite(at, &id, origin),
            (Ok(id), _) => Err(self.name_taken(at, &id)),
            (Err(_), origin) => self.make_volume(at, name, wanted, origin),
        }
    }

    fn check_overwrite_parameters(&self, name: &str, wanted: &NewVolume) -> Outcome<()> {
        if wanted.overwrite && wanted.source.is_none() {
            return Err(ApiError::refused(name, "Overwrite requires a source."));
        }
        if wanted.overwrite && !wanted.groups.is_empty() && self.switches.strict_overwrite {
            return Err(ApiError::refused(
                name,
                "Cannot specify add_to_protection_group_names with overwrite.",
            ));
        }
        Ok(())
    }

    fn name_taken(&self, at: At, id: &str) -> ApiError {
        let Some(volume) = self.volume(at, id) else {
            return ApiError::missing(Kind::Volume, id);
        };
        let text = self.switches.pending_name_text;
        ApiError::taken(Kind::Volume, &volume.name, volume.destroyed.is_some(), text)
    }

    fn make_volume(
        &mut self,
        at: At,
        name: &str,
        wanted: &NewVolume,
        origin: Option<Origin>,
    ) -> Outcome<String> {
        let place = Scoped::parse(name);
        check(NameKind::Volume, name, &place.base)?;
        let name = &self.check_container(at, &place)?.full();
        let size = match (&origin, wanted.provisioned) {
            (_, Some(size)) => check_size(name, size)?,
            (Some(origin), None) => origin.size,
            (None, None) => return Err(ApiError::refused(name, "Provisioned size is required.")),
        };
        let array = &mut self.arrays[at];
        array.check_limit(LimitKind::Volumes, 1, name)?;
        array.check_space(name)?;
        self.check_quota(at, place.pod.as_deref(), size, name)?;
        let id = self.new_id();
        let array = &mut self.arrays[at];
        let key = Key::Volume(name.clone());
        let mut known = Manifest::default();
        let mut source = None;
        match origin {
            None => array.store.create(&key, size)?,
            Some(origin) => {
                array.store.copy(&origin.key, &key)?;
                if size != origin.size {
                    array.store.resize(&key, size)?;
                }
                known = origin.manifest;
                source = Some((origin.id, origin.name));
                if let Some(volume) = origin.volume {
                    let tags = tag::copied(array, &volume, &id);
                    array.tags.extend(tags);
                }
            }
        }
        let volume = Volume {
            id: id.clone(),
            name: name.clone(),
            serial: array.new_serial(),
            provisioned: size,
            created: self.now,
            destroyed: None,
            qos: wanted.qos,
            source,
            promoted: true,
            known,
        };
        array.volumes.insert(id.clone(), volume);
        self.protect_new(at, &id, place.pod.as_deref(), wanted)?;
        Ok(id)
    }

    /// Puts a new volume into the groups that were named and those that its container prescribes.
    fn protect_new(
        &mut self,
        at: At,
        id: &str,
        pod: Option<&str>,
        wanted: &NewVolume,
    ) -> Outcome<()> {
        let mut groups = wanted.groups.clone();
        if wanted.with_default_protection {
            let defaults = &self.arrays[at].default_protections;
            groups.extend(defaults.get(pod.unwrap_or("")).cloned().unwrap_or_default());
        }
        for group in groups {
            let group = self.live_group_id(at, &group)?;
            self.add_member(at, &group, id)?;
        }
        Ok(())
    }

    /// The volume takes the origin's content and size and keeps everything else.
    fn overwrite(&mut self, at: At, id: &str, origin: Origin) -> Outcome<String> {
        let connected = self.connection_count(at, id) > 0;
        let policy = self.switches.overwrite_size_policy;
        let connected_allowed = self.switches.overwrite_connected;
        let volume = self.volume_mut(at, id)?;
        let name = volume.name.clone();
        if volume.destroyed.is_some() {
            return Err(ApiError::destroyed(Kind::Volume, &name));
        }
        if connected && !connected_allowed {
            return Err(ApiError::refused(
                &name,
                "Volume cannot be overwritten due to existing connections.",
            ));
        }
        if origin.size != volume.provisioned && policy == OverwriteSizePolicy::Reject {
            return Err(ApiError::refused(&name, "Volume sizes do not match."));
        }
        if origin.volume.as_deref() == Some(id) && matches!(origin.key, Key::Volume(_)) {
            return Err(ApiError::refused(
                &name,
                "Volume cannot be copied onto itself.",
            ));
        }
        self.arrays[at].check_space(&name)?;
        self.arrays[at]
            .store
            .copy(&origin.key, &Key::Volume(name))?;
        let volume = self.volume_mut(at, id)?;
        volume.provisioned = origin.size;
        volume.known = origin.manifest;
        volume.source = Some((origin.id, origin.name));
        Ok(id.to_owned())
    }

    /// What a copy is made from; the bytes of a volume are looked at now.
    fn origin(&mut self, at: At, name: &str) -> Outcome<Origin> {
        if let Ok(id) = self.volume_id(at, name) {
            self.live_volume_id(at, name)?;
            let manifest = self.look_at(at, &id)?;
            let volume = self.volume_mut(at, &id)?;
            return Ok(Origin {
                key: Key::Volume(volume.name.clone()),
                size: volume.provisioned,
                manifest,
                id: Some(id.clone()),
                name: volume.name.clone(),
                volume: Some(id),
            });
        }
        let id = self.usable_snapshot_id(at, name)?;
        let Some(snapshot) = self.arrays[at].snapshots.get(&id) else {
            return Err(ApiError::missing(Kind::Snapshot, name));
        };
        let volume = match &snapshot.of {
            SnapshotOf::Volume { volume } => Some(volume.clone()),
            SnapshotOf::Point { .. } => None,
        };
        Ok(Origin {
            key: Key::Snapshot(id),
            size: snapshot.provisioned,
            manifest: snapshot.manifest.clone(),
            id: snapshot.source.0.clone(),
            name: snapshot.source.1.clone(),
            volume,
        })
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
    fn check_container(&self, at: At, place: &Scoped) -> Outcome<Scoped> {
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
            // The content before the cut stays for a while, under a name that the array chooses.
            let undo = self.snapshot_volume(at, id, None)?;
            self.destroy_snapshot(at, &undo, true)?;
        }
        self.arrays[at].store.resize(&Key::Volume(name), size)?;
        self.volume_mut(at, id)?.provisioned = size;
        self.look_at(at, id).map(|_| ())
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
        self.volume_mut(at, id)?.promoted = promoted;
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

fn check_size(name: &str, size: u64) -> Outcome<u64> {
    volume_size(size).map_err(|error| ApiError::refused(name, error.to_string()))
}
