//! Operations under failures, crashes and takeovers, with steps that only write down what they did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use protector_db::{Db, DbOptions, SecretBox};
use protector_framework::{
    Clock as _, EpochId, GenericUuid as _, GroupId, ManualClock, OperationId, ReplicationMode,
    SecretString, SeededIds, SiteId,
};
use protector_model::epoch::Epoch;
use protector_model::plan::{Action, Phase, Step};
use protector_model::{
    Actor, GroupDocument, GroupStatus, Operation, OperationKind, OperationOptions, OperationStatus,
    Plan, PutMode, StepStatus,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{RunEnd, Runner, RunnerOptions, StepExecutor, StepFailure, StepRun};

/// What happens when a step is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Transient,
    Permanent,
    AskUser,
    /// The effect happens and the engine dies before it learns of it.
    DieAfterEffect,
    /// The engine dies before the effect.
    DieBeforeEffect,
    /// The effect comes when the test says so.
    Lingers,
    /// When the operation is lost it begins to read from the database, and never ends.
    ReadsForEver,
}

/// Steps with effects that can be counted. The effects outlive every engine, as a cloud does.
#[derive(Debug, Default)]
struct World {
    effects: Mutex<BTreeMap<String, u32>>,
    calls: Mutex<Vec<String>>,
    undone: Mutex<Vec<String>>,
    faults: Mutex<BTreeMap<String, Vec<Fault>>>,
    dead: tokio::sync::Notify,
    lingers: tokio::sync::Notify,
    go_on: tokio::sync::Notify,
    no_undo: Mutex<BTreeSet<String>>,
    dies_in_undo: Mutex<BTreeSet<String>>,
    db: OnceLock<Db>,
}

impl World {
    fn fault(&self, key: &str, faults: &[Fault]) {
        self.faults
            .lock()
            .unwrap()
            .insert(key.to_owned(), faults.to_vec());
    }

    fn take_effect(&self, key: &str) {
        if key == "sync" {
            // It only waits.
            return;
        }
        // Look, then act: a step whose effect is there does nothing.
        self.effects
            .lock()
            .unwrap()
            .entry(key.to_owned())
            .or_insert(1);
    }

    /// Once the operation is lost, takes a connection to the database for a question, and waits for
    /// something else.
    async fn read_for_ever(&self, run: &StepRun<'_>) -> ! {
        self.lingers.notify_one();
        while run.ctx().is_ok() {
            tokio::task::yield_now().await;
        }
        let mut read = std::pin::pin!(self.db.get().unwrap().steps(run.operation.id));
        assert!(futures::poll!(&mut read).is_pending());
        self.lingers.notify_one();
        std::future::pending::<()>().await;
        unreachable!("nothing answers")
    }

    async fn die(&self) -> ! {
        self.dead.notify_one();
        std::future::pending::<()>().await;
        unreachable!("the engine is dropped")
    }
}

#[async_trait]
impl StepExecutor for World {
    async fn plan(&self, operation: &Operation) -> Result<Plan, StepFailure> {
        Ok(plan(operation.kind))
    }

    async fn run(&self, run: &StepRun<'_>) -> Result<Option<Value>, StepFailure> {
        let key = &run.step.key;
        run.ctx()?;
        self.calls.lock().unwrap().push(key.clone());
        let fault = {
            let mut faults = self.faults.lock().unwrap();
            faults
                .get_mut(key)
                .filter(|f| !f.is_empty())
                .map(|f| f.remove(0))
        };
        match fault {
            Some(Fault::Transient) => Err(StepFailure::Transient {
                error: Box::default(),
                after: None,
            }),
            Some(Fault::Permanent) => Err(StepFailure::permanent("it is broken", "mend it")),
            Some(Fault::AskUser) => Err(StepFailure::ask("which?", "say so")),
            Some(Fault::DieAfterEffect) => {
                self.take_effect(key);
                self.die().await
            }
            Some(Fault::DieBeforeEffect) => self.die().await,
            Some(Fault::Lingers) => {
                self.lingers.notify_one();
                self.go_on.notified().await;
                self.take_effect(key);
                Ok(None)
            }
            Some(Fault::ReadsForEver) => self.read_for_ever(run).await,
            None => {
                self.take_effect(key);
                Ok(Some(json!({ "made": key })))
            }
        }
    }

    async fn undo(&self, run: &StepRun<'_>) -> Result<(), StepFailure> {
        let key = run.step.key.clone();
        if self.no_undo.lock().unwrap().contains(&key) {
            return Err(StepFailure::permanent(
                "it will not start",
                "start it by hand",
            ));
        }
        if self.dies_in_undo.lock().unwrap().remove(&key) {
            self.die().await;
        }
        self.effects.lock().unwrap().remove(&key);
        self.undone.lock().unwrap().push(key);
        Ok(())
    }
}

