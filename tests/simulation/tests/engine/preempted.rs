//! Unplanned moves that take the place of what runs: nothing of the older operation stays behind,
//! whatever becomes of the newer one.

use protector_driver_mock::world::Fault;
use protector_framework::{Clock as _, ErrorKind};
use protector_model::{
    GroupStatus, Operation, OperationKind, OperationOptions, OperationStatus, StepStatus,
};

use protector_simulation::world::{
    CALL_DEADLINE, Site, Trouble, When, World, planned, simulate, unplanned,
};

const SERVERS: [&str; 2] = ["db", "web"];

fn forced() -> OperationOptions {
    OperationOptions {
        force: true,
        ..unplanned()
    }
}

/// Begins a planned move whose engine dies when its copies are all made.
async fn halted(world: &World) -> Operation {
    let (older, site) = world.ask(OperationKind::Failover, planned()).await;
    let kill = Trouble::Kill(When::After);
    let engine = world.engine(site, [("adopt/web/0".to_owned(), kill)].into());
    world.run_until_death(site, &engine).await;
    assert!(world.a.running().is_empty());
    older
}

/// Both sites meet, and their engines do what they find to do by themselves.
async fn live_on(world: &World) -> Vec<Operation> {
    let mut all = Vec::new();
    for _ in 0..3 {
        world.meet().await;
        for site in [&world.a, &world.b] {
            for open in site.db.unfinished_operations().await.unwrap() {
                if open.executor_site_id == site.id {
                    all.push(world.finish(site, open.id).await);
                }
            }
        }
    }
    for ended in &all {
        assert_eq!(
            ended.status,
            OperationStatus::Completed,
            "{}: {:#?}",
            ended.kind,
            ended.error
        );
    }
    all
}

async fn assert_superseded(world: &World, site: &Site, older: &Operation, newer: &Operation) {
    let older = world.operation(site, older.id).await;
    assert!(older.is_superseded_by(newer.id), "{older:#?}");
}

fn assert_no_pins(site: &Site) {
    for replica in site.array.replicas().unwrap() {
        let points = site.array.points(&replica).unwrap();
        assert!(points.iter().all(|p| p.pinned_by.is_empty()), "{points:?}");
    }
}

#[test]
fn inv5_nothing_of_a_move_that_gave_way_stays_when_the_newer_one_succeeds() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let older = halted(&world).await;
        let newer = world
            .ask_at(&world.b, OperationKind::Failover, forced())
            .await;
        let ended = world.finish(&world.b, newer.id).await;
        assert_eq!(
            ended.status,
            OperationStatus::Completed,
            "{:#?}",
            ended.error
        );
        assert_superseded(&world, &world.b, &older, &newer).await;
        let by_themselves = live_on(&world).await;
        let kinds: Vec<_> = by_themselves.iter().map(|o| o.kind).collect();
        assert!(kinds.contains(&OperationKind::Cleanup), "{kinds:?}");
        assert_superseded(&world, &world.a, &older, &newer).await;
        assert_eq!(world.b.running(), SERVERS);
        assert!(world.a.running().is_empty());
        world.b.assert_nothing_twice("a successor came up");
        assert_no_pins(&world.b);
        world.assert_settled(GroupStatus::FailedOver, "moved").await;
        world
            .go(OperationKind::Reprotect, OperationOptions::default())
            .await;
        world.go(OperationKind::Failback, planned()).await;
        assert!(live_on(&world).await.is_empty(), "it is done once");
        assert_eq!(world.a.running(), SERVERS);
    });
}

