//! A site that comes back puts out of use what it has lost, however far the move away from it is.

use protector_driver_mock::world::Fault;
use protector_framework::ErrorKind;
use protector_model::{
    GroupStatus, InstanceState, MemberStatus, Operation, OperationKind, OperationOptions,
    OperationStatus,
};

use protector_simulation::world::{Loss, Trouble, When, World, planned, simulate, unplanned};

const SERVERS: [&str; 2] = ["db", "web"];

/// The lost site is back: it meets the other one and does what it finds to do.
async fn come_back(world: &World) -> Vec<Operation> {
    world.a.set_down(false);
    world.round(&world.a).await;
    let mut done = Vec::new();
    for open in world.a.db.unfinished_operations().await.unwrap() {
        if open.executor_site_id == world.a.id {
            done.push(world.finish(&world.a, open.id).await);
        }
    }
    for ended in &done {
        assert_eq!(
            ended.status,
            OperationStatus::Completed,
            "{:#?}",
            ended.error
        );
    }
    done
}

#[test]
fn inv1_the_old_copies_stop_although_the_move_has_not_ended() {
    simulate(async {
        for key in ["commit", "ports/db", "boot/web", "verify/web"] {
            for when in [When::Before, When::After] {
                if (key, when) == ("commit", When::Before) {
                    continue;
                }
                let world = World::protected(&SERVERS, 1).await;
                world.a.set_down(true);
                let move_ = world
                    .ask_at(&world.b, OperationKind::Failover, unplanned())
                    .await;
                let kill = [(key.to_owned(), Trouble::Kill(when))];
                let engine = world.engine(&world.b, kill.into());
                world.run_until_death(&world.b, &engine).await;
                assert_eq!(world.a.running(), SERVERS, "it is out of reach");

                let done = come_back(&world).await;
                assert_eq!(done.len(), 1, "{key} {when:?}");
                assert!(world.a.running().is_empty(), "{key} {when:?}");
                let servers = world.a.look().cloud.servers;
                assert!(servers.iter().all(|s| s.locked), "{servers:?}");

                let ended = world.finish(&world.b, move_.id).await;
                assert_eq!(
                    ended.status,
                    OperationStatus::Completed,
                    "{:#?}",
                    ended.error
                );
                assert_eq!(world.b.running(), SERVERS);
                world.meet().await;
                assert!(come_back(&world).await.is_empty(), "once");
                world.assert_settled(GroupStatus::FailedOver, key).await;
            }
        }
    });
}

#[test]
fn inv1_the_only_copy_of_a_member_that_stayed_runs_on_until_its_move_is_tried_again() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        world.a.set_down(true);
        let moved = world
            .ask_at(&world.b, OperationKind::Failover, unplanned())
            .await;
        let fails = [("adopt/web/0".to_owned(), Trouble::Fails)];
        let engine = world.engine(&world.b, fails.into());
        let ended = world.suffer(&world.b, moved.id, &engine).await;
        assert_eq!(ended.status, OperationStatus::CompletedWithErrors);
        come_back(&world).await;
        assert_eq!(world.a.running(), ["web"]);
        let web = world.member(&world.a, "web").await;
        assert_eq!(web.status, MemberStatus::Error);

        let options = &ended.options;
        let reopened = world.b.db.reopen_operation(moved.id, options).await;
        reopened.unwrap();
        let kill = [("boot/web".to_owned(), Trouble::Kill(When::After))];
        let engine = world.engine(&world.b, kill.into());
        world.run_until_death(&world.b, &engine).await;
        assert_eq!(world.b.running(), SERVERS);
        come_back(&world).await;
        assert!(world.a.running().is_empty(), "before the move has ended");
        let ended = world.finish(&world.b, moved.id).await;
        assert_eq!(ended.status, OperationStatus::Completed);
        world.meet().await;
        world.assert_settled(GroupStatus::FailedOver, "again").await;
    });
}

