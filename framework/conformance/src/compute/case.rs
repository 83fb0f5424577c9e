//! The cases of the compute kit, and what drivers may claim.

use protector_framework::{ComputeCapabilities, DriverKind};
use serde::Serialize;

use super::bench::ComputeFacility;
use super::rig::Rig;
use crate::case::Kit;

pub(crate) use crate::case::{Broken, Outcome, check};

/// The compute kit.
#[derive(Debug, Clone, Copy)]
pub enum Compute {}

impl Kit for Compute {
    const KIND: DriverKind = DriverKind::Compute;
    type Facility = ComputeFacility;
    type Claim = ComputeClaim;
    type Rig = Rig;
}

/// One case of the compute kit.
pub type ComputeCase = crate::case::Case<Compute>;

/// A capability that a driver may claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ComputeClaim {
    /// Stopped servers are shelved.
    Shelve,
    /// Servers are tagged when they are created.
    ServerTags,
    /// Consoles are read.
    Console,
}

impl ComputeClaim {
    /// Whether a driver makes it.
    pub fn is_made(self, by: &ComputeCapabilities) -> bool {
        match self {
            Self::Shelve => by.shelve,
            Self::ServerTags => by.server_tags,
            Self::Console => by.console,
        }
    }
}

/// A case from a function, with what it needs and what must be claimed.
macro_rules! case {
    ($id:literal, $promise:literal, $run:path $(, needs $($need:ident)+)? $(, claims $($claim:ident)+)?) => {
        $crate::compute::case::ComputeCase::new($id, $promise, |rig| Box::pin($run(rig)))
            $(.needs(&[$($crate::compute::bench::ComputeFacility::$need),+]))?
            $(.claims(&[$($crate::compute::case::ComputeClaim::$claim),+]))?
    };
}
pub(crate) use case;
