//! New volumes: empty ones, copies of volumes and snapshots, and old ones that are overwritten.

use super::array::LimitKind;
use super::error::{ApiError, Kind, Outcome};
use super::fabric::{At, Fabric};
use super::names::{NameKind, Scoped, check};
use super::snapshot::SnapshotOf;
use super::tag;
use super::volume::{Qos, Volume, check_size};
use crate::content::{Key, Manifest};
use crate::spec::OverwriteSizePolicy;

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
        if self.switches.overwrite_keeps_undo {
            self.keep_undo(at, id)?;
        }
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
}
