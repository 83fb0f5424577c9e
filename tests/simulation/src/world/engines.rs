//! Engines that run operations, die, and follow each other.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use protector_driver_mock::world::{Fault, Rule, Script};
use protector_framework::{Clock as _, Ids as _, ManualClock, OperationId};
use protector_model::{Operation, OperationStatus, Plan};
use serde_json::Value;
use tokio::sync::Notify;

use super::site::LEASE;
use super::{Loss, Site, World};
use protector_engine::Steps;
use protector_engine::{Memory, Peers};
use protector_engine::{RunEnd, StepFailure};
use protector_engine::{Runner, RunnerOptions, StepExecutor, StepRun};

/// When an engine is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before the step does anything.
    Before,
    /// After its whole effect, before that is journalled.
    After,
}

/// What goes wrong while one step runs.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// A call to a cloud or an array.
    Driver {
        verb: String,
        fault: Fault,
        times: u64,
    },
    /// A call to the other Protector.
    Peer(&'static str, Loss),
    /// The engine is killed.
    Kill(When),
    /// The step fails for good without a call.
    Fails,
    /// The step takes its time.
    Slow(Duration),
}

/// An engine's steps, with trouble at some of them. It is the same world for the engine that
/// follows.
pub struct Engine {
    steps: Steps,
    clock: Arc<ManualClock>,
    sites: [(
        protector_driver_mock::world::MockCloud,
        protector_driver_mock::world::MockArray,
    ); 2],
    wire: Arc<super::wire::Wire>,
    troubles: Mutex<BTreeMap<String, Trouble>>,
    /// The step whose trouble is on.
    now: Mutex<Option<String>>,
    dead: Notify,
}

impl Engine {
    /// The steps that were not begun, so that their trouble has not come.
    pub fn unmet(&self) -> Vec<String> {
        self.troubles.lock().unwrap().keys().cloned().collect()
    }

    /// Returns when it was killed.
    pub async fn died(&self) {
        self.dead.notified().await;
    }

    fn scripts(&self, script: &Script) {
        for (cloud, array) in &self.sites {
            cloud.set_faults(script).unwrap();
            array.set_faults(script).unwrap();
        }
    }

    async fn die(&self) -> Result<Option<Value>, StepFailure> {
        self.dead.notify_one();
        std::future::pending().await
    }

    /// The trouble of a step that begins. The same step again meets what is on; another one ends it.
    fn meet(&self, key: &str) -> Option<Trouble> {
        let mut now = self.now.lock().unwrap();
        if now.as_ref().is_some_and(|on| on != key) {
            self.scripts(&Script::default());
            self.wire.lose(&[]);
            *now = None;
        }
        let trouble = self.troubles.lock().unwrap().remove(key)?;
        *now = Some(key.to_owned());
        Some(trouble)
    }
}

#[async_trait]
impl StepExecutor for Engine {
    async fn plan(&self, operation: &Operation) -> Result<Plan, StepFailure> {
        self.steps.plan(operation).await
    }

    async fn run(&self, run: &StepRun<'_>) -> Result<Option<Value>, StepFailure> {
        match self.meet(&run.step.key) {
            None => {}
            Some(Trouble::Kill(When::Before)) => return self.die().await,
            Some(Trouble::Kill(When::After)) => {
                self.steps.run(run).await?;
                return self.die().await;
            }
            Some(Trouble::Fails) => return Err(StepFailure::permanent("by the test", "retry")),
            Some(Trouble::Slow(span)) => self.clock.sleep(span).await,
            Some(Trouble::Peer(verb, loss)) => self.wire.lose(&[(verb, loss)]),
            Some(Trouble::Driver { verb, fault, times }) => {
                let rule = Rule::new(verb, fault).times(times);
                self.scripts(&Script { rules: vec![rule] });
            }
        }
        self.steps.run(run).await
    }

    async fn undo(&self, run: &StepRun<'_>) -> Result<(), StepFailure> {
        self.scripts(&Script::default());
        self.steps.undo(run).await
    }
}

/// The longest that a call may take.
pub const CALL_DEADLINE: Duration = Duration::from_secs(1);

/// What an engine of a test runs with: nothing may still be under way of the one before it.
fn options(parallel_steps: usize) -> RunnerOptions {
    RunnerOptions {
        parallel_steps,
        call_deadline: CALL_DEADLINE,
        lease: LEASE,
        ..RunnerOptions::default()
    }
}

impl World {
    pub fn steps(&self, site: &Site, owner: &str) -> Steps {
        Steps::new(
            site.db.clone(),
            site.reach.clone(),
            self.clock.clone(),
            self.ids.clone(),
            site.id,
            owner,
            Arc::default(),
        )
    }

