//! What the suite needs beside the driver: arrays to work on, and a hand on what drivers cannot do.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use protector_framework::{
    ArrayIdentity, ArrayVolumeName, ArrayVolumeSerial, Clock, GroupRef, PointName, SecretString,
    StorageDriver, VolumeId,
};
use serde::{Deserialize, Serialize};

pub use crate::fault::{BenchError, Cut, Effect};

/// One of the two arrays of a bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The array that sends first.
    Source,
    /// The array that receives first.
    Target,
}

impl Side {
    /// Both, the source first.
    pub const BOTH: [Self; 2] = [Self::Source, Self::Target];

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Source => Self::Target,
            Self::Target => Self::Source,
        }
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// Something that a bench can do to its arrays. A case that needs one which the bench does not
/// have is reported as skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Facility {
    /// Volumes are made, written and read: [`Bench::create_volume`], [`Bench::write`] and
    /// [`Bench::read`]. Every bench has it that does not say otherwise with
    /// [`Benches::makes_volumes`].
    Volumes,
    /// Hours pass at once: [`Bench::pass`] does not wait for real.
    Warp,
    /// The link is cut and mended: [`Bench::set_link`] with [`LinkCondition::Down`].
    Link,
    /// The link is slowed: [`Bench::set_link`] with [`LinkCondition::Slow`].
    Speed,
    /// Hosts connect to volumes: [`Bench::connect`], [`Bench::disconnect`].
    Hosts,
    /// Volumes are renamed, as block storage services do: [`Bench::rename`].
    Rename,
    /// An array runs out of space: [`Bench::fill`].
    Capacity,
    /// A point loses a volume: [`Bench::lose_from_point`].
    Loss,
    /// An array stops to answer: [`Bench::power`].
    Power,
    /// A driver with a wrong secret: [`Bench::intruder`].
    Intruder,
    /// Snapshots of a volume are read: [`Bench::read_snapshot`].
    Snapshots,
    /// Remote calls are counted, and the connection is lost at one of them: [`Bench::arm`] with
    /// [`Effect::LostBefore`] and [`Effect::LostAfter`], [`Bench::calls`].
    Cut,
    /// A remote call is never answered: [`Bench::arm`] with [`Effect::Hang`].
    Hang,
    /// What an array holds beside volumes is told: [`Bench::holdings`].
    Holdings,
}

impl Facility {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Volumes,
        Self::Warp,
        Self::Link,
        Self::Speed,
        Self::Hosts,
        Self::Rename,
        Self::Capacity,
        Self::Loss,
        Self::Power,
        Self::Intruder,
        Self::Snapshots,
        Self::Cut,
        Self::Hang,
        Self::Holdings,
    ];
}

impl std::fmt::Display for Facility {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Volumes => "make, write and read volumes",
            Self::Warp => "let hours pass at once",
            Self::Link => "cut the link",
            Self::Speed => "slow the link down",
            Self::Hosts => "connect a host",
            Self::Rename => "rename a volume",
            Self::Capacity => "fill an array",
            Self::Loss => "take a volume out of a point",
            Self::Power => "switch an array off",
            Self::Intruder => "use a wrong secret",
            Self::Snapshots => "read a snapshot",
            Self::Cut => "lose the connection at a remote call",
            Self::Hang => "leave a remote call unanswered",
            Self::Holdings => "tell what an array holds beside volumes",
        })
    }
}

/// The link between the two arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkCondition {
    /// It carries data as fast as it can.
    Up,
    /// It carries nothing.
    Down,
    /// It carries this many bytes per second.
    Slow(u64),
}

/// What a volume is called when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewName {
    /// As Cinder calls the volume of this id on this array.
    Cinder(VolumeId),
    /// Exactly so.
    Plain(String),
}

/// Makes benches, one for each case.
#[async_trait]
pub trait Benches: Send + Sync {
    /// What is tested, for the report.
    fn name(&self) -> &str;

    /// What every bench of this maker can do. The suite skips what needs more.
    fn facilities(&self) -> Vec<Facility>;

    /// Why the benches do not have a facility, where the report should say more than that.
    fn lack(&self, _facility: Facility) -> Option<String> {
        None
    }

    /// Whether the benches make volumes, write and read them. Most cases need that.
    fn makes_volumes(&self) -> bool {
        true
    }

    /// Two linked arrays, or a namespace of their own on two arrays that are there.
    async fn bench(&self) -> Result<Arc<dyn Bench>, BenchError>;
}

/// Two arrays that are linked both ways, and all that the suite does to them beside the driver.
///
/// Names, offsets and sizes are those of the driver contract; sizes are bytes. A bench on real
/// arrays gives every case a [`Bench::namespace`] and removes what is left when it is dropped.
#[async_trait]
pub trait Bench: Send + Sync {
    /// The clock of the drivers that [`Bench::driver`] makes.
    fn clock(&self) -> Arc<dyn Clock>;

    /// A new instance of the driver for one array, as after a restart.
    ///
    /// # Errors
    /// Where it cannot be built.
    fn driver(&self, side: Side) -> Result<Arc<dyn StorageDriver>, BenchError>;

    /// What an array's partner knows it by.
    ///
    /// # Errors
    /// Where the array does not say.
    async fn identity(&self, side: Side) -> Result<ArrayIdentity, BenchError>;

    /// What the names that the suite makes up begin with; empty where the arrays are new.
    fn namespace(&self) -> String {
        String::new()
    }

    /// Whether the arrays are still there when the bench is gone. The suite then removes the groups
    /// that a case has made before it calls [`Bench::end`].
    fn outlives_its_case(&self) -> bool {
        false
    }