fn site(n: u128) -> SiteId {
    SiteId::from_untyped_uuid(Uuid::from_u128(n))
}

/// A planned failover of two members, in small.
fn plan(operation: OperationKind) -> Plan {
    let step = |key: &str, action: Action, needs: &[&str], gathers: bool| Step {
        key: key.to_owned(),
        site: site(1),
        phase: Phase::Checking,
        action,
        needs: needs.iter().map(|s| (*s).to_owned()).collect(),
        gathers,
        member: None,
        calls: Vec::new(),
        undo: Vec::new(),
    };
    let test = false;
    let steps = vec![
        step("stop/a", Action::StopServer, &[], false),
        step("stop/b", Action::StopServer, &[], false),
        step("sync", Action::Replicate, &["stop/a", "stop/b"], false),
        step(
            "copy/a",
            Action::CopyVolume { slot: 0, test },
            &["sync"],
            false,
        ),
        step(
            "copy/b",
            Action::CopyVolume { slot: 0, test },
            &["sync"],
            false,
        ),
        step(
            "commit",
            Action::Commit { handover: true },
            &["copy/a", "copy/b"],
            false,
        ),
        step("boot/a", Action::BootServer { test }, &["commit"], false),
        step("boot/b", Action::BootServer { test }, &["commit"], false),
        step(
            "verify/a",
            Action::VerifyServer { test },
            &["boot/a"],
            false,
        ),
        step(
            "verify/b",
            Action::VerifyServer { test },
            &["boot/b"],
            false,
        ),
        step("finish", Action::Finish, &["verify/a", "verify/b"], true),
    ];
    Plan {
        operation,
        epoch: None,
        steps,
    }
}

pub(super) struct Site {
    pub(super) db: Db,
    pub(super) clock: Arc<ManualClock>,
    world: Arc<World>,
    _dir: tempfile::TempDir,
}

impl Site {
    pub(super) async fn new() -> Self {
        Self::with_options(DbOptions::default()).await
    }

    async fn with_options(options: DbOptions) -> Self {
        // In memory where the machine has such a place: elsewhere each commit waits for the disk.
        let dir = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        let url = format!(
            "sqlite://{}?mode=rwc",
            dir.path().join("protector.db").display()
        );
        protector_migrations::sync(&url).await.unwrap();
        let start = "2026-11-24T12:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let ids = Arc::new(SeededIds::new(1));
        let keys = SecretBox::open_or_create(&dir.path().join("keys"), &*ids).unwrap();
        let url = SecretString::from(url);
        let db = Db::connect(&url, options, keys, clock.clone(), ids)
            .await
            .unwrap();
        let site = Self {
            db,
            clock,
            world: Arc::default(),
            _dir: dir,
        };
        site.add_group().await;
        site
    }

    async fn add_group(&self) {
        let at = "2026-11-24T12:00:00Z".parse().unwrap();
        let document = GroupDocument {
            id: GroupId::from_untyped_uuid(Uuid::from_u128(7)),
            epoch: Epoch::first(EpochId::from_untyped_uuid(Uuid::from_u128(1)), site(1)),
            version: 1,
            name: "shop".to_owned(),
            description: String::new(),
            projects: BTreeMap::new(),
            primary_site_id: site(1),
            secondary_site_id: site(2),
            current_primary_site_id: site(1),
            replication_type: ReplicationMode::Async,
            volume_types: BTreeMap::new(),
            volume_groups: BTreeMap::new(),
            status: GroupStatus::Active,
            status_reason: None,
            failover_count: 0,
            members: Vec::new(),
            policy: None,
            mappings: Vec::new(),
            deleted: false,
            given_up: None,
            created_at: at,
            updated_at: at,
            unknown: BTreeMap::new(),
        };
        let bytes = document.to_bytes().unwrap();
        let none = BTreeMap::new();
        self.db
            .receive_document(site(9), PutMode::Push, None, &bytes, &none)
            .await
            .unwrap();
        let operation = Operation {
            id: OperationId::from_untyped_uuid(Uuid::from_u128(42)),
            group_id: document.id,
            project_id: "p".into(),
            kind: OperationKind::Failover,
            options: OperationOptions::default(),
            status: OperationStatus::Queued,
            phase: String::new(),
            progress: 0,
            source_site_id: site(1),
            target_site_id: site(2),
            executor_site_id: site(1),
            steps_completed: 0,
            steps_failed: 0,
            was_running: None,
            test_stands: false,
            error: None,
            result: None,
            actor: Actor::engine("req-test"),
            attempt: 1,
            created_at: at,
            updated_at: at,
            started_at: None,
            finished_at: None,
        };
        self.db
            .create_operation(&operation, None, false)
            .await
            .unwrap();
    }

