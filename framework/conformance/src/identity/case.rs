//! The cases of the identity kit, and what drivers may claim.

use protector_framework::{DriverKind, IdentityCapabilities};
use serde::Serialize;

use super::bench::IdentityFacility;
use super::rig::Rig;
use crate::case::Kit;

pub(crate) use crate::case::{Broken, Outcome, check};

/// The identity kit.
#[derive(Debug, Clone, Copy)]
pub enum Identity {}

impl Kit for Identity {
    const KIND: DriverKind = DriverKind::Identity;
    type Facility = IdentityFacility;
    type Claim = IdentityClaim;
    type Rig = Rig;
}

/// One case of the identity kit.
pub type IdentityCase = crate::case::Case<Identity>;

/// A capability that a driver may claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IdentityClaim {
    /// Users let the service act in their project.
    Trusts,
}

impl IdentityClaim {
    /// Whether a driver makes it.
    pub fn is_made(self, by: &IdentityCapabilities) -> bool {
        match self {
            Self::Trusts => by.trusts,
        }
    }
}

/// A case from a function, with what it needs and what must be claimed.
macro_rules! case {
    ($id:literal, $promise:literal, $run:path $(, needs $($need:ident)+)? $(, claims $($claim:ident)+)?) => {
        $crate::identity::case::IdentityCase::new($id, $promise, |rig| Box::pin($run(rig)))
            $(.needs(&[$($crate::identity::bench::IdentityFacility::$need),+]))?
            $(.claims(&[$($crate::identity::case::IdentityClaim::$claim),+]))?
    };
}
pub(crate) use case;