    /// An engine with trouble at steps.
    pub fn engine(&self, site: &Site, troubles: BTreeMap<String, Trouble>) -> Arc<Engine> {
        Arc::new(Engine {
            steps: self.steps(site, "troubled"),
            clock: self.clock.clone(),
            sites: [&self.a, &self.b].map(|s| (s.cloud.clone(), s.array.clone())),
            wire: self.other(site).wire.clone(),
            troubles: Mutex::new(troubles),
            now: Mutex::default(),
            dead: Notify::new(),
        })
    }

    pub async fn operation(&self, site: &Site, id: OperationId) -> Operation {
        site.db.get_operation(id).await.unwrap().unwrap()
    }

    /// Whether nothing more happens by itself.
    async fn has_ended(&self, site: &Site, id: OperationId) -> bool {
        let status = self.operation(site, id).await.status;
        status.is_final() || status == OperationStatus::WaitingForUser
    }

    /// Runs a site's operations until this one has ended or waits for somebody.
    pub async fn finish(&self, site: &Site, id: OperationId) -> Operation {
        for _ in 0..5 {
            let owner = format!("engine-{}", self.ids.uuid());
            let steps = Arc::new(self.steps(site, &owner));
            while let Some(claim) = site.db.claim_operation(&owner, site.id).await.unwrap() {
                self.runner(site, steps.clone(), 8).run(claim).await;
            }
            if self.has_ended(site, id).await {
                return self.operation(site, id).await;
            }
            self.clock.advance(LEASE + Duration::from_secs(1));
        }
        panic!("{:#?}", self.operation(site, id).await)
    }

    pub fn runner(&self, site: &Site, steps: Arc<dyn StepExecutor>, parallel: usize) -> Runner {
        let clock = self.clock.clone();
        Runner::new(site.db.clone(), clock, steps, options(parallel))
    }

    /// Runs an operation with trouble. An engine that dies is followed by another, until all trouble
    /// is over.
    pub async fn suffer(&self, site: &Site, id: OperationId, engine: &Arc<Engine>) -> Operation {
        while !self.has_ended(site, id).await {
            let claim = site.db.claim_operation("troubled", site.id).await.unwrap();
            let Some(claim) = claim else {
                // On a very busy machine a lease may run out by itself.
                self.clock.advance(LEASE + Duration::from_secs(1));
                continue;
            };
            let runner = self.runner(site, engine.clone(), 1);
            tokio::select! {
                biased;
                () = engine.dead.notified() => self.clock.advance(LEASE + Duration::from_secs(1)),
                _ = runner.run(claim) => {}
            }
        }
        engine.scripts(&Script::default());
        engine.wire.lose(&[]);
        self.finish(site, id).await
    }

    /// Runs a site's oldest operation until its engine dies, and lets its lease run out.
    pub async fn run_until_death(&self, site: &Site, engine: &Arc<Engine>) {
        let claim = site.db.claim_operation("troubled", site.id).await.unwrap();
        let runner = self.runner(site, engine.clone(), 1);
        tokio::select! {
            biased;
            () = engine.dead.notified() => self.clock.advance(LEASE + Duration::from_secs(1)),
            end = runner.run(claim.unwrap()) => panic!("it came to its end: {end:?}"),
        }
    }

    /// Runs an operation with an engine that is killed at its n-th breath, wherever that is.
    /// Returns whether it ended before.
    pub async fn breathe(&self, site: &Site, breaths: u64) -> bool {
        let owner = format!("engine-{}", self.ids.uuid());
        let claim = site.db.claim_operation(&owner, site.id).await.unwrap();
        let Some(claim) = claim else { return true };
        let steps = Arc::new(self.steps(site, &owner));
        let runner = self.runner(site, steps, 8);
        let mut run = std::pin::pin!(runner.run(claim));
        let mut left = breaths;
        let ended = std::future::poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            run.as_mut().poll(cx).map(Some)
        })
        .await;
        self.clock.advance(LEASE + Duration::from_secs(1));
        matches!(ended, Some(RunEnd::Ended(_)))
    }

    pub fn peers(&self, site: &Site) -> Peers {
        Peers {
            db: site.db.clone(),
            reach: site.reach.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            owner: "peers".to_owned(),
            interval: Duration::from_secs(5),
            nudge: Arc::default(),
            stopping: Arc::default(),
            wake: Arc::default(),
            met: Arc::default(),
        }
    }

    /// One round of a site's peer loop.
    pub async fn round(&self, site: &Site) {
        self.peers(site)
            .round(&mut Memory::default())
            .await
            .unwrap();
    }

    /// Both sites meet, and both know it.
    pub async fn meet(&self) {
        for site in [&self.a, &self.b, &self.a] {
            self.round(site).await;
        }
    }

    /// Opens an operation again, as `retry` does.
    pub async fn retry(&self, site: &Site, id: OperationId) -> Operation {
        let operation = self.operation(site, id).await;
        site.db
            .reopen_operation(id, &operation.options)
            .await
            .unwrap();
        self.finish(site, id).await
    }
}
