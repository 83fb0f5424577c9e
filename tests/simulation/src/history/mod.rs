//! Histories: what people ask for, what guests write and what goes wrong, drawn from one seed.
//! After each operation both sites are brought to rest, and every promise is checked.

mod account;
mod checks;
pub mod matrix;
mod people;
pub mod report;
mod trouble;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protector_framework::{Clock as _, OperationId};
use protector_model::schedule::epoch_of;
use protector_model::{
    FailoverType, GroupStatus, Operation, OperationKind, OperationOptions, OperationStatus,
};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::world::{Engine, Trouble, World};
use account::Account;
use matrix::Matrix;
use people::Wish;
pub use trouble::FaultKind;
use trouble::Troubles;

/// The servers of a history's group.
const SERVERS: [&str; 2] = ["db", "web"];
/// How often an operation is retried once nothing goes wrong any more.
const RETRIES: u32 = 3;

/// What a history came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Operations that people asked for.
    pub operations: u64,
    /// Operations that engines began by themselves.
    pub by_themselves: u64,
    /// Things that were made to go wrong.
    pub faults: u64,
    /// Promises that were looked at.
    pub checks: u64,
    /// How often each fault came, by operation and step.
    pub met: BTreeMap<Cell, u64>,
}

/// A fault at a step of an operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// The operation.
    pub operation: String,
    /// What the step does.
    pub step: String,
    /// The fault.
    pub fault: FaultKind,
}

impl Tally {
    fn meet(&mut self, operation: String, step: String, fault: FaultKind) {
        self.faults += 1;
        let cell = Cell {
            operation,
            step,
            fault,
        };
        *self.met.entry(cell).or_default() += 1;
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.operations += other.operations;
        self.by_themselves += other.by_themselves;
        self.faults += other.faults;
        self.checks += other.checks;
        for (cell, count) in other.met {
            *self.met.entry(cell).or_default() += count;
        }
    }
}

/// A group's life between two sites.
pub struct History {
    world: World,
    dice: StdRng,
    account: Account,
    tally: Tally,
    /// A move that ended with errors and was left so for now.
    left: Option<OperationId>,
    /// Where each step is to meet each fault once, those that are left.
    matrix: Option<Arc<Mutex<Matrix>>>,
    /// Whether something went wrong while the last operation ran.
    disturbed: bool,
    /// What has happened, for the one who reads a failure.
    told: Vec<String>,
}

/// Lives one history and returns what it came to.
///
/// # Panics
/// Where a promise is broken. The message tells the history.
pub async fn live(seed: u64, operations: u64) -> Tally {
    let mut history = History::new(seed).await;
    for _ in 0..operations {
        history.turn().await;
    }
    history.world.end().await;
    history.tally
}

impl History {
    async fn new(seed: u64) -> Self {
        Self::of(World::protected(&SERVERS, 1).await, seed)
    }

    /// The history of a world's group.
    fn of(world: World, seed: u64) -> Self {
        Self {
            world,
            dice: StdRng::seed_from_u64(seed),
            account: Account::default(),
            tally: Tally::default(),
            left: None,
            matrix: None,
            disturbed: false,
            told: Vec::new(),
        }
    }

    /// One thing that people ask for, with what goes wrong meanwhile, until both sites are at rest.
    async fn turn(&mut self) {
        self.guests_write().await;
        if let Some(id) = self.left.take()
            && self.dice.random_bool(0.7)
        {
            self.take_up_again(id).await;
        }
        let wish = people::wish(&self.world, &mut self.dice).await;
        let troubles = trouble::draw(&self.world, &mut self.dice, &wish).await;
        self.have(&wish, troubles).await;
    }

    /// People ask for something, and something goes wrong.
    async fn have(&mut self, wish: &Wish, troubles: Troubles) {
        self.tell(format!("{}: {wish:?}", self.world.clock.now()));
        self.tally.operations += 1;
        let before = self.account.clone();
        self.tell(format!("{troubles:?}"));
        let status = self.world.document(self.world.primary().await).await.status;
        let was_well = matches!(status, GroupStatus::Active | GroupStatus::FailedOver);
        let operation = self.ask(wish).await;
        let ended = self.run(&operation, wish, troubles).await;
        self.tell(ending(&ended));
        if was_well && !self.disturbed {
            self.must_have_gone_well(&ended);
        }
        let ended = self.see_it_through(ended).await;
        self.world.repair();
        self.come_to_rest().await;
        let protects = matches!(
            ended.kind,
            OperationKind::Sync | OperationKind::Reprotect | OperationKind::AddMember
        ) || ended.options.failover_type == Some(FailoverType::Planned);
        if protects && ended.status == OperationStatus::Completed {
            checks::is_protected(&self.world, &self.told).await;
        }
        self.account
            .settle(&self.world, &ended, &before, &SERVERS, &self.told)
            .await;
        self.tally.checks += checks::all(&self.world, &self.told).await;
    }

