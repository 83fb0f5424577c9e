//! Snapshots of single volumes: taken alone, or as a part of a group's snapshot.

use super::array::{LimitKind, Millis};
use super::error::{ApiError, Kind, Outcome};
use super::fabric::{At, Fabric};
use super::names::{NameKind, check, same};
use crate::content::{Key, Manifest};

/// What a snapshot belongs to, which is also what it is named after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SnapshotOf {
    /// `<volume>.<suffix>`; follows the volume's name.
    Volume { volume: String },
    /// `<group>.<suffix>.<label>`: the volume's name when it was taken.
    Point { point: String, label: String },
}

/// A frozen volume. Its content and size never change.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub id: String,
    pub of: SnapshotOf,
    pub suffix: String,
    pub created: Millis,
    pub destroyed: Option<Millis>,
    pub provisioned: u64,
    pub serial: String,
    pub manifest: Manifest,
    /// Id and name of the volume; a received one has its source's id, and `array:name`.
    pub source: (Option<String>, String),
}

impl Fabric {
    pub(crate) fn snapshot_name(&self, at: At, snapshot: &Snapshot) -> String {
        match &snapshot.of {
            SnapshotOf::Volume { volume } => {
                let volume = self.volume(at, volume).map_or("", |v| v.name.as_str());
                format!("{volume}.{}", snapshot.suffix)
            }
            SnapshotOf::Point { point, label } => {
                format!("{}.{label}", self.point_name(at, point))
            }
        }
    }

    /// A snapshot by its full name, live or destroyed.
    pub(crate) fn snapshot_id(&self, at: At, name: &str) -> Outcome<String> {
        self.arrays[at]
            .snapshots
            .values()
            .find(|snapshot| same(&self.snapshot_name(at, snapshot), name))
            .map(|snapshot| snapshot.id.clone())
            .ok_or_else(|| ApiError::missing(Kind::Snapshot, name))
    }

    /// A snapshot that may be copied from: not destroyed, and all there.
    pub(super) fn usable_snapshot_id(&self, at: At, name: &str) -> Outcome<String> {
        let id = self.snapshot_id(at, name)?;
        let Some(snapshot) = self.arrays[at].snapshots.get(&id) else {
            return Err(ApiError::missing(Kind::Snapshot, name));
        };
        if self.snapshot_destroyed(at, snapshot).is_some() {
            return Err(ApiError::destroyed(Kind::Snapshot, name));
        }
        if let SnapshotOf::Point { point, .. } = &snapshot.of
            && !self.point_is_complete(at, point)
            && !self.switches.copy_before_complete
        {
            return Err(ApiError::refused(
                name,
                "Volume snapshot has not been completely replicated.",
            ));
        }
        Ok(id)
    }

    /// A part of a group's snapshot is destroyed with it.
    pub(crate) fn snapshot_destroyed(&self, at: At, snapshot: &Snapshot) -> Option<Millis> {
        let point = match &snapshot.of {
            SnapshotOf::Volume { .. } => None,
            SnapshotOf::Point { point, .. } => self.arrays[at].points.get(point),
        };
        snapshot
            .destroyed
            .or_else(|| point.and_then(|point| point.destroyed))
    }

    /// Freezes one volume alone.
    pub(crate) fn snapshot_volume(
        &mut self,
        at: At,
        volume: &str,
        suffix: Option<&str>,
    ) -> Outcome<String> {
        let Some(held) = self.volume(at, volume) else {
            return Err(ApiError::missing(Kind::Volume, volume));
        };
        let name = held.name.clone();
        if held.destroyed.is_some() {
            return Err(ApiError::destroyed(Kind::Volume, &name));
        }
        let suffix = match suffix {
            Some(suffix) => {
                check(NameKind::SnapshotSuffix, suffix, suffix)?;
                suffix.to_owned()
            }
            None => self.next_volume_suffix(at, volume),
        };
        if self.snapshot_id(at, &format!("{name}.{suffix}")).is_ok() {
            return Err(ApiError::exists(
                Kind::Snapshot,
                &format!("{name}.{suffix}"),
            ));
        }
        let of = SnapshotOf::Volume {
            volume: volume.to_owned(),
        };
        self.freeze(at, volume, of, &suffix)
    }

    fn next_volume_suffix(&self, at: At, id: &str) -> String {
        let of_volume =
            |of: &SnapshotOf| matches!(of, SnapshotOf::Volume { volume } if volume == id);
        let snapshots = self.arrays[at].snapshots.values();
        let used = snapshots
            .filter(|snapshot| of_volume(&snapshot.of))
            .filter_map(|snapshot| snapshot.suffix.parse::<u64>().ok());
        (used.max().unwrap_or(0) + 1).to_string()
    }

