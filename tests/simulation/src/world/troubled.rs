//! Engines whose steps meet trouble, each kind at the step it was meant for.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use protector_driver_mock::world::{Fault, LinkSettings, Rule, Script};
use protector_engine::{StepExecutor, StepFailure, StepRun, Steps};
use protector_framework::{Clock as _, SiteId};
use protector_model::plan::{Action, Plan, Step};
use protector_model::{GroupChange, Operation, OperationKind, OperationOptions};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::{Loss, Site, World};

/// When an engine is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before the step does anything.
    Before,
    /// In its midst: when it has waited for something this many times.
    During(u32),
    /// After its whole effect, before that is journalled.
    After,
}

/// One of the two sites, as the engine that runs sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The engine's own.
    Own,
    /// The other one.
    Others,
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
    /// The engine stands still in the midst of a call, so long that another one takes over, and goes
    /// on when that one is done.
    Pause { verb: String },
    /// The step fails for good without a call.
    Fails,
    /// The step takes its time.
    Slow(Duration),
    /// The Protectors do not reach each other for a time.
    Partition(Duration),
    /// What one site sends to the other Protector does not arrive for a time; the other way it does.
    HalfPartition(Whose, Duration),
    /// The arrays' link has this state for a time.
    Link(LinkSettings, Duration),
    /// A site is dark for a time.
    Dark(Whose, Duration),
    /// Somebody asks for something else meanwhile.
    Asks(OperationKind, OperationOptions),
    /// Somebody asks for the same once more.
    AsksAgain,
    /// The group is changed at both sites at once.
    Changes,
    /// A site's wall clock is wrong until somebody repairs it.
    Clock(Whose, TimeDelta),
    /// The engine's machine stands still for a time.
    StandsStill(Duration),
}

/// What meets a step that begins.
pub type Draw = Box<dyn FnMut(&Operation, &Step) -> Option<Trouble> + Send>;

/// An engine's steps, with trouble at some of them. It is the same world for the engine that
/// follows.
pub struct Engine {
    world: World,
    site: SiteId,
    steps: Steps,
    parallel: usize,
    troubles: Mutex<BTreeMap<String, Trouble>>,
    /// Decides at each step that begins, where nothing was planned for it.
    drawn: Mutex<Option<Draw>>,
    /// The steps whose trouble came, with what they do.
    met: Mutex<Vec<(String, String)>>,
    told: Mutex<Vec<String>>,
    /// The step whose trouble is on.
    now: Mutex<Option<String>>,
    /// What ends by itself after a time.
    passing: Mutex<Vec<AbortHandle>>,
    dead: Notify,
    paused: Notify,
}

impl Engine {
    pub(super) fn new(
        world: &World,
        site: &Site,
        troubles: BTreeMap<String, Trouble>,
    ) -> Arc<Self> {
        Self::with(world, site, troubles, 1)
    }