    fn runner(&self) -> Runner {
        self.runner_with(Duration::ZERO)
    }

    fn runner_with(&self, call_deadline: Duration) -> Runner {
        let options = RunnerOptions {
            backoff: Duration::ZERO,
            call_deadline,
            attempts: 3,
            ..RunnerOptions::default()
        };
        Runner::new(
            self.db.clone(),
            self.clock.clone(),
            self.world.clone(),
            options,
        )
    }

    /// One engine takes the operation and runs it until it ends or the engine dies.
    async fn engine(&self, owner: &str) -> Option<RunEnd> {
        let claim = self.db.claim_operation(owner, site(1)).await.unwrap()?;
        let runner = self.runner();
        tokio::select! {
            biased;
            () = self.world.dead.notified() => None,
            end = runner.run(claim) => Some(end),
        }
    }

    /// Engines follow each other, each after the lease of the one before, until one comes to an end.
    async fn engines(&self) -> OperationStatus {
        for n in 0..5 {
            match self.engine(&format!("engine-{n}")).await {
                Some(RunEnd::Ended(status)) => return status,
                _ => self.clock.advance(Duration::from_secs(31)),
            }
        }
        panic!("no engine came to an end")
    }

    async fn operation(&self) -> Operation {
        let id = OperationId::from_untyped_uuid(Uuid::from_u128(42));
        self.db.get_operation(id).await.unwrap().unwrap()
    }

    fn effects(&self) -> Vec<String> {
        self.world.effects.lock().unwrap().keys().cloned().collect()
    }
}

#[tokio::test]
async fn a_plan_runs_to_its_end_in_its_order() {
    let site = Site::new().await;
    assert_eq!(site.engines().await, OperationStatus::Completed);
    let calls = site.world.calls.lock().unwrap().clone();
    let at = |key: &str| calls.iter().position(|k| k == key).unwrap();
    assert!(at("stop/b") < at("copy/a") && at("copy/b") < at("commit"));
    assert!(at("commit") < at("boot/a") && at("verify/b") < at("finish"));
    let operation = site.operation().await;
    assert_eq!((operation.progress, operation.steps_completed), (100, 11));
    assert!(operation.finished_at.is_some());
}

#[tokio::test]
async fn a_transient_failure_is_tried_again_and_a_lasting_one_gives_up() {
    let site = Site::new().await;
    site.world
        .fault("boot/a", &[Fault::Transient, Fault::Transient]);
    assert_eq!(site.engines().await, OperationStatus::Completed);

    let site = Site::new().await;
    site.world.fault("boot/a", &[Fault::Transient; 3]);
    assert_eq!(site.engines().await, OperationStatus::CompletedWithErrors);
    let error = site.operation().await.error.unwrap();
    assert_eq!(error.step.as_deref(), Some("boot/a"));
    assert!(
        site.effects().contains(&"verify/b".to_owned()),
        "the other member is up"
    );
}

