//! Engines that run operations, die, and follow each other.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use protector_engine::{Memory, Peers, RunEnd, Runner, RunnerOptions, StepExecutor, Steps};
use protector_framework::{Ids as _, OperationId};
use protector_model::{Operation, OperationStatus};

use super::site::LEASE;
use super::{Engine, Site, Trouble, World};

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
            site.clock.clone(),
            self.ids.clone(),
            site.id,
            owner,
            Arc::default(),
        )
    }

    /// An engine with trouble at steps.
    pub fn engine(&self, site: &Site, troubles: BTreeMap<String, Trouble>) -> Arc<Engine> {
        Engine::new(self, site, troubles)
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
        let clock = site.clock.clone();
        Runner::new(site.db.clone(), clock, steps, options(parallel))
    }

    /// Runs an operation with trouble. An engine that dies is followed by another, until all trouble
    /// is over; one that was only paused wakes up when the other has taken its place, finishes the
    /// call that it was in, and finds that it is late.
    pub async fn suffer(&self, site: &Site, id: OperationId, engine: &Arc<Engine>) -> Operation {
        let (mut paused, mut late) = (Vec::new(), Vec::new());
        while !self.has_ended(site, id).await {
            let claim = site.db.claim_operation("troubled", site.id).await.unwrap();
            let Some(claim) = claim else {
                // On a very busy machine a lease may run out by itself.
                self.clock.advance(LEASE + Duration::from_secs(1));
                continue;
            };
            late.extend(paused.drain(..).map(tokio::spawn));
            let runner = self.runner(site, engine.clone(), engine.parallel());
            let mut run = Box::pin(async move { runner.run(claim).await });
            tokio::select! {
                biased;
                () = engine.died() => self.clock.advance(LEASE + Duration::from_secs(1)),
                () = engine.paused() => {
                    // The world has one connection to the database: in a process of its own, the
                    // paused engine would keep none from the others.
                    let mut ended = false;
                    while self.clock.is_held() && !ended {
                        let poll = |cx: &mut Context<'_>| Poll::Ready(run.as_mut().poll(cx).is_ready());
                        ended = std::future::poll_fn(poll).await;
                        tokio::task::yield_now().await;
                    }
                    if !ended {
                        paused.push(run);
                    }
                    self.clock.advance(LEASE + Duration::from_secs(1));
                }
                _ = &mut run => {}
            }
        }
        for run in late {
            let end = run.await.unwrap();
            assert_eq!(end, RunEnd::Lost, "an engine that was too late went on");
        }
        engine.calm();
        self.finish(site, id).await
    }

    /// Runs a site's oldest operation until its engine dies, and lets its lease run out.
    pub async fn run_until_death(&self, site: &Site, engine: &Arc<Engine>) {
        let claim = site.db.claim_operation("troubled", site.id).await.unwrap();
        let runner = self.runner(site, engine.clone(), 1);
        tokio::select! {
            biased;
            () = engine.died() => self.clock.advance(LEASE + Duration::from_secs(1)),
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
            clock: site.clock.clone(),
            ids: self.ids.clone(),
            owner: "peers".to_owned(),
            interval: Duration::from_secs(5),
            nudge: Arc::default(),
            stopping: Arc::default(),
            wake: Arc::default(),
            met: Arc::default(),
            observer: protector_engine::Observer {
                program: "protector-engine",
                host: "simulated".to_owned(),
            },
        }
    }

    /// The looks at readiness of a site's engine.
    pub fn watch(&self, site: &Site) -> protector_engine::Watch {
        protector_engine::Watch {
            db: site.db.clone(),
            reach: site.reach.clone(),
            clock: site.clock.clone(),
            ids: self.ids.clone(),
            stopping: Arc::default(),
            wake: Arc::default(),
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
