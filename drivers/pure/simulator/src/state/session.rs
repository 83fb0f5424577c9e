//! The replication fabric: points on their way from one array to another.
//!
//! The points of one group go to one target one after the other. Those of different groups share the
//! speed of their link. A link that is down, a target that lets nothing in or is full: what is on
//! its way stands still and goes on later.

use std::collections::BTreeSet;

use super::array::Millis;
use super::error::{ApiError, Outcome};
use super::fabric::{At, Fabric};

/// One point on its way to one target.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub from: At,
    pub to: At,
    /// Ids on the source.
    pub group: String,
    pub point: String,
    /// Thousandths of bytes, once it has begun.
    pub sent: Option<u128>,
    pub bytes: u64,
}

impl Session {
    fn left(&self) -> u128 {
        let total = u128::from(self.bytes) * 1000;
        total.saturating_sub(self.sent.unwrap_or(0))
    }
}

impl Fabric {
    /// Sends a point to every target that lets the group in; `now` goes before those that wait.
    pub(super) fn send_point(&mut self, at: At, point: &str, now: bool) {
        let Some(held) = self.arrays[at].points.get(point) else {
            return;
        };
        let group = held.group.clone();
        let targets = self.group(at, &group).map(|group| group.targets.clone());
        for target in targets.unwrap_or_default() {
            if target.allowed {
                self.send_point_to(at, target.array, &group, point, now);
            }
        }
    }

    /// Sends a point that was taken earlier.
    pub(crate) fn resend_point(&mut self, at: At, point: &str, target: &str) -> Outcome<()> {
        let name = self.point_name(at, point);
        let group = self.arrays[at]
            .points
            .get(point)
            .map(|held| held.group.clone());
        let group = group.unwrap_or_default();
        let to = self.array_at(target);
        let targets = self
            .group(at, &group)
            .map_or(&[][..], |held| held.targets.as_slice());
        match targets.iter().find(|held| Some(held.array) == to) {
            None => Err(ApiError::refused(&name, "Target array could not be found.")),
            Some(held) if !held.allowed => Err(ApiError::refused(
                &name,
                "Protection group is not allowed on the target.",
            )),
            Some(held) => {
                let to = held.array;
                self.send_point_to(at, to, &group, point, true);
                Ok(())
            }
        }
    }

    fn send_point_to(&mut self, from: At, to: At, group: &str, point: &str, now: bool) {
        let same_way = |s: &Session| s.from == from && s.to == to && s.group == group;
        if self
            .sessions
            .iter()
            .any(|s| same_way(s) && s.point == point)
        {
            return;
        }
        let session = Session {
            from,
            to,
            group: group.to_owned(),
            point: point.to_owned(),
            sent: None,
            bytes: 0,
        };
        let first_waiting = self
            .sessions
            .iter()
            .position(|s| same_way(s) && s.sent.is_none());
        match first_waiting.filter(|_| now) {
            Some(place) => self.sessions.insert(place, session),
            None => self.sessions.push(session),
        }
    }

    /// Whether data of a group gets to its target now.
    fn flows(&self, session: &Session) -> bool {
        let inbound = self.inbound_id(session.to, session.from, &session.group);
        let inbound = inbound.and_then(|id| self.group(session.to, &id));
        let source = self.group(session.from, &session.group);
        self.reaches(session.from, session.to)
            && inbound.is_some_and(|group| group.allowed && group.destroyed.is_none())
            && source.is_some_and(|group| group.destroyed.is_none())
            && !self.arrays[session.to].is_full()
    }

