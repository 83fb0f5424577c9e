//! The other workflows with passing trouble at each of their steps, and what they leave behind.

use std::collections::BTreeMap;

use protector_driver_mock::world::Fault;
use protector_framework::{CallCtx, ErrorKind, MemberId, ServerRef};
use protector_model::{
    Call, GroupChange, GroupStatus, Operation, OperationKind, OperationOptions, OperationStatus,
    StepStatus, planner, request,
};

use protector_simulation::world::{Trouble, When, World, planned, simulate, unplanned};

/// What comes at every step of an operation.
#[derive(Debug, Clone, Copy)]
enum Plague {
    /// The engine dies.
    Death(When),
    /// The first change that a step makes is not answered.
    Silence,
    /// Its first change fails twice.
    Stutter,
}

const PLAGUES: [Plague; 4] = [
    Plague::Death(When::Before),
    Plague::Death(When::After),
    Plague::Silence,
    Plague::Stutter,
];

/// Runs an operation under a plague, to its completion.
async fn under(
    world: &World,
    plague: Plague,
    kind: OperationKind,
    options: OperationOptions,
) -> Operation {
    let (operation, site) = world.ask(kind, options).await;
    let record = world.record(site).await;
    let direction = request::direction(&record.document, kind, &operation.options);
    let test = match operation.options.test {
        Some(test) => site.db.plan(test).await.unwrap(),
        None => None,
    };
    let plan = planner::plan(
        &record.document,
        kind,
        &operation.options,
        &direction,
        test.as_ref(),
    )
    .unwrap();
    let mut troubles = BTreeMap::new();
    for step in &plan.steps {
        let sent = |call: &&Call| call.service != "peer" && call.when.is_none();
        let changes = step.calls.iter().find(sent);
        let trouble = |fault, times| {
            changes.map(|call| Trouble::Driver {
                verb: call.verb.clone(),
                fault,
                times,
            })
        };
        let trouble = match plague {
            Plague::Death(when) => Some(Trouble::Kill(when)),
            Plague::Silence => trouble(Fault::LostReply, 1),
            Plague::Stutter => trouble(
                Fault::Error {
                    kind: ErrorKind::Busy,
                    message: "by the test".to_owned(),
                },
                2,
            ),
        };
        troubles.extend(trouble.map(|trouble| (step.key.clone(), trouble)));
    }
    let engine = world.engine(site, troubles);
    let ended = world.suffer(site, operation.id, &engine).await;
    assert_eq!(engine.unmet(), [""; 0], "{kind} {plague:?}");
    assert_eq!(
        ended.status,
        OperationStatus::Completed,
        "{kind} {plague:?}: {:#?}",
        ended.error
    );
    world.meet().await;
    for site in [&world.a, &world.b] {
        site.assert_nothing_twice(&format!("{kind} {plague:?}"));
    }
    ended
}

/// A group's whole life, from its making to its end.
async fn a_life(plague: Plague) {
    let world = World::empty().await;
    let first = world.build_server("db", 2, 0);
    let second = world.build_server("web", 1, 1);
    let before = [world.a.look(), world.b.look()];
    let plain = OperationOptions::default;

    world.propose_group().await;
    under(&world, plague, OperationKind::Create, plain()).await;
    world.equip().await;
    for (name, server) in [("db", &first), ("web", &second)] {
        let options = world.join(name, server, 1).await;
        under(&world, plague, OperationKind::AddMember, options).await;
    }
    let bytes = world.bytes(&world.a).await;
    let standby = world.b.look();
    under(&world, plague, OperationKind::TestFailover, plain()).await;
    assert_eq!(world.b.running(), ["db-test", "web-test"]);
    under(&world, plague, OperationKind::TestCleanup, plain()).await;
    assert_eq!(world.b.look(), standby, "{plague:?}");
    under(&world, plague, OperationKind::Sync, plain()).await;

    world.a.set_down(true);
    let lost = world
        .ask_at(&world.b, OperationKind::Failover, unplanned())
        .await;
    let lost = world.finish(&world.b, lost.id).await;
    assert_eq!(lost.status, OperationStatus::Completed, "{:#?}", lost.error);
    assert_eq!(world.bytes(&world.b).await, bytes);
    world.a.set_down(false);
    quarantine(&world).await;
    under(&world, plague, OperationKind::Reprotect, plain()).await;
    under(&world, plague, OperationKind::Failback, planned()).await;
    assert_eq!(world.bytes(&world.a).await, bytes);

    let member: MemberId = world.member(&world.a, "web").await.id;
    world.change(GroupChange::StartRemoving { member }).await;
    let options = OperationOptions {
        member: Some(member),
        ..plain()
    };
    under(&world, plague, OperationKind::RemoveMember, options).await;
    under(&world, plague, OperationKind::Cleanup, plain()).await;
    world.assert_settled(GroupStatus::Active, "a life").await;
    under(&world, plague, OperationKind::Delete, plain()).await;
    assert_eq!(world.b.look(), before[1], "{plague:?}: something is left");
    let (mut was, mut is) = (before[0].clone(), world.a.look());
    for seen in [&mut was, &mut is] {
        seen.cloud.servers.sort_by(|a, b| a.name.cmp(&b.name));
    }
    assert_eq!(is, was, "{plague:?}");
}