    /// Volumes in error are nobody's business but an administrator's, and the errors say so.
    fn administrators_look(&self) {
        for site in [&self.world.a, &self.world.b] {
            site.cloud.forget_failed_volumes().unwrap();
        }
    }

    /// What nothing has disturbed comes to a good end, but for what only a person can decide.
    fn must_have_gone_well(&self, ended: &Operation) {
        let error = ended.error.as_ref().map(|error| error.message.as_str());
        let asks = [
            // What would be started is older than what runs.
            "no recovery point",
            "no complete recovery point",
            // Nothing has been sent since the group came home.
            "does not hold volume",
            // The move that was to park it was left with errors.
            "parked_copy_in_use",
            // A move that was left with errors is to be tried again first.
            "has not come up on",
            // A clock was ahead when the group was moved.
            "which is still to come: a clock was or is wrong",
            // What is kept is not what would come home.
            "no longer fits it; run `cleanup` first",
        ];
        let asks = error.is_some_and(|error| asks.iter().any(|text| error.contains(text)));
        assert!(
            ended.status == OperationStatus::Completed || asks,
            "nothing has disturbed it: {:#?}",
            self.told
        );
    }

    /// A person comes back to a move that ended with errors.
    async fn take_up_again(&mut self, id: OperationId) {
        let before = self.account.clone();
        let site = self.world.primary().await;
        // What the others have written since is not the retry's.
        let mut came_up = Vec::new();
        for name in SERVERS {
            // One that runs without being proven goes on with what it has.
            if !account::runs_or_is_up(&self.world, site, name).await {
                came_up.push(name);
            }
        }
        let operation = self.world.operation(site, id).await;
        let site = self.world.site(operation.executor_site_id);
        if let Err(error) = site.db.reopen_operation(id, &operation.options).await {
            self.told.push(format!("too late for a retry: {error}"));
            return;
        }
        let ended = self.world.finish(site, id).await;
        self.tell(format!("later: {}", ending(&ended)));
        self.come_to_rest().await;
        self.account
            .settle(&self.world, &ended, &before, &came_up, &self.told)
            .await;
    }

    fn tell(&mut self, what: String) {
        self.told.push(what);
    }

    async fn guests_write(&mut self) {
        for name in SERVERS {
            if self.dice.random_bool(0.6) {
                let primary = self.world.primary().await;
                self.account.write(&self.world, primary, name).await;
            }
        }
        let pause = self.dice.random_range(1..90);
        self.world.clock.advance(Duration::from_secs(pause));
    }

    async fn ask(&self, wish: &Wish) -> Operation {
        if wish.source_is_down {
            self.world.primary().await.set_down(true);
        }
        let primary = self.world.primary().await;
        let at = match wish.source_is_down {
            true => self.world.other(primary),
            false => primary,
        };
        self.world.ask_at(at, wish.kind, wish.options.clone()).await
    }

    async fn run(&mut self, operation: &Operation, wish: &Wish, troubles: Troubles) -> Operation {
        let kinds: BTreeMap<String, FaultKind> = troubles
            .iter()
            .map(|(key, (kind, _))| (key.clone(), *kind))
            .collect();
        let troubles = troubles
            .into_iter()
            .map(|(key, (_, trouble))| (key, trouble));
        let (ended, met) = self
            .suffer(operation, wish.name(), troubles.collect())
            .await;
        for (key, step) in met {
            if let Some(fault) = kinds.get(&key) {
                let operation = wish.name();
                self.tally.meet(operation, step, *fault);
            }
        }
        ended
    }

    /// Runs an operation with trouble while the daemons of both sites meet, as they do all the time.
    async fn suffer(
        &mut self,
        operation: &Operation,
        named: String,
        troubles: BTreeMap<String, Trouble>,
    ) -> (Operation, Vec<(String, String)>) {
        let site = self.world.site(operation.executor_site_id).clone();
        let parallel = if self.dice.random_bool(0.5) { 1 } else { 4 };
        let engine = Engine::with(&self.world, &site, troubles, parallel);
        if let Some(matrix) = &self.matrix {
            engine.draw(Matrix::drawing(matrix, operation.id, named, &mut self.dice));
        }
        let daemons = tokio::spawn(meet_again(self.world.clone()));
        let ended = self.world.suffer(&site, operation.id, &engine).await;
        daemons.abort();
        self.disturbed = !engine.met().is_empty();
        self.tell(format!("{}: met {:?}", operation.kind, engine.told()));
        (ended, engine.met())
    }

