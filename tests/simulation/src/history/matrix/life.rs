//! Groups that are made, set right after an error, and deleted, beside the one with the history.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use protector_framework::{GenericUuid as _, GroupId, Ids as _};
use protector_model::{GroupStatus, OperationKind, OperationStatus};

use super::super::people::plain;
use super::super::{History, Tally};
use super::{Matrix, QUIET};
use crate::world::{Engine, Trouble, World};

/// Rounds after which a step that was never begun will not be.
const ROUNDS: usize = 30;

/// Lets the fault meet every step of a group's making, setting right and deletion.
pub(super) async fn of_groups(world: &World, matrix: &Arc<Mutex<Matrix>>, seed: u64) -> Tally {
    let mut tally = Tally::default();
    let (mut quiet, mut rounds) = (0, 0);
    while quiet < QUIET && rounds < ROUNDS {
        let before = matrix.lock().unwrap().met.len();
        for fails in [false, true] {
            tally += one(world, matrix, seed, fails).await;
        }
        rounds += 1;
        let after = matrix.lock().unwrap().met.len();
        quiet = if after > before { 0 } else { quiet + 1 };
    }
    tally
}

/// One group's life, with or without a making that fails; nothing of it is left in the end.
async fn one(world: &World, matrix: &Arc<Mutex<Matrix>>, seed: u64, fails: bool) -> Tally {
    let sites = [&world.a, &world.b];
    let before = sites.map(|site| site.look());
    let mut history = History::of(
        world.with_group(GroupId::from_untyped_uuid(world.ids.uuid())),
        seed,
    );
    history.world.propose_group().await;
    if fails {
        let (create, site) = history
            .world
            .ask(OperationKind::Create, Default::default())
            .await;
        let trouble = BTreeMap::from([("volume-group/secondary".to_owned(), Trouble::Fails)]);
        let engine = Engine::with(&history.world, site, trouble, 1);
        history.world.suffer(site, create.id, &engine).await;
        history.come_to_rest().await;
        assert_eq!(history.status().await, GroupStatus::Error);
        history.end_well(matrix, OperationKind::Reset).await;
    } else {
        history.end_well(matrix, OperationKind::Create).await;
        assert_eq!(history.status().await, GroupStatus::Active);
    }
    history.end_well(matrix, OperationKind::Delete).await;
    for site in sites {
        let document = history.world.document(site).await;
        assert!(document.deleted, "{:#?}", history.told);
    }
    let after = sites.map(|site| site.look());
    assert_eq!(after, before, "something is left: {:#?}", history.told);
    history.tally
}

impl History {
    async fn status(&self) -> GroupStatus {
        self.world.document(&self.world.a).await.status
    }

    /// Asks with trouble, and again without, until it is done.
    async fn end_well(&mut self, matrix: &Arc<Mutex<Matrix>>, kind: OperationKind) {
        self.matrix = Some(matrix.clone());
        self.tally.operations += 1;
        let operation = self.ask(&plain(kind)).await;
        let named = kind.to_string();
        let (ended, _) = self.suffer(&operation, named, BTreeMap::new()).await;
        let ended = self.see_it_through(ended).await;
        self.matrix = None;
        self.world.repair();
        self.come_to_rest().await;
        assert_eq!(ended.status, OperationStatus::Completed, "{:#?}", self.told);
    }
}
