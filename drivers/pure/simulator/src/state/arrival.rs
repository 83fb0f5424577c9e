//! Points at their target: listed when they begin to arrive, whole when all bytes are over.

use std::collections::BTreeSet;

use super::error::Outcome;
use super::fabric::{At, Fabric};
use super::point::{Arrival, Point};
use super::session::Session;
use super::snapshot::{Snapshot, SnapshotOf};
use crate::content::{Key, Manifest};

impl Fabric {
    /// A point of another array that is known here, destroyed ones left out.
    pub(super) fn received(&self, at: At, origin: &str) -> Option<String> {
        self.arrays[at]
            .points
            .values()
            .find(|point| point.origin.as_deref() == Some(origin) && point.destroyed.is_none())
            .map(|point| point.id.clone())
    }

    /// How far a point of this array is at its target, once it has begun to arrive there.
    pub(crate) fn sent(&self, at: At, point: &Point) -> Option<Arrival> {
        let targets = &self.group(at, &point.group)?.targets;
        let arrived = targets.iter().find_map(|target| {
            let received = self.received(target.array, &point.id)?;
            self.arrays[target.array].points.get(&received)
        });
        arrived?.arrival
    }

    /// The target hears of the point and lists it with all its parts. False when there is nothing
    /// to send.
    pub(super) fn begin(&mut self, place: usize) -> bool {
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
    pub(super) fn complete(&mut self, session: &Session) -> Outcome<()> {
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
}
