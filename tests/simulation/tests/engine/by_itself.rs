//! What engines do without being asked.

use std::time::Duration;

use protector_driver_mock::world::LinkSettings;
use protector_framework::Clock as _;
use protector_model::policy::Retention;
use protector_model::{
    GroupChange, GroupStatus, MemberStatus, OperationKind, OperationOptions, OperationStatus,
    Policy, SiteStatus,
};

use protector_engine::Memory;
use protector_simulation::world::{Loss, Trouble, When, World, planned, simulate};

const SERVERS: [&str; 2] = ["db", "web"];

#[test]
fn a_move_whose_executor_falls_silent_is_given_up_by_the_old_primary_alone() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let standby = world.b.look();
        for (key, when) in [("sync", When::Before), ("commit", When::Before)] {
            let (operation, site) = world.ask(OperationKind::Failover, planned()).await;
            let engine = world.engine(site, [(key.to_owned(), Trouble::Kill(when))].into());
            world.run_until_death(site, &engine).await;
            assert!(world.a.running().is_empty());

            let (peers, mut memory) = (world.peers(&world.a), Memory::default());
            peers.round(&mut memory).await.unwrap();
            world.clock.advance(Duration::from_secs(290));
            peers.round(&mut memory).await.unwrap();
            assert!(world.a.running().is_empty(), "it may still come back");
            let before = world.document(&world.a).await.version;
            world.clock.advance(Duration::from_secs(11));
            for _ in 0..4 {
                peers.round(&mut memory).await.unwrap();
                world.clock.advance(Duration::from_secs(5));
            }
            assert_eq!(world.a.running(), SERVERS, "{key}");
            let servers = world.a.look().cloud.servers;
            assert!(servers.iter().all(|s| !s.locked), "{servers:?}");
            let mirror = world.operation(&world.a, operation.id).await;
            assert_eq!(mirror.status, OperationStatus::Cancelled);
            assert_eq!(world.record(&world.a).await.active_operation, None);
            let document = world.document(&world.a).await;
            assert_eq!(document.given_up, Some(operation.id));
            assert_eq!(document.version, before + 1, "once");

            // The executor knows nothing of it and goes on where it was.
            let ended = world.finish(&world.b, operation.id).await;
            assert_eq!(ended.status, OperationStatus::Error, "{key}");
            assert_eq!(world.a.running(), SERVERS, "{key}");
            assert_eq!(world.b.look(), standby, "{key}");
            world.meet().await;
            world.assert_settled(GroupStatus::Active, key).await;
        }
        world.go(OperationKind::Failover, planned()).await;
        assert_eq!(world.b.running(), SERVERS);
        assert!(world.a.running().is_empty());
    });
}

#[test]
fn what_its_owner_had_stopped_stays_stopped_when_a_silent_move_is_given_up() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let db = world.member(&world.a, "db").await;
        let db = db.instance(world.a.id).unwrap().server_id.clone().unwrap();
        world.a.tenant.stop_server(&db).unwrap();
        world.clock.advance(Duration::from_secs(2));
        for (key, when) in [
            ("survey", When::Before),
            ("survey", When::After),
            ("stop/web", When::After),
            ("sync", When::After),
        ] {
            let (operation, site) = world.ask(OperationKind::Failover, planned()).await;
            let engine = world.engine(site, [(key.to_owned(), Trouble::Kill(when))].into());
            world.run_until_death(site, &engine).await;
            let (peers, mut memory) = (world.peers(&world.a), Memory::default());
            peers.round(&mut memory).await.unwrap();
            for _ in 0..4 {
                world.clock.advance(Duration::from_secs(301));
                peers.round(&mut memory).await.unwrap();
            }
            assert_eq!(world.a.running(), ["web"], "{key} {when:?}");
            let servers = world.a.look().cloud.servers;
            assert!(servers.iter().all(|s| !s.locked), "{servers:?}");
            let mirror = world.operation(&world.a, operation.id).await;
            assert_eq!(mirror.status, OperationStatus::Cancelled);
            world.finish(&world.b, operation.id).await;
            world.meet().await;
            world.assert_settled(GroupStatus::Active, key).await;
        }
    });
}