    /// One that runs so many steps side by side.
    pub fn with(
        world: &World,
        site: &Site,
        troubles: BTreeMap<String, Trouble>,
        parallel: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            world: world.clone(),
            site: site.id,
            steps: world.steps(site, "troubled"),
            parallel,
            troubles: Mutex::new(troubles),
            drawn: Mutex::default(),
            met: Mutex::default(),
            told: Mutex::default(),
            now: Mutex::default(),
            passing: Mutex::default(),
            dead: Notify::new(),
            paused: Notify::new(),
        })
    }

    /// Lets somebody decide at each step.
    pub fn draw(&self, draw: Draw) {
        *self.drawn.lock().unwrap() = Some(draw);
    }

    /// How many steps run side by side.
    pub(super) fn parallel(&self) -> usize {
        self.parallel
    }

    /// The steps that were not begun, so that their trouble has not come.
    pub fn unmet(&self) -> Vec<String> {
        self.troubles.lock().unwrap().keys().cloned().collect()
    }

    /// The steps whose trouble came, with what they do.
    pub fn met(&self) -> Vec<(String, String)> {
        self.met.lock().unwrap().clone()
    }

    /// What came, for the one who reads a failure.
    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// Returns when it was killed.
    pub async fn died(&self) {
        self.dead.notified().await;
    }

    /// Returns when it stands still.
    pub async fn paused(&self) {
        self.paused.notified().await;
    }

    /// Ends all trouble that is on.
    pub fn calm(&self) {
        self.script(&Script::default());
        self.other().wire.lose(&[]);
        for passing in self.passing.lock().unwrap().drain(..) {
            if !passing.is_finished() {
                passing.abort();
                self.world.repair();
            }
        }
    }

    fn own(&self) -> &Site {
        self.world.site(self.site)
    }

    fn other(&self) -> &Site {
        self.world.other(self.own())
    }

    fn whose(&self, whose: Whose) -> &Site {
        match whose {
            Whose::Own => self.own(),
            Whose::Others => self.other(),
        }
    }

    fn script(&self, script: &Script) {
        for site in [&self.world.a, &self.world.b] {
            site.cloud.set_faults(script).unwrap();
            site.array.set_faults(script).unwrap();
        }
    }

    async fn die(&self) -> Result<Option<Value>, StepFailure> {
        self.dead.notify_one();
        std::future::pending().await
    }

    /// The trouble of a step that begins. The same step again meets what is on; another one ends it.
    fn meet(&self, run: &StepRun<'_>) -> Option<Trouble> {
        let key = &run.step.key;
        let mut now = self.now.lock().unwrap();
        if now.as_ref().is_some_and(|on| on != key) {
            self.script(&Script::default());
            self.other().wire.lose(&[]);
            *now = None;
        }
        let planned = self.troubles.lock().unwrap().remove(key);
        let trouble = planned.or_else(|| {
            let mut drawn = self.drawn.lock().unwrap();
            drawn.as_mut()?(run.operation, run.step)
        })?;
        *now = Some(key.clone());
        let action = name(&run.step.action);
        self.met.lock().unwrap().push((key.clone(), action));
        self.told
            .lock()
            .unwrap()
            .push(format!("{key}: {trouble:?}"));
        Some(trouble)
    }

    /// Ends what lasts for a time.
    fn passes(&self, span: Duration) {
        let world = self.world.clone();
        let end = tokio::spawn(async move {
            world.clock.sleep(span).await;
            world.repair();
        });
        self.passing.lock().unwrap().push(end.abort_handle());
    }

    /// Runs the step, but breathes only so often.
    async fn breathe(&self, run: &StepRun<'_>, breaths: u32) -> Result<Option<Value>, StepFailure> {
        let mut step = Box::pin(self.steps.run(run));
        let mut left = breaths;
        let ended = std::future::poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            step.as_mut().poll(cx).map(Some)
        });
        ended.await;
        // With it goes what it held of the database.
        drop(step);
        self.world.look_at(run).await;
        self.die().await
    }

    /// Stands still in the midst of the step's call, and goes on when somebody lets it.
    async fn pause(&self, run: &StepRun<'_>, verb: String) -> Result<Option<Value>, StepFailure> {
        let slow = Fault::Delay { milliseconds: 900 };
        self.script(&Script {
            rules: vec![Rule::new(verb, slow).times(1)],
        });
        let mut step: Pin<Box<_>> = Box::pin(self.steps.run(run));
        let ended = tokio::select! {
            biased;
            ended = &mut step => Some(ended),
            () = self.world.clock.sleep(Duration::from_millis(500)) => None,
        };
        self.script(&Script::default());
        match ended {
            Some(ended) => ended,
            None => {
                self.paused.notify_one();
                tokio::task::yield_now().await;
                step.await
            }
        }
    }

    /// What other people do meanwhile, at whichever site.
    async fn others(&self, operation: &Operation, trouble: &Trouble) {
        let world = &self.world;
        match trouble {
            Trouble::Asks(kind, options) => {
                let asked = world.try_ask(self.other(), *kind, options.clone()).await;
                // A quarantine is in nobody's way but of what would touch its copies.
                let beside = operation.kind == OperationKind::Quarantine
                    && matches!(kind, OperationKind::Sync | OperationKind::Reprotect);
                if asked.is_ok() && !beside {
                    world.watch.broken(format!(
                        "{kind} was accepted while {} {} runs",
                        operation.kind, operation.id
                    ));
                }
            }
            Trouble::AsksAgain => {
                let own = &self.own().db;
                let before = world.operation(self.own(), operation.id).await;
                let again = own.create_operation(operation, None, false).await;
                let found = matches!(again, Ok(protector_db::Created::Existing(_)));
                let after = world.operation(self.own(), operation.id).await;
                if !found || before.attempt != after.attempt {
                    world
                        .watch
                        .broken(format!("the same request again: {again:?}"));
                }
            }
            Trouble::Changes => {
                for (site, text) in [(&world.a, "as a said"), (&world.b, "as b said")] {
                    let change = GroupChange::Update {
                        name: None,
                        description: Some(text.to_owned()),
                        secondary_volume_type_id: None,
                    };
                    // Whoever has the group now may refuse it; what is accepted must be on both sites.
                    let _refused = world.try_change(site, change).await;
                }
            }
            _ => {}
        }
    }
}

