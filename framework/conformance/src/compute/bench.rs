//! What the compute kit needs beside the driver: a project of a cloud to work in, and a hand on what
//! drivers cannot do.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use protector_framework::{
    Clock, ComputeDriver, ResourceId, SecretString, ServerId, VolumeId, VolumeTypeId,
};
use serde::{Deserialize, Serialize};

pub use crate::fault::{BenchError, Cut, Effect};

/// Something that a bench has or can do. A case that needs one which the bench does not have is
/// reported as skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ComputeFacility {
    /// A network to make ports on: [`ComputeBench::network`].
    Ports,
    /// Volumes to boot servers from and a flavor: [`ComputeBench::volume`],
    /// [`ComputeBench::flavor`].
    Servers,
    /// Array volumes to adopt: [`ComputeBench::array_volume`].
    Adoption,
    /// Whether the data of an array volume are still there is told: [`ComputeBench::keeps`].
    Data,
    /// A type of volume groups: [`ComputeBench::group_type`].
    Groups,
    /// A second group of one name is made: [`ComputeBench::twin`].
    Twins,
    /// Volumes get snapshots: [`ComputeBench::snapshot`].
    Snapshots,
    /// The owner tries to change a server: [`ComputeBench::owner_changes`].
    Owner,
    /// Another project has a port: [`ComputeBench::foreign_port`].
    Foreign,
    /// No quota is left for another port: [`ComputeBench::no_more_ports`].
    Quota,
    /// The cloud stops to answer: [`ComputeBench::power`].
    Power,
    /// A driver with a wrong secret: [`ComputeBench::intruder`].
    Intruder,
    /// Remote calls are counted, and the connection is lost at one of them: [`ComputeBench::arm`]
    /// with [`Effect::LostBefore`] and [`Effect::LostAfter`], [`ComputeBench::calls`].
    Cut,
    /// A remote call is never answered: [`ComputeBench::arm`] with [`Effect::Hang`].
    Hang,
    /// What is there in the namespace is told: [`ComputeBench::holdings`].
    Holdings,
}

impl ComputeFacility {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Ports,
        Self::Servers,
        Self::Adoption,
        Self::Data,
        Self::Groups,
        Self::Twins,
        Self::Snapshots,
        Self::Owner,
        Self::Foreign,
        Self::Quota,
        Self::Power,
        Self::Intruder,
        Self::Cut,
        Self::Hang,
        Self::Holdings,
    ];
}

impl std::fmt::Display for ComputeFacility {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ports => "offer a network for ports",
            Self::Servers => "offer volumes to boot servers from",
            Self::Adoption => "offer array volumes to adopt",
            Self::Data => "tell whether an array volume's data are still there",
            Self::Groups => "offer a type of volume groups",
            Self::Twins => "make two volume groups of one name",
            Self::Snapshots => "make snapshots of a volume",
            Self::Owner => "act as a server's owner",
            Self::Foreign => "make a port in another project",
            Self::Quota => "use up the quota for ports",
            Self::Power => "switch the cloud off",
            Self::Intruder => "use a wrong secret",
            Self::Cut => "lose the connection at a remote call",
            Self::Hang => "leave a remote call unanswered",
            Self::Holdings => "tell what is in its namespace",
        })
    }
}

/// A network with one subnet, and addresses of it that nobody else uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestNetwork {
    /// The network.
    pub id: ResourceId,
    /// Its subnet.
    pub subnet: ResourceId,
    /// Free addresses of the subnet, at least four.
    pub addresses: Vec<String>,
    /// A security group of the project.
    pub security_group: Option<ResourceId>,
}

/// An array volume that the cloud does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoptable {
    /// Its name on the array.
    pub source_name: String,
    /// `host@backend#pool` of the back end that shows it.
    pub host: String,
    /// A volume type of that back end.
    pub volume_type: VolumeTypeId,
    /// Its size, in whole GiB.
    pub size_gib: u64,
}

/// What volume groups are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupKind {
    /// The group type's name.
    pub group_type: String,
    /// The type of the volumes that [`ComputeBench::volume`] makes.
    pub volume_type: VolumeTypeId,
}

/// Makes benches, one for each case.
#[async_trait]
pub trait ComputeBenches: Send + Sync {
    /// What is tested, for the report.
    fn name(&self) -> &str;

    /// What every bench of this maker has and can do. The suite skips what needs more.
    fn facilities(&self) -> Vec<ComputeFacility>;

    /// Why the benches do not have a facility, where the report should say more than that.
    fn lack(&self, _facility: ComputeFacility) -> Option<String> {
        None
    }

    /// A project of a cloud, or a namespace of its own in one that others use too.
    async fn bench(&self) -> Result<Arc<dyn ComputeBench>, BenchError>;
}

/// One project of one cloud, and all that the suite does there beside the driver.
///
/// The suite removes with the driver's own verbs what it made with them; [`ComputeBench::end`]
/// removes what the bench made.
#[async_trait]
pub trait ComputeBench: Send + Sync {
    /// The clock of the drivers that [`ComputeBench::driver`] makes.
    fn clock(&self) -> Arc<dyn Clock>;

    /// A new instance of the driver for the project, as after a restart.
    ///
    /// # Errors
    /// Where it cannot be built.
    fn driver(&self) -> Result<Arc<dyn ComputeDriver>, BenchError>;