#[test]
fn an_operation_that_its_executor_knows_no_longer_ends() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let kinds = [
            (OperationKind::Failover, planned(), "sync"),
            (
                OperationKind::TestFailover,
                OperationOptions::default(),
                "boot/web",
            ),
        ];
        for (kind, options, key) in kinds {
            let (operation, site) = world.ask(kind, options).await;
            let kill = Trouble::Kill(When::Before);
            let engine = world.engine(site, [(key.to_owned(), kill)].into());
            world.run_until_death(site, &engine).await;
            world.round(&world.b).await;
            let (peers, mut memory) = (world.peers(&world.a), Memory::default());
            peers.round(&mut memory).await.unwrap();
            world.clock.advance(Duration::from_secs(61));
            peers.round(&mut memory).await.unwrap();
            let mirror = world.operation(&world.a, operation.id).await;
            assert_eq!(mirror.status, OperationStatus::Running, "it is known there");
            world.b.wire.forget(operation.id);
            for _ in 0..4 {
                peers.round(&mut memory).await.unwrap();
                world.clock.advance(Duration::from_secs(5));
            }
            let mirror = world.operation(&world.a, operation.id).await;
            assert_eq!(mirror.status, OperationStatus::Error, "{kind}");
            let error = mirror.error.unwrap();
            assert!(error.message.contains("does not know"), "{error:?}");
            assert_eq!(world.record(&world.a).await.active_operation, None);
            assert_eq!(world.a.running(), SERVERS, "{kind}");
            // What the rebuilt site would not have is out of the way for the next one.
            world.finish(&world.b, operation.id).await;
        }
    });
}

#[test]
fn an_operation_that_is_opened_again_takes_its_place_on_both_sites() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let (operation, site) = world.ask(OperationKind::Failover, planned()).await;
        let fails = [("boot/web".to_owned(), Trouble::Fails)];
        let engine = world.engine(site, fails.into());
        let ended = world.suffer(site, operation.id, &engine).await;
        assert_eq!(ended.status, OperationStatus::CompletedWithErrors);
        world.meet().await;
        assert_eq!(world.record(&world.a).await.active_operation, None);
        let reopened = site.db.reopen_operation(operation.id, &ended.options).await;
        reopened.unwrap();
        world.round(&world.b).await;
        let holder = world.record(&world.a).await.active_operation;
        assert_eq!(holder, Some(operation.id));
        world.finish(site, operation.id).await;
        world.meet().await;
        world.assert_settled(GroupStatus::FailedOver, "again").await;
    });
}

#[test]
fn a_look_at_the_sites_leaves_what_they_are_reached_by() {
    simulate(async {
        let world = World::empty().await;
        let sites = || world.a.db.list_sites();
        let before = sites().await.unwrap();
        world.b.set_down(true);
        world.clock.advance(Duration::from_secs(60));
        world.peers(&world.a).look_at_sites().await.unwrap();
        for (was, is) in before.iter().zip(sites().await.unwrap()) {
            assert_eq!((was.updated_at, was.is_local), (is.updated_at, is.is_local));
            let answers = was.id == world.a.id;
            assert_eq!(is.reach.nova, answers, "{:?}", is.reach);
            assert_eq!(is.status == SiteStatus::Active, answers);
            assert!(is.reach.checked_at.is_some());
        }
    });
}

