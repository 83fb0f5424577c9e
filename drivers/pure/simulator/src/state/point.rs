//! Snapshots of groups: all members at one moment. On a target, what has arrived of them.

use super::array::{LimitKind, Millis};
use super::error::{ApiError, Kind, Outcome};
use super::fabric::{At, Fabric};
use super::names::{NameKind, check, same};
use super::snapshot::SnapshotOf;
use super::volume::point_label;

/// A snapshot for replication alone vanishes after this.
const FOR_REPLICATION: Millis = 3_600_000;

/// How far a received point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub started: Millis,
    pub completed: Option<Millis>,
    pub bytes: u64,
    pub bytes_total: u64,
}

impl Arrival {
    /// From 0 to 1; 1 only when all is there.
    #[allow(clippy::cast_precision_loss, reason = "a part of one, for people")]
    pub(crate) fn progress(&self) -> f64 {
        match (self.completed, self.bytes_total) {
            (Some(_), _) => 1.0,
            (None, 0) => 0.0,
            (None, total) => (self.bytes as f64 / total as f64).min(0.999),
        }
    }
}

/// One snapshot of a group.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub id: String,
    pub group: String,
    pub suffix: String,
    /// When it was taken, on its source's array too.
    pub created: Millis,
    /// Counts the points of the fabric: tells apart those of one moment.
    pub number: u64,
    pub destroyed: Option<Millis>,
    /// Whether retention applies.
    pub aged: bool,
    pub vanishes: Option<Millis>,
    /// For a received one: the id of its source.
    pub origin: Option<String>,
    pub arrival: Option<Arrival>,
}

/// How a snapshot of a group is wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct TakePoint {
    pub suffix: Option<String>,
    pub apply_retention: bool,
    pub for_replication: bool,
    pub replicate: bool,
    pub replicate_now: bool,
}

impl Fabric {
    pub(crate) fn point_name(&self, at: At, id: &str) -> String {
        let point = self.arrays[at].points.get(id);
        let group = point.and_then(|point| self.group(at, &point.group));
        match (point, group) {
            (Some(point), Some(group)) => format!("{}.{}", self.group_name(group), point.suffix),
            _ => String::new(),
        }
    }

    pub(crate) fn point_id(&self, at: At, name: &str) -> Outcome<String> {
        self.arrays[at]
            .points
            .keys()
            .find(|id| same(&self.point_name(at, id), name))
            .cloned()
            .ok_or_else(|| ApiError::missing(Kind::GroupSnapshot, name))
    }

    pub(crate) fn point_is_complete(&self, at: At, id: &str) -> bool {
        let point = self.arrays[at].points.get(id);
        point.is_some_and(|point| {
            point
                .arrival
                .is_none_or(|arrival| arrival.completed.is_some())
        })
    }

    /// Ids of the snapshots of the single volumes of a point.
    pub(crate) fn parts_of(&self, at: At, point: &str) -> Vec<String> {
        self.arrays[at]
            .snapshots
            .values()
            .filter(|s| matches!(&s.of, SnapshotOf::Point { point: of, .. } if of == point))
            .map(|snapshot| snapshot.id.clone())
            .collect()
    }

    /// Freezes all live members of a group at this moment, and sends them if that is wanted.
    pub(crate) fn take_point(
        &mut self,
        at: At,
        group: &str,
        wanted: &TakePoint,
    ) -> Outcome<String> {
        let held = self.group(at, group).cloned();
        let held = held.ok_or_else(|| ApiError::missing(Kind::Group, group))?;
        if wanted.replicate && wanted.replicate_now {
            return Err(ApiError::refused(
                &held.name,
                "Cannot specify both replicate and replicate_now.",
            ));
        }
        let suffix = match &wanted.suffix {
            Some(suffix) => {
                check(NameKind::SnapshotSuffix, suffix, suffix)?;
                suffix.clone()
            }
            None => self.next_point_suffix(at, group)?,
        };
        let name = format!("{}.{suffix}", held.name);
        if let Ok(held) = self.point_id(at, &name) {
            let destroyed = self.arrays[at]
                .points
                .get(&held)
                .is_some_and(|p| p.destroyed.is_some());
            let text = self.switches.pending_name_text;
            return Err(ApiError::taken(Kind::GroupSnapshot, &name, destroyed, text));
        }
        let members: Vec<(String, String)> = held
            .members
            .iter()
            .filter_map(|id| self.volume(at, id))
            .filter(|volume| volume.destroyed.is_none())
            .map(|volume| (volume.id.clone(), point_label(&volume.name)))
            .collect();
        self.arrays[at].check_limit(LimitKind::Snapshots, members.len(), &name)?;
        self.arrays[at].check_space(&name)?;
        let id = self.new_id();
        for (volume, label) in members {
            let point = id.clone();
            self.freeze(at, &volume, SnapshotOf::Point { point, label }, &suffix)?;
        }
        self.points_taken += 1;
        let point = Point {
            id: id.clone(),
            group: group.to_owned(),
            suffix,
            created: self.now,
            number: self.points_taken,
            destroyed: None,
            aged: wanted.apply_retention,
            vanishes: wanted.for_replication.then_some(self.now + FOR_REPLICATION),
            origin: None,
            arrival: None,
        };
        self.arrays[at].points.insert(id.clone(), point);
        if wanted.replicate || wanted.replicate_now {
            self.send_point(at, &id, wanted.replicate_now);
        }
        Ok(id)
    }

