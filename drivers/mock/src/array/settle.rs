//! What the arrays have done by themselves since somebody last looked: scheduled points, seeds and
//! transfers.

use std::fs;

use chrono::{DateTime, TimeDelta, Utc};
use protector_framework::Result;

use super::files::remove;
use super::open::{Held, Open};
use super::state::{LinkRecord, PointRecord, outdated};
use super::take;
use crate::store::failed;

impl Open {
    /// Brings every pair of arrays to `now`.
    pub(crate) fn settle(&mut self) {
        let now = self.now;
        for partner in &mut self.partners {
            settle_pair(&mut self.own, partner, now);
            settle_pair(partner, &mut self.own, now);
        }
        settle_alone(&mut self.own, &self.partners, now);
    }
}

/// A fault of one array must not stop the verbs of the other.
fn settle_pair(source: &mut Held, target: &mut Held, now: DateTime<Utc>) {
    let groups: Vec<String> = source
        .state()
        .groups
        .iter()
        .filter(|(_, group)| group.target.id.as_str() == target.state().id)
        .map(|(name, _)| name.clone())
        .collect();
    for group in groups {
        let link = open_link(source, target);
        if let Err(error) = settle_group(source, target, &group, link.as_ref(), now) {
            tracing::warn!(%error, group, "the mock arrays could not replicate");
        }
    }
}

/// Without its partner an array sends nothing; its schedule waits with it.
fn settle_alone(own: &mut Held, partners: &[Held], now: DateTime<Utc>) {
    let here: Vec<String> = partners.iter().map(|p| p.state().id.clone()).collect();
    for group in own.state_mut().groups.values_mut() {
        if !here.iter().any(|id| id == group.target.id.as_str()) {
            for sending in group.sendings() {
                sending.settle(now, None);
            }
        }
    }
}

/// The link from source to target, where it carries data now: both ends must let it.
pub(super) fn open_link(source: &Held, target: &Held) -> Option<LinkRecord> {
    let (from, to) = (source.state(), target.state());
    let there = from.links.get(&to.id)?;
    let back = to.links.get(&from.id)?;
    (there.carries() && back.carries() && !from.down && !to.down).then(|| there.clone())
}

fn settle_group(
    source: &mut Held,
    target: &mut Held,
    group: &str,
    link: Option<&LinkRecord>,
    now: DateTime<Utc>,
) -> Result<()> {
    advance(source, target, group, link, now)?;
    if point_is_due(source, group, now) {
        let name = take::next_scheduled_name(source, group, now);
        take::point(source, group, &name, now)?;
        advance(source, target, group, link, now)?;
    }
    Ok(())
}

fn point_is_due(source: &Held, name: &str, now: DateTime<Utc>) -> bool {
    if source.state().down {
        return false;
    }
    let Some(group) = source.state().groups.get(name) else {
        return false;
    };
    let Some(interval) = group.interval_seconds else {
        return false;
    };
    let interval = TimeDelta::try_seconds(i64::try_from(interval).unwrap_or(i64::MAX))
        .unwrap_or(TimeDelta::MAX);
    // An array waits with the next scheduled point until the last one has left.
    !group.suspended
        && !group.members.is_empty()
        && !group.is_sending()
        && now - group.schedule_from >= interval
}

/// Moves what has arrived by `now` to the target.
fn advance(
    source: &mut Held,
    target: &mut Held,
    name: &str,
    link: Option<&LinkRecord>,
    now: DateTime<Utc>,
) -> Result<()> {
    let Some(group) = source.state_mut().groups.get_mut(name) else {
        return Ok(());
    };
    let link = link.filter(|_| !group.suspended);
    let manifest = group.manifest.clone();
    for member in &mut group.members {
        if member.seed.as_mut().is_some_and(|s| s.settle(now, link)) {
            member.seed = None;
        }
    }
    let mut announced = Vec::new();
    let mut arrived = Vec::new();
    for point in &mut group.points {
        if let Some(sending) = &mut point.sending {
            let done = sending.settle(now, link);
            if link.is_some() {
                announced.push(point.clone());
            }
            if done {
                arrived.push(point.name.clone());
            }
        }
    }
    if link.is_none() {
        return Ok(());
    }
    let id = source.state().id.clone();
    for point in announced {
        announce(target, &id, name, point);
    }
    for point in arrived {
        install(source, target, name, &point)?;
    }
    if let Some(manifest) = manifest {
        let replicas = target.state_mut().replicas.entry(id).or_default();
        replicas.entry(name.to_owned()).or_default().manifest = Some(manifest);
    }
    Ok(())
}

