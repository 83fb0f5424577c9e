//! Points and the volumes made from them.

use std::fs::{self, File};
use std::path::PathBuf;

use protector_framework::{
    ArrayVolume, CallCtx, DiscardVolume, DriverError, ErrorKind, GetWritten, GroupRef,
    MaterializeVolume, OverwriteVolume, PinPoint, Point, Result, SnapshotVolume,
};

use super::files::{VolumeFile, checked, remove, serial};
use super::open::Open;
use super::state::{Origin, PointRecord};
use crate::sparse;
use crate::store::failed;

/// What the name of a volume ends in while it is overwritten.
const OVERWRITING: &str = ".overwriting";

impl Open {
    /// The points of a group on this array; an absent group is `NotFound`.
    pub(super) fn points(&self, group: &GroupRef) -> Result<&Vec<PointRecord>> {
        match group {
            GroupRef::Local { name } => Ok(&self.group(name.as_str())?.points),
            GroupRef::Replica { name, source } => self
                .own
                .state()
                .replicas
                .get(source.id.as_str())
                .and_then(|groups| groups.get(name.as_str()))
                .map(|replica| &replica.points)
                .ok_or_else(|| {
                    DriverError::not_found(format!(
                        "what was received of group `{name}` from array `{}`",
                        source.name
                    ))
                }),
        }
    }