    /// Once nothing goes wrong any more, an operation that did not come to a good end is taken up
    /// again, as a person would.
    async fn see_it_through(&mut self, mut operation: Operation) -> Operation {
        for _ in 0..RETRIES {
            let executor = self.world.site(operation.executor_site_id);
            let epoch = self.world.document(executor).await.epoch.id;
            let taken_back = operation.kind.moves_authority()
                && operation.status == OperationStatus::Error
                && epoch != epoch_of(operation.id);
            let over = matches!(
                operation.status,
                OperationStatus::Completed | OperationStatus::Cancelled
            );
            if over || taken_back {
                break;
            }
            let partial = operation.status == OperationStatus::CompletedWithErrors;
            if operation.kind.moves_authority() && partial && self.dice.random_bool(0.3) {
                self.left = Some(operation.id);
                break;
            }
            if operation.status == OperationStatus::WaitingForUser {
                // Whoever is asked sees to it that both sites answer.
                self.world.repair();
            }
            self.administrators_look();
            let site = self.world.site(operation.executor_site_id);
            // A person does what the error says.
            let advice = operation.error.as_ref().and_then(|e| e.what_to_do.as_ref());
            let advised = |word: &str| advice.is_some_and(|a| a.contains(word));
            let options = OperationOptions {
                force: operation.options.force || advised("`force`"),
                accept_loss: operation.options.accept_loss || advised("`accept_loss`"),
                ..operation.options.clone()
            };
            let reopened = site.db.reopen_operation(operation.id, &options).await;
            if operation.options.auto_cleanup && reopened.is_err() {
                // Nothing is left of it that could be tried again.
                assert!(!operation.test_stands, "{:#?}", self.told);
                break;
            }
            reopened.unwrap();
            operation = self.world.finish(site, operation.id).await;
            self.tell(format!("retried: {}", ending(&operation)));
        }
        operation
    }

    /// Both sites meet and do what they find to do, until there is nothing left.
    async fn come_to_rest(&mut self) {
        let mut quiet = false;
        for _ in 0..12 {
            self.world.meet().await;
            let mut open = Vec::new();
            for site in [&self.world.a, &self.world.b] {
                for operation in site.db.unfinished_operations().await.unwrap() {
                    if operation.executor_site_id == site.id {
                        open.push((site.clone(), operation.id));
                    }
                }
            }
            if open.is_empty() {
                for site in [&self.world.a, &self.world.b] {
                    self.world.peers(site).clean_what_is_due().await.unwrap();
                }
                let mut due = false;
                for site in [&self.world.a, &self.world.b] {
                    due |= !site.db.unfinished_operations().await.unwrap().is_empty();
                    // Whoever sent a change may still hold it: then it is sent again later.
                    due |= self.world.record(site).await.staged.is_some();
                }
                if !due && quiet {
                    let summary = self.world.summary().await;
                    self.tell(summary);
                    return;
                }
                // What was tried lately is tried again after a while.
                quiet = !due;
                self.world.clock.advance(Duration::from_secs(45));
                continue;
            }
            quiet = false;
            for (site, id) in open {
                let ended = match self.matrix {
                    Some(_) => {
                        let operation = self.world.operation(&site, id).await;
                        let named = operation.kind.to_string();
                        self.suffer(&operation, named, BTreeMap::new()).await.0
                    }
                    None => self.world.finish(&site, id).await,
                };
                self.tally.by_themselves += 1;
                self.told
                    .push(format!("by itself: {} {}", ended.kind, ending(&ended)));
                if ended.status != OperationStatus::Completed {
                    self.administrators_look();
                    // It is tried again by itself after a while.
                    self.world.clock.advance(Duration::from_secs(1900));
                }
            }
        }
        panic!("the sites do not come to rest: {:#?}", self.told);
    }
}

/// What the daemons of both sites do while an operation runs.
async fn meet_again(world: World) {
    loop {
        world.clock.sleep(Duration::from_secs(60)).await;
        for site in [&world.a, &world.b] {
            // A site whose database is busy meets the other one the next time.
            let mut memory = protector_engine::Memory::default();
            let _later = world.peers(site).round(&mut memory).await;
        }
    }
}

/// How an operation ended, in a line.
fn ending(operation: &Operation) -> String {
    let result = operation.result.as_ref();
    let point = result
        .and_then(|r| r.recovery_point_at)
        .map(|at| at.to_rfc3339());
    let notes = result.map_or(&[][..], |r| &r.notes);
    format!(
        "{} {point:?} {:?} {notes:?}",
        operation.status, operation.error
    )
}
