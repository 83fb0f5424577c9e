//! The storage kit: two linked arrays, and all that can happen to them.

mod bench;
mod case;
mod cases;
mod driven;
mod removal;
mod rig;
mod trials;

use async_trait::async_trait;

use crate::report::Report;
use crate::runner::{Maker, Options};

pub use bench::{Bench, BenchError, Benches, Cut, Effect, Facility, LinkCondition, NewName, Side};
pub use case::{Case, Claim, Storage};

use rig::Rig;

/// Every case of the kit.
pub fn cases() -> Vec<Case> {
    // The long ones first, so that none of them is alone at the end.
    let all = trials::all().into_iter().chain(cases::all());
    all.map(|case| match WITHOUT_VOLUMES.contains(&case.id()) {
        true => case,
        false => case.needs(&[Facility::Volumes]),
    })
    .collect()
}

/// The cases that get along without a volume of the suite's own: all that there is on arrays whose
/// volumes only somebody else makes.
const WITHOUT_VOLUMES: [&str; 40] = [
    "claims/do-not-change",
    "claims/some-replication",
    "claims/sync-is-had-or-refused",
    "claims/manifests-are-had-or-refused",
    "describe/identity",
    "describe/two-arrays",
    "describe/version",
    "describe/space",
    "describe/unreachable",
    "describe/unauthorized",
    "describe/back-again",
    "link/connected",
    "link/stranger",
    "link/down",
    "link/mended",
    "link/partner-off",
    "errors/unreachable",
    "errors/unauthorized",
    "errors/not-found",
    "errors/no-secret",
    "errors/permanent",
    "group/made",
    "group/scheduled",
    "group/ensure-other-target",
    "group/ensure-unlinked",
    "group/get-absent",
    "group/get-is-ensure",
    "group/suspended-unscheduled",
    "group/suspend-absent",
    "group/delete-absent",
    "manifest/group-absent",
    "pin/group-absent",
    "replicate/group-absent",
    "replicate/points-absent",
    "snapshot/volume-absent",
    "sync/made",
    "sync/mode-is-fixed",
    "together/fresh-instances",
    "volume/resolve-absent",
    "volume/get-absent",
];

/// Runs the kit on benches of this maker.
pub async fn run(benches: &dyn Benches, options: &Options) -> Report {
    crate::runner::run(&Made(benches), cases(), options).await
}

struct Made<'a>(&'a dyn Benches);

#[async_trait]
impl Maker<Storage> for Made<'_> {
    fn subject(&self) -> &str {
        self.0.name()
    }

    fn facilities(&self) -> Vec<Facility> {
        let mut all = self.0.facilities();
        all.retain(|facility| *facility != Facility::Volumes);
        if self.0.makes_volumes() {
            all.push(Facility::Volumes);
        }
        all
    }

    fn lack(&self, facility: Facility) -> Option<String> {
        self.0.lack(facility)
    }

    async fn rig(&self) -> case::Outcome<Rig> {
        Rig::new(self.0).await
    }

    fn claims(&self, rig: &Rig, claim: Claim) -> bool {
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
        for id in WITHOUT_VOLUMES {
            assert!(ids.contains(id), "there is no case `{id}`");
        }
    }
}
