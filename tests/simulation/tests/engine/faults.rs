//! Moves with trouble at each step: a call that fails for good, that fails twice, whose answer is
//! lost, and an engine that dies before or after the step's effect. However it goes, the group runs
//! on exactly one site, nothing is made twice, and nothing is lost.

use std::collections::{BTreeMap, BTreeSet};

use protector_driver_mock::world::Fault;
use protector_framework::ErrorKind;
use protector_model::plan::{Action, Condition, Plan, Step};
use protector_model::{
    GroupStatus, Operation, OperationKind, OperationStatus, StepStatus, planner, request,
};

use protector_simulation::world::{Loss, Trouble, When, World, planned, simulate};

const SERVERS: [&str; 2] = ["db", "web"];

/// A world between two moves, to be moved with trouble.
struct Moving {
    world: World,
    writes: u32,
}

/// How trouble was survived.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// The move went through.
    Through,
    /// Everything is as before.
    Back,
    /// It went through for all but one, and a retry did the rest.
    Retried,
}

impl Moving {
    async fn new() -> Self {
        Self {
            world: World::protected(&SERVERS, 1).await,
            writes: 0,
        }
    }

    fn kind(home: bool) -> OperationKind {
        match home {
            true => OperationKind::Failover,
            false => OperationKind::Failback,
        }
    }

    /// The plan of the next move, as it would be made now.
    async fn plan(&self) -> Plan {
        let document = self.world.document(self.world.primary().await).await;
        let kind = Self::kind(document.is_home());
        let direction = request::direction(&document, kind, &planned());
        planner::plan(&document, kind, &planned(), &direction, None).unwrap()
    }

    /// Moves the group with trouble, and sees that all is well.
    async fn suffer(&mut self, troubles: BTreeMap<String, Trouble>) -> Way {
        let world = &self.world;
        let source = world.primary().await;
        let target = world.other(source);
        let kind = Self::kind(source.id == world.a.id);
        let context = format!("{kind} with {troubles:?}");
        self.writes += 1;
        let text = format!("write {}", self.writes);
        world.write(source, "web", 0, &text).await;
        let standby = target.look();
        let (operation, site) = world.ask(kind, planned()).await;
        let engine = world.engine(site, troubles);
        let mut ended = world.suffer(site, operation.id, &engine).await;
        assert_eq!(engine.unmet(), [""; 0], "{context}");
        let way = match ended.status {
            OperationStatus::Completed => Way::Through,
            OperationStatus::Error => Way::Back,
            OperationStatus::CompletedWithErrors => {
                // Nothing of the source has started again meanwhile.
                assert!(source.running().is_empty(), "{context}");
                ended = world.retry(site, operation.id).await;
                Way::Retried
            }
            other => panic!("{context}: {other}: {:#?}", ended.error),
        };
        world.meet().await;
        self.see(&ended, &way, &context).await;
        let (runs, rests) = match way {
            Way::Back => (source, target),
            Way::Through | Way::Retried => (target, source),
        };
        assert_eq!(runs.running(), SERVERS, "{context}");
        assert!(rests.running().is_empty(), "{context}");
        assert!(
            world.reads(runs, "web", 0, &text).await,
            "{context}: bytes are lost"
        );
        for site in [runs, rests] {
            site.assert_nothing_twice(&context);
        }
        if way == Way::Back {
            assert_eq!(target.look(), standby, "{context}: something is left");
            for server in source.look().cloud.servers {
                assert!(!server.locked, "{context}: {server:?}");
            }
        }
        way
    }

    async fn see(&self, ended: &Operation, way: &Way, context: &str) {
        let wanted = match way {
            Way::Back => OperationStatus::Error,
            Way::Through | Way::Retried => OperationStatus::Completed,
        };
        assert_eq!(ended.status, wanted, "{context}: {:#?}", ended.error);
        assert_eq!(ended.error.is_some(), *way == Way::Back, "{context}");
        let world = &self.world;
        let primary = world.primary().await;
        let status = match primary.id == world.a.id {
            true => GroupStatus::Active,
            false => GroupStatus::FailedOver,
        };
        world.assert_settled(status, context).await;
        let site = world.site(ended.executor_site_id);
        let steps = site.db.steps(ended.id).await.unwrap();
        assert!(
            steps.iter().all(|s| s.status != StepStatus::Running),
            "{context}"
        );
    }

    /// Moves the group without trouble until it runs where this kind of move begins.
    async fn before(&self, kind: OperationKind) {
        let home = self.world.primary().await.id == self.world.a.id;
        let next = Self::kind(home);
        if next != kind {
            self.world.go(next, planned()).await;
        }
    }
}

/// The driver verbs that a step changes things with, each once.
fn verbs(step: &Step) -> BTreeSet<String> {
    let calls = step.calls.iter().filter(|call| call.service != "peer");
    calls.map(|call| call.verb.clone()).collect()
}

fn error(kind: ErrorKind) -> Fault {
    Fault::Error {
        kind,
        message: "by the test".to_owned(),
    }
}

/// Whether a step stands before authority passes.
fn before_commit(plan: &Plan, key: &str) -> bool {
    plan.commit()
        .is_some_and(|commit| plan.depends_on(commit, key))
}

