//! One storage array, in the verbs of disaster recovery.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::message::message;
use crate::{
    ArrayGroupName, ArrayId, ArrayVolumeName, ArrayVolumeSerial, CallCtx, DriverError, PointName,
    ProjectId, Result, StorageCapabilities, VolumeId,
};

/// Which way an array group protects its volumes. Fixed when the group is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicationMode {
    /// Snapshots are sent at an interval and on demand.
    Async,
    /// Each write is on both arrays before it is acknowledged.
    Sync,
}

/// An array as its partner knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ArrayIdentity {
    /// What identifies the array for good.
    pub id: ArrayId,
    /// What its administrators call it.
    pub name: String,
}

/// Where a group is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupRef {
    /// A group of this array, which sends.
    Local {
        /// Its name.
        name: ArrayGroupName,
    },
    /// What this array has received of another array's group.
    Replica {
        /// The group's name at its source.
        name: ArrayGroupName,
        /// The array it comes from.
        source: ArrayIdentity,
    },
}

message! {
    /// An array and its space.
    pub struct ArrayInfo {
        /// How a partner names it.
        pub identity: ArrayIdentity,
        /// Vendor and version, for people.
        pub version: String,
    }
    optional {
        /// Space for data, in bytes.
        pub capacity_bytes: Option<u64>,
        /// Space in use, in bytes.
        pub used_bytes: Option<u64>,
    }
}

/// The state of the link to another array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LinkState {
    /// Data can be sent.
    Connected,
    /// Some paths are down; data may be slow.
    Partial,
    /// This array does not know the other one.
    Unknown,
    /// Nothing can be sent; also a state that this version does not know.
    #[serde(other)]
    Disconnected,
}

message! {
    /// The link from this array to another.
    pub struct Link {
        /// Its state as this array sees it.
        pub state: LinkState,
    }
    optional {
        /// The array's own words on the state.
        pub detail: String,
    }
}

message! {
    /// Asks for the link to `remote`.
    pub struct GetLink {
        /// The other array.
        pub remote: ArrayIdentity,
    }
}

message! {
    /// A volume of the array.
    pub struct ArrayVolume {
        /// Its present name.
        pub name: ArrayVolumeName,
        /// What renaming and overwriting do not change.
        pub serial: ArrayVolumeSerial,
        /// Its size in bytes.
        pub size_bytes: u64,
    }
    optional {
        /// Whether a host is connected; `None` where the array cannot tell.
        pub connected: Option<bool>,
        /// The operation whose step made the volume, where the array keeps such a tag.
        pub made_by: Option<String>,
    }
}

message! {
    /// Asks which array volume backs a Cinder volume.
    pub struct ResolveVolume {
        /// The Cinder volume's id, as Cinder itself gave it; never a tenant's metadata.
        pub cinder_id: VolumeId,
    }
    optional {
        /// The id by which Cinder names it on the array, where that is not its own any more: Cinder
        /// has migrated it.
        pub name_id: Option<VolumeId>,
        /// The project it belongs to, for arrays that note whose a volume is.
        pub project_id: Option<ProjectId>,
    }
}

message! {
    /// Asks for one volume by its present name.
    pub struct GetVolume {
        /// The name.
        pub name: ArrayVolumeName,
    }
}

message! {
    /// Makes a group and its schedule, or brings an existing one to this form.
    pub struct EnsureGroup {
        /// Its name.
        pub group: ArrayGroupName,
        /// How it replicates.
        pub mode: ReplicationMode,
        /// The array it sends to.
        pub target: ArrayIdentity,
    }
    optional {
        /// Seconds between scheduled points; `None`: points are made on demand only.
        pub interval_seconds: Option<u64>,
        /// How many complete points the target keeps; `None`: the array's default. The newest ones
        /// are not let go, however long nothing new arrives.
        pub keep_points: Option<u32>,
    }
}

message! {
    /// Sets the volumes of a group to exactly these.
    pub struct SetGroupVolumes {
        /// The group, on this array.
        pub group: ArrayGroupName,
        /// The volumes, by present name.
        pub volumes: Vec<ArrayVolumeName>,
    }
}

message! {
    /// A volume within a group.
    pub struct GroupVolume {
        /// Its present name.
        pub name: ArrayVolumeName,
        /// Its serial.
        pub serial: ArrayVolumeSerial,
        /// Whether its first full copy is on the target, so that it is part of the group's points.
        pub seeded: bool,
    }
}

message! {
    /// A group on its source array.
    pub struct GroupStatus {
        /// Its name.
        pub group: ArrayGroupName,
        /// Where it sends to.
        pub target: ArrayIdentity,
        /// Its volumes.
        pub volumes: Vec<GroupVolume>,
        /// Whether points are made on schedule.
        pub scheduled: bool,
    }
    optional {
        /// When the newest point that is complete on the target was taken.
        pub last_complete_at: Option<DateTime<Utc>>,
    }
}

