//! What arrays let go by themselves: points that retention no longer keeps, and destroyed objects
//! whose time is over.

use super::array::Millis;
use super::error::Outcome;
use super::fabric::{At, Fabric};

impl Fabric {
    /// Destroys the points that have become too old, on both sides. The newest complete one of a
    /// group that is replicated stays on both: the next one is built on it.
    pub(super) fn age_points(&mut self) {
        for at in 0..self.arrays.len() {
            let groups: Vec<String> = self.arrays[at].groups.keys().cloned().collect();
            for group in groups {
                self.age_points_of(at, &group);
            }
        }
    }

    fn age_points_of(&mut self, at: At, group: &str) {
        let Some(held) = self.group(at, group) else {
            return;
        };
        let retention = match held.origin {
            Some(_) => held.target_retention,
            None => held.source_retention,
        };
        let kept = self.bases(at, group);
        let now = self.now;
        let sent: Vec<&str> = self.sessions.iter().map(|s| s.point.as_str()).collect();
        let aging = self.arrays[at].points.values().filter(|point| {
            point.group == group
                && point.aged
                && point.destroyed.is_none()
                && !kept.contains(&point.id)
                && !sent.contains(&point.id.as_str())
                && point
                    .arrival
                    .is_none_or(|arrival| arrival.completed.is_some())
        });
        let aging: Vec<(String, Millis)> = aging
            .map(|point| (point.id.clone(), point.created))
            .collect();
        let times: Vec<Millis> = aging.iter().map(|(_, created)| *created).collect();
        let expired = retention.expired(&times, now);
        for point in self.arrays[at].points.values_mut() {
            let vanished = point.group == group
                && point.destroyed.is_none()
                && point.vanishes.is_some_and(|end| end <= now);
            let too_old =
                aging.iter().any(|(id, _)| *id == point.id) && expired.contains(&point.created);
            if vanished || too_old {
                point.destroyed = Some(now);
            }
        }
    }

    /// The points that the next transfers of a group build on.
    fn bases(&self, at: At, group: &str) -> Vec<String> {
        let Some(held) = self.group(at, group) else {
            return Vec::new();
        };
        if held.origin.is_some() {
            return self.newest_complete_of(at, group).into_iter().collect();
        }
        held.targets
            .iter()
            .filter_map(|target| {
                let newest = self.newest_complete(target.array, at, group)?;
                self.arrays[target.array]
                    .points
                    .get(&newest)?
                    .origin
                    .clone()
            })
            .collect()
    }

    /// Ends what was destroyed long enough ago.
    pub(super) fn eradicate_due(&mut self) -> Outcome<()> {
        for at in 0..self.arrays.len() {
            let (now, delay) = (self.now, self.arrays[at].eradication_delay);
            let due = |destroyed: Option<Millis>| destroyed.is_some_and(|d| d + delay <= now);
            let array = &self.arrays[at];
            let volumes = array.volumes.values().filter(|v| due(v.destroyed));
            let volumes: Vec<String> = volumes.map(|v| v.id.clone()).collect();
            let snapshots = array.snapshots.values().filter(|s| due(s.destroyed));
            let snapshots: Vec<String> = snapshots.map(|s| s.id.clone()).collect();
            let points = array.points.values().filter(|p| due(p.destroyed));
            let points: Vec<String> = points.map(|p| p.id.clone()).collect();
            let groups = array.groups.values().filter(|g| due(g.destroyed));
            let groups: Vec<String> = groups.map(|g| g.id.clone()).collect();
            let pods = self
                .pods
                .values()
                .filter(|p| p.is_on(at) && due(p.destroyed));
            let pods: Vec<String> = pods.map(|p| p.id.clone()).collect();
            self.arrays[at]
                .volume_groups
                .retain(|_, group| !due(group.destroyed));
            for id in snapshots {
                self.forget_snapshot(at, &id)?;
            }
            for id in volumes {
                self.forget_volume(at, &id)?;
            }
            for id in points {
                self.forget_point(at, &id)?;
            }
            for id in groups {
                self.forget_group(at, &id)?;
            }
            for id in pods {
                self.forget_pod(at, &id)?;
            }
        }
        Ok(())
    }

    /// When retention or eradication next has something to do.
    pub(super) fn next_end(&self) -> Option<Millis> {
        let mut next: Option<Millis> = None;
        let mut note = |time: Millis| {
            if time > self.now && next.is_none_or(|held| time < held) {
                next = Some(time);
            }
        };
        for array in &self.arrays {
            let volumes = array.volumes.values().map(|v| v.destroyed);
            let snapshots = array.snapshots.values().map(|s| s.destroyed);
            let groups = array.groups.values().map(|g| g.destroyed);
            let points = array.points.values().map(|p| p.destroyed);
            let vgroups = array.volume_groups.values().map(|g| g.destroyed);
            let destroyed = volumes
                .chain(snapshots)
                .chain(groups)
                .chain(points)
                .chain(vgroups);
            destroyed
                .flatten()
                .for_each(|time| note(time + array.eradication_delay));
            for point in array.points.values().filter(|p| p.destroyed.is_none()) {
                point.vanishes.into_iter().for_each(&mut note);
                if let Some(group) = array.groups.get(&point.group).filter(|_| point.aged) {
                    let retention = match group.origin {
                        Some(_) => group.target_retention,
                        None => group.source_retention,
                    };
                    let (all, any) = retention.ends(point.created);
                    note(all);
                    note(any);
                }
            }
        }
        next
    }
}