    pub(crate) fn list_points(&self, group: &GroupRef) -> Result<Vec<Point>> {
        let points = match self.points(group) {
            Ok(points) => points,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let shown = |point: &PointRecord| {
            let pins: Vec<String> = point.pinned_by.iter().cloned().collect();
            Point::new(
                &*point.name,
                point.taken_at,
                point.complete,
                point.volumes.clone(),
            )
            .pinned_by(pins)
        };
        Ok(points.iter().map(shown).collect())
    }

    pub(super) fn pin(&mut self, req: &PinPoint) -> Result<()> {
        let point = self.point_mut(&req.group, req.point.as_str())?;
        if !point.complete {
            return Err(incomplete(&point.name));
        }
        point.pinned_by.insert(req.holder.clone());
        Ok(())
    }

    pub(super) fn unpin(&mut self, req: &PinPoint) -> Result<()> {
        match self.point_mut(&req.group, req.point.as_str()) {
            Ok(point) => {
                point.pinned_by.remove(&req.holder);
                Ok(())
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn materialize(
        &mut self,
        ctx: &CallCtx,
        req: &MaterializeVolume,
    ) -> Result<ArrayVolume> {
        let name = checked(req.name.as_str())?;
        let origin = Origin {
            group: format!("{:?}", req.group),
            point: req.point.to_string(),
            source: req.source.to_string(),
            name: name.to_owned(),
            key: ctx.idempotency_key.clone(),
            operation: ctx.operation_id.map(|id| id.to_string()),
        };
        if let Some(made) = self.made_before(&origin)? {
            return Ok(self.shown(&made));
        }
        if self.own.files.find(name)?.is_some() {
            return Err(DriverError::new(
                ErrorKind::AlreadyExists,
                format!("array volume `{name}` exists and was not made by this call"),
            ));
        }
        let from = self.point_file(&req.group, req.point.as_str(), req.source.as_str())?;
        self.room_for(&from)?;
        let aside = self.own.files.copy_aside(&from, name)?;
        let meta = fs::metadata(&aside).map_err(|error| failed("look at", &aside, &error))?;
        // The record comes first: a volume that is there without one would be taken for another's.
        let origins = &mut self.own.state_mut().origins;
        origins.insert(serial(&meta), origin);
        self.own.save()?;
        let to = self.own.files.volume(name);
        fs::rename(&aside, &to).map_err(|error| failed("make", &to, &error))?;
        Ok(self.shown(&self.own.files.require(name)?))
    }

    /// Refuses a copy for which there is no space.
    fn room_for(&self, from: &PathBuf) -> Result<()> {
        let needed = File::open(from)
            .and_then(|file| sparse::data_bytes(&file))
            .map_err(|error| failed("read", from, &error))?;
        let used = self.own.files.used_bytes()?;
        let capacity = self.own.state().capacity_bytes;
        if used.saturating_add(needed) > capacity {
            return Err(DriverError::new(
                ErrorKind::QuotaExceeded,
                format!("{used} of {capacity} bytes are used and {needed} more are needed"),
            ));
        }
        Ok(())
    }

    /// The volume that an earlier call like this one made, whatever it is called now.
    fn made_before(&self, origin: &Origin) -> Result<Option<VolumeFile>> {
        let state = self.own.state();
        Ok(self.own.files.volumes()?.into_iter().find(|volume| {
            state
                .origins
                .get(&volume.serial)
                .is_some_and(|known| known == origin)
        }))
    }

    /// How many bytes of a volume differ from what a point of a group of this array holds.
    pub(super) fn written(&self, req: &GetWritten) -> Result<u64> {
        let group = GroupRef::Local {
            name: req.group.clone(),
        };
        let serial = req.volume.as_str();
        let point = self.point_file(&group, req.point.as_str(), serial)?;
        let volumes = self.own.files.volumes()?;
        let volume = volumes.iter().find(|volume| volume.serial == serial);
        let missing = || DriverError::not_found(format!("a volume with serial `{serial}`"));
        let now = self.own.files.volume(&volume.ok_or_else(missing)?.name);
        let compare = || sparse::changed_bytes(&File::open(&now)?, &File::open(&point)?);
        compare().map_err(|error| failed("compare", &now, &error))
    }

    pub(super) fn overwrite(&mut self, req: &OverwriteVolume) -> Result<ArrayVolume> {
        let name = checked(req.name.as_str())?;
        let aside = format!("{name}{OVERWRITING}");
        let from = self.point_file(&req.group, req.point.as_str(), req.source.as_str())?;
        let wanted = req.serial.as_str();
        let files = &self.own.files;
        match (files.find(name)?, files.find(&aside)?) {
            (_, Some(half)) if half.serial == wanted => {}
            (Some(whole), _) if whole.serial == wanted => self.free(&whole)?,
            (Some(other), _) => return Err(wrong_serial(&other, wanted)),
            (None, _) => {
                return Err(DriverError::not_found(format!("array volume `{name}`")));
            }
        }
        let (old, new) = (files.volume(name), files.volume(&aside));
        let write = || -> std::io::Result<()> {
            if !new.exists() {
                fs::rename(&old, &new)?;
            }
            let target = File::options().read(true).write(true).open(&new)?;
            sparse::copy(&File::open(&from)?, &target)?;
            drop(target);
            fs::rename(&new, &old)
        };
        write().map_err(|error| failed("overwrite", &old, &error))?;
        Ok(self.shown(&self.own.files.require(name)?))
    }

    pub(super) fn snapshot(&mut self, req: &SnapshotVolume) -> Result<()> {
        let snapshot = checked(&req.snapshot)?;
        let files = &self.own.files;
        let volume = files.require(req.volume.as_str())?;
        let directory = files.snapshots(&volume.serial);
        if directory.join(snapshot).exists() {
            return Ok(());
        }
        files.copy_into(&files.volume(&volume.name), &directory, snapshot)
    }

    pub(super) fn discard(&mut self, req: &DiscardVolume) -> Result<()> {
        let files = self.own.files.clone();
        let volume = match files.find(checked(req.name.as_str())?)? {
            Some(volume) if volume.serial != req.serial.as_str() => {
                return Err(wrong_serial(&volume, req.serial.as_str()));
            }
            Some(volume) => volume,
            None => {
                let mut all = files.volumes()?.into_iter();
                match all.find(|volume| volume.serial == req.serial.as_str()) {
                    Some(renamed) => renamed,
                    None => return Ok(()),
                }
            }
        };
        self.free(&volume)?;
        for path in [files.volume(&volume.name), files.snapshots(&volume.serial)] {
            remove(&path).map_err(|error| failed("remove", &path, &error))?;
        }
        let state = self.own.state_mut();
        state.origins.remove(&volume.serial);
        state.connections.remove(&volume.serial);
        Ok(())
    }

    /// A volume as the contract shows it.
    pub(crate) fn shown(&self, volume: &VolumeFile) -> ArrayVolume {
        let state = self.own.state();
        let made_by = state
            .origins
            .get(&volume.serial)
            .and_then(|origin| origin.operation.clone());
        ArrayVolume::new(&*volume.name, &*volume.serial, volume.size)
            .connected(self.connected(volume))
            .made_by(made_by)
    }

    fn connected(&self, volume: &VolumeFile) -> Option<bool> {
        let state = self.own.state();
        if !state.connections_known {
            return self.own.files.connected(&volume.name);
        }
        let servers = state.connections.get(&volume.serial);
        Some(servers.is_some_and(|servers| !servers.is_empty()))
    }

    fn free(&self, volume: &VolumeFile) -> Result<()> {
        if self.connected(volume) == Some(true) {
            return Err(DriverError::conflict(format!(
                "a host is connected to array volume `{}`",
                volume.name
            )));
        }
        Ok(())
    }

    fn point_mut(&mut self, group: &GroupRef, point: &str) -> Result<&mut PointRecord> {
        let missing = || DriverError::not_found(format!("point `{point}`"));
        let state = self.own.state_mut();
        let points = match group {
            GroupRef::Local { name } => state
                .groups
                .get_mut(name.as_str())
                .map(|group| &mut group.points),
            GroupRef::Replica { name, source } => state
                .replicas
                .get_mut(source.id.as_str())
                .and_then(|groups| groups.get_mut(name.as_str()))
                .map(|replica| &mut replica.points),
        };
        points
            .and_then(|points| points.iter_mut().find(|record| record.name == point))
            .ok_or_else(missing)
    }

    /// The file of one volume of a complete point.
    fn point_file(&self, group: &GroupRef, point: &str, source: &str) -> Result<PathBuf> {
        let record = self
            .points(group)?
            .iter()
            .find(|record| record.name == point)
            .ok_or_else(|| DriverError::not_found(format!("point `{point}`")))?;
        if !record.complete {
            return Err(incomplete(point));
        }
        if record.volumes.iter().all(|v| v.serial.as_str() != source) {
            return Err(DriverError::not_found(format!(
                "a volume with serial `{source}` in point `{point}`"
            )));
        }
        let files = &self.own.files;
        let directory = match group {
            GroupRef::Local { name } => files.point(name.as_str(), point),
            GroupRef::Replica { name, source } => {
                files.replica(source.id.as_str(), name.as_str(), point)
            }
        };
        Ok(directory.join(source))
    }
}

fn incomplete(point: &str) -> DriverError {
    DriverError::conflict(format!("point `{point}` is not complete"))
}

fn wrong_serial(volume: &VolumeFile, wanted: &str) -> DriverError {
    DriverError::conflict(format!(
        "array volume `{}` has serial `{}` and not `{wanted}`",
        volume.name, volume.serial
    ))
}