message! {
    /// Names a group on this array.
    pub struct GetGroup {
        /// The group.
        pub group: ArrayGroupName,
    }
}

message! {
    /// Stops a group's schedule and its sending. Its points stay.
    pub struct SuspendGroup {
        /// The group.
        pub group: ArrayGroupName,
    }
    optional {
        /// Whether only this array is asked, because the other one may be dead: the schedule ends, and
        /// what is on its way may still arrive.
        pub here_only: bool,
    }
}

message! {
    /// Deletes a group with the points that only it holds. Its volumes stay.
    pub struct DeleteGroup {
        /// The group; of a replica, what was received is deleted.
        pub group: GroupRef,
    }
}

message! {
    /// Takes a point of a group now and begins to send it.
    pub struct StartReplication {
        /// The group, on this array.
        pub group: ArrayGroupName,
        /// The point's name; a second call with it finds the first one's point.
        pub point: PointName,
    }
}

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransferState {
    /// Nothing moves because the link is down; it goes on when the link is back.
    Stalled,
    /// The point is wholly on the target.
    Complete,
    /// Data is on its way; also a state that this version does not know, which is not the end.
    #[serde(other)]
    Running,
}

message! {
    /// The sending of one point.
    pub struct Transfer {
        /// The point.
        pub point: PointName,
        /// How far it is.
        pub state: TransferState,
        /// When the point was taken.
        pub taken_at: DateTime<Utc>,
        /// Bytes sent so far.
        pub bytes_sent: u64,
    }
    optional {
        /// Bytes to send in all, where the array knows.
        pub bytes_total: Option<u64>,
    }
}

message! {
    /// Asks how far a point's transfer is.
    pub struct GetReplication {
        /// The group, on this array.
        pub group: ArrayGroupName,
        /// The point.
        pub point: PointName,
    }
}

message! {
    /// A volume as a point holds it.
    pub struct PointVolume {
        /// The source volume's name when the point was taken.
        pub name: ArrayVolumeName,
        /// The source volume's serial.
        pub serial: ArrayVolumeSerial,
        /// Its size in bytes when the point was taken.
        pub size_bytes: u64,
    }
}

message! {
    /// A point in time of a whole group.
    pub struct Point {
        /// Its name.
        pub name: PointName,
        /// When it was taken, by the source array's clock.
        pub taken_at: DateTime<Utc>,
        /// Whether every volume below is wholly here.
        pub complete: bool,
        /// The volumes it holds.
        pub volumes: Vec<PointVolume>,
    }
    optional {
        /// Who keeps it from retention.
        pub pinned_by: Vec<String>,
    }
}

message! {
    /// Asks for the points of a group that are on this array.
    pub struct ListPoints {
        /// The group.
        pub group: GroupRef,
    }
}

message! {
    /// Keeps a point from retention, or lets it go.
    pub struct PinPoint {
        /// The group.
        pub group: GroupRef,
        /// The point.
        pub point: PointName,
        /// Who keeps it; several holders are counted apart.
        pub holder: String,
    }
}

message! {
    /// Makes a new volume from one volume of a point.
    pub struct MaterializeVolume {
        /// The group the point belongs to.
        pub group: GroupRef,
        /// The point.
        pub point: PointName,
        /// The volume within the point, by its source serial.
        pub source: ArrayVolumeSerial,
        /// The new volume's name. A volume of this name made by the same call is the reply; any
        /// other is `AlreadyExists`.
        pub name: ArrayVolumeName,
    }
}

message! {
    /// Overwrites a volume in place with one volume of a point.
    pub struct OverwriteVolume {
        /// The group the point belongs to.
        pub group: GroupRef,
        /// The point.
        pub point: PointName,
        /// The volume within the point, by its source serial.
        pub source: ArrayVolumeSerial,
        /// The volume to overwrite, by present name.
        pub name: ArrayVolumeName,
        /// The serial it must have; any other is `Conflict` and nothing is changed.
        pub serial: ArrayVolumeSerial,
    }
}

message! {
    /// Keeps the present content of a volume under a name of its own.
    pub struct SnapshotVolume {
        /// The volume, by present name.
        pub volume: ArrayVolumeName,
        /// The snapshot's name, unique for the volume.
        pub snapshot: String,
    }
}

message! {
    /// Asks how much of a volume differs from what a point holds of it.
    pub struct GetWritten {
        /// The group that took the point, on this array.
        pub group: ArrayGroupName,
        /// The point, still on this array.
        pub point: PointName,
        /// The volume, by serial.
        pub volume: ArrayVolumeSerial,
    }
}