#[test]
fn a_member_is_protected_by_a_point_that_holds_it_however_slow_the_link() {
    simulate(async {
        let world = World::protected(&["db"], 1).await;
        let slow = LinkSettings::up().lag(Duration::from_secs(90));
        world.a.array.link(&world.b.array, &slow).unwrap();
        let server = world.build_server("web", 2, 1);
        world.add_member("web", &server, 1).await;
        let member = world.member(&world.a, "web").await;
        assert_eq!(member.status, MemberStatus::Protected);
        let replica = world.b.array.replicas().unwrap().remove(0);
        let points = world.b.array.points(&replica).unwrap();
        let newest = points
            .iter()
            .filter(|p| p.complete)
            .max_by_key(|p| p.taken_at);
        for volume in &member.instance(world.a.id).unwrap().volumes {
            let held = &newest.unwrap().volumes;
            assert!(held.iter().any(|v| v.serial == volume.serial), "{held:?}");
        }
    });
}

#[test]
fn a_move_that_has_passed_is_not_given_up() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let (operation, site) = world.ask(OperationKind::Failover, planned()).await;
        let kill = Trouble::Kill(When::After);
        let engine = world.engine(site, [("commit".to_owned(), kill)].into());
        world.run_until_death(site, &engine).await;
        let (peers, mut memory) = (world.peers(&world.a), Memory::default());
        for _ in 0..4 {
            peers.round(&mut memory).await.unwrap();
            world.clock.advance(Duration::from_secs(301));
        }
        assert!(world.a.running().is_empty(), "never after the commit point");
        let ended = world.finish(&world.b, operation.id).await;
        assert_eq!(
            ended.status,
            OperationStatus::Completed,
            "{:#?}",
            ended.error
        );
        world.meet().await;
        world.assert_settled(GroupStatus::FailedOver, "late").await;
    });
}

#[test]
fn an_executor_that_only_takes_long_is_heard() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let slow = LinkSettings::up().lag(Duration::from_secs(400));
        world.a.array.link(&world.b.array, &slow).unwrap();
        let (operation, site) = world.ask(OperationKind::Failover, planned()).await;
        let (a, b) = (world.peers(&world.a), world.peers(&world.b));
        let (mut in_a, mut in_b) = (Memory::default(), Memory::default());
        let rounds = async {
            loop {
                world.clock.sleep(Duration::from_secs(20)).await;
                // A word that is lost is said again.
                world.a.wire.lose(&[("put_mirror", Loss::Request)]);
                b.round(&mut in_b).await.unwrap();
                b.round(&mut in_b).await.unwrap();
                a.round(&mut in_a).await.unwrap();
            }
        };
        let ended = tokio::select! {
            ended = world.finish(site, operation.id) => ended,
            () = rounds => unreachable!("it goes on for ever"),
        };
        assert_eq!(
            ended.status,
            OperationStatus::Completed,
            "{:#?}",
            ended.error
        );
        assert!((ended.finished_at.unwrap() - ended.created_at).num_seconds() > 600);
        assert_eq!(world.document(&world.b).await.given_up, None);
    });
}

#[test]
fn a_test_ends_when_its_time_is_over() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let standby = world.b.look();
        let options = OperationOptions {
            expires_in: Some(3600),
            ..OperationOptions::default()
        };
        world.go(OperationKind::TestFailover, options).await;
        assert_eq!(due(&world).await, None);
        assert_eq!(world.b.running().len(), 2);
        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(due(&world).await, Some(OperationKind::TestCleanup));
        assert_eq!(world.b.look(), standby);
        world.meet().await;
        world.assert_settled(GroupStatus::Active, "expired").await;
        assert_eq!(world.record(&world.a).await.test_operation, None);
        assert_eq!(due(&world).await, None);
    });
}