async fn quarantine(world: &World) {
    world.round(&world.a).await;
    let open = world.a.db.unfinished_operations().await.unwrap();
    let ended = world.finish(&world.a, open[0].id).await;
    assert_eq!(ended.kind, OperationKind::Quarantine);
    assert_eq!(
        ended.status,
        OperationStatus::Completed,
        "{:#?}",
        ended.error
    );
    world.meet().await;
}

#[test]
fn a_group_lives_with_engines_that_die_before_each_step() {
    simulate(async {
        a_life(PLAGUES[0]).await;
    });
}

#[test]
fn a_group_lives_with_engines_that_die_after_each_step() {
    simulate(async {
        a_life(PLAGUES[1]).await;
    });
}

#[test]
fn a_group_lives_with_answers_that_are_lost() {
    simulate(async {
        a_life(PLAGUES[2]).await;
    });
}

#[test]
fn a_group_lives_with_services_that_fail_twice() {
    simulate(async {
        a_life(PLAGUES[3]).await;
    });
}

#[test]
fn a_test_that_fails_leaves_copies_that_its_cleanup_removes() {
    simulate(async {
        let world = World::protected(&["db", "web"], 1).await;
        let standby = world.b.look();
        for key in ["adopt/web/0", "ports/web", "boot/web", "copy/db/0"] {
            let (operation, site) = world
                .ask(OperationKind::TestFailover, OperationOptions::default())
                .await;
            let verb = match key.split_once('/').unwrap().0 {
                "adopt" => "ensure_managed_volume",
                "ports" => "ensure_port",
                "boot" => "ensure_server",
                _ => "materialize_volume",
            };
            let trouble = Trouble::Driver {
                verb: verb.to_owned(),
                fault: Fault::Error {
                    kind: ErrorKind::InvalidRequest,
                    message: "by the test".to_owned(),
                },
                times: 1,
            };
            let engine = world.engine(site, [(key.to_owned(), trouble)].into());
            let ended = world.suffer(site, operation.id, &engine).await;
            assert_ne!(ended.status, OperationStatus::Completed, "{key}");
            world.meet().await;
            world
                .go(OperationKind::TestCleanup, OperationOptions::default())
                .await;
            assert_eq!(world.b.look(), standby, "{key}");
            world.assert_settled(GroupStatus::Active, key).await;
        }
    });
}

#[test]
fn inv5_a_test_that_cleans_up_after_itself_is_over_however_it_went() {
    simulate(async {
        let world = World::protected(&["db", "web"], 1).await;
        let standby = world.b.look();
        let cleans_up = OperationOptions {
            auto_cleanup: true,
            ..OperationOptions::default()
        };
        for (key, status) in [
            ("boot/web", OperationStatus::CompletedWithErrors),
            ("point", OperationStatus::Error),
        ] {
            let kind = OperationKind::TestFailover;
            let (operation, site) = world.ask(kind, cleans_up.clone()).await;
            let engine = world.engine(site, [(key.to_owned(), Trouble::Fails)].into());
            let ended = world.suffer(site, operation.id, &engine).await;
            assert_eq!(ended.status, status, "{key}: {:#?}", ended.error);
            world.meet().await;
            assert_eq!(world.b.look(), standby, "{key}");
            world.assert_settled(GroupStatus::Active, key).await;
            for site in [&world.a, &world.b] {
                assert_eq!(world.record(site).await.test_operation, None, "{key}");
            }
            let again = site.db.reopen_operation(operation.id, &cleans_up).await;
            assert!(again.is_err(), "nothing is left that could be tried again");
            world.go(kind, cleans_up.clone()).await;
        }
    });
}