message! {
    /// Destroys a volume.
    pub struct DiscardVolume {
        /// The volume, by present name.
        pub name: ArrayVolumeName,
        /// The serial it must have; any other is `Conflict` and nothing is changed.
        pub serial: ArrayVolumeSerial,
    }
}

message! {
    /// Writes the group's document beside its replicated data.
    pub struct WriteManifest {
        /// The group, on this array.
        pub group: ArrayGroupName,
        /// The document, text without secrets.
        pub document: String,
    }
}

message! {
    /// Reads the document that came with a group's data.
    pub struct ReadManifest {
        /// The group.
        pub group: GroupRef,
    }
}

/// One storage array.
///
/// Two instances make a pair; an unplanned failover uses only the target's. An instance is cheap to
/// make and does no I/O until its first verb. Every verb also fails with `Unreachable`, `Timeout`,
/// `RateLimited`, `Busy` and `Unauthorized`; only further kinds are named below.
#[async_trait]
pub trait StorageDriver: Send + Sync + std::fmt::Debug + 'static {
    /// What the array behind this instance can do. Constant, no I/O.
    fn capabilities(&self) -> StorageCapabilities;

    /// The array's identity, version and space.
    async fn describe(&self, ctx: &CallCtx) -> Result<ArrayInfo>;

    /// The link to another array, as this array sees it.
    ///
    /// # Behavior
    /// An array that this one does not know is [`LinkState::Unknown`], not an error.
    async fn get_link(&self, ctx: &CallCtx, req: GetLink) -> Result<Link>;

    /// The array volume that backs a Cinder volume, proven by the name Cinder gives it.
    ///
    /// # Errors
    /// `NotFound` where no volume of this array backs it; `Conflict` where two could, or where the
    /// array says that the volume belongs to another project.
    async fn resolve_volume(&self, ctx: &CallCtx, req: ResolveVolume) -> Result<ArrayVolume>;

    /// One volume by its present name.
    ///
    /// # Errors
    /// `NotFound`.
    async fn get_volume(&self, ctx: &CallCtx, req: GetVolume) -> Result<ArrayVolume>;

    /// Makes a group that sends to `target`, or brings the existing one to this form.
    ///
    /// # Behavior
    /// Volumes and points of an existing group stay. A suspended group is resumed. The name of a
    /// group that was deleted is free, and the new group has nothing of the old one.
    ///
    /// # Errors
    /// `Conflict` where a group of that name sends elsewhere or in the other mode; `InvalidRequest` where the target is
    /// not linked; `Unsupported` for a mode this array does not have.
    async fn ensure_group(&self, ctx: &CallCtx, req: EnsureGroup) -> Result<GroupStatus>;

    /// A group as it is now.
    ///
    /// # Errors
    /// `NotFound`.
    async fn get_group(&self, ctx: &CallCtx, req: GetGroup) -> Result<GroupStatus>;

    /// Sets a group's volumes to exactly these.
    ///
    /// # Behavior
    /// A new volume is seeded beside the group: points of the others are not delayed, and the
    /// volume is part of a point only when its first full copy has arrived. A volume that is named
    /// twice is in the group once.
    ///
    /// # Errors
    /// `NotFound` for the group or a volume; then nothing is changed.
    async fn set_group_volumes(&self, ctx: &CallCtx, req: SetGroupVolumes) -> Result<GroupStatus>;

    /// Stops a group's schedule and sending; points stay, here and on the target.
    ///
    /// # Behavior
    /// An absent group is success. With `here_only` no other array is called.
    async fn suspend_group(&self, ctx: &CallCtx, req: SuspendGroup) -> Result<()>;

    /// Deletes a group, or what was received of it. Volumes stay.
    ///
    /// # Behavior
    /// An absent group is success. A point that is pinned is `Conflict`, and nothing is deleted. What
    /// the target has received of a group that is deleted at its source stays usable.
    async fn delete_group(&self, ctx: &CallCtx, req: DeleteGroup) -> Result<()>;

    /// Takes a point now and begins to send it. Seeds what is not seeded yet.
    ///
    /// # Behavior
    /// A second call with the same point name finds the first one's point and replies with its
    /// state; the moment of the point does not change.
    ///
    /// # Errors
    /// `NotFound` for the group; `Conflict` where the group is suspended.
    async fn start_replication(&self, ctx: &CallCtx, req: StartReplication) -> Result<Transfer>;

    /// How far the sending of a point is.
    ///
    /// # Errors
    /// `NotFound` for the group or the point.
    async fn get_replication(&self, ctx: &CallCtx, req: GetReplication) -> Result<Transfer>;

    /// The points on this array, oldest first, the incomplete ones marked.
    ///
    /// # Behavior
    /// A group of which nothing has arrived has no points. The source is not asked. A volume that
    /// was lost from a point is not told, or the point is not told to be complete.
    async fn list_points(&self, ctx: &CallCtx, req: ListPoints) -> Result<Vec<Point>>;

    /// Keeps a complete point from retention and deletion until the holder lets it go.
    ///
    /// # Errors
    /// `NotFound` for the point; `Unsupported` without the capability `pin_points`.
    async fn pin_point(&self, ctx: &CallCtx, req: PinPoint) -> Result<()>;

    /// Lets a point go.
    ///
    /// # Behavior
    /// Not pinned by this holder, or no such point, is success.
    async fn unpin_point(&self, ctx: &CallCtx, req: PinPoint) -> Result<()>;

    /// Makes a new volume from a complete point. The point and its source are untouched.
    ///
    /// # Errors
    /// `NotFound` for the point or the volume in it; `Conflict` where the point is not complete;
    /// `AlreadyExists` where another volume has the name; `QuotaExceeded` where space is short.
    async fn materialize_volume(
        &self,
        ctx: &CallCtx,
        req: MaterializeVolume,
    ) -> Result<ArrayVolume>;

    /// Overwrites a volume in place; it keeps its name, serial and size if the point's is the same,
    /// else grows to the point's.
    ///
    /// # Behavior
    /// Never while a host is connected (`Conflict`). The volume bears another name while it is
    /// written, so that a late call by its old name misses it; a repeated call after a crash finds
    /// it under either name by its serial and completes. A larger volume keeps its size or is refused
    /// (`Conflict` or `InvalidRequest`): it never shrinks.
    ///
    /// # Errors
    /// `NotFound` for point or volume; `Conflict` where the serial differs, a host is connected, or
    /// the point is not complete.
    async fn overwrite_volume(&self, ctx: &CallCtx, req: OverwriteVolume) -> Result<ArrayVolume>;

    /// Keeps the present content of a volume.
    ///
    /// # Behavior
    /// A snapshot of that name is success and is not taken again.
    ///
    /// # Errors
    /// `NotFound` for the volume.
    async fn snapshot_volume(&self, ctx: &CallCtx, req: SnapshotVolume) -> Result<()>;

    /// Destroys a volume (recoverable for a time where the array has such a bin).
    ///
    /// # Behavior
    /// An absent volume is success. A connected one is `Conflict`. Where no volume has the name, the
    /// one with the serial is destroyed under whatever name it has: block storage services rename
    /// what they let go. The name is free for another volume at once.
    ///
    /// # Errors
    /// `Conflict` where the serial differs.
    async fn discard_volume(&self, ctx: &CallCtx, req: DiscardVolume) -> Result<()>;

    /// How many bytes of a volume were written since a point of this array's own group was taken:
    /// those in which it differs from the point, in the array's own unit of difference. Never a guess.
    ///
    /// # Errors
    /// `Unsupported` without the capability `written_since`; `NotFound` for the volume, or where the
    /// point is no longer here or does not hold it.
    async fn get_written(&self, _ctx: &CallCtx, _req: GetWritten) -> Result<u64> {
        Err(DriverError::unsupported("the bytes written since a point"))
    }

    /// Writes the group's document beside its data.
    ///
    /// # Errors
    /// `Unsupported` without the capability `manifest`; `NotFound` for the group.
    async fn write_manifest(&self, _ctx: &CallCtx, _req: WriteManifest) -> Result<()> {
        Err(DriverError::unsupported("manifests"))
    }

    /// Reads the newest document that came with a group's data, if there is one.
    ///
    /// # Errors
    /// `Unsupported` without the capability `manifest`.
    async fn read_manifest(&self, _ctx: &CallCtx, _req: ReadManifest) -> Result<Option<String>> {
        Err(DriverError::unsupported("manifests"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_of_a_newer_version_is_the_safe_one() {
        let link = |text: &str| serde_json::from_str::<LinkState>(text).unwrap();
        assert_eq!(link(r#""of_next_year""#), LinkState::Disconnected);
        assert_eq!(link(r#""disconnected""#), LinkState::Disconnected);
        assert_eq!(link(r#""connected""#), LinkState::Connected);
        let transfer = |text: &str| serde_json::from_str::<TransferState>(text).unwrap();
        assert_eq!(transfer(r#""of_next_year""#), TransferState::Running);
        assert_eq!(transfer(r#""running""#), TransferState::Running);
        assert_eq!(transfer(r#""complete""#), TransferState::Complete);
    }
}
