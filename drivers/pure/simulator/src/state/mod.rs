//! What the arrays hold and how it changes. Nothing here knows HTTP; time is a number that the
//! caller moves.

mod array;
mod arrival;
mod error;
mod fabric;
mod group;
mod host;
mod link;
mod names;
mod news;
mod pod;
mod pod_mirror;
mod pod_stretch;
mod pod_turn;
mod point;
mod replica_link;
mod retention;
mod schedule;
mod session;
mod settle;
mod snapshot;
mod tag;
mod volume;
mod volume_copy;
mod volume_group;

#[cfg(test)]
mod tests;

pub(crate) use array::{Array, Millis};
pub use array::{LimitKind, ManualEradication};
pub(crate) use error::{ApiError, Kind, Outcome};
pub(crate) use fabric::{At, Fabric, check_array_name};
pub(crate) use group::{Group, GroupPatch};
pub(crate) use host::{Connection, Host};
pub(crate) use link::Link;
pub(crate) use names::{Scoped, same};
pub(crate) use pod::{Pod, PodMember, PodState};
pub(crate) use point::{Point, TakePoint};
pub(crate) use replica_link::ReplicaLink;
pub(crate) use schedule::{Blackout, Retention, Schedule};
pub(crate) use snapshot::{Snapshot, SnapshotOf};
pub(crate) use tag::{DEFAULT_NAMESPACE, Tag, put as put_tag, remove as remove_tags};
pub(crate) use volume::{Move, Qos, Volume};
pub(crate) use volume_copy::NewVolume;
