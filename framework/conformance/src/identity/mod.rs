//! The identity kit: one identity service with the service's own account on it, its clients, and all
//! that can happen to the calls.
//!
//! A driver's author writes an [`IdentityBenches`] and runs the kit from the driver's own tests:
//!
//! ```no_run
//! # use protector_conformance::{Options, identity::{self, IdentityBenches}};
//! # async fn conforms(benches: &dyn IdentityBenches) {
//! let report = identity::run(benches, &Options::default()).await;
//! assert!(report.is_green(true), "{}", report.table());
//! # }
//! ```

mod bench;
mod case;
mod cases;
mod driven;
mod rig;
mod trials;

use async_trait::async_trait;

use crate::report::Report;
use crate::runner::{Maker, Options};

pub use bench::{
    BenchError, Client, Cut, Effect, IdentityBench, IdentityBenches, IdentityFacility,
};
pub use case::{Identity, IdentityCase, IdentityClaim};

use rig::Rig;

/// Every case of the kit.
pub fn cases() -> Vec<IdentityCase> {
    let mut all = trials::all();
    all.extend(cases::all());
    all
}

/// Runs the kit on benches of this maker.
pub async fn run(benches: &dyn IdentityBenches, options: &Options) -> Report {
    crate::runner::run(&Made(benches), cases(), options).await
}

struct Made<'a>(&'a dyn IdentityBenches);

#[async_trait]
impl Maker<Identity> for Made<'_> {
    fn subject(&self) -> &str {
        self.0.name()
    }

    fn facilities(&self) -> Vec<IdentityFacility> {
        self.0.facilities()
    }

    fn lack(&self, facility: IdentityFacility) -> Option<String> {
        self.0.lack(facility)
    }

    async fn rig(&self) -> case::Outcome<Rig> {
        Rig::new(self.0).await
    }

    fn claims(&self, rig: &Rig, claim: IdentityClaim) -> bool {
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