#[test]
fn the_source_runs_as_before_when_the_newer_move_fails_before_its_commit_point() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let standby = world.b.look();
        // Its owner had stopped it before anything moved.
        let db = world.member(&world.a, "db").await;
        let db = db.instance(world.a.id).unwrap().server_id.clone().unwrap();
        world.a.tenant.stop_server(&db).unwrap();
        world.clock.advance(std::time::Duration::from_secs(2));
        for fails in [true, false] {
            let older = halted(&world).await;
            let newer = world
                .ask_at(&world.b, OperationKind::Failover, forced())
                .await;
            if fails {
                let fault = Fault::Error {
                    kind: ErrorKind::InvalidRequest,
                    message: "by the test".to_owned(),
                };
                let trouble = Trouble::Driver {
                    verb: "pin_point".to_owned(),
                    fault,
                    times: 1,
                };
                let engine = world.engine(&world.b, [("pin".to_owned(), trouble)].into());
                let ended = world.suffer(&world.b, newer.id, &engine).await;
                assert_eq!(ended.status, OperationStatus::Error);
            } else {
                // Given up before an engine has even looked at it.
                world.b.db.request_cancel(newer.id).await.unwrap();
            }
            assert_superseded(&world, &world.b, &older, &newer).await;
            live_on(&world).await;
            assert_eq!(world.a.running(), ["web"], "{fails}");
            let servers = world.a.look().cloud.servers;
            assert!(servers.iter().all(|s| !s.locked), "{servers:?}");
            assert_eq!(world.b.look(), standby, "{fails}");
            assert_no_pins(&world.b);
            world.assert_settled(GroupStatus::Active, "as before").await;
        }
    });
}

#[test]
fn a_test_that_gave_way_is_removed() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let (older, site) = world
            .ask(OperationKind::TestFailover, OperationOptions::default())
            .await;
        let kill = Trouble::Kill(When::After);
        let engine = world.engine(site, [("boot/web".to_owned(), kill)].into());
        world.run_until_death(site, &engine).await;
        let newer = world
            .ask_at(&world.b, OperationKind::Failover, forced())
            .await;
        let ended = world.finish(&world.b, newer.id).await;
        assert_eq!(
            ended.status,
            OperationStatus::Completed,
            "{:#?}",
            ended.error
        );
        assert_superseded(&world, &world.b, &older, &newer).await;
        live_on(&world).await;
        assert_eq!(world.b.running(), SERVERS);
        world.b.assert_nothing_twice("after a test");
        assert_eq!(world.b.look().cloud.ports.len(), 2);
    });
}

#[test]
fn the_newer_move_changes_nothing_while_the_older_ones_engine_is_at_work() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let (_, site) = world.ask(OperationKind::Failover, planned()).await;
        let kill = Trouble::Kill(When::Before);
        let hangs = world.engine(site, [("adopt/web/0".to_owned(), kill)].into());
        let claim = site.db.claim_operation("slow", site.id).await.unwrap();
        let runner = world.runner(site, hangs.clone(), 1);
        let older = async {
            runner.run(claim.unwrap()).await;
            world.clock.now()
        };
        let newer = async {
            hangs.died().await;
            let newer = world
                .ask_at(&world.b, OperationKind::Failover, forced())
                .await;
            world.finish(&world.b, newer.id).await
        };
        let (stopped_at, newer) = tokio::join!(older, newer);
        assert_eq!(newer.status, OperationStatus::Completed);
        let steps = world.b.db.steps(newer.id).await.unwrap();
        let began = |key: &str| {
            let record = steps.iter().find(|s| s.key == key).unwrap();
            assert_eq!(record.status, StepStatus::Done);
            record.started_at.unwrap()
        };
        assert!(began("point") < stopped_at, "looking is free");
        assert!(began("pin") >= stopped_at);
    });
}

#[test]
fn an_operation_of_the_other_site_that_gave_way_is_granted_the_time_of_its_last_call() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let (older, site) = world
            .ask(OperationKind::Sync, OperationOptions::default())
            .await;
        assert_eq!(site.id, world.a.id);
        world.a.set_down(true);
        let newer = world
            .ask_at(&world.b, OperationKind::Failover, unplanned())
            .await;
        let ended = world.finish(&world.b, newer.id).await;
        assert_eq!(
            ended.status,
            OperationStatus::Completed,
            "{:#?}",
            ended.error
        );
        assert_superseded(&world, &world.b, &older, &newer).await;
        let steps = world.b.db.steps(newer.id).await.unwrap();
        let pin = steps.iter().find(|s| s.key == "pin").unwrap();
        let waited = pin.started_at.unwrap() - newer.created_at;
        assert!(waited.to_std().unwrap() >= CALL_DEADLINE, "{waited}");
    });
}
