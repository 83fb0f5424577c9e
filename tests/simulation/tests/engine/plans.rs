//! A plan is what is executed: every mutating call that the clouds and arrays of both sites receive
//! instantiates a planned one of its step, and every planned one of a step that is done took effect
//! once or was already so. For random groups, and with things that go wrong in passing.

mod matching;

use std::collections::BTreeMap;
use std::time::Duration;

use protector_driver_mock::world::Fault;
use protector_framework::{ErrorKind, MemberId};
use protector_model::plan::{Plan, Step};
use protector_model::{
    GroupChange, Operation, OperationKind, OperationOptions, OperationStatus, planner, request,
};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use matching::Record;
use protector_simulation::world::{Trouble, When, World, planned, simulate, unplanned};

/// A group of its own making, and the dice that make it.
struct Life {
    world: World,
    dice: StdRng,
    /// Whether things go wrong in passing.
    faults: bool,
    context: String,
}

impl Life {
    /// A random group, made with everything recorded.
    async fn begin(seed: u64, faults: bool) -> Self {
        let world = World::empty().await;
        for site in [&world.a, &world.b] {
            site.cloud.record_calls(true).unwrap();
            site.array.record_calls(true).unwrap();
        }
        let mut life = Self {
            world,
            dice: StdRng::seed_from_u64(seed),
            faults,
            context: format!("seed {seed}, faults {faults}"),
        };
        life.world.propose_group().await;
        life.run(OperationKind::Create, OperationOptions::default())
            .await;
        life.world.equip().await;
        let names = ["db", "web.example", "app"];
        let members = life.dice.random_range(1..=names.len());
        for (at, name) in names.into_iter().take(members).enumerate() {
            life.join(name, at).await;
        }
        life
    }

    async fn join(&mut self, name: &str, at: usize) {
        let volumes = self.dice.random_range(1..=2);
        let ports = self.dice.random_range(0..=2);
        let server = self.world.build_server_with(name, volumes, ports, at);
        let tier = self.dice.random_range(1..=3);
        let options = self.world.join(name, &server, tier).await;
        let delay = GroupChange::SetBoot {
            member: options.member.unwrap(),
            boot_tier: None,
            probe: None,
            boot_delay: Some(self.dice.random_range(0..30)),
        };
        self.world.change(delay).await;
        self.run(OperationKind::AddMember, options).await;
    }

    /// Runs an operation to its completion, with what goes wrong in passing, and checks its calls.
    async fn run(&mut self, kind: OperationKind, options: OperationOptions) -> Operation {
        let at = self.world.primary().await;
        let operation = self.world.ask_at(at, kind, options).await;
        self.complete(operation).await
    }

    async fn complete(&mut self, operation: Operation) -> Operation {
        let world = &self.world;
        let site = world.site(operation.executor_site_id);
        let plan = plan(world, &operation).await;
        let troubles: BTreeMap<String, Trouble> = match self.faults {
            true => draw(&plan, &mut self.dice),
            false => BTreeMap::new(),
        };
        let context = format!("{}: {} with {troubles:?}", self.context, operation.kind);
        let engine = world.engine(site, troubles);
        let ended = world.suffer(site, operation.id, &engine).await;
        assert_eq!(
            ended.status,
            OperationStatus::Completed,
            "{context}: {:#?}",
            ended.error
        );
        world.meet().await;
        self.check(&context).await;
        ended
    }

    async fn check(&self, context: &str) -> usize {
        let record = Record::of(&self.world).await;
        record.assert_all_were_planned(context);
        record.assert_nothing_took_effect_twice(context);
        record.assert_all_took_effect(context)
    }

    async fn lose_site_a(&mut self) {
        self.world.a.set_down(true);
        let moved = self
            .world
            .ask_at(&self.world.b, OperationKind::Failover, unplanned())
            .await;
        self.complete_without_meeting(moved).await;
        self.world.a.set_down(false);
        self.world.round(&self.world.a).await;
        let open = self.world.a.db.unfinished_operations().await.unwrap();
        let quarantine = open
            .into_iter()
            .find(|o| o.kind == OperationKind::Quarantine);
        self.complete(quarantine.unwrap()).await;
    }

