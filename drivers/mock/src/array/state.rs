//! What an array remembers beside its volumes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use protector_framework::{ArrayIdentity, LinkState, PointVolume};
use serde::{Deserialize, Serialize};

/// Points that the target keeps where a group does not say.
pub(super) const DEFAULT_KEEP: u32 = 8;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ArrayState {
    pub id: String,
    pub name: String,
    /// SHA-256 of the API token.
    pub token: String,
    pub capacity_bytes: u64,
    /// Every verb is refused, as by an array without power.
    pub down: bool,
    /// Whether somebody records the servers that connect.
    pub connections_known: bool,
    /// The connected servers of a volume, by its serial.
    pub connections: BTreeMap<String, BTreeSet<String>>,
    /// Where a volume made by this driver comes from, by its serial.
    pub origins: BTreeMap<String, Origin>,
    /// The links to other arrays, by their id.
    pub links: BTreeMap<String, LinkRecord>,
    /// The groups that send, by name.
    pub groups: BTreeMap<String, Group>,
    /// What was received, by source array and group.
    pub replicas: BTreeMap<String, BTreeMap<String, Replica>>,
}

/// Which call made a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub group: String,
    pub point: String,
    pub source: String,
    /// The name it was made under.
    pub name: String,
    pub key: Option<String>,
    pub operation: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinkRecord {
    pub name: String,
    pub directory: PathBuf,
    pub state: LinkState,
    pub detail: String,
    /// Bytes per second of each transfer; absent: as fast as it can.
    pub bytes_per_second: Option<u64>,
    /// How long a byte is on its way.
    pub lag_milliseconds: u64,
}

impl LinkRecord {
    pub(super) fn carries(&self) -> bool {
        matches!(self.state, LinkState::Connected | LinkState::Partial)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Group {
    pub target: ArrayIdentity,
    pub interval_seconds: Option<u64>,
    pub keep_points: Option<u32>,
    pub suspended: bool,
    pub members: Vec<GroupMember>,
    /// Oldest first.
    pub points: Vec<PointRecord>,
    /// Numbers the scheduled points.
    pub scheduled_points: u64,
    pub schedule_from: DateTime<Utc>,
    pub last_complete_at: Option<DateTime<Utc>>,
    pub manifest: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GroupMember {
    pub serial: String,
    /// The sending of its first full copy; absent: done.
    pub seed: Option<Sending>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PointRecord {
    pub name: String,
    pub taken_at: DateTime<Utc>,
    pub volumes: Vec<PointVolume>,
    pub complete: bool,
    pub pinned_by: BTreeSet<String>,
    /// Of a source's point: its sending, until it is complete on the target.
    pub sending: Option<Sending>,
    pub bytes_total: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Replica {
    /// Oldest first.
    pub points: Vec<PointRecord>,
    pub manifest: Option<String>,
}

/// Bytes on their way, as a function of the clock.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sending {
    pub total: u64,
    /// What had arrived when the link last went down.
    pub arrived: u64,
    /// Since when bytes flow; absent: they do not.
    pub flowing_since: Option<DateTime<Utc>>,
}

impl Sending {
    pub(super) fn new(total: u64) -> Self {
        Self {
            total,
            arrived: 0,
            flowing_since: None,
        }
    }

    /// Brings the sending to `now`; says whether all has arrived.
    ///
    /// What was under way when the flow stops is lost and is sent again.
    pub(super) fn settle(&mut self, now: DateTime<Utc>, link: Option<&LinkRecord>) -> bool {
        let Some(link) = link else {
            if self.flowing_since.is_some() {
                self.flowing_since = None;
            }
            return false;
        };
        let since = *self.flowing_since.get_or_insert(now);
        let lag = Duration::from_millis(link.lag_milliseconds);
        let Some(flow) = (now - since).to_std().ok().and_then(|d| d.checked_sub(lag)) else {
            return false;
        };
        self.arrived_after(flow, link) >= self.total
    }

    /// What has arrived at `now`.
    pub(super) fn arrived_at(&self, now: DateTime<Utc>, link: Option<&LinkRecord>) -> u64 {
        let (Some(since), Some(link)) = (self.flowing_since, link) else {
            return self.arrived;
        };
        let lag = Duration::from_millis(link.lag_milliseconds);
        match (now - since).to_std().ok().and_then(|d| d.checked_sub(lag)) {
            Some(flow) => self.arrived_after(flow, link),
            None => self.arrived,
        }
    }

    /// Stops the flow and keeps what has arrived.
    pub(super) fn interrupt(&mut self, now: DateTime<Utc>, link: &LinkRecord) {
        self.arrived = self.arrived_at(now, Some(link));
        self.flowing_since = None;
    }

    fn arrived_after(&self, flow: Duration, link: &LinkRecord) -> u64 {
        let Some(speed) = link.bytes_per_second else {
            return self.total;
        };
        let sent = u128::from(speed) * flow.as_millis() / 1000;
        let sent = u64::try_from(sent).unwrap_or(u64::MAX);
        self.arrived.saturating_add(sent).min(self.total)
    }
}

impl Group {
    /// Whether a point is still on its way.
    pub(super) fn is_sending(&self) -> bool {
        self.points.iter().any(|point| point.sending.is_some())
    }

    /// Every sending of the group.
    pub(super) fn sendings(&mut self) -> impl Iterator<Item = &mut Sending> {
        let seeds = self.members.iter_mut().filter_map(|m| m.seed.as_mut());
        let points = self.points.iter_mut().filter_map(|p| p.sending.as_mut());
        seeds.chain(points)
    }

    pub(super) fn keep(&self) -> usize {
        self.keep_points.unwrap_or(DEFAULT_KEEP).max(1) as usize
    }
}

/// The points beyond the newest `keep` complete ones that nobody keeps, oldest first.
pub(super) fn outdated(points: &[PointRecord], keep: usize) -> Vec<String> {
    let done: Vec<_> = points
        .iter()
        .filter(|point| point.complete && point.sending.is_none())
        .collect();
    let beyond = done.len().saturating_sub(keep);
    done[..beyond]
        .iter()
        .filter(|point| point.pinned_by.is_empty())
        .map(|point| point.name.clone())
        .collect()
}