#[test]
fn parked_copies_go_when_they_were_kept_long_enough() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let policy = Policy {
            retention: Retention {
                points: None,
                parked_hours: Some(24),
            },
            ..world.policy()
        };
        let policy = Box::new(policy);
        world.change(GroupChange::SetPolicy { policy }).await;
        world.go(OperationKind::Failover, planned()).await;
        assert_eq!(due(&world).await, None, "too early");
        let link = |link| world.a.array.link(&world.b.array, &link).unwrap();
        link(LinkSettings::cut());
        world.clock.advance(Duration::from_secs(24 * 3600));
        assert_eq!(due(&world).await, None, "what runs now has no copy yet");
        link(LinkSettings::up());
        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(due(&world).await, Some(OperationKind::Cleanup));
        assert!(world.a.look().cloud.servers.is_empty());
        world.meet().await;
        world
            .assert_settled(GroupStatus::FailedOver, "cleaned")
            .await;
        let bytes = world.bytes(&world.b).await;
        world.go(OperationKind::Failback, planned()).await;
        assert_eq!(world.bytes(&world.a).await, bytes, "built anew at home");
    });
}

#[test]
fn what_a_move_has_left_half_made_is_removed_before_it_is_in_the_way() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let (moved, site) = world.ask(OperationKind::Failover, planned()).await;
        let fails = [("boot/web".to_owned(), Trouble::Fails)];
        let engine = world.engine(site, fails.into());
        let ended = world.suffer(site, moved.id, &engine).await;
        assert_eq!(ended.status, OperationStatus::CompletedWithErrors);
        world.meet().await;
        assert_eq!(due(&world).await, None, "it may be tried again");
        world.go(OperationKind::Failback, planned()).await;
        assert_eq!(due(&world).await, Some(OperationKind::Cleanup));
        world.meet().await;
        let copy = |member: protector_model::Member| member.instance(world.b.id).cloned();
        assert_eq!(copy(world.member(&world.b, "web").await), None);
        assert!(copy(world.member(&world.b, "db").await).is_some(), "parked");
        world.go(OperationKind::Failover, planned()).await;
        assert_eq!(world.b.running(), SERVERS);
    });
}

/// What the engines of both sites find to be due, carried out.
async fn due(world: &World) -> Option<OperationKind> {
    let mut found = None;
    for site in [&world.a, &world.b] {
        world.peers(site).clean_what_is_due().await.unwrap();
        for operation in site.db.unfinished_operations().await.unwrap() {
            if operation.executor_site_id == site.id {
                let ended = world.finish(site, operation.id).await;
                assert_eq!(
                    ended.status,
                    OperationStatus::Completed,
                    "{:#?}",
                    ended.error
                );
                found = Some(operation.kind);
            }
        }
    }
    found
}

#[test]
fn what_ended_without_being_written_down_is_written_by_itself() {
    simulate(async {
        let world = World::protected(&["db"], 1).await;
        let (moved, site) = world.ask(OperationKind::Failover, planned()).await;
        let fails = [("finish".to_owned(), Trouble::Fails)];
        let engine = world.engine(site, fails.into());
        let ended = world.suffer(site, moved.id, &engine).await;
        assert_eq!(ended.status, OperationStatus::CompletedWithErrors);

        world.round(site).await;
        let open = site.db.unfinished_operations().await.unwrap();
        assert!(open.is_empty(), "not at once: {open:?}");
        world.clock.advance(Duration::from_secs(30));
        world.round(site).await;
        let ended = world.finish(site, moved.id).await;
        assert_eq!(ended.status, OperationStatus::Completed);
        world.meet().await;
        world
            .assert_settled(GroupStatus::FailedOver, "written")
            .await;
    });
}

#[test]
fn a_move_that_waits_for_a_place_is_not_silent() {
    simulate(async {
        let world = World::protected(&["db"], 1).await;
        let (moved, site) = world.ask(OperationKind::Failover, planned()).await;
        let (peers, mut memory) = (world.peers(&world.a), Memory::default());
        for _ in 0..30 {
            world.clock.advance(Duration::from_secs(30));
            peers.round(&mut memory).await.unwrap();
        }
        let mirror = world.operation(&world.a, moved.id).await;
        assert_eq!(mirror.status, OperationStatus::Queued, "{mirror:#?}");
        let ended = world.finish(site, moved.id).await;
        assert_eq!(ended.status, OperationStatus::Completed);
    });
}