    async fn complete_without_meeting(&self, operation: Operation) {
        let ended = self.world.finish(&self.world.b, operation.id).await;
        assert_eq!(
            ended.status,
            OperationStatus::Completed,
            "{:#?}",
            ended.error
        );
        self.check(&self.context).await;
    }
}

/// What fails for good before authority has passed, what is given up, and what gives way to another:
/// what takes it back was planned too.
async fn be_taken_back(seed: u64) {
    let plain = OperationOptions::default;
    let life = Life::begin(seed, false).await;
    let context = life.context.clone();
    for broken in ["recapture/", "adopt/", "commit"] {
        let (operation, site) = life.world.ask(OperationKind::Failover, planned()).await;
        let plan = plan(&life.world, &operation).await;
        let step = plan
            .steps
            .iter()
            .rev()
            .find(|s| s.key.starts_with(broken))
            .unwrap();
        let engine = life
            .world
            .engine(site, [(step.key.clone(), Trouble::Fails)].into());
        let ended = life.world.suffer(site, operation.id, &engine).await;
        assert_eq!(ended.status, OperationStatus::Error, "{context}: {broken}");
        life.world.meet().await;
        life.check(&context).await;
    }
    for when in [When::Before, When::After] {
        let (operation, site) = life.world.ask(OperationKind::TestFailover, plain()).await;
        let plan = plan(&life.world, &operation).await;
        let step = plan
            .steps
            .iter()
            .find(|s| s.key.starts_with("verify/"))
            .unwrap();
        let engine = life
            .world
            .engine(site, [(step.key.clone(), Trouble::Kill(when))].into());
        life.world.run_until_death(site, &engine).await;
        site.db.request_cancel(operation.id).await.unwrap();
        let ended = life.world.finish(site, operation.id).await;
        assert_eq!(ended.status, OperationStatus::Cancelled, "{context}");
        life.world.meet().await;
        life.check(&context).await;
    }
    // A planned move gives way to an unplanned one, whose site takes back what it had done.
    let (older, site) = life.world.ask(OperationKind::Failover, planned()).await;
    let kill = Trouble::Kill(When::After);
    let engine = life
        .world
        .engine(site, [("adopt/db/0".to_owned(), kill)].into());
    life.world.run_until_death(site, &engine).await;
    let forced = OperationOptions {
        force: true,
        ..unplanned()
    };
    let (newer, site) = life.world.ask(OperationKind::Failover, forced).await;
    let ended = life.world.finish(site, newer.id).await;
    assert_eq!(
        ended.status,
        OperationStatus::Completed,
        "{context}: {:#?}",
        ended.error
    );
    for _ in 0..3 {
        life.world.meet().await;
        for site in [&life.world.a, &life.world.b] {
            for open in site.db.unfinished_operations().await.unwrap() {
                if open.executor_site_id == site.id {
                    life.world.finish(site, open.id).await;
                }
            }
        }
    }
    let older = life.world.operation(&life.world.b, older.id).await;
    assert!(older.is_superseded_by(newer.id), "{context}");
    assert!(life.check(&context).await > 20);
}

/// The plan that an operation will have.
async fn plan(world: &World, operation: &Operation) -> Plan {
    let site = world.site(operation.executor_site_id);
    let document = world.document(site).await;
    let direction = request::direction(&document, operation.kind, &operation.options);
    let test = match operation.options.test {
        Some(test) => site.db.plan(test).await.unwrap(),
        None => None,
    };
    planner::plan(
        &document,
        operation.kind,
        &operation.options,
        &direction,
        test.as_ref(),
    )
    .unwrap()
}

