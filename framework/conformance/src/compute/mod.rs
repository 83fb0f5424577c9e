//! The compute kit: one project of a cloud, its servers, ports and volumes, and all that can happen
//! to the calls that change them.
//!
//! A driver's author writes a [`ComputeBenches`]: how to get a project to work in and how to do there
//! what a driver cannot. From the driver's own tests:
//!
//! ```no_run
//! # use protector_conformance::{Options, compute::{self, ComputeBenches}};
//! # async fn conforms(benches: &dyn ComputeBenches) {
//! let report = compute::run(benches, &Options::default()).await;
//! assert!(report.is_green(true), "{}", report.table());
//! # }
//! ```
//!
//! What the suite makes carries the bench's namespace in its name or tag and is removed at the end of
//! its case with the driver's own verbs, whether the case passed or not; what cannot be removed fails
//! the case.

mod bench;
mod case;
mod cases;
mod driven;
mod removal;
mod rig;
mod servers;
mod trials;

use async_trait::async_trait;

use crate::report::Report;
use crate::runner::{Maker, Options};

pub use bench::{
    Adoptable, BenchError, ComputeBench, ComputeBenches, ComputeFacility, Cut, Effect, GroupKind,
    TestNetwork,
};
pub use case::{Compute, ComputeCase, ComputeClaim};

use rig::Rig;

/// Every case of the kit.
pub fn cases() -> Vec<ComputeCase> {
    // The long ones first, so that none of them is alone at the end.
    let mut all = trials::all();
    all.extend(cases::all());
    all
}

/// Runs the kit on benches of this maker.
pub async fn run(benches: &dyn ComputeBenches, options: &Options) -> Report {
    crate::runner::run(&Made(benches), cases(), options).await
}

struct Made<'a>(&'a dyn ComputeBenches);

#[async_trait]
impl Maker<Compute> for Made<'_> {
    fn subject(&self) -> &str {
        self.0.name()
    }

    fn facilities(&self) -> Vec<ComputeFacility> {
        self.0.facilities()
    }

    fn lack(&self, facility: ComputeFacility) -> Option<String> {
        self.0.lack(facility)
    }

    async fn rig(&self) -> case::Outcome<Rig> {
        Rig::new(self.0).await
    }

    fn claims(&self, rig: &Rig, claim: ComputeClaim) -> bool {
        claim.is_made(&rig.can())
    }

    async fn end(&self, rig: &Rig) -> case::Outcome {
        rig.end().await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_is_named_once_and_says_what_it_promises() {
        let all = cases();
        let ids: BTreeSet<_> = all.iter().map(|case| case.id()).collect();
        assert_eq!(ids.len(), all.len());
        assert!(all.iter().all(|case| case.promise().ends_with('.')));
    }
}
