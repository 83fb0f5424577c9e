//! A person gives an operation up at each of its steps: either it is too late and it is carried
//! through, or everything is as before. Whichever it is, one site serves and the other does not.

use protector_model::plan::Plan;
use protector_model::{
    GroupStatus, Operation, OperationKind, OperationOptions, OperationStatus, planner, request,
};

use protector_simulation::world::{Trouble, When, World, planned, simulate, unplanned};

const SERVERS: [&str; 2] = ["db", "web"];

async fn plan(world: &World, kind: OperationKind, options: &OperationOptions) -> Plan {
    let document = world.document(world.primary().await).await;
    let direction = request::direction(&document, kind, options);
    planner::plan(&document, kind, options, &direction, None).unwrap()
}

/// Both sites meet, and their engines do what they find to do by themselves.
async fn come_to_rest(world: &World) {
    for _ in 0..3 {
        world.meet().await;
        for site in [&world.a, &world.b] {
            for open in site.db.unfinished_operations().await.unwrap() {
                if open.executor_site_id == site.id {
                    let ended = world.finish(site, open.id).await;
                    assert_eq!(ended.status, OperationStatus::Completed, "{ended:#?}");
                }
            }
        }
        // What was tried lately is tried again after a while.
        world.clock.advance(std::time::Duration::from_secs(45));
    }
}

/// An engine dies before a step, a person gives up, and another engine hears it.
async fn give_up_before(
    world: &World,
    key: &str,
    kind: OperationKind,
    options: &OperationOptions,
) -> Operation {
    let (operation, site) = world.ask(kind, options.clone()).await;
    let kill = Trouble::Kill(When::Before);
    let engine = world.engine(site, [(key.to_owned(), kill)].into());
    world.run_until_death(site, &engine).await;
    site.db.request_cancel(operation.id).await.unwrap();
    let ended = world.finish(site, operation.id).await;
    come_to_rest(world).await;
    ended
}

async fn serves(world: &World, context: &str) {
    let primary = world.primary().await;
    assert_eq!(primary.running(), SERVERS, "{context}");
    let rests = world.other(primary).running();
    assert!(rests.is_empty(), "INV1: {context}: {rests:?}");
    for server in primary.look().cloud.servers {
        assert!(!server.locked, "{context}: {server:?}");
    }
}

/// Gives a move up before each of its steps. Returns how often it was in time and how often too late.
async fn a_move(options: OperationOptions) -> (u32, u32) {
    let world = World::protected(&SERVERS, 1).await;
    let kind = OperationKind::Failover;
    let (mut in_time, mut too_late) = (0, 0);
    let keys: Vec<_> = plan(&world, kind, &options).await.steps;
    for step in keys {
        let key = step.key.as_str();
        world
            .go(OperationKind::Sync, OperationOptions::default())
            .await;
        // A parked copy is overwritten and not made: the step may be another one now.
        if plan(&world, kind, &options).await.step(key).is_none() {
            continue;
        }
        let standby = world.b.look();
        let ended = give_up_before(&world, key, kind, &options).await;
        serves(&world, key).await;
        if ended.status == OperationStatus::Cancelled {
            in_time += 1;
            world.assert_settled(GroupStatus::Active, key).await;
            assert_eq!(world.primary().await.id, world.a.id, "{key}");
            assert_eq!(world.b.look(), standby, "{key}: something is left");
            continue;
        }
        too_late += 1;
        assert_eq!(
            ended.status,
            OperationStatus::Completed,
            "{key}: {ended:#?}"
        );
        world.assert_settled(GroupStatus::FailedOver, key).await;
        let plain = OperationOptions::default;
        world.go(OperationKind::Reprotect, plain()).await;
        world.go(OperationKind::Failback, planned()).await;
        // Built anew the next time, so that all its steps are met.
        world.go(OperationKind::Cleanup, plain()).await;
    }
    (in_time, too_late)
}

#[test]
fn inv1_a_planned_move_that_is_given_up_at_any_step_leaves_one_site_that_serves() {
    simulate(async {
        let (in_time, too_late) = a_move(planned()).await;
        assert!(in_time > 10 && too_late > 5, "{in_time}, {too_late}");
    });
}

#[test]
fn inv1_an_unplanned_move_that_is_given_up_at_any_step_leaves_one_site_that_serves() {
    simulate(async {
        let forced = OperationOptions {
            force: true,
            ..unplanned()
        };
        let (in_time, too_late) = a_move(forced).await;
        assert!(in_time > 3 && too_late > 5, "{in_time}, {too_late}");
    });
}

#[test]
fn a_test_that_is_given_up_at_any_step_leaves_nothing() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let (kind, options) = (OperationKind::TestFailover, OperationOptions::default());
        let (home, standby) = (world.a.look(), world.b.look());
        for step in plan(&world, kind, &options).await.steps {
            let ended = give_up_before(&world, &step.key, kind, &options).await;
            let key = step.key.as_str();
            if ended.status == OperationStatus::Completed {
                // Only its end was left to be written.
                assert_eq!(key, "finish");
                world.go(OperationKind::TestCleanup, options.clone()).await;
            } else {
                assert_eq!(
                    ended.status,
                    OperationStatus::Cancelled,
                    "{key}: {ended:#?}"
                );
            }
            serves(&world, key).await;
            assert_eq!(world.a.look(), home, "{key}");
            assert_eq!(world.b.look(), standby, "{key}: something is left");
        }
    });
}

#[test]
fn a_reprotect_that_is_given_up_at_any_step_can_be_asked_for_again() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        world.go(OperationKind::Failover, planned()).await;
        let (kind, options) = (OperationKind::Reprotect, OperationOptions::default());
        for step in plan(&world, kind, &options).await.steps {
            give_up_before(&world, &step.key, kind, &options).await;
            serves(&world, &step.key).await;
            world
                .assert_settled(GroupStatus::FailedOver, &step.key)
                .await;
            world.go(kind, options.clone()).await;
        }
    });
}

#[test]
fn a_server_that_is_just_being_stopped_runs_again() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let (operation, site) = world.ask(OperationKind::Failover, planned()).await;
        // The engine dies while the guest goes down.
        let kill = Trouble::Kill(When::During(5));
        let engine = world.engine(site, [("stop/web".to_owned(), kill)].into());
        world.run_until_death(site, &engine).await;
        site.db.request_cancel(operation.id).await.unwrap();
        let ended = world.finish(site, operation.id).await;
        assert_eq!(ended.status, OperationStatus::Cancelled);
        come_to_rest(&world).await;
        serves(&world, "given up in the midst of it").await;
        world.assert_settled(GroupStatus::Active, "as before").await;
    });
}