/// Things that pass, at about every third step.
fn draw(plan: &Plan, dice: &mut StdRng) -> BTreeMap<String, Trouble> {
    let mut troubles = BTreeMap::new();
    for step in &plan.steps {
        if dice.random_bool(0.35) {
            troubles.insert(step.key.clone(), passing(step, dice));
        }
    }
    troubles
}

fn passing(step: &Step, dice: &mut StdRng) -> Trouble {
    let verbs: Vec<&String> = step
        .calls
        .iter()
        .filter(|c| c.service != "peer")
        .map(|c| &c.verb)
        .collect();
    let busy = Fault::Error {
        kind: ErrorKind::Busy,
        message: "by the dice".to_owned(),
    };
    let (fault, times) = match dice.random_range(0..3) {
        0 => (busy, 2),
        1 => (Fault::LostReply, 1),
        _ => (Fault::Hang, 1),
    };
    match (verbs.choose(dice), dice.random_range(0..4)) {
        (_, 0) => Trouble::Kill(When::Before),
        (_, 1) => Trouble::Kill(When::After),
        (Some(verb), _) => {
            let verb = (*verb).clone();
            Trouble::Driver { verb, fault, times }
        }
        (None, _) => Trouble::Slow(Duration::from_secs(dice.random_range(1..60))),
    }
}

/// Every kind of operation, in the order in which a group can meet them.
async fn live(seed: u64, faults: bool) {
    let plain = OperationOptions::default;
    let mut life = Life::begin(seed, faults).await;
    life.run(OperationKind::Sync, plain()).await;
    life.run(OperationKind::TestFailover, plain()).await;
    life.run(OperationKind::TestCleanup, plain()).await;
    let by_itself = OperationOptions {
        auto_cleanup: true,
        ..plain()
    };
    life.run(OperationKind::TestFailover, by_itself).await;
    life.run(OperationKind::Failover, planned()).await;
    life.run(OperationKind::Failback, planned()).await;
    let as_it_is = OperationOptions {
        accept_drift: true,
        ..planned()
    };
    life.run(OperationKind::Cleanup, plain()).await;
    life.run(OperationKind::Failover, as_it_is).await;
    life.run(OperationKind::Sync, plain()).await;
    life.run(OperationKind::Failback, unplanned()).await;
    life.world.meet().await;
    // The site that lost the group without being asked puts its copies away.
    for operation in life.world.b.db.unfinished_operations().await.unwrap() {
        life.complete(operation).await;
    }
    life.run(OperationKind::Sync, plain()).await;
    life.lose_site_a().await;
    life.run(OperationKind::Reprotect, plain()).await;
    life.run(OperationKind::Failback, planned()).await;
    if life.world.document(&life.world.a).await.members.len() > 1 {
        let member: MemberId = life.world.member(&life.world.a, "db").await.id;
        life.world
            .change(GroupChange::StartRemoving { member })
            .await;
        let options = OperationOptions {
            member: Some(member),
            ..plain()
        };
        life.run(OperationKind::RemoveMember, options).await;
    }
    life.run(OperationKind::Delete, plain()).await;
    let looked_at = life.check(&life.context).await;
    assert!(looked_at > 100, "{looked_at}");
}

#[test]
fn every_call_was_planned_and_every_planned_call_took_effect_once() {
    let lives: Vec<_> = (1..=2)
        .map(|seed| std::thread::spawn(move || simulate(live(seed, false))))
        .collect();
    for life in lives {
        life.join().unwrap();
    }
}

#[test]
fn what_takes_an_operation_back_was_planned_too() {
    for seed in 1..=2 {
        simulate(be_taken_back(seed));
    }
}

#[test]
fn every_call_was_planned_also_where_things_go_wrong_in_passing() {
    let lives: Vec<_> = (1..=3)
        .map(|seed| std::thread::spawn(move || simulate(live(seed, true))))
        .collect();
    for life in lives {
        life.join().unwrap();
    }
}
