//! The JSON of the API, in the vendor's own words.

use chrono::{DateTime, Utc};
use protector_framework::{
    ArrayIdentity, ArrayInfo, ArrayVolume, ArrayVolumeSerial, GroupRef, GroupStatus, PointName,
    Transfer, TransferState,
};
use serde::{Deserialize, Serialize};

use crate::routes::known_by_id;

#[derive(Debug, Serialize)]
pub(crate) struct Array {
    id: String,
    name: String,
    model: &'static str,
    capacity: Option<u64>,
    used: Option<u64>,
}

impl From<ArrayInfo> for Array {
    fn from(info: ArrayInfo) -> Self {
        Self {
            id: info.identity.id.to_string(),
            name: info.identity.name,
            model: "Shelf 1",
            capacity: info.capacity_bytes,
            used: info.used_bytes,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Volume {
    name: String,
    serial: String,
    size: u64,
    /// Whether a host is connected; null where nobody records it.
    connected: Option<bool>,
    /// What its maker has tagged it with.
    tag: Option<String>,
}

impl From<ArrayVolume> for Volume {
    fn from(volume: ArrayVolume) -> Self {
        Self {
            name: volume.name.to_string(),
            serial: volume.serial.to_string(),
            size: volume.size_bytes,
            connected: volume.connected,
            tag: volume.made_by,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Group {
    name: String,
    target: ArrayIdentity,
    /// Whether points are made on schedule.
    scheduled: bool,
    volumes: Vec<Member>,
    /// When the newest point that is whole on the target was taken.
    last_sent: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize)]
struct Member {
    name: String,
    serial: String,
    /// Whether its first full copy is on the target.
    copied: bool,
}

impl From<GroupStatus> for Group {
    fn from(status: GroupStatus) -> Self {
        let volumes = status.volumes.into_iter().map(|volume| Member {
            name: volume.name.to_string(),
            serial: volume.serial.to_string(),
            copied: volume.seeded,
        });
        Self {
            name: status.group.to_string(),
            target: status.target,
            scheduled: status.scheduled,
            volumes: volumes.collect(),
            last_sent: status.last_complete_at,
        }
    }
}

/// A point at its source, on its way.
#[derive(Debug, Serialize)]
pub(crate) struct Sending {
    point: String,
    taken: DateTime<Utc>,
    state: &'static str,
    sent: u64,
    total: Option<u64>,
}

impl From<Transfer> for Sending {
    fn from(transfer: Transfer) -> Self {
        Self {
            point: transfer.point.to_string(),
            taken: transfer.taken_at,
            state: match transfer.state {
                TransferState::Complete => "sent",
                TransferState::Running => "sending",
                _ => "waiting",
            },
            sent: transfer.bytes_sent,
            total: transfer.bytes_total,
        }
    }
}

/// A point as an array holds it.
#[derive(Debug, Serialize)]
pub(crate) struct Point {
    name: String,
    taken: DateTime<Utc>,
    /// Whether each of its volumes is wholly here.
    whole: bool,
    volumes: Vec<PointVolume>,
    holders: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PointVolume {
    name: String,
    serial: String,
    size: u64,
}

impl From<protector_framework::Point> for Point {
    fn from(point: protector_framework::Point) -> Self {
        let volumes = point.volumes.into_iter().map(|volume| PointVolume {
            name: volume.name.to_string(),
            serial: volume.serial.to_string(),
            size: volume.size_bytes,
        });
        Self {
            name: point.name.to_string(),
            taken: point.taken_at,
            whole: point.complete,
            volumes: volumes.collect(),
            holders: point.pinned_by,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewGroup {
    pub(crate) target: ArrayIdentity,
    #[serde(default)]
    pub(crate) interval_seconds: Option<u64>,
    #[serde(default)]
    pub(crate) keep_points: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Members {
    pub(crate) volumes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) document: String,
}

/// One volume as a point holds it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    group: String,
    /// The array whose group it is; absent: this one's own.
    #[serde(default)]
    source: Option<String>,
    point: String,
    serial: String,
}

impl Content {
    pub(crate) fn parts(self) -> (GroupRef, PointName, ArrayVolumeSerial) {
        let name = self.group.into();
        let group = match self.source {
            None => GroupRef::Local { name },
            Some(source) => GroupRef::Replica {
                name,
                source: known_by_id(&source),
            },
        };
        (group, self.point.into(), self.serial.into())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewVolume {
    pub(crate) name: String,
    pub(crate) from: Content,
    #[serde(default)]
    pub(crate) tag: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewContent {
    /// What the volume must have for anything to be done.
    pub(crate) serial: String,
    pub(crate) from: Content,
}
