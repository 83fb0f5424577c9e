//! What the arrays have done by themselves since somebody last looked. Time is moved from one event
//! to the next, so that it makes no difference how often somebody looks.

use super::array::Millis;
use super::fabric::{At, Fabric};
use super::point::TakePoint;

impl Fabric {
    /// Brings the fabric to `time`. An earlier time changes nothing.
    pub(crate) fn settle(&mut self, time: Millis) {
        loop {
            self.act();
            if self.now >= time {
                return;
            }
            let next = self.next_event().unwrap_or(time).clamp(self.now + 1, time);
            let elapsed = next - self.now;
            self.move_bytes(elapsed);
            self.move_resyncs(elapsed);
            self.now = next;
        }
    }

    /// Does all that is to be done at this moment.
    fn act(&mut self) {
        while self.hear_news() || self.turn_sessions() || self.turn_pods() || self.take_due() {}
        self.age_points();
        if let Err(error) = self.eradicate_due() {
            tracing::warn!(error = error.message, "an object could not be eradicated");
        }
        self.mirror_pods();
        self.follow_pods();
    }

    fn next_event(&self) -> Option<Millis> {
        let news = self
            .news
            .iter()
            .filter(|news| self.reaches(news.from, news.to));
        let due = self
            .schedules()
            .filter_map(|(at, group)| self.due(at, &group));
        news.map(|news| news.due)
            .chain(due)
            .chain(self.next_session_end())
            .chain(self.next_end())
            .chain(self.next_resync_end())
            .filter(|time| *time > self.now)
            .min()
    }

    /// The groups that may have a schedule.
    fn schedules(&self) -> impl Iterator<Item = (At, String)> + '_ {
        self.arrays.iter().enumerate().flat_map(|(at, array)| {
            let own = array.groups.values();
            own.filter(|group| group.origin.is_none() && group.destroyed.is_none())
                .filter(|group| group.replication.enabled || group.local_snapshots.enabled)
                .map(move |group| (at, group.id.clone()))
        })
    }

    /// When a group next takes a snapshot by itself.
    fn due(&self, at: At, group: &str) -> Option<Millis> {
        let replicated = self.replication_due(at, group);
        let local = self.group(at, group)?.local_snapshots.due(self.now);
        let local = local.filter(|_| self.has_live_member(at, group));
        replicated.into_iter().chain(local).min()
    }

    /// An array waits with the next scheduled point until the last one has left.
    fn replication_due(&self, at: At, group: &str) -> Option<Millis> {
        let held = self.group(at, group)?;
        let sends = held.targets.iter().any(|target| target.allowed)
            && self.has_live_member(at, group)
            && self.acts_for_group(at, group)
            && !self.is_sending(at, group);
        held.replication.due(self.now).filter(|_| sends)
    }

    fn has_live_member(&self, at: At, group: &str) -> bool {
        let members = self.group(at, group).map(|group| group.members.as_slice());
        let mut volumes = members.unwrap_or_default().iter();
        volumes.any(|id| self.volume(at, id).is_some_and(|v| v.destroyed.is_none()))
    }

    /// Takes the scheduled snapshots whose time has come. True when one was taken.
    fn take_due(&mut self) -> bool {
        let groups: Vec<(At, String)> = self.schedules().collect();
        let mut taken = false;
        for (at, group) in groups {
            let now = self.now;
            let is_due = |due: Option<Millis>| due.is_some_and(|due| due <= now);
            let local = self
                .group(at, &group)
                .and_then(|g| g.local_snapshots.due(now));
            let local = is_due(local) && self.has_live_member(at, &group);
            let replicated = is_due(self.replication_due(at, &group));
            if !local && !replicated {
                continue;
            }
            let wanted = TakePoint {
                apply_retention: true,
                replicate: replicated,
                ..TakePoint::default()
            };
            if let Err(error) = self.take_point(at, &group, &wanted) {
                tracing::debug!(error = error.message, "a scheduled snapshot was not taken");
            }
            if let Ok(group) = self.group_mut(at, &group) {
                if local {
                    group.local_snapshots.last = Some(now);
                }
                if replicated {
                    group.replication.last = Some(now);
                }
            }
            taken = true;
        }
        taken
    }
}
