//! The cases of the storage kit, and what drivers may claim.

use protector_framework::{DriverKind, StorageCapabilities};
use serde::Serialize;

use crate::case::Kit;
use crate::storage::bench::Facility;
use crate::storage::rig::Rig;

pub(crate) use crate::case::{Broken, Outcome, check};

/// The storage kit.
#[derive(Debug, Clone, Copy)]
pub enum Storage {}

impl Kit for Storage {
    const KIND: DriverKind = DriverKind::Storage;
    type Facility = Facility;
    type Claim = Claim;
    type Rig = Rig;
}

/// One case of the storage kit.
pub type Case = crate::case::Case<Storage>;

/// A capability that a driver may claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Claim {
    /// Snapshots are sent at an interval and on demand.
    AsyncReplication,
    /// Each write is on both arrays.
    SyncReplication,
    /// Points can be kept from retention.
    PinPoints,
    /// Connected hosts are seen.
    ConnectionState,
    /// Documents travel with the data.
    Manifest,
    /// What was written since a point is told.
    WrittenSince,
}

impl Claim {
    /// Whether a driver makes it.
    pub fn is_made(self, by: &StorageCapabilities) -> bool {
        match self {
            Self::AsyncReplication => by.async_replication,
            Self::SyncReplication => by.sync_replication,
            Self::PinPoints => by.pin_points,
            Self::ConnectionState => by.connection_state,
            Self::Manifest => by.manifest,
            Self::WrittenSince => by.written_since,
        }
    }
}

/// A case from a function, with what it needs and what must be claimed.
macro_rules! case {
    ($id:literal, $promise:literal, $run:path $(, needs $($need:ident)+)? $(, claims $($claim:ident)+)?) => {
        $crate::storage::case::Case::new($id, $promise, |rig| Box::pin($run(rig)))
            $(.needs(&[$($crate::storage::bench::Facility::$need),+]))?
            $(.claims(&[$($crate::storage::case::Claim::$claim),+]))?
    };
}
pub(crate) use case;