#[tokio::test]
async fn a_failure_before_the_commit_point_takes_everything_back() {
    for key in ["stop/b", "copy/a", "commit"] {
        let site = Site::new().await;
        site.world.fault(key, &[Fault::Permanent]);
        assert_eq!(site.engines().await, OperationStatus::Error, "{key}");
        assert_eq!(
            site.effects(),
            ["finish"],
            "{key}: nothing but the outcome is left"
        );
        assert_eq!(
            site.operation().await.error.unwrap().step.as_deref(),
            Some(key)
        );
    }
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_named_to_the_user() {
    let site = Site::new().await;
    site.world.fault("copy/a", &[Fault::Permanent]);
    site.world
        .no_undo
        .lock()
        .unwrap()
        .insert("stop/a".to_owned());
    assert_eq!(site.engines().await, OperationStatus::WaitingForUser);
    let error = site.operation().await.error.unwrap();
    assert!(
        error.message.contains("stop/a: it will not start"),
        "{}",
        error.message
    );
    assert!(error.what_to_do.is_some());
}

#[tokio::test]
async fn an_engine_may_die_before_or_after_the_effect_of_every_step() {
    for step in plan(OperationKind::Failover).steps {
        for fault in [Fault::DieBeforeEffect, Fault::DieAfterEffect] {
            let site = Site::new().await;
            site.world.fault(&step.key, &[fault]);
            assert_eq!(
                site.engines().await,
                OperationStatus::Completed,
                "{} {fault:?}",
                step.key
            );
            let effects = site.world.effects.lock().unwrap().clone();
            assert_eq!(effects.len(), 10, "{} {fault:?}", step.key);
            assert!(
                effects.values().all(|n| *n == 1),
                "each effect once: {effects:?}"
            );
            assert!(
                site.world.undone.lock().unwrap().is_empty(),
                "nothing was taken back"
            );
        }
    }
}

#[tokio::test]
async fn an_engine_may_die_while_it_takes_things_back() {
    for key in ["copy/a", "stop/b", "stop/a"] {
        let site = Site::new().await;
        site.world.fault("copy/b", &[Fault::Permanent]);
        site.world
            .dies_in_undo
            .lock()
            .unwrap()
            .insert(key.to_owned());
        assert_eq!(site.engines().await, OperationStatus::Error, "{key}");
        assert_eq!(site.effects(), ["finish"], "{key}");
    }
}

#[tokio::test]
async fn an_engine_that_was_overtaken_stops_without_a_word() {
    let site = Site::new().await;
    let late = site
        .db
        .claim_operation("late", super_site())
        .await
        .unwrap()
        .unwrap();
    site.clock.advance(Duration::from_secs(31));
    let taken = site
        .db
        .claim_operation("next", super_site())
        .await
        .unwrap()
        .unwrap();
    assert!(taken.unclean);
    assert_eq!(site.runner().run(late).await, RunEnd::Lost);
    assert!(
        site.world.calls.lock().unwrap().is_empty(),
        "it sent nothing"
    );
    assert_eq!(
        site.runner().run(taken).await,
        RunEnd::Ended(OperationStatus::Completed)
    );
}

fn super_site() -> SiteId {
    site(1)
}

#[tokio::test]
async fn a_question_waits_for_the_user_and_a_retry_goes_on() {
    let site = Site::new().await;
    site.world.fault("commit", &[Fault::AskUser]);
    assert_eq!(site.engines().await, OperationStatus::WaitingForUser);
    let asked = site.operation().await;
    assert_eq!(asked.error.clone().unwrap().message, "which?");
    assert!(asked.finished_at.is_none());
    assert!(
        site.engine("idle").await.is_none(),
        "nobody takes it meanwhile"
    );
    site.db
        .reopen_operation(asked.id, &asked.options)
        .await
        .unwrap();
    assert_eq!(site.engines().await, OperationStatus::Completed);
    let calls = site.world.calls.lock().unwrap().clone();
    assert_eq!(
        calls.iter().filter(|k| *k == "stop/a").count(),
        1,
        "what was done stays done"
    );
}

#[tokio::test]
async fn a_cancelled_operation_leaves_everything_as_it_was() {
    let site = Site::new().await;
    site.world.fault("copy/a", &[Fault::DieBeforeEffect]);
    assert!(site.engine("one").await.is_none());
    let id = site.operation().await.id;
    site.db.request_cancel(id).await.unwrap();
    site.clock.advance(Duration::from_secs(31));
    assert_eq!(site.engines().await, OperationStatus::Cancelled);
    assert_eq!(site.effects(), ["finish"], "what there is is written down");
    let steps = site.db.steps(id).await.unwrap();
    assert!(steps.iter().all(|s| s.status != StepStatus::Pending));
}

#[tokio::test]
async fn inv6_an_operation_that_gave_way_is_left_when_its_last_call_has_ended() {
    let site = Site::new().await;
    site.world.fault("copy/a", &[Fault::Lingers]);
    let claim = site.db.claim_operation("one", super_site()).await.unwrap();
    let runner = site.runner_with(Duration::from_secs(60));
    let mut run = std::pin::pin!(runner.run(claim.unwrap()));
    let older = site.operation().await;
    let gives_way = async {
        site.world.lingers.notified().await;
        let mut newer = older.clone();
        newer.id = OperationId::from_untyped_uuid(Uuid::from_u128(43));
        site.db.create_operation(&newer, None, true).await.unwrap();
        // It learns of it when it renews its lease.
        site.clock.advance(Duration::from_secs(10));
        for _ in 0..20 {
            assert!(!site.db.is_left(older.id).await.unwrap());
        }
    };
    tokio::select! {
        end = &mut run => panic!("a call is under way: {end:?}"),
        () = gives_way => {}
    }
    let before = site.world.calls.lock().unwrap().len();
    site.world.go_on.notify_one();
    assert_eq!(run.await, RunEnd::Lost);
    assert!(site.db.is_left(older.id).await.unwrap());
    assert_eq!(site.world.calls.lock().unwrap().len(), before, "no other");
}

#[tokio::test]
async fn what_never_ends_does_not_keep_the_database_when_the_operation_is_left() {
    let one = DbOptions {
        max_connections: 1,
        ..DbOptions::default()
    };
    let site = Site::with_options(one).await;
    site.world.db.set(site.db.clone()).unwrap();
    site.world.fault("sync", &[Fault::ReadsForEver]);
    let claim = site.db.claim_operation("one", super_site()).await.unwrap();
    let runner = site.runner_with(Duration::from_secs(60));
    let older = site.operation().await;
    let gives_way = async {
        site.world.lingers.notified().await;
        let mut newer = older.clone();
        newer.id = OperationId::from_untyped_uuid(Uuid::from_u128(43));
        site.db.create_operation(&newer, None, true).await.unwrap();
        site.clock.advance(Duration::from_secs(10));
        site.world.lingers.notified().await;
        site.clock.advance(Duration::from_secs(60));
    };
    let run = runner.run(claim.unwrap());
    // Less than a connection is waited for.
    let in_time = tokio::time::timeout(
        Duration::from_secs(20),
        futures::future::join(run, gives_way),
    );
    let (end, ()) = in_time.await.expect("the database is not kept");
    assert_eq!(end, RunEnd::Lost);
    assert!(site.db.is_left(older.id).await.unwrap());
}

#[tokio::test]
async fn what_is_taken_back_is_heard_of_meanwhile() {
    let site = Site::new().await;
    site.world.fault("copy/a", &[Fault::Permanent]);
    assert_eq!(site.engines().await, OperationStatus::Error);
    let undone = site.world.undone.lock().unwrap().clone();
    let stops = undone.iter().take_while(|key| key.starts_with("stop/"));
    assert_eq!(stops.count(), 2, "servers first: {undone:?}");
}

/// Gives the operation up while a step lingers, and lets time go on until the engine has heard it.
async fn given_up_during(key: &str) -> (Site, Option<RunEnd>) {
    given_up_with(key, &[]).await
}

/// The same, where the writing of the end does not go through at first.
async fn given_up_with(key: &str, finish: &[Fault]) -> (Site, Option<RunEnd>) {
    let site = Site::new().await;
    site.world.fault("finish", finish);
    site.world.fault(key, &[Fault::Lingers]);
    let claim = site.db.claim_operation("one", super_site()).await.unwrap();
    let runner = site.runner_with(Duration::from_secs(60));
    let id = site.operation().await.id;
    let hears = async {
        site.world.lingers.notified().await;
        site.db.request_cancel(id).await.unwrap();
        // Time stands while a database is waited for: however busy the machine is, the engine gets to
        // renew its lease.
        let until = site.clock.monotonic() + Duration::from_secs(100);
        while site.clock.monotonic() < until {
            site.clock.advance_to_next();
            tokio::task::yield_now().await;
        }
    };
    let end = {
        let mut run = std::pin::pin!(runner.run(claim.unwrap()));
        let mut hears = std::pin::pin!(hears);
        tokio::select! {
            end = &mut run => Some(end),
            () = &mut hears => {
                site.world.go_on.notify_one();
                assert_eq!(run.await, RunEnd::Ended(OperationStatus::Cancelled));
                None
            }
        }
    };
    (site, end)
}

#[tokio::test]
async fn the_end_is_tried_again_although_the_operation_is_given_up() {
    let (site, end) = given_up_with("sync", &[Fault::Transient]).await;
    assert_eq!(end, Some(RunEnd::Ended(OperationStatus::Cancelled)));
    assert_eq!(site.effects(), ["finish"]);
}

#[tokio::test]
async fn a_step_that_only_waits_is_left_as_soon_as_the_operation_is_given_up() {
    let (site, end) = given_up_during("sync").await;
    assert_eq!(end, Some(RunEnd::Ended(OperationStatus::Cancelled)));
    assert_eq!(site.effects(), ["finish"], "the rest is taken back");
    let steps = site.db.steps(site.operation().await.id).await.unwrap();
    let left = steps.iter().find(|step| step.key == "sync").unwrap();
    assert_eq!(left.status, StepStatus::Skipped);
}

#[tokio::test]
async fn a_step_that_changes_something_ends_before_it_is_taken_back() {
    let (site, end) = given_up_during("copy/a").await;
    assert_eq!(end, None, "it was waited for");
    let undone = site.world.undone.lock().unwrap().clone();
    assert!(undone.contains(&"copy/a".to_owned()), "{undone:?}");
    assert_eq!(site.effects(), ["finish"]);
}