    /// What the names and tags that the suite makes up begin with, at most 32 characters; no other
    /// bench has the same.
    fn namespace(&self) -> String;

    /// What must not be in any error.
    fn secrets(&self) -> Vec<SecretString>;

    /// Lets time pass, so that the cloud gets on with what it does later. On a clock that moves by
    /// hand this much; on others less will do.
    ///
    /// # Errors
    /// Where the cloud does not follow.
    async fn pass(&self, time: Duration) -> Result<(), BenchError>;

    /// Is called every few milliseconds while verbs run. A bench whose clock moves by hand moves it a
    /// little, so that a driver that waits comes to its end; others do nothing.
    async fn tick(&self) {}

    /// How long a call that is never answered is given.
    fn deadline(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// Is called when a case has ended and the suite has removed what it made: removes what the
    /// bench made.
    ///
    /// # Errors
    /// What could not be removed.
    async fn end(&self) -> Result<(), BenchError> {
        Ok(())
    }

    /// A network for ports.
    ///
    /// # Errors
    /// Where there is none.
    async fn network(&self) -> Result<TestNetwork, BenchError> {
        Err(BenchError::missing(ComputeFacility::Ports))
    }

    /// A flavor for small servers that boot from volumes.
    ///
    /// # Errors
    /// Where there is none.
    fn flavor(&self) -> Result<ResourceId, BenchError> {
        Err(BenchError::missing(ComputeFacility::Servers))
    }

    /// A volume that is available, and bootable where that is asked for.
    ///
    /// # Errors
    /// Where the cloud refuses.
    async fn volume(&self, _name: &str, _bootable: bool) -> Result<VolumeId, BenchError> {
        Err(BenchError::missing(ComputeFacility::Servers))
    }

    /// An array volume with content of its own. Every call gives another one.
    ///
    /// # Errors
    /// Where the array refuses.
    async fn array_volume(&self, _name: &str) -> Result<Adoptable, BenchError> {
        Err(BenchError::missing(ComputeFacility::Adoption))
    }

    /// Whether what an array volume held when it was made is still on the array, under any name.
    ///
    /// # Errors
    /// Where the array does not say.
    async fn keeps(&self, _volume: &Adoptable) -> Result<bool, BenchError> {
        Err(BenchError::missing(ComputeFacility::Data))
    }

    /// What volume groups are made of.
    ///
    /// # Errors
    /// Where there is no such type.
    fn group_type(&self) -> Result<GroupKind, BenchError> {
        Err(BenchError::missing(ComputeFacility::Groups))
    }

    /// Makes a volume group, also where there is one of this name.
    ///
    /// # Errors
    /// Where the cloud refuses.
    async fn twin(&self, _name: &str) -> Result<(), BenchError> {
        Err(BenchError::missing(ComputeFacility::Twins))
    }

    /// Gives a volume a snapshot, or takes it away.
    ///
    /// # Errors
    /// Where the cloud refuses.
    async fn snapshot(&self, _volume: &VolumeId, _there: bool) -> Result<(), BenchError> {
        Err(BenchError::missing(ComputeFacility::Snapshots))
    }

    /// Whether the server's owner is allowed to unlock it or to stop and start it.
    ///
    /// # Errors
    /// Where it cannot be tried.
    async fn owner_changes(&self, _server: &ServerId) -> Result<bool, BenchError> {
        Err(BenchError::missing(ComputeFacility::Owner))
    }

    /// Makes a port of another project on the network.
    ///
    /// # Errors
    /// Where the cloud refuses.
    async fn foreign_port(&self, _mac: &str) -> Result<(), BenchError> {
        Err(BenchError::missing(ComputeFacility::Foreign))
    }

    /// Leaves no quota for another port.
    ///
    /// # Errors
    /// Where it cannot.
    async fn no_more_ports(&self) -> Result<(), BenchError> {
        Err(BenchError::missing(ComputeFacility::Quota))
    }

    /// Switches the cloud off or on. One that is off answers nobody.
    ///
    /// # Errors
    /// Where it cannot.
    async fn power(&self, _on: bool) -> Result<(), BenchError> {
        Err(BenchError::missing(ComputeFacility::Power))
    }

    /// A driver instance with a secret that the cloud refuses. The secret is one of
    /// [`ComputeBench::secrets`].
    ///
    /// # Errors
    /// Where it cannot.
    fn intruder(&self) -> Result<Arc<dyn ComputeDriver>, BenchError> {
        Err(BenchError::missing(ComputeFacility::Intruder))
    }

    /// Waits until no remote call is on its way, counts remote calls from zero, and lets one of them
    /// go wrong; `None`: none.
    ///
    /// # Errors
    /// Where it cannot.
    async fn arm(&self, _cut: Option<Cut>) -> Result<(), BenchError> {
        Err(BenchError::missing(ComputeFacility::Cut))
    }

    /// How many remote calls have begun since [`ComputeBench::arm`].
    ///
    /// # Errors
    /// Where it cannot.
    fn calls(&self) -> Result<u64, BenchError> {
        Err(BenchError::missing(ComputeFacility::Cut))
    }

    /// Servers, ports, volumes and volume groups of the namespace, in words for people.
    ///
    /// # Errors
    /// Where the cloud does not say.
    async fn holdings(&self) -> Result<Vec<String>, BenchError> {
        Err(BenchError::missing(ComputeFacility::Holdings))
    }
}
