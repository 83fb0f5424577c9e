//! Unplanned moves to a site whose copies are just being removed, put away or overwritten: the other
//! site is lost before it hears of it.

use std::time::Duration;

use protector_driver_mock::world::Fault;
use protector_framework::ErrorKind;
use protector_model::{GroupStatus, Operation, OperationKind, OperationOptions, OperationStatus};

use protector_simulation::world::{Trouble, When, World, planned, simulate, unplanned};

use super::assert_completed;

const SERVERS: [&str; 2] = ["db", "web"];

fn accepting() -> OperationOptions {
    OperationOptions {
        accept_loss: true,
        ..unplanned()
    }
}

/// The site that was lost is back, and both do what they find to do.
async fn live_on(world: &World, context: &str) {
    for site in [&world.a, &world.b] {
        site.set_down(false);
    }
    for _ in 0..3 {
        world.meet().await;
        for site in [&world.a, &world.b] {
            for open in site.db.unfinished_operations().await.unwrap() {
                if open.executor_site_id == site.id {
                    assert_completed(&world.finish(site, open.id).await, context);
                }
            }
        }
    }
}

/// A person brings the group home without the other site.
async fn comes_home(world: &World, options: OperationOptions) -> Operation {
    let moved = world
        .ask_at(&world.a, OperationKind::Failback, options)
        .await;
    world.finish(&world.a, moved.id).await
}

/// An engine of a site dies at a step.
async fn die_at(world: &World, key: &str, when: When) {
    let kill = [(key.to_owned(), Trouble::Kill(when))];
    let engine = world.engine(&world.a, kill.into());
    world.run_until_death(&world.a, &engine).await;
}

/// A group that runs away from home, with a recovery point of what it has written there; its parked
/// copies at home are being removed.
async fn being_removed() -> (World, Operation) {
    let world = World::protected(&SERVERS, 1).await;
    world.go(OperationKind::Failover, planned()).await;
    for name in SERVERS {
        world.write(&world.b, name, 0, "written away").await;
    }
    world
        .go(OperationKind::Sync, OperationOptions::default())
        .await;
    let at_home = OperationOptions {
        site: Some(world.a.id),
        ..OperationOptions::default()
    };
    let (cleanup, _) = world.ask(OperationKind::Cleanup, at_home).await;
    (world, cleanup)
}

/// Home takes over, and everything there is of its own making once.
async fn takes_over(world: &World, context: &str) -> Operation {
    world.b.set_down(true);
    let ended = comes_home(world, unplanned()).await;
    assert_completed(&ended, context);
    assert_eq!(world.a.running(), SERVERS, "{context}");
    for name in SERVERS {
        let there = world.reads(&world.a, name, 0, "written away").await;
        assert!(there, "{context}: `{name}` lacks what was written away");
    }
    world.a.assert_nothing_twice(context);
    ended
}

#[test]
fn what_a_cleanup_had_begun_to_remove_is_removed_and_built_anew() {
    simulate(async {
        let moments = [
            ("delete-server/web", When::Before),
            ("delete-server/web", When::During(0)),
            ("delete-server/web", When::After),
            ("release-volumes/db", When::During(0)),
            ("release-volumes/web", When::After),
            ("delete-ports/web", When::After),
            ("discard-volumes/web", When::During(0)),
            ("discard-volumes/web", When::After),
            ("finish", When::Before),
        ];
        for (key, when) in moments {
            let context = format!("{key} {when:?}");
            let (world, cleanup) = being_removed().await;
            die_at(&world, key, when).await;
            let moved = takes_over(&world, &context).await;
            let older = world.operation(&world.a, cleanup.id).await;
            assert!(older.is_superseded_by(moved.id), "{context}: {older:#?}");
            live_on(&world, &context).await;
            world.assert_settled(GroupStatus::Active, &context).await;
            assert_eq!(world.a.look().cloud.servers.len(), 2, "{context}");
        }
    });
}

#[test]
fn a_cleanup_that_could_not_be_reported_is_not_forgotten() {
    simulate(async {
        let (world, cleanup) = being_removed().await;
        die_at(&world, "finish", When::Before).await;
        world.b.set_down(true);
        let ended = world.finish(&world.a, cleanup.id).await;
        assert_ne!(ended.status, OperationStatus::Completed, "nobody was told");
        takes_over(&world, "not reported").await;
        live_on(&world, "not reported").await;
        world
            .assert_settled(GroupStatus::Active, "not reported")
            .await;
    });
}