#[test]
fn a_move_that_is_given_up_is_taken_back_until_authority_has_passed() {
    simulate(async {
        let world = World::protected(&["db", "web"], 1).await;
        let standby = world.b.look();
        for (key, when) in [
            ("stop/web", When::After),
            ("sync", When::Before),
            ("adopt/web/0", When::After),
            ("commit", When::Before),
            ("commit", When::After),
        ] {
            let (operation, site) = world.ask(OperationKind::Failover, planned()).await;
            let engine = world.engine(site, [(key.to_owned(), Trouble::Kill(when))].into());
            world.run_until_death(site, &engine).await;
            site.db.request_cancel(operation.id).await.unwrap();
            let ended = world.finish(site, operation.id).await;
            world.meet().await;
            if (key, when) == ("commit", When::After) {
                // The old primary has accepted: it is too late.
                assert_eq!(ended.status, OperationStatus::Completed);
                assert_eq!(world.b.running(), ["db", "web"]);
                continue;
            }
            assert_eq!(ended.status, OperationStatus::Cancelled, "{key}");
            assert_eq!(world.a.running(), ["db", "web"], "{key}");
            assert_eq!(world.b.look(), standby, "{key}");
            let steps = site.db.steps(operation.id).await.unwrap();
            assert!(steps.iter().all(|s| s.status != StepStatus::Running));
            world.assert_settled(GroupStatus::Active, key).await;
        }
    });
}

#[test]
fn inv2_the_point_of_a_move_is_held_until_its_last_member_is_up_or_nobody_can_try_again() {
    simulate(async {
        let world = World::protected(&["db", "web"], 1).await;
        let held = |site: &protector_simulation::world::Site| {
            let replicas = site.array.replicas().unwrap();
            let points = replicas.iter().flat_map(|r| site.array.points(r).unwrap());
            points.filter(|p| !p.pinned_by.is_empty()).count()
        };
        let fail = async |key: &str| {
            let (moved, site) = world.ask(OperationKind::Failover, planned()).await;
            let fails = [(key.to_owned(), Trouble::Fails)];
            let engine = world.engine(site, fails.into());
            let ended = world.suffer(site, moved.id, &engine).await;
            assert_eq!(ended.status, OperationStatus::CompletedWithErrors);
            world.meet().await;
            assert_eq!(held(&world.b), 1);
            moved
        };
        let moved = fail("boot/web").await;
        world.retry(&world.b, moved.id).await;
        assert_eq!(held(&world.b), 0);
        world.meet().await;
        world.go(OperationKind::Failback, planned()).await;

        let cleanup = OperationOptions {
            site: Some(world.b.id),
            ..OperationOptions::default()
        };
        world.go(OperationKind::Cleanup, cleanup.clone()).await;
        fail("boot/web").await;
        let before = world.bytes(&world.a).await;
        let home = world.go(OperationKind::Failback, planned()).await;
        assert_eq!(world.a.running(), ["db", "web"]);
        assert_eq!(world.bytes(&world.a).await, before, "from what was kept");
        let notes = home.result.unwrap().notes;
        assert!(notes.iter().any(|n| n.contains("`web`")), "{notes:?}");
        world.go(OperationKind::Cleanup, cleanup).await;
        world.go(OperationKind::Failover, planned()).await;
        assert_eq!(held(&world.b), 0, "nobody can try the older one again");
    });
}

#[test]
fn a_planned_move_finds_that_a_parked_server_is_gone_before_it_stops_anything() {
    simulate(async {
        let world = World::protected(&["db", "web"], 1).await;
        world.go(OperationKind::Failover, planned()).await;
        let web = world.member(&world.a, "web").await;
        let parked = web.instance(world.a.id).unwrap().server_id.clone().unwrap();
        let project = world.document(&world.a).await.projects[&world.a.id].clone();
        let cloud = world.a.reach.compute(world.a.id, &project).await.unwrap();
        let ctx = CallCtx::new("req-admin", CallCtx::MAX_DEADLINE);
        let gone = cloud.delete_server(&ctx, ServerRef::new(&parked)).await;
        gone.unwrap();
        world.clock.advance(std::time::Duration::from_secs(2));
        let (operation, site) = world.ask(OperationKind::Failback, planned()).await;
        let ended = world.finish(site, operation.id).await;
        assert_eq!(ended.status, OperationStatus::Error);
        let error = ended.error.unwrap();
        assert!(error.message.contains(parked.as_str()), "{error:?}");
        assert!(error.what_to_do.unwrap().contains("cleanup"));
        assert_eq!(world.b.running(), ["db", "web"]);
        world.meet().await;
        world
            .assert_settled(GroupStatus::FailedOver, "as before")
            .await;
    });
}
