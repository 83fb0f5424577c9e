//! What an unplanned move says of its losses, when it ends and when the lost site has come back.

use std::time::Duration;

use protector_model::loss::Loss;
use protector_model::policy::Retention;
use protector_model::{
    GroupChange, InstanceState, Operation, OperationKind, OperationOptions, OperationStatus,
};

use protector_simulation::world::{World, planned, simulate, unplanned};

/// A group whose site was lost after two of its four volumes were written, and which was moved.
async fn moved_from_a_lost_site() -> (World, Operation) {
    let world = World::protected(&["db", "web"], 2).await;
    let sync = OperationOptions::default();
    world.go(OperationKind::Sync, sync).await;
    world.clock.advance(Duration::from_secs(90));
    world.write(&world.a, "db", 1, "too late").await;
    world.write(&world.a, "web", 0, "too late as well").await;
    world.a.set_down(true);
    let asked = world
        .ask_at(&world.b, OperationKind::Failover, unplanned())
        .await;
    let moved = world.finish(&world.b, asked.id).await;
    assert_eq!(moved.status, OperationStatus::Completed, "{moved:#?}");
    (world, moved)
}

async fn statement(world: &World, moved: &Operation) -> Loss {
    let peers = world.peers(&world.b);
    peers.account_losses().await.unwrap();
    let told = world.operation(&world.b, moved.id).await;
    told.result.unwrap().loss.unwrap()
}

/// The lost site is back: it puts its copies out of use, and both sites hear of it.
async fn come_back(world: &World) {
    world.a.set_down(false);
    world.round(&world.a).await;
    let open = world.a.db.unfinished_operations().await.unwrap();
    let ended = world.finish(&world.a, open[0].id).await;
    assert_eq!(ended.kind, OperationKind::Quarantine);
    assert_eq!(ended.status, OperationStatus::Completed, "{ended:#?}");
    world.meet().await;
}

#[test]
fn a_statement_says_at_once_what_is_known_and_the_rest_when_the_lost_site_is_back() {
    simulate(async {
        let (world, moved) = moved_from_a_lost_site().await;
        let result = moved.result.as_ref().unwrap();
        let first = result.loss.clone().unwrap();
        assert_eq!(first.recovery_point, result.recovery_point);
        assert_eq!(first.data_as_of, result.recovery_point_at);
        assert_eq!(first.lost_until, Some(moved.created_at));
        assert_eq!(first.seconds, result.data_loss_seconds);
        assert!(first.seconds.unwrap() >= 90, "{first:#?}");
        assert_eq!(first.volumes.len(), 4);
        assert!(
            first.volumes.iter().all(|v| v.bytes.is_none()),
            "a guess: {first:#?}"
        );
        assert_eq!(first.completed_at, None);
        assert!(first.kept.is_empty() && first.not_recovered.is_empty());
        let still = statement(&world, &moved).await;
        assert_eq!(still, first, "nobody has heard of the lost site");

        world.clock.advance(Duration::from_secs(30));
        come_back(&world).await;
        let whole = statement(&world, &moved).await;
        assert!(whole.completed_at.is_some(), "{whole:#?}");
        let bytes = |member: &str, slot: usize| {
            let mut all = whole.volumes.iter();
            let volume = all.find(|v| v.member == member && v.slot == slot).unwrap();
            volume.bytes.unwrap()
        };
        for (member, slot, written) in [
            ("db", 0, false),
            ("db", 1, true),
            ("web", 0, true),
            ("web", 1, false),
        ] {
            assert_eq!(
                bytes(member, slot) > 0,
                written,
                "{member} {slot}: {whole:#?}"
            );
        }
        let since = world.document(&world.b).await.epoch.since;
        assert_eq!(whole.overlaps.len(), 2);
        for overlap in &whole.overlaps {
            assert_eq!((overlap.site_id, overlap.from), (world.a.id, since));
            assert!(overlap.until.unwrap() - since.unwrap() >= chrono::TimeDelta::seconds(30));
        }
        assert_eq!(whole.kept.len(), 4);
        let db = world.member(&world.a, "db").await;
        for volume in &db.instance(world.a.id).unwrap().volumes {
            assert!(
                whole.kept.iter().any(|kept| kept.volume_id == volume.id),
                "{whole:#?}"
            );
        }
        // The other site's copy of the operation says the same.
        world.meet().await;
        let there = world.operation(&world.a, moved.id).await;
        assert_eq!(there.result.unwrap().loss, Some(whole));
    });
}

#[test]
fn what_the_array_cannot_tell_any_more_stays_unknown() {
    simulate(async {
        let (world, moved) = moved_from_a_lost_site().await;
        world.a.set_down(false);
        // It returns without the point, as an array does whose retention was shorter.
        let group = world.a.array.groups().unwrap()[0].group.clone();
        let point = moved
            .result
            .as_ref()
            .unwrap()
            .recovery_point
            .clone()
            .unwrap();
        world
            .a
            .array
            .lose_point(group.as_str(), point.as_str())
            .unwrap();
        come_back(&world).await;
        let whole = statement(&world, &moved).await;
        assert!(whole.completed_at.is_some());
        assert!(
            whole.volumes.iter().all(|v| v.bytes.is_none()),
            "{whole:#?}"
        );
        assert_eq!(whole.kept.len(), 4, "it is kept all the same");
    });
}

#[test]
fn a_planned_move_makes_no_statement() {
    simulate(async {
        let world = World::protected(&["db"], 1).await;
        let moved = world.go(OperationKind::Failover, planned()).await;
        assert_eq!(moved.result.unwrap().loss, None);
    });
}

#[test]
fn inv2_retention_never_removes_what_diverged_until_a_person_cleans_up() {
    simulate(async {
        let (world, _moved) = moved_from_a_lost_site().await;
        come_back(&world).await;
        let mut policy = world.policy();
        policy.retention = Retention {
            parked_hours: Some(1),
            ..Retention::default()
        };
        let policy = Box::new(policy);
        world.change(GroupChange::SetPolicy { policy }).await;
        world
            .go(OperationKind::Reprotect, OperationOptions::default())
            .await;
        let kept = world.a.look();
        for _ in 0..3 {
            world.clock.advance(Duration::from_secs(48 * 3600));
            let sync = OperationOptions::default();
            world.go(OperationKind::Sync, sync).await;
            for site in [&world.a, &world.b] {
                world.peers(site).clean_what_is_due().await.unwrap();
                assert!(site.db.unfinished_operations().await.unwrap().is_empty());
            }
        }
        assert_eq!(world.a.look().array, kept.array);
        assert_eq!(world.a.look().cloud.servers, kept.cloud.servers);
        let db = world.member(&world.b, "db").await;
        assert_eq!(
            db.instance(world.a.id).unwrap().state,
            InstanceState::Quarantined
        );
        world
            .go(OperationKind::Cleanup, OperationOptions::default())
            .await;
        assert!(world.a.look().array.is_empty(), "a person has let it go");
    });
}
