//! Histories: what people ask for, what guests write and what goes wrong, drawn from one seed.
//! After each operation both sites are brought to rest, and every promise is checked.

mod account;
mod checks;
mod people;
mod trouble;

use std::collections::BTreeMap;
use std::time::Duration;

use protector_framework::{Clock as _, OperationId};
use protector_model::schedule::epoch_of;
use protector_model::{Operation, OperationOptions, OperationStatus};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::world::{Trouble, World};
use account::Account;
use people::Wish;

/// The servers of a history's group.
const SERVERS: [&str; 2] = ["db", "web"];
/// How often an operation is retried once nothing goes wrong any more.
const RETRIES: u32 = 3;

/// What a history came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Operations that people asked for.
    pub operations: u64,
    /// Operations that engines began by themselves.
    pub by_themselves: u64,
    /// Things that were made to go wrong.
    pub faults: u64,
    /// Promises that were looked at.
    pub checks: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.operations += other.operations;
        self.by_themselves += other.by_themselves;
        self.faults += other.faults;
        self.checks += other.checks;
    }
}

/// A group's life between two sites.
pub struct History {
    world: World,
    dice: StdRng,
    account: Account,
    checks: checks::Checks,
    tally: Tally,
    /// A move that ended with errors and was left so for now.
    left: Option<OperationId>,
    /// What has happened, for the one who reads a failure.
    told: Vec<String>,
}

/// Lives one history and returns what it came to.
///
/// # Panics
/// Where a promise is broken. The message tells the history.
pub async fn live(seed: u64, operations: u64) -> Tally {
    let mut history = History {
        world: World::protected(&SERVERS, 1).await,
        dice: StdRng::seed_from_u64(seed),
        account: Account::default(),
        checks: checks::Checks::default(),
        tally: Tally::default(),
        left: None,
        told: Vec::new(),
    };
    for _ in 0..operations {
        history.turn().await;
    }
    history.tally
}

impl History {
    /// One thing that people ask for, with what goes wrong meanwhile, until both sites are at rest.
    async fn turn(&mut self) {
        self.guests_write().await;
        if let Some(id) = self.left.take()
            && self.dice.random_bool(0.7)
        {
            self.take_up_again(id).await;
        }
        let wish = people::wish(&self.world, &mut self.dice).await;
        self.tell(format!("{}: {wish:?}", self.world.clock.now()));
        self.tally.operations += 1;
        let before = self.account.clone();
        let troubles = trouble::draw(&self.world, &mut self.dice, &wish).await;
        self.tally.faults += troubles.len() as u64;
        self.tell(format!("{troubles:?}"));
        let operation = self.ask(&wish).await;
        let ended = self.run(&operation, troubles).await;
        self.tell(format!("{} {:?}", ended.status, ended.error));
        let ended = self.see_it_through(ended).await;
        self.world.a.set_down(false);
        self.world.b.set_down(false);
        self.come_to_rest().await;
        self.account
            .settle(&self.world, &ended, &before, &SERVERS, &self.told)
            .await;
        self.tally.checks += self.checks.all(&self.world, &self.told).await;
    }

    /// A person comes back to a move that ended with errors.
    async fn take_up_again(&mut self, id: OperationId) {
        let before = self.account.clone();
        let site = self.world.primary().await;
        // What the others have written since is not the retry's.
        let mut came_up = Vec::new();
        for name in SERVERS {
            if !account::is_up(&self.world, site, name).await {
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
        self.tell(format!("later: {} {:?}", ended.status, ended.error));
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

    async fn run(&self, operation: &Operation, troubles: BTreeMap<String, Trouble>) -> Operation {
        let site = self.world.site(operation.executor_site_id);
        let engine = self.world.engine(site, troubles);
        self.world.suffer(site, operation.id, &engine).await
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
            if operation.status == OperationStatus::Completed || taken_back {
                break;
            }
            let partial = operation.status == OperationStatus::CompletedWithErrors;
            if operation.kind.moves_authority() && partial && self.dice.random_bool(0.3) {
                self.left = Some(operation.id);
                break;
            }
            if operation.status == OperationStatus::WaitingForUser {
                // Whoever is asked sees to it that both sites answer.
                self.world.a.set_down(false);
                self.world.b.set_down(false);
            }
            let site = self.world.site(operation.executor_site_id);
            // A person does what the error says.
            let advice = operation.error.as_ref().and_then(|e| e.what_to_do.as_ref());
            let options = OperationOptions {
                force: operation.options.force || advice.is_some_and(|a| a.contains("`force`")),
                ..operation.options.clone()
            };
            let reopened = site.db.reopen_operation(operation.id, &options).await;
            reopened.unwrap();
            operation = self.world.finish(site, operation.id).await;
            self.told.push(format!(
                "retried: {} {:?}",
                operation.status, operation.error
            ));
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
                        open.push((site, operation.id));
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
                }
                if !due && quiet {
                    return;
                }
                // What was tried lately is tried again after a while.
                quiet = !due;
                self.world.clock.advance(Duration::from_secs(45));
                continue;
            }
            quiet = false;
            for (site, id) in open {
                let ended = self.world.finish(site, id).await;
                self.tally.by_themselves += 1;
                self.told
                    .push(format!("by itself: {} {}", ended.kind, ended.status));
                if ended.status != OperationStatus::Completed {
                    // It is tried again by itself after a while.
                    self.world.clock.advance(Duration::from_secs(1900));
                }
            }
        }
        panic!("the sites do not come to rest: {:#?}", self.told);
    }
}