    /// The places of the sessions that move now, with the speed of each in bytes per second.
    fn moving(&self) -> Vec<(usize, Option<u64>)> {
        let mut busy = BTreeSet::new();
        let mut moving = Vec::new();
        for (place, session) in self.sessions.iter().enumerate() {
            let first = busy.insert((session.from, session.to, session.group.clone()));
            if first && self.flows(session) {
                moving.push(place);
            }
        }
        let share = |place: usize| {
            let session = &self.sessions[place];
            let rate = self.link(session.from, session.to)?.bytes_per_second?;
            let beside = moving.iter().filter(|other| {
                let other = &self.sessions[**other];
                (other.from, other.to) == (session.from, session.to)
            });
            Some(rate / (beside.count() as u64).max(1))
        };
        moving.iter().map(|place| (*place, share(*place))).collect()
    }

    /// Begins what can begin and ends what is over. True when something changed.
    pub(super) fn turn_sessions(&mut self) -> bool {
        for (place, rate) in self.moving() {
            if self.sessions[place].sent.is_none() {
                if !self.begin(place) {
                    self.sessions.remove(place);
                }
                return true;
            }
            if rate.is_none() || self.sessions[place].left() == 0 {
                let session = self.sessions.remove(place);
                if let Err(error) = self.complete(&session) {
                    tracing::warn!(error = error.message, "a point could not be received");
                }
                return true;
            }
        }
        false
    }

    /// When the next session ends if nothing changes.
    pub(super) fn next_session_end(&self) -> Option<Millis> {
        self.moving()
            .into_iter()
            .filter_map(|(place, rate)| {
                let left = self.sessions[place].left();
                let millis = left.div_ceil(u128::from(rate?).max(1));
                (rate? > 0).then(|| self.now + Millis::try_from(millis).unwrap_or(Millis::MAX / 4))
            })
            .min()
    }

    /// Moves bytes for some time.
    pub(super) fn move_bytes(&mut self, elapsed: Millis) {
        for (place, rate) in self.moving() {
            let rate = u128::from(rate.unwrap_or(u64::MAX >> 32));
            let moved = rate * u128::from(elapsed.unsigned_abs());
            let session = &mut self.sessions[place];
            if let Some(sent) = session.sent {
                let total = u128::from(session.bytes) * 1000;
                session.sent = Some((sent + moved).min(total));
            }
            let bytes = u64::try_from(session.sent.unwrap_or(0) / 1000).unwrap_or(u64::MAX);
            let (to, origin) = (session.to, session.point.clone());
            if let Some(point) = self.received(to, &origin)
                && let Some(point) = self.arrays[to].points.get_mut(&point)
                && let Some(arrival) = &mut point.arrival
            {
                arrival.bytes = bytes;
            }
        }
    }

    /// A point that is gone on either side is no longer sent; what had arrived of it is of no use.
    pub(super) fn give_up_sessions(&mut self, at: At, point: &str) -> Outcome<()> {
        let partial: Vec<(At, String)> = self
            .sessions
            .iter()
            .filter(|session| session.from == at && session.point == point)
            .filter_map(|s| Some((s.to, self.received(s.to, &s.point)?)))
            .collect();
        self.sessions.retain(|s| s.from != at || s.point != point);
        for (to, partial) in partial {
            self.forget_point(to, &partial)?;
        }
        // One that is gone on the target: its session has nothing to write to.
        let orphaned: Vec<bool> = self
            .sessions
            .iter()
            .map(|s| s.sent.is_some() && self.received(s.to, &s.point).is_none())
            .collect();
        let mut orphaned = orphaned.into_iter();
        self.sessions.retain(|_| !orphaned.next().unwrap_or(false));
        Ok(())
    }

    /// Whether a point of this group waits for a target or is on its way.
    pub(super) fn is_sending(&self, at: At, group: &str) -> bool {
        self.sessions
            .iter()
            .any(|s| s.from == at && s.group == group)
    }

    /// Bytes per second that go from one array to another for a group now.
    pub(crate) fn rate_of(&self, at: At, group: &str) -> u64 {
        let moving = self.moving();
        let of_group = moving.iter().filter(|(place, _)| {
            let session = &self.sessions[*place];
            session.sent.is_some() && session.from == at && session.group == group
        });
        of_group.filter_map(|(_, rate)| *rate).sum()
    }
}
