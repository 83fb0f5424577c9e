//! What arrays answer, as far as the driver reads it. Every field may be absent or null.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};

/// Null as the default of the type.
fn lax<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

macro_rules! items {
    ($( $(#[$doc:meta])* $name:ident { $( $(#[$fdoc:meta])* $field:ident : $ty:ty, )* } )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(default)]
        pub(crate) struct $name {
            $( $(#[$fdoc])* #[serde(deserialize_with = "lax")] pub(crate) $field: $ty, )*
        }
    )*};
}

items! {
    /// Another object, by id and name.
    Reference { id: String, name: String, }

    /// The array itself.
    ArrayItem {
        id: String,
        name: String,
        version: String,
        os: String,
        capacity: Option<u64>,
        space: Space,
        /// The array's own clock, milliseconds.
        _as_of: Option<i64>,
    }

    Space { total_physical: Option<u64>, }

    /// What an array knows of another one.
    Connection { id: String, name: String, status: String, remote: Reference, }

    Volume {
        id: String,
        name: String,
        serial: String,
        provisioned: u64,
        destroyed: bool,
        connection_count: Option<u64>,
        pod: Reference,
        volume_group: Reference,
    }

    Group {
        id: String,
        name: String,
        destroyed: bool,
        is_local: Option<bool>,
        /// The array that a received group comes from.
        source: Reference,
        replication_schedule: Schedule,
        snapshot_schedule: Schedule,
        target_retention: Retention,
        source_retention: Retention,
    }

    Schedule { enabled: bool, frequency: Option<u64>, }

    Retention { all_for_sec: Option<u64>, per_day: Option<u64>, days: Option<u64>, }

    /// One volume in one group.
    Membership { group: Reference, member: Member, }

    Member { id: String, name: String, destroyed: bool, }

    /// One target of one group.
    Target { group: Reference, member: Reference, allowed: Option<bool>, }

    /// A group's snapshot.
    GroupSnapshot { id: String, name: String, created: i64, destroyed: bool, }

    /// A volume's snapshot; of a group's, its name ends in the volume's.
    VolumeSnapshot { id: String, name: String, destroyed: bool, provisioned: u64, source: Reference, }

    /// The sending of one group snapshot, as its target sees it.
    TransferItem {
        name: String,
        destroyed: bool,
        started: Option<i64>,
        completed: Option<i64>,
        progress: Option<f64>,
        data_transferred: Option<u64>,
    }

    Tag { namespace: String, key: String, value: String, resource: Reference, }

    Pod { id: String, name: String, destroyed: bool, array_count: Option<u64>, arrays: Vec<PodArray>, }

    PodArray {
        id: String,
        name: String,
        status: String,
        mediator_status: String,
        /// When this array's copy stopped to follow, milliseconds.
        frozen_at: Option<i64>,
    }

    DefaultProtections { default_protections: Vec<DefaultProtection>, }

    DefaultProtection { name: String, }
}

/// Milliseconds since the epoch as a time.
pub(crate) fn time(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default()
}

impl TransferItem {
    /// Whether all of the point is on the target.
    pub(crate) fn is_complete(&self) -> bool {
        self.completed.is_some()
            && self
                .progress
                .is_some_and(|progress| (progress - 1.0).abs() < f64::EPSILON)
    }
}

impl Volume {
    /// Whether a host is connected. An array that does not say counts as connected.
    pub(crate) fn is_connected(&self) -> bool {
        self.connection_count.is_none_or(|count| count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_null_and_unknown_fields_are_no_fault() {
        let volume: Volume = serde_json::from_str(
            r#"{"name": "v", "serial": null, "pod": {"id": null, "name": null}, "new": [1]}"#,
        )
        .unwrap();
        assert_eq!((volume.name.as_str(), volume.serial.as_str()), ("v", ""));
        assert!(volume.is_connected(), "what is not told is not assumed");
        let transfer: TransferItem =
            serde_json::from_str(r#"{"name": "a:p.1", "completed": null, "progress": 1.0}"#)
                .unwrap();
        assert!(!transfer.is_complete());
    }

    #[test]
    fn a_transfer_is_complete_when_it_is_completed_and_whole() {
        for (text, expected) in [
            (r#"{"completed": 5, "progress": 1.0}"#, true),
            (r#"{"completed": 5, "progress": 0.99}"#, false),
            (r#"{"completed": 5}"#, false),
            (r#"{"progress": 1}"#, false),
        ] {
            let transfer: TransferItem = serde_json::from_str(text).unwrap();
            assert_eq!(transfer.is_complete(), expected, "{text}");
        }
    }
}