    fn next_point_suffix(&mut self, at: At, group: &str) -> Outcome<String> {
        let taken: Vec<String> = self.arrays[at]
            .points
            .values()
            .filter(|point| point.group == group)
            .map(|point| point.suffix.clone())
            .collect();
        let held = self.group_mut(at, group)?;
        while taken.contains(&held.next_suffix.to_string()) {
            held.next_suffix += 1;
        }
        held.next_suffix += 1;
        Ok((held.next_suffix - 1).to_string())
    }

    pub(crate) fn rename_point(&mut self, at: At, id: &str, suffix: &str) -> Outcome<()> {
        check(NameKind::SnapshotSuffix, suffix, suffix)?;
        let name = self.point_name(at, id);
        let group = name.rsplit_once('.').map_or("", |(group, _)| group);
        let wanted = format!("{group}.{suffix}");
        if self.point_id(at, &wanted).is_ok_and(|other| other != id) {
            return Err(ApiError::exists(Kind::GroupSnapshot, &wanted));
        }
        let Some(point) = self.arrays[at].points.get_mut(id) else {
            return Err(ApiError::missing(Kind::GroupSnapshot, id));
        };
        if point.destroyed.is_some() {
            return Err(ApiError::destroyed(Kind::GroupSnapshot, &name));
        }
        suffix.clone_into(&mut point.suffix);
        Ok(())
    }

    pub(crate) fn destroy_point(&mut self, at: At, id: &str, destroy: bool) -> Outcome<()> {
        let name = self.point_name(at, id);
        let now = self.now;
        let group = self.arrays[at]
            .points
            .get(id)
            .map(|point| point.group.clone());
        let group_is_live = group
            .and_then(|group| self.group(at, &group))
            .is_some_and(|group| group.destroyed.is_none());
        let Some(point) = self.arrays[at].points.get_mut(id) else {
            return Err(ApiError::missing(Kind::GroupSnapshot, id));
        };
        match (destroy, point.destroyed) {
            (true, Some(_)) => {
                return Err(ApiError::destroyed_already(Kind::GroupSnapshot, &name));
            }
            (false, None) => return Err(ApiError::not_destroyed(Kind::GroupSnapshot, &name)),
            (false, Some(_)) if !group_is_live => {
                return Err(ApiError::destroyed(Kind::Group, &name));
            }
            _ => point.destroyed = destroy.then_some(now),
        }
        Ok(())
    }

    pub(crate) fn eradicate_point(&mut self, at: At, id: &str) -> Outcome<()> {
        let name = self.point_name(at, id);
        let Some(point) = self.arrays[at].points.get(id) else {
            return Err(ApiError::missing(Kind::GroupSnapshot, id));
        };
        if point.destroyed.is_none() {
            return Err(ApiError::not_destroyed(Kind::GroupSnapshot, &name));
        }
        let locked = self.is_locked(at, &point.group);
        self.arrays[at].check_eradication(locked)?;
        self.forget_point(at, id)
    }

    pub(super) fn forget_point(&mut self, at: At, id: &str) -> Outcome<()> {
        for part in self.parts_of(at, id) {
            self.forget_snapshot(at, &part)?;
        }
        self.arrays[at].points.remove(id);
        self.give_up_sessions(at, id)
    }

    /// Takes one volume out of a point, as if it had never been in it. Only tests can.
    pub(crate) fn remove_from_point(&mut self, at: At, point: &str, volume: &str) -> Outcome<()> {
        let id = self.point_id(at, point)?;
        let name = format!("{point}.{volume}");
        let part = self.parts_of(at, &id).into_iter().find(|part| {
            let part = self.arrays[at].snapshots.get(part);
            part.is_some_and(|part| same(&self.snapshot_name(at, part), &name))
        });
        let part = part.ok_or_else(|| ApiError::missing(Kind::Snapshot, &name))?;
        self.forget_snapshot(at, &part)
    }
}