/// Each failure that stays, in a move of its own: steps of the group, and those of one member.
async fn lasting_failures(kind: OperationKind) {
    let mut moving = Moving::new().await;
    moving.before(kind).await;
    let plan = moving.plan().await;
    let of_one = |step: &&Step| step.member.is_none() || step.key.contains("/web");
    for step in plan.steps.iter().filter(of_one) {
        for trouble in lasting(step) {
            moving.before(kind).await;
            let plan = moving.plan().await;
            // A copy that was parked since is overwritten and not made: the step is another one.
            if plan.step(&step.key).is_none() {
                continue;
            }
            let way = moving.suffer([(step.key.clone(), trouble)].into()).await;
            let wanted = match before_commit(&plan, &step.key) {
                true => Way::Back,
                false => Way::Retried,
            };
            assert_eq!(way, wanted, "{kind}: {}", step.key);
        }
    }
}

/// What passes comes at every step of one move, and then in another form at every step of another.
async fn passing_failures(kind: OperationKind, troubles: impl Fn(&Step) -> Vec<Trouble>) {
    let mut moving = Moving::new().await;
    for turn in 0.. {
        moving.before(kind).await;
        let plan = moving.plan().await;
        let now: BTreeMap<_, _> = plan
            .steps
            .iter()
            .filter_map(|step| Some((step.key.clone(), troubles(step).into_iter().nth(turn)?)))
            .collect();
        if now.is_empty() {
            break;
        }
        assert_eq!(moving.suffer(now).await, Way::Through);
    }
}

fn lasting(step: &Step) -> Vec<Trouble> {
    // What is sent only under a condition that these moves do not meet is not needed here.
    let met = |when: Option<Condition>| {
        let stops = matches!(step.action, Action::StopServer);
        match when {
            None
            | Some(
                Condition::CanShelve
                | Condition::IsShelved
                | Condition::PointIsUsed
                | Condition::PointHoldsMember,
            ) => true,
            Some(Condition::Runs) => stops,
            Some(_) => false,
        }
    };
    let calls = step.calls.iter().filter(|call| call.service != "peer");
    let needed: BTreeSet<String> = calls
        .filter(|call| met(call.when))
        .map(|call| call.verb.clone())
        .collect();
    needed
        .into_iter()
        .map(|verb| Trouble::Driver {
            verb,
            fault: error(ErrorKind::InvalidRequest),
            times: 1,
        })
        .collect()
}

fn passing(step: &Step) -> Vec<Trouble> {
    verbs(step)
        .into_iter()
        .flat_map(|verb| {
            [(error(ErrorKind::Busy), 2), (Fault::LostReply, 1)].map(|(fault, times)| {
                let verb = verb.clone();
                Trouble::Driver { verb, fault, times }
            })
        })
        .collect()
}

fn deadly(_: &Step) -> Vec<Trouble> {
    vec![Trouble::Kill(When::Before), Trouble::Kill(When::After)]
}

#[test]
fn a_failover_survives_a_lasting_failure_of_every_step() {
    simulate(async {
        lasting_failures(OperationKind::Failover).await;
    });
}

#[test]
fn a_failback_survives_a_lasting_failure_of_every_step() {
    simulate(async {
        lasting_failures(OperationKind::Failback).await;
    });
}

#[test]
fn moves_survive_passing_failures_of_every_step() {
    simulate(async {
        passing_failures(OperationKind::Failover, passing).await;
        passing_failures(OperationKind::Failback, passing).await;
    });
}

#[test]
fn moves_survive_the_death_of_their_engine_at_every_step() {
    simulate(async {
        passing_failures(OperationKind::Failover, deadly).await;
        passing_failures(OperationKind::Failback, deadly).await;
    });
}

#[test]
fn a_handover_whose_request_or_answer_is_lost_has_one_outcome() {
    simulate(async {
        let mut moving = Moving::new().await;
        for loss in [Loss::Request, Loss::Answer] {
            for verb in ["identity", "put_document"] {
                moving.before(OperationKind::Failover).await;
                let trouble = ("commit".to_owned(), Trouble::Peer(verb, loss));
                let way = moving.suffer([trouble].into()).await;
                assert_eq!(way, Way::Through, "{verb} {loss:?}");
            }
        }
    });
}

#[test]
fn a_move_survives_engines_that_die_anywhere() {
    simulate(async {
        let moving = Moving::new().await;
        let world = &moving.world;
        for kind in [OperationKind::Failover, OperationKind::Failback] {
            let source = world.primary().await;
            let target = world.other(source);
            let bytes = world.bytes(source).await;
            let (operation, site) = world.ask(kind, planned()).await;
            // Each lives a little longer than the one before, so that all of it is done once.
            let mut breaths = 40;
            while !world.breathe(site, breaths).await {
                breaths += 20;
            }
            let ended = world.finish(site, operation.id).await;
            assert_eq!(
                ended.status,
                OperationStatus::Completed,
                "{:#?}",
                ended.error
            );
            world.meet().await;
            assert_eq!(target.running(), SERVERS);
            assert!(source.running().is_empty());
            assert_eq!(world.bytes(target).await, bytes);
            for site in [source, target] {
                site.assert_nothing_twice("killed anywhere");
            }
        }
    });
}