#[test]
fn a_retry_removes_nothing_that_was_built_anew() {
    simulate(async {
        let (world, _) = being_removed().await;
        die_at(&world, "delete-server/web", When::After).await;
        world.b.set_down(true);
        let moved = world
            .ask_at(&world.a, OperationKind::Failback, unplanned())
            .await;
        let fails = [("verify/web".to_owned(), Trouble::Fails)];
        let engine = world.engine(&world.a, fails.into());
        let ended = world.suffer(&world.a, moved.id, &engine).await;
        assert_eq!(ended.status, OperationStatus::CompletedWithErrors);
        let built = world.a.look().cloud.servers;
        assert_completed(&world.retry(&world.a, moved.id).await, "retried");
        let ids = |servers: &[_]| {
            let id = |s: &protector_driver_mock::world::ServerEntry| s.id.clone();
            servers.iter().map(id).collect::<Vec<_>>()
        };
        assert_eq!(ids(&world.a.look().cloud.servers), ids(&built));
        assert_eq!(world.a.running(), SERVERS);
    });
}

/// As [`being_removed`], but nothing of what was written away has arrived at home.
async fn being_removed_without_a_point() -> (World, Operation) {
    let world = World::protected(&SERVERS, 1).await;
    world.a.set_down(true);
    let away = world
        .ask_at(&world.b, OperationKind::Failover, unplanned())
        .await;
    assert_completed(&world.finish(&world.b, away.id).await, "away");
    live_on(&world, "away").await;
    let at_home = OperationOptions {
        site: Some(world.a.id),
        ..OperationOptions::default()
    };
    let (cleanup, _) = world.ask(OperationKind::Cleanup, at_home).await;
    (world, cleanup)
}

#[test]
fn inv2_what_is_left_of_a_copy_stays_where_no_point_holds_its_data() {
    simulate(async {
        for key in ["delete-server/web", "release-volumes/web"] {
            let (world, _) = being_removed_without_a_point().await;
            die_at(&world, key, When::Before).await;
            let before = world.a.look().array;
            world.b.set_down(true);
            let ended = comes_home(&world, accepting()).await;
            assert_ne!(ended.status, OperationStatus::Completed, "{key}");
            assert_eq!(world.a.look().array, before, "{key}: it was all there is");
        }
    });
}

#[test]
fn what_cannot_be_removed_of_an_older_copy_holds_up_no_recovery_and_is_told() {
    simulate(async {
        for (step, verb) in [
            ("release-volumes/web", "unmanage_volume"),
            ("discard-volumes/web", "discard_volume"),
        ] {
            let (world, _) = being_removed().await;
            die_at(&world, "delete-server/web", When::After).await;
            world.b.set_down(true);
            let moved = world
                .ask_at(&world.a, OperationKind::Failback, unplanned())
                .await;
            let fault = Fault::Error {
                kind: ErrorKind::InvalidRequest,
                message: "by the test".to_owned(),
            };
            let trouble = Trouble::Driver {
                verb: verb.to_owned(),
                fault,
                times: 1,
            };
            let engine = world.engine(&world.a, [(step.to_owned(), trouble)].into());
            let ended = world.suffer(&world.a, moved.id, &engine).await;
            assert_completed(&ended, step);
            assert_eq!(world.a.running(), SERVERS, "{step}");
            let notes = ended.result.unwrap().notes;
            let told = |note: &&String| note.starts_with("of an older copy of `web`");
            assert_eq!(notes.iter().filter(told).count(), 1, "{step}: {notes:#?}");
        }
    });
}

/// The lost site is back and has begun to put its copies away, when the other one is lost.
async fn being_quarantined(key: &str, when: When) -> (World, Operation) {
    let world = World::protected(&SERVERS, 1).await;
    world.a.set_down(true);
    let away = world
        .ask_at(&world.b, OperationKind::Failover, unplanned())
        .await;
    assert_completed(&world.finish(&world.b, away.id).await, "away");
    world.a.set_down(false);
    world.round(&world.a).await;
    let open = world.a.db.unfinished_operations().await.unwrap();
    let quarantine = open
        .into_iter()
        .find(|open| open.kind == OperationKind::Quarantine)
        .unwrap();
    die_at(&world, key, when).await;
    world.b.set_down(true);
    (world, quarantine)
}

