//! Taking a point of a group: a frozen copy of its volumes at one moment.

use std::fs::File;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use protector_framework::{DriverError, PointVolume, Result};

use super::files::VolumeFile;
use super::open::Held;
use super::settle::fresh_directory;
use super::state::{Group, PointRecord, Sending};
use crate::sparse;
use crate::store::failed;

/// The name of the next point of a group's schedule.
pub(super) fn next_scheduled_name(source: &mut Held, name: &str, now: DateTime<Utc>) -> String {
    let number = source.state_mut().groups.get_mut(name).map_or(0, |group| {
        group.scheduled_points += 1;
        group.schedule_from = now;
        group.scheduled_points
    });
    format!("scheduled-{number}")
}

/// Takes a point now. Volumes that are still being seeded are left out, so that they delay nobody;
/// where there are no others, the point itself is their seed.
pub(super) fn point(source: &mut Held, name: &str, point: &str, now: DateTime<Utc>) -> Result<()> {
    let members = volumes_for_point(source, name)?;
    let directory = source.files.point(name, point);
    fresh_directory(&directory)?;
    let mut volumes = Vec::new();
    let mut total = 0;
    for volume in members {
        let path = source.files.volume(&volume.name);
        source.files.copy_into(&path, &directory, &volume.serial)?;
        total += bytes_to_send(
            source,
            name,
            &volume.serial,
            &directory.join(&volume.serial),
        )?;
        volumes.push(PointVolume::new(volume.name, volume.serial, volume.size));
    }
    let group = group_mut(source, name)?;
    group.points.push(PointRecord {
        name: point.to_owned(),
        taken_at: now,
        volumes,
        complete: true,
        pinned_by: Default::default(),
        sending: Some(Sending::new(total)),
        bytes_total: total,
    });
    source.save()
}

/// Freezes a new volume's content and begins to send its first full copy.
pub(super) fn seed(source: &mut Held, name: &str, volume: &VolumeFile) -> Result<Sending> {
    let from = source.files.volume(&volume.name);
    let to = source.files.seed(name, &volume.serial);
    let directory = to.parent().map(PathBuf::from).unwrap_or_default();
    source.files.copy_into(&from, &directory, &volume.serial)?;
    let bytes = File::open(&to)
        .and_then(|file| sparse::data_bytes(&file))
        .map_err(|error| failed("read", &to, &error))?;
    Ok(Sending::new(bytes))
}

fn volumes_for_point(source: &Held, name: &str) -> Result<Vec<VolumeFile>> {
    let group = source
        .state()
        .groups
        .get(name)
        .ok_or_else(|| no_group(name))?;
    let all_new = group.members.iter().all(|member| member.seed.is_some());
    let present = source.files.volumes()?;
    Ok(group
        .members
        .iter()
        .filter(|member| all_new || member.seed.is_none())
        .filter_map(|member| present.iter().find(|v| v.serial == member.serial))
        .cloned()
        .collect())
}

/// What the target does not have yet: the difference to the newest copy that is wholly there.
fn bytes_to_send(source: &Held, name: &str, serial: &str, new: &PathBuf) -> Result<u64> {
    let base = source
        .state()
        .groups
        .get(name)
        .and_then(|group| base_point(group, serial))
        .map(|point| source.files.point(name, &point).join(serial))
        .or_else(|| seeded_base(source, name, serial))
        .filter(|path| path.exists());
    let count = || -> std::io::Result<u64> {
        let new = File::open(new)?;
        match &base {
            Some(base) => sparse::changed_bytes(&new, &File::open(base)?),
            None => sparse::data_bytes(&new),
        }
    };
    count().map_err(|error| failed("compare", new, &error))
}

fn base_point(group: &Group, serial: &str) -> Option<String> {
    group
        .points
        .iter()
        .rev()
        .filter(|point| point.sending.is_none())
        .find(|point| point.volumes.iter().any(|v| v.serial.as_str() == serial))
        .map(|point| point.name.clone())
}

fn seeded_base(source: &Held, name: &str, serial: &str) -> Option<PathBuf> {
    let group = source.state().groups.get(name)?;
    let member = group.members.iter().find(|m| m.serial == serial)?;
    member
        .seed
        .is_none()
        .then(|| source.files.seed(name, serial))
}

fn group_mut<'a>(source: &'a mut Held, name: &str) -> Result<&'a mut Group> {
    source
        .state_mut()
        .groups
        .get_mut(name)
        .ok_or_else(|| no_group(name))
}

pub(super) fn no_group(name: &str) -> DriverError {
    DriverError::not_found(format!("array group `{name}`"))
}