/// The target knows of a point as soon as its first byte may be there.
fn announce(target: &mut Held, source: &str, group: &str, point: PointRecord) {
    let replicas = target
        .state_mut()
        .replicas
        .entry(source.to_owned())
        .or_default();
    let replica = replicas.entry(group.to_owned()).or_default();
    if replica.points.iter().all(|known| known.name != point.name) {
        replica.points.push(PointRecord {
            complete: false,
            pinned_by: Default::default(),
            sending: None,
            ..point
        });
        replica.points.sort_by_key(|point| point.taken_at);
    }
}

/// Puts a whole point on the target and lets go what retention no longer keeps.
fn install(source: &mut Held, target: &mut Held, name: &str, point: &str) -> Result<()> {
    let id = source.state().id.clone();
    let from = source.files.point(name, point);
    let to = target.files.replica(&id, name, point);
    let Some(record) = point_of(source, name, point).cloned() else {
        return Ok(());
    };
    for volume in &record.volumes {
        let serial = volume.serial.as_str();
        target.files.copy_into(&from.join(serial), &to, serial)?;
    }
    // First the target's record, so that a crash between the two sends again and loses nothing.
    let mut keep = 1;
    if let Some(group) = source.state().groups.get(name) {
        keep = group.keep();
    }
    let replicas = target.state_mut().replicas.entry(id.clone()).or_default();
    let replica = replicas.entry(name.to_owned()).or_default();
    for received in &mut replica.points {
        if received.name == point {
            received.complete = true;
        }
    }
    let old = outdated(&replica.points, keep);
    replica.points.retain(|point| !old.contains(&point.name));
    target.save()?;
    for point in &old {
        let path = target.files.replica(&id, name, point);
        remove(&path).map_err(|error| failed("remove", &path, &error))?;
    }
    settle_source(source, name, &record, keep)
}

fn settle_source(source: &mut Held, name: &str, sent: &PointRecord, keep: usize) -> Result<()> {
    let Some(group) = source.state_mut().groups.get_mut(name) else {
        return Ok(());
    };
    for point in &mut group.points {
        if point.name == sent.name {
            point.sending = None;
        }
    }
    let holds = |serial: &str| sent.volumes.iter().any(|v| v.serial.as_str() == serial);
    let mut bases = Vec::new();
    for member in &mut group.members {
        if holds(&member.serial) {
            member.seed = None;
            bases.push(member.serial.clone());
        }
    }
    group.last_complete_at = group.last_complete_at.max(Some(sent.taken_at));
    let old = outdated(&group.points, keep);
    group.points.retain(|point| !old.contains(&point.name));
    source.save()?;
    let points = old.iter().map(|point| source.files.point(name, point));
    let seeds = bases.iter().map(|serial| source.files.seed(name, serial));
    for path in points.chain(seeds) {
        remove(&path).map_err(|error| failed("remove", &path, &error))?;
    }
    Ok(())
}

fn point_of<'a>(source: &'a Held, group: &str, point: &str) -> Option<&'a PointRecord> {
    let group = source.state().groups.get(group)?;
    group.points.iter().find(|record| record.name == point)
}

/// Stops every flow between the two arrays, keeping what has arrived. Called before anything that
/// closes a link.
pub(super) fn interrupt(source: &mut Held, target: &Held, now: DateTime<Utc>) {
    let Some(link) = open_link(source, target) else {
        return;
    };
    let id = target.state().id.clone();
    for group in source.state_mut().groups.values_mut() {
        if group.target.id.as_str() == id {
            for sending in group.sendings() {
                sending.interrupt(now, &link);
            }
        }
    }
}

/// The directory of a point, made anew.
pub(super) fn fresh_directory(path: &std::path::Path) -> Result<()> {
    remove(path)
        .and_then(|()| fs::create_dir_all(path))
        .map_err(|error| failed("make", path, &error))
}
