//! The replication fabric: news of groups, and points on their way from one array to another.
//!
//! The points of one group go to one target one after the other. Those of different groups share the
//! speed of their link. A link that is down, a target that lets nothing in or is full: what is on
//! its way stands still and goes on later.

use std::collections::BTreeSet;

use super::array::Millis;
use super::error::{ApiError, Outcome};
use super::fabric::{At, Fabric};
use super::group::Group;
use super::point::{Arrival, Point};
use super::snapshot::{Snapshot, SnapshotOf};
use crate::content::{Key, Manifest};

/// What one array tells another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewsKind {
    /// A group with its name and retention, from its source.
    Group,
    /// Whether a group is let in, from its target.
    Allowed(bool),
}

/// A message that arrives when its time has come and the link is up.
#[derive(Debug, Clone)]
pub(crate) struct News {
    pub from: At,
    pub to: At,
    /// The group's id on its source.
    pub group: String,
    pub kind: NewsKind,
    pub due: Millis,
}

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
    pub(super) fn send_news(&mut self, from: At, to: At, group: &str, kind: NewsKind) {
        let delay = self.switches.propagation_delay.as_millis();
        self.news.push(News {
            from,
            to,
            group: group.to_owned(),
            kind,
            due: self.now + Millis::try_from(delay).unwrap_or(Millis::MAX / 2),
        });
    }

    /// Delivers what has come. True when something has.
    pub(super) fn hear_news(&mut self) -> bool {
        let (arrived, waiting): (Vec<News>, Vec<News>) = std::mem::take(&mut self.news)
            .into_iter()
            .partition(|news| news.due <= self.now && self.reaches(news.from, news.to));
        self.news = waiting;
        for news in &arrived {
            match news.kind {
                NewsKind::Group => self.hear_of_group(news),
                NewsKind::Allowed(allowed) => self.hear_of_permission(news, allowed),
            }
        }
        !arrived.is_empty()
    }

    fn hear_of_group(&mut self, news: &News) {
        let Some(source) = self.group(news.from, &news.group).cloned() else {
            return;
        };
        let origin = Some((news.from, source.id.clone()));
        let inbound = self.inbound_id(news.to, news.from, &source.id).or_else(|| {
            // A group of the same name that is gone at its source is taken over.
            let gone = |group: &&Group| {
                let from_there = group.origin.as_ref().filter(|(from, _)| *from == news.from);
                let id = from_there.map(|(_, id)| id.as_str());
                id.is_some_and(|id| self.group(news.from, id).is_none())
                    && group.name == source.name
            };
            self.arrays[news.to]
                .groups
                .values()
                .find(gone)
                .map(|group| group.id.clone())
        });
        let (id, now) = (self.new_id(), self.now);
        let id = inbound.unwrap_or(id);
        let groups = &mut self.arrays[news.to].groups;
        let held = groups
            .entry(id.clone())
            .or_insert_with(|| Group::new(id, source.name.clone(), origin.clone(), now));
        if held.origin != origin {
            held.origin = origin;
            held.allowed = false;
        }
        held.name = source.name;
        held.target_retention = source.target_retention;
        let allowed = held.allowed;
        self.send_news(news.to, news.from, &news.group, NewsKind::Allowed(allowed));
    }

    fn hear_of_permission(&mut self, news: &News, allowed: bool) {
        let Some(group) = self.arrays[news.to].groups.get_mut(&news.group) else {
            return;
        };
        for target in &mut group.targets {
            if target.array == news.from {
                target.allowed = allowed;
            }
        }
    }

    /// What a group of another array is called here.
    pub(crate) fn inbound_id(&self, at: At, from: At, group: &str) -> Option<String> {
        let is_it = |held: &&Group| {
            held.origin
                .as_ref()
                .is_some_and(|(array, id)| *array == from && id == group)
        };
        self.arrays[at]
            .groups
            .values()
            .find(is_it)
            .map(|group| group.id.clone())
    }

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

    /// A point of another array that is known here, destroyed ones left out.
    fn received(&self, at: At, origin: &str) -> Option<String> {
        self.arrays[at]
            .points
            .values()
            .find(|point| point.origin.as_deref() == Some(origin) && point.destroyed.is_none())
            .map(|point| point.id.clone())
    }

    /// The target hears of the point and lists it with all its parts. False when there is nothing
    /// to send.
    fn begin(&mut self, place: usize) -> bool {
        let session = self.sessions[place].clone();
        let source = self.arrays[session.from]
            .points
            .get(&session.point)
            .cloned();
        let inbound = self.inbound_id(session.to, session.from, &session.group);
        let (Some(source), Some(inbound)) = (source, inbound) else {
            return false;
        };
        let known = self.arrays[session.to].points.values().any(|point| {
            point.group == inbound
                && (point.origin.as_deref() == Some(session.point.as_str())
                    || point.suffix == source.suffix)
        });
        if known || source.destroyed.is_some() {
            return false;
        }
        let bytes = self.bytes_to_send(&session);
        let id = self.new_id();
        let point = Point {
            id: id.clone(),
            group: inbound,
            suffix: source.suffix,
            created: source.created,
            number: source.number,
            destroyed: None,
            aged: source.aged,
            vanishes: source.vanishes,
            origin: Some(source.id.clone()),
            arrival: Some(Arrival {
                started: self.now,
                completed: None,
                bytes: 0,
                bytes_total: bytes,
            }),
        };
        self.arrays[session.to].points.insert(id.clone(), point);
        for part in self.parts_of(session.from, &source.id) {
            if let Err(error) = self.announce_part(&session, &part, &id) {
                tracing::warn!(
                    error = error.message,
                    "a part of a point could not be announced"
                );
            }
        }
        let session = &mut self.sessions[place];
        session.bytes = bytes;
        session.sent = Some(0);
        true
    }

    fn announce_part(&mut self, session: &Session, part: &str, point: &str) -> Outcome<()> {
        let Some(source) = self.arrays[session.from].snapshots.get(part).cloned() else {
            return Ok(());
        };
        let SnapshotOf::Point { label, .. } = source.of else {
            return Ok(());
        };
        let id = self.new_id();
        let from = self.arrays[session.from].name.clone();
        let target = &mut self.arrays[session.to];
        let key = Key::Snapshot(id.clone());
        target.store.create(&key, source.provisioned)?;
        let snapshot = Snapshot {
            id: id.clone(),
            of: SnapshotOf::Point {
                point: point.to_owned(),
                label: label.clone(),
            },
            serial: target.new_serial(),
            manifest: Manifest::default(),
            source: (source.source.0, format!("{from}:{label}")),
            ..source
        };
        target.snapshots.insert(id, snapshot);
        Ok(())
    }

    /// What the target lacks: what changed since the newest point of this group that is completely
    /// there, without what it holds anywhere else.
    fn bytes_to_send(&self, session: &Session) -> u64 {
        let known = match self.switches.dedupe {
            true => self.arrays[session.to].known_blocks(),
            false => BTreeSet::new(),
        };
        let base = self.newest_complete(session.to, session.from, &session.group);
        let held = |volume: &Option<String>| {
            let parts = base.iter().flat_map(|base| self.parts_of(session.to, base));
            let mut parts = parts.filter_map(|part| self.arrays[session.to].snapshots.get(&part));
            parts.find(|part| &part.source.0 == volume)
        };
        self.parts_of(session.from, &session.point)
            .iter()
            .filter_map(|part| self.arrays[session.from].snapshots.get(part))
            .map(|part| {
                let base = held(&part.source.0).map(|held| &held.manifest);
                part.manifest.bytes_since(base, &known)
            })
            .sum()
    }

    pub(super) fn newest_complete(&self, at: At, from: At, group: &str) -> Option<String> {
        let inbound = self.inbound_id(at, from, group)?;
        self.newest_complete_of(at, &inbound)
    }

    /// The newest point of an inbound group that is all there.
    pub(super) fn newest_complete_of(&self, at: At, inbound: &str) -> Option<String> {
        self.arrays[at]
            .points
            .values()
            .filter(|point| point.group == inbound && point.destroyed.is_none())
            .filter(|point| {
                point
                    .arrival
                    .is_some_and(|arrival| arrival.completed.is_some())
            })
            .max_by_key(|point| (point.created, point.number))
            .map(|point| point.id.clone())
    }

    /// All bytes are over: the parts get their contents.
    fn complete(&mut self, session: &Session) -> Outcome<()> {
        let Some(point) = self.received(session.to, &session.point) else {
            return Ok(());
        };
        let sources = self.parts_of(session.from, &session.point);
        for part in self.parts_of(session.to, &point) {
            let label = self.arrays[session.to]
                .snapshots
                .get(&part)
                .map(|s| s.source.0.clone());
            let source = sources.iter().find(|id| {
                let source = self.arrays[session.from].snapshots.get(*id);
                source.map(|source| source.source.0.clone()) == label
            });
            if let Some(source) = source {
                self.receive_part(session, source, &part)?;
            }
        }
        let now = self.now;
        if let Some(point) = self.arrays[session.to].points.get_mut(&point)
            && let Some(arrival) = &mut point.arrival
        {
            arrival.completed = Some(now);
            arrival.bytes = arrival.bytes_total;
        }
        Ok(())
    }

    fn receive_part(&mut self, session: &Session, source: &str, part: &str) -> Outcome<()> {
        let (from, to) = (
            Key::Snapshot(source.to_owned()),
            Key::Snapshot(part.to_owned()),
        );
        let manifest = match self.arrays[session.from].snapshots.get(source) {
            Some(source) => source.manifest.clone(),
            None => return Ok(()),
        };
        if let Ok([sender, receiver]) = self.arrays.get_disjoint_mut([session.from, session.to]) {
            receiver.store.receive(&sender.store, &from, &to)?;
            if let Some(part) = receiver.snapshots.get_mut(part) {
                part.manifest = manifest;
            }
        }
        Ok(())
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