    /// What must not be in any error.
    fn secrets(&self) -> Vec<SecretString>;

    /// Makes a volume full of zeros and says what it is called.
    ///
    /// # Errors
    /// Where the array refuses.
    async fn create_volume(
        &self,
        side: Side,
        name: NewName,
        size_bytes: u64,
    ) -> Result<ArrayVolumeName, BenchError>;

    /// The present names of all volumes in the namespace, whoever made them. What a driver keeps for
    /// itself beside the volumes of its callers is not among them.
    ///
    /// # Errors
    /// Where the array refuses.
    async fn volumes(&self, side: Side) -> Result<Vec<ArrayVolumeName>, BenchError>;

    /// What the array holds beside those volumes: groups, points, and whatever the driver keeps for
    /// itself, in words for people. What is destroyed and only awaits its end does not count. A
    /// bench that does not declare [`Facility::Holdings`] tells of nothing.
    ///
    /// # Errors
    /// Where the array refuses.
    async fn holdings(&self, _side: Side) -> Result<Vec<String>, BenchError> {
        Ok(Vec::new())
    }

    /// Writes into a volume, as a host does.
    ///
    /// # Errors
    /// Where it is absent or too short.
    async fn write(
        &self,
        side: Side,
        volume: &ArrayVolumeName,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), BenchError>;

    /// Reads from a volume.
    ///
    /// # Errors
    /// Where it is absent or too short.
    async fn read(
        &self,
        side: Side,
        volume: &ArrayVolumeName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, BenchError>;

    /// Lets this much time pass, so that transfers, schedules and retention go on.
    ///
    /// # Errors
    /// Where the arrays do not follow.
    async fn pass(&self, time: Duration) -> Result<(), BenchError>;

    /// Is called every few milliseconds while verbs run. A bench whose clock moves by hand moves it a
    /// little, so that a driver that waits comes to its end; others do nothing. A bench that can
    /// tell moves it only while nobody calls, so that a slow machine uses up no deadline.
    async fn tick(&self) {}

    /// Is called when a case has ended, however it did. A bench on arrays that are there removes what
    /// the case has left in its namespace.
    ///
    /// # Errors
    /// What could not be removed.
    async fn end(&self) -> Result<(), BenchError> {
        Ok(())
    }

    /// Changes the link, in both directions.
    ///
    /// # Errors
    /// Where it cannot.
    async fn set_link(&self, _condition: LinkCondition) -> Result<(), BenchError> {
        Err(BenchError::missing(Facility::Link))
    }

    /// Connects a host to a volume.
    ///
    /// # Errors
    /// Where it cannot.
    async fn connect(&self, _side: Side, _volume: &ArrayVolumeName) -> Result<(), BenchError> {
        Err(BenchError::missing(Facility::Hosts))
    }

    /// Disconnects that host again.
    ///
    /// # Errors
    /// Where it cannot.
    async fn disconnect(&self, _side: Side, _volume: &ArrayVolumeName) -> Result<(), BenchError> {
        Err(BenchError::missing(Facility::Hosts))
    }

    /// Renames a volume behind the driver's back.
    ///
    /// # Errors
    /// Where it cannot.
    async fn rename(
        &self,
        _side: Side,
        _from: &ArrayVolumeName,
        _to: &ArrayVolumeName,
    ) -> Result<(), BenchError> {
        Err(BenchError::missing(Facility::Rename))
    }

    /// Leaves no room for another volume on an array.
    ///
    /// # Errors
    /// Where it cannot.
    async fn fill(&self, _side: Side) -> Result<(), BenchError> {
        Err(BenchError::missing(Facility::Capacity))
    }

    /// Takes one volume out of a received point, as a fault of the array would.
    ///
    /// # Errors
    /// Where it cannot.
    async fn lose_from_point(
        &self,
        _side: Side,
        _group: &GroupRef,
        _point: &PointName,
        _volume: &ArrayVolumeSerial,
    ) -> Result<(), BenchError> {
        Err(BenchError::missing(Facility::Loss))
    }

    /// Switches an array off or on. One that is off answers nobody, its partner neither.
    ///
    /// # Errors
    /// Where it cannot.
    async fn power(&self, _side: Side, _on: bool) -> Result<(), BenchError> {
        Err(BenchError::missing(Facility::Power))
    }

    /// A driver instance with a secret that the array refuses. The secret is one of
    /// [`Bench::secrets`].
    ///
    /// # Errors
    /// Where it cannot.
    fn intruder(&self, _side: Side) -> Result<Arc<dyn StorageDriver>, BenchError> {
        Err(BenchError::missing(Facility::Intruder))
    }

    /// Reads from a snapshot of a volume; `None` where the volume has no such snapshot.
    ///
    /// # Errors
    /// Where it cannot.
    async fn read_snapshot(
        &self,
        _side: Side,
        _volume: &ArrayVolumeName,
        _snapshot: &str,
        _length: usize,
    ) -> Result<Option<Vec<u8>>, BenchError> {
        Err(BenchError::missing(Facility::Snapshots))
    }

    /// Counts an array's remote calls from zero, and lets one of them go wrong; `None`: none.
    ///
    /// # Errors
    /// Where it cannot.
    async fn arm(&self, _side: Side, _cut: Option<Cut>) -> Result<(), BenchError> {
        Err(BenchError::missing(Facility::Cut))
    }

    /// How many remote calls have begun since [`Bench::arm`].
    ///
    /// # Errors
    /// Where it cannot.
    fn calls(&self, _side: Side) -> Result<u64, BenchError> {
        Err(BenchError::missing(Facility::Cut))
    }
}
