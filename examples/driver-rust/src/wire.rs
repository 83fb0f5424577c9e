//! The array's JSON, and what it is in Protector's words.

use chrono::{DateTime, Utc};
use protector_framework as framework;
use protector_framework::{ArrayIdentity, ArrayInfo, ArrayVolume, GroupStatus, GroupVolume};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
pub(crate) struct Array {
    id: String,
    name: String,
    model: String,
    capacity: Option<u64>,
    used: Option<u64>,
}

impl From<Array> for ArrayInfo {
    fn from(array: Array) -> Self {
        let identity = ArrayIdentity {
            id: array.id.into(),
            name: array.name,
        };
        ArrayInfo::new(identity, array.model)
            .capacity_bytes(array.capacity)
            .used_bytes(array.used)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Link {
    state: String,
    detail: String,
}

impl From<Link> for framework::Link {
    fn from(link: Link) -> Self {
        let state = match link.state.as_str() {
            "up" => framework::LinkState::Connected,
            "degraded" => framework::LinkState::Partial,
            // Also a state that this driver does not know: better no data than a false promise.
            _ => framework::LinkState::Disconnected,
        };
        framework::Link::new(state).detail(link.detail)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Volume {
    name: String,
    serial: String,
    size: u64,
    connected: Option<bool>,
    tag: Option<String>,
}

impl From<Volume> for ArrayVolume {
    fn from(volume: Volume) -> Self {
        ArrayVolume::new(volume.name, volume.serial, volume.size)
            .connected(volume.connected)
            .made_by(volume.tag)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Group {
    name: String,
    target: ArrayIdentity,
    scheduled: bool,
    volumes: Vec<Member>,
    last_sent: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
struct Member {
    name: String,
    serial: String,
    copied: bool,
}

impl From<Group> for GroupStatus {
    fn from(group: Group) -> Self {
        let members = group.volumes.into_iter();
        let volumes: Vec<_> = members
            .map(|member| GroupVolume::new(member.name, member.serial, member.copied))
            .collect();
        GroupStatus::new(group.name, group.target, volumes, group.scheduled)
            .last_complete_at(group.last_sent)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Sending {
    point: String,
    taken: DateTime<Utc>,
    state: String,
    sent: u64,
    total: Option<u64>,
}

impl From<Sending> for framework::Transfer {
    fn from(sending: Sending) -> Self {
        let state = match sending.state.as_str() {
            "sent" => framework::TransferState::Complete,
            "waiting" => framework::TransferState::Stalled,
            _ => framework::TransferState::Running,
        };
        framework::Transfer::new(sending.point, state, sending.taken, sending.sent)
            .bytes_total(sending.total)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Points {
    points: Vec<Point>,
}

#[derive(Debug, Deserialize)]
struct Point {
    name: String,
    taken: DateTime<Utc>,
    whole: bool,
    volumes: Vec<PointVolume>,
    holders: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct PointVolume {
    name: String,
    serial: String,
    size: u64,
}

impl From<Points> for Vec<framework::Point> {
    fn from(points: Points) -> Self {
        let one = |point: Point| {
            let held = point.volumes.into_iter();
            let volumes: Vec<_> = held
                .map(|held| framework::PointVolume::new(held.name, held.serial, held.size))
                .collect();
            framework::Point::new(point.name, point.taken, point.whole, volumes)
                .pinned_by(point.holders)
        };
        points.points.into_iter().map(one).collect()
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Changes {
    pub(crate) bytes: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Document {
    pub(crate) document: Option<String>,
}

/// One volume of a point, as the array wants it named.
pub(crate) fn content(
    group: &framework::GroupRef,
    point: &framework::PointName,
    serial: &framework::ArrayVolumeSerial,
) -> Value {
    let (group, source) = match group {
        framework::GroupRef::Local { name } => (name, None),
        framework::GroupRef::Replica { name, source } => (name, Some(&source.id)),
    };
    json!({"group": group, "source": source, "point": point, "serial": serial})
}