#[test]
fn inv1_a_quarantine_gives_way_to_a_move_that_ends_it_before_it_starts_anything() {
    simulate(async {
        let moments = [
            ("park/db", When::Before),
            ("park/db", When::During(1)),
            ("park/db", When::After),
            ("suspend", When::After),
        ];
        for (key, when) in moments {
            let context = format!("{key} {when:?}");
            let (world, quarantine) = being_quarantined(key, when).await;
            let moved = world
                .ask_at(&world.a, OperationKind::Failback, accepting())
                .await;
            world.round(&world.a).await;
            let ended = world.finish(&world.a, moved.id).await;
            assert_completed(&ended, &context);
            let older = world.operation(&world.a, quarantine.id).await;
            assert!(older.is_superseded_by(moved.id), "{context}: {older:#?}");
            let steps = world.a.db.steps(moved.id).await.unwrap();
            let at = |key: &str| {
                let step = steps.iter().find(|step| step.key == key);
                step.unwrap_or_else(|| panic!("{context}: {key}"))
            };
            for name in SERVERS {
                let parked = at(&format!("park/{name}")).finished_at;
                let revived = at(&format!("revive/{name}")).started_at;
                assert!(parked <= revived, "{context}: {name}");
            }
            assert_eq!(world.a.running(), SERVERS, "{context}");
            assert!(
                !world.record(&world.a).await.quarantine_due,
                "{context}: it has the group again"
            );
            live_on(&world, &context).await;
            world.assert_settled(GroupStatus::Active, &context).await;
        }
    });
}

#[test]
fn a_server_that_is_gone_keeps_nobody_else_from_coming_up() {
    simulate(async {
        let (world, _) = being_quarantined("park/db", When::Before).await;
        let db = world.member(&world.a, "db").await;
        let db = db.instance(world.a.id).unwrap().server_id.clone().unwrap();
        world.a.tenant.delete_server(&db).unwrap();
        world.clock.advance(Duration::from_secs(10));
        let ended = comes_home(&world, accepting()).await;
        assert_eq!(ended.status, OperationStatus::CompletedWithErrors);
        assert_eq!(world.a.running(), ["web"]);
        let error = ended.error.unwrap();
        assert!(error.message.contains("is gone"), "{error:#?}");
    });
}

#[test]
fn what_has_diverged_is_not_started_unasked_and_is_quarantined_after_all() {
    simulate(async {
        let (world, _) = being_quarantined("park/db", When::Before).await;
        let ended = comes_home(&world, unplanned()).await;
        assert_eq!(ended.status, OperationStatus::Error);
        let what_to_do = ended.error.unwrap().what_to_do.unwrap();
        assert!(what_to_do.contains("accept_loss"), "{what_to_do}");
        world.clock.advance(Duration::from_secs(60));
        live_on(&world, "not moved").await;
        assert!(world.a.running().is_empty());
        world
            .assert_settled(GroupStatus::FailedOver, "not moved")
            .await;
    });
}

#[test]
fn inv2_a_point_of_what_is_about_to_be_overwritten_is_never_taken_for_the_newest_data() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        // The array at home goes on taking points on its schedule.
        let (away, site) = world.ask(OperationKind::Failover, planned()).await;
        let fails = world.engine(site, [("suspend".to_owned(), Trouble::Fails)].into());
        let ended = world.suffer(site, away.id, &fails).await;
        assert_eq!(ended.status, OperationStatus::CompletedWithErrors);
        world.meet().await;
        world.write(&world.b, "web", 0, "written away").await;
        // Authority has come home long before its volumes are overwritten.
        let (home, site) = world.ask(OperationKind::Failback, planned()).await;
        let hours = Duration::from_secs(2 * 3600);
        let slow = ["db", "web"].map(|name| (format!("overwrite/{name}/0"), Trouble::Slow(hours)));
        let engine = world.engine(site, slow.into());
        assert_completed(&world.suffer(site, home.id, &engine).await, "home");
        let read = world.reads(&world.a, "web", 0, "written away").await;
        assert!(read, "it came home");
        world.a.set_down(true);
        let away = world
            .ask_at(&world.b, OperationKind::Failover, accepting())
            .await;
        assert_completed(&world.finish(&world.b, away.id).await, "away again");
        let read = world.reads(&world.b, "web", 0, "written away").await;
        assert!(read, "what was written before it came home is lost");
    });
}
