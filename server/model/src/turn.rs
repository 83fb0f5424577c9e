//! Whose turn it is, where more operations wait than engines have places for.
//!
//! What an engine had begun goes on first: it holds a group half way. Then tier by tier, and within
//! a tier the project that has the fewest at work, and among those the one that has waited longest
//! since its last: a project with five hundred groups holds nobody up. A tier is an order of
//! beginning, not a barrier: no group waits until another has ended, because one that needs a person
//! would keep a whole site down.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protector_framework::{OperationId, ProjectId};

use crate::document::GroupDocument;
use crate::operation::Operation;
use crate::status::OperationKind;

/// The tier of what moves no group: that of a group whose members say nothing else.
const ORDINARY: u8 = 3;

/// An operation that waits for a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The operation.
    pub id: OperationId,
    /// Its project.
    pub project: ProjectId,
    /// Its tier.
    pub tier: u8,
    /// Whether an engine had begun it and went away.
    pub begun: bool,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
}

/// What a project has had of the places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    /// Its operations that are at work now.
    pub at_work: u64,
    /// When the last one was taken.
    pub last_at: Option<DateTime<Utc>>,
}

/// The tier of an operation. A move goes by the member of its group that starts first; a quarantine
/// before all, because two copies may be written until it is done.
pub fn tier(operation: &Operation, document: Option<&GroupDocument>) -> u8 {
    if operation.kind == OperationKind::Quarantine {
        return 0;
    }
    if !operation.kind.moves_authority() {
        return ORDINARY;
    }
    document.map_or(ORDINARY, tier_of)
}

/// The tier of a group: the lowest boot tier of its members.
pub fn tier_of(document: &GroupDocument) -> u8 {
    let tiers = document.members.iter().map(|member| member.boot_tier);
    tiers.min().unwrap_or(ORDINARY)
}

/// Puts those first whose turn it is.
pub fn order(waiting: &mut [Waiting], served: &BTreeMap<ProjectId, Served>) {
    waiting.sort_by_cached_key(|one| {
        let had = served.get(&one.project).copied().unwrap_or_default();
        (
            !one.begun,
            one.tier,
            had.at_work,
            had.last_at,
            one.created_at,
            one.id,
        )
    });
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use protector_framework::GenericUuid as _;
    use uuid::Uuid;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    /// Takes one after the other, as engines with this many places do; each ends in order.
    fn taken(mut waiting: Vec<Waiting>, places: usize) -> Vec<Waiting> {
        let mut served: BTreeMap<ProjectId, Served> = BTreeMap::new();
        let mut at_work: Vec<ProjectId> = Vec::new();
        let mut taken = Vec::new();
        while !waiting.is_empty() {
            if at_work.len() == places {
                let ended = at_work.remove(0);
                served.entry(ended).or_default().at_work -= 1;
            }
            order(&mut waiting, &served);
            let next = waiting.remove(0);
            let had = served.entry(next.project.clone()).or_default();
            had.at_work += 1;
            had.last_at = Some(at(1000 + i64::try_from(taken.len()).unwrap()));
            at_work.push(next.project.clone());
            taken.push(next);
        }
        taken
    }

    fn waiting(n: u128, project: &str, tier: u8) -> Waiting {
        Waiting {
            id: OperationId::from_untyped_uuid(Uuid::from_u128(n)),
            project: project.into(),
            tier,
            begun: false,
            created_at: at(i64::try_from(n).unwrap()),
        }
    }

    #[test]
    fn a_project_with_many_does_not_starve_one_with_few() {
        for places in [1, 2, 3, 8] {
            let mut all: Vec<Waiting> = (0..50).map(|n| waiting(n, "big", 3)).collect();
            all.extend((50..53).map(|n| waiting(n, "small", 3)));
            all.push(waiting(53, "tiny", 3));
            let taken = taken(all, places);
            let first: Vec<&str> = taken[..9].iter().map(|w| w.project.as_str()).collect();
            let few = first.iter().filter(|p| **p != "big").count();
            assert_eq!(few, 4, "{places} places: {first:?}");
        }
    }

    #[test]
    fn tiers_come_before_fairness_and_what_was_begun_before_tiers() {
        let mut all = vec![
            waiting(1, "a", 2),
            waiting(2, "b", 1),
            waiting(3, "a", 1),
            waiting(4, "c", 3),
        ];
        all[3].begun = true;
        let taken: Vec<u8> = taken(all, 1).iter().map(|w| w.tier).collect();
        assert_eq!(taken, [3, 1, 1, 2]);
    }

    #[test]
    fn of_one_project_the_oldest_is_first() {
        let mut all = vec![waiting(9, "a", 3), waiting(2, "a", 3), waiting(5, "a", 3)];
        order(&mut all, &BTreeMap::new());
        let seconds: Vec<i64> = all.iter().map(|w| w.created_at.timestamp()).collect();
        assert_eq!(seconds, [2, 5, 9]);
    }
}