/// What a step does, as the plan writes it.
pub fn name(action: &Action) -> String {
    let action = serde_json::to_value(action).unwrap();
    action["do"].as_str().unwrap().to_owned()
}

#[async_trait]
impl StepExecutor for Engine {
    async fn plan(&self, operation: &Operation) -> Result<Plan, StepFailure> {
        self.steps.plan(operation).await
    }

    async fn run(&self, run: &StepRun<'_>) -> Result<Option<Value>, StepFailure> {
        match self.meet(run) {
            None => {}
            Some(Trouble::Kill(When::Before)) => return self.die().await,
            Some(Trouble::Kill(When::During(breaths))) => return self.breathe(run, breaths).await,
            Some(Trouble::Kill(When::After)) => {
                self.steps.run(run).await?;
                self.world.look_at(run).await;
                return self.die().await;
            }
            Some(Trouble::Pause { verb }) => {
                let ended = self.pause(run, verb).await;
                self.world.look_at(run).await;
                return ended;
            }
            Some(Trouble::Fails) => return Err(StepFailure::permanent("by the test", "retry")),
            Some(Trouble::Slow(span)) => self.world.clock.sleep(span).await,
            Some(Trouble::Peer(verb, loss)) => self.other().wire.lose(&[(verb, loss)]),
            Some(Trouble::Driver { verb, fault, times }) => {
                let rule = Rule::new(verb, fault).times(times);
                self.script(&Script { rules: vec![rule] });
            }
            Some(Trouble::Partition(span)) => {
                self.own().wire.cut(true);
                self.other().wire.cut(true);
                self.passes(span);
            }
            Some(Trouble::HalfPartition(whose, span)) => {
                // The wire of a site is how the other one reaches it.
                let sender = self.whose(whose);
                self.world.other(sender).wire.cut(true);
                self.passes(span);
            }
            Some(Trouble::Link(link, span)) => {
                let (a, b) = (&self.world.a.array, &self.world.b.array);
                a.link(b, &link).unwrap();
                self.passes(span);
            }
            Some(Trouble::Dark(whose, span)) => {
                self.whose(whose).set_down(true);
                self.passes(span);
            }
            Some(Trouble::Clock(whose, wrong_by)) => self.whose(whose).clock.set(wrong_by),
            Some(Trouble::StandsStill(span)) => self.world.clock.advance(span),
            Some(other) => self.others(run.operation, &other).await,
        }
        let ended = self.steps.run(run).await;
        self.world.look_at(run).await;
        ended
    }

    async fn undo(&self, run: &StepRun<'_>) -> Result<(), StepFailure> {
        self.script(&Script::default());
        let undone = self.steps.undo(run).await;
        self.world.look_at(run).await;
        undone
    }
}