    /// Copies a volume's content of this moment into a new snapshot.
    pub(super) fn freeze(
        &mut self,
        at: At,
        volume: &str,
        of: SnapshotOf,
        suffix: &str,
    ) -> Outcome<String> {
        self.refresh(at, volume)?;
        let id = self.new_id();
        let now = self.now;
        let array = &mut self.arrays[at];
        let Some(held) = array.volumes.get(volume) else {
            return Err(ApiError::missing(Kind::Volume, volume));
        };
        let name = held.name.clone();
        array.check_limit(LimitKind::Snapshots, 1, &name)?;
        let key = Key::Snapshot(id.clone());
        array.store.copy(&Key::Volume(name.clone()), &key)?;
        // Of the copy, which nobody else writes into.
        let manifest = array.store.manifest(&key)?;
        let serial = array.new_serial();
        let Some(held) = array.volumes.get_mut(volume) else {
            return Err(ApiError::missing(Kind::Volume, volume));
        };
        held.known = manifest.clone();
        let snapshot = Snapshot {
            id: id.clone(),
            of,
            suffix: suffix.to_owned(),
            created: now,
            destroyed: None,
            provisioned: held.provisioned,
            serial,
            manifest,
            source: (Some(volume.to_owned()), name),
        };
        array.snapshots.insert(id.clone(), snapshot);
        Ok(id)
    }

    pub(crate) fn rename_snapshot(&mut self, at: At, id: &str, suffix: &str) -> Outcome<()> {
        check(NameKind::SnapshotSuffix, suffix, suffix)?;
        let Some(snapshot) = self.arrays[at].snapshots.get(id) else {
            return Err(ApiError::missing(Kind::Snapshot, id));
        };
        let mut renamed = snapshot.clone();
        let name = self.snapshot_name(at, snapshot);
        if !matches!(renamed.of, SnapshotOf::Volume { .. }) {
            return Err(ApiError::refused(
                &name,
                "Cannot rename a protection group's snapshot.",
            ));
        }
        if renamed.destroyed.is_some() {
            return Err(ApiError::destroyed(Kind::Snapshot, &name));
        }
        suffix.clone_into(&mut renamed.suffix);
        let wanted = self.snapshot_name(at, &renamed);
        if self.snapshot_id(at, &wanted).is_ok_and(|other| other != id) {
            return Err(ApiError::exists(Kind::Snapshot, &wanted));
        }
        self.arrays[at].snapshots.insert(id.to_owned(), renamed);
        Ok(())
    }

    pub(crate) fn destroy_snapshot(&mut self, at: At, id: &str, destroy: bool) -> Outcome<()> {
        let now = self.now;
        let Some(snapshot) = self.arrays[at].snapshots.get(id) else {
            return Err(ApiError::missing(Kind::Snapshot, id));
        };
        let name = self.snapshot_name(at, snapshot);
        if matches!(snapshot.of, SnapshotOf::Point { .. }) {
            return Err(ApiError::refused(
                &name,
                "Cannot destroy a volume snapshot that belongs to a protection group snapshot.",
            ));
        }
        match (destroy, snapshot.destroyed) {
            (true, Some(_)) => return Err(ApiError::destroyed_already(Kind::Snapshot, &name)),
            (false, None) => return Err(ApiError::not_destroyed(Kind::Snapshot, &name)),
            _ => {}
        }
        if let Some(snapshot) = self.arrays[at].snapshots.get_mut(id) {
            snapshot.destroyed = destroy.then_some(now);
        }
        Ok(())
    }

    pub(crate) fn eradicate_snapshot(&mut self, at: At, id: &str) -> Outcome<()> {
        let Some(snapshot) = self.arrays[at].snapshots.get(id) else {
            return Err(ApiError::missing(Kind::Snapshot, id));
        };
        if snapshot.destroyed.is_none() {
            let name = self.snapshot_name(at, snapshot);
            return Err(ApiError::not_destroyed(Kind::Snapshot, &name));
        }
        self.arrays[at].check_eradication(false)?;
        self.forget_snapshot(at, id)
    }

    pub(super) fn forget_snapshot(&mut self, at: At, id: &str) -> Outcome<()> {
        let array = &mut self.arrays[at];
        array.snapshots.remove(id);
        Ok(array.store.remove(&Key::Snapshot(id.to_owned()))?)
    }
}