#[test]
fn inv1_copies_of_a_move_that_was_given_up_stop_when_it_was_forced_all_the_same() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let (move_, site) = world.ask(OperationKind::Failover, planned()).await;
        let lost = [("commit".to_owned(), Trouble::Kill(When::Before))];
        let engine = world.engine(site, lost.into());
        world.run_until_death(site, &engine).await;
        assert!(world.a.running().is_empty());

        // The other site asks, and no answer comes.
        world.a.wire.lose(&[("put_document", Loss::Request); 60]);
        let asked = world.finish(&world.b, move_.id).await;
        assert_eq!(asked.status, OperationStatus::WaitingForUser, "{asked:#?}");

        // The old primary hears nothing and goes on by itself.
        world.b.wire.cut(true);
        let (peers, mut memory) = (world.peers(&world.a), protector_engine::Memory::default());
        peers.round(&mut memory).await.unwrap();
        world.clock.advance(std::time::Duration::from_secs(301));
        for _ in 0..4 {
            peers.round(&mut memory).await.unwrap();
            world.clock.advance(std::time::Duration::from_secs(5));
        }
        assert_eq!(world.a.running(), SERVERS);

        // Its cloud answers still: what runs there again is seen, and the person is told.
        let forced = OperationOptions {
            force: true,
            ..asked.options.clone()
        };
        world.a.wire.cut(true);
        let reopened = world.b.db.reopen_operation(move_.id, &forced).await;
        reopened.unwrap();
        let asked = world.finish(&world.b, move_.id).await;
        assert_eq!(asked.status, OperationStatus::WaitingForUser, "{asked:#?}");
        let told = asked.error.as_ref().unwrap();
        assert!(told.message.contains("both copies would run"), "{told:?}");
        assert!(world.b.running().is_empty());

        // The whole site is gone, and a person goes on without it.
        world.a.set_down(true);
        let forced = OperationOptions {
            force: true,
            ..asked.options
        };
        let reopened = world.b.db.reopen_operation(move_.id, &forced).await;
        reopened.unwrap();
        let ended = world.finish(&world.b, move_.id).await;
        assert_eq!(ended.status, OperationStatus::CompletedWithErrors);
        assert_eq!(world.b.running(), SERVERS);

        world.b.wire.cut(false);
        world.a.wire.lose(&[]);
        let done = come_back(&world).await;
        assert_eq!(done.len(), 1);
        assert!(world.a.running().is_empty());
        let notes = &done[0].result.as_ref().unwrap().notes;
        assert_eq!(
            notes.len(),
            SERVERS.len(),
            "the overlap is reported: {notes:?}"
        );
        world.meet().await;
        let copies = world.document(&world.b).await.members;
        for member in &copies {
            let copy = member.instance(world.a.id).unwrap();
            assert_eq!(copy.state, InstanceState::Quarantined);
        }
        assert!(!world.record(&world.a).await.quarantine_due);
        assert!(come_back(&world).await.is_empty(), "once");
    });
}

#[test]
fn inv1_a_copy_whose_revival_broke_off_is_put_out_of_use_too() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        world.go(OperationKind::Failover, planned()).await;
        let (home, site) = world.ask(OperationKind::Failback, planned()).await;
        let fault = Fault::Error {
            kind: ErrorKind::InvalidRequest,
            message: "by the test".to_owned(),
        };
        let trouble = Trouble::Driver {
            verb: "unlock_server".to_owned(),
            fault,
            times: 1,
        };
        let engine = world.engine(site, [("revive/db".to_owned(), trouble)].into());
        let ended = world.suffer(site, home.id, &engine).await;
        assert_eq!(ended.status, OperationStatus::CompletedWithErrors);
        world.meet().await;
        assert_eq!(world.a.running(), SERVERS, "it runs all the same");

        world.a.set_down(true);
        let forced = OperationOptions {
            force: true,
            ..unplanned()
        };
        let moved = world.ask_at(&world.b, OperationKind::Failover, forced);
        let ended = world.finish(&world.b, moved.await.id).await;
        assert_eq!(ended.status, OperationStatus::Completed, "{ended:#?}");
        come_back(&world).await;
        assert!(world.a.running().is_empty(), "{:?}", world.a.running());
    });
}

#[test]
fn inv1_a_kept_copy_that_runs_without_being_proven_is_one_that_runs() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        for kind in [OperationKind::Failover, OperationKind::Failback] {
            world.go(kind, planned()).await;
        }
        // What the other site keeps is started there, and one server does not prove itself.
        let as_they_are = OperationOptions {
            accept_loss: true,
            ..unplanned()
        };
        world.a.set_down(true);
        let moved = world
            .ask_at(&world.b, OperationKind::Failover, as_they_are)
            .await;
        let fails = [("verify/db".to_owned(), Trouble::Fails)];
        let engine = world.engine(&world.b, fails.into());
        let ended = world.suffer(&world.b, moved.id, &engine).await;
        assert_eq!(
            ended.status,
            OperationStatus::CompletedWithErrors,
            "{:#?}",
            ended.error
        );
        assert_eq!(world.b.running(), SERVERS);

        come_back(&world).await;
        assert!(world.a.running().is_empty(), "{:?}", world.a.running());
        let retried = world.retry(&world.b, moved.id).await;
        assert_eq!(retried.status, OperationStatus::Completed);
        world.meet().await;
        world
            .assert_settled(GroupStatus::FailedOver, "retried")
            .await;
    });
}
