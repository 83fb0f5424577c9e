//! Clean-ups after somebody has removed half of it by hand: what is gone already is success.

use std::time::Duration;

use protector_framework::{
    CallCtx, DiscardVolume, PinPoint, PortRef, ServerRef, SetVolumeGroupVolumes, VolumeRef,
};
use protector_model::{GroupStatus, OperationKind, OperationOptions, OperationStatus};
use protector_simulation::world::{Site, Trouble, When, World, planned, simulate};

const SERVERS: [&str; 2] = ["db", "web"];

/// What somebody removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    Server,
    Port,
    /// A volume of the cloud with what is behind it.
    Volume,
    /// A volume of the cloud; what is behind it stays.
    Record,
    /// What is behind a volume of the cloud.
    ArrayVolume,
    /// Everything of one member.
    Member,
}

/// What is no longer there then. A cloud's volume with nothing behind it still is.
const KINDS: [Gone; 5] = [
    Gone::Server,
    Gone::Port,
    Gone::Volume,
    Gone::Record,
    Gone::Member,
];

fn ctx() -> CallCtx {
    CallCtx::new("req-by-hand", Duration::from_secs(30))
}

/// Removes things of a server by hand, as an administrator can.
async fn remove(world: &World, site: &Site, server: &str, gone: Gone) {
    let document = world.document(site).await;
    let cloud = site
        .reach
        .compute(site.id, &site.has.project)
        .await
        .unwrap();
    let array = site.reach.storage(&document, site.id).await.unwrap();
    let all = site.look().cloud;
    let found = all.servers.iter().find(|s| s.name == server).unwrap();
    if gone == Gone::Port || gone == Gone::Member {
        let port = PortRef::new(&found.ports[0]);
        cloud.delete_port(&ctx(), port).await.unwrap();
    }
    if gone == Gone::Port {
        return;
    }
    for volume in &found.delete_on_termination {
        let keeps = protector_framework::SetDeleteOnTermination::new(&found.id, volume, false);
        cloud
            .set_delete_on_termination(&ctx(), keeps)
            .await
            .unwrap();
    }
    let id = ServerRef::new(&found.id);
    cloud.delete_server(&ctx(), id).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    site.look();
    let several = if gone == Gone::Member { 2 } else { 1 };
    if gone == Gone::Server {
        return;
    }
    for id in found.volumes.iter().take(several) {
        let all = site.look().cloud;
        let entry = all.volumes.iter().find(|v| v.id == *id).unwrap();
        let name = entry.array_name.clone();
        let behind = site.array.volumes().unwrap();
        let behind = behind
            .into_iter()
            .find(|v| v.name.as_str() == name)
            .unwrap();
        let discard = DiscardVolume::new(behind.name, behind.serial);
        if let Some(group) = &entry.group
            && gone != Gone::ArrayVolume
        {
            let members = &all.groups.iter().find(|g| g.id == *group).unwrap().volumes;
            let rest: Vec<_> = members.iter().filter(|v| *v != id).cloned().collect();
            let left = SetVolumeGroupVolumes::new(group, rest);
            cloud.set_volume_group_volumes(&ctx(), left).await.unwrap();
            world.clock.advance(Duration::from_secs(1));
            site.look();
        }
        match gone {
            Gone::Record => {
                let volume = VolumeRef::new(id);
                cloud.unmanage_volume(&ctx(), volume).await.unwrap();
            }
            Gone::ArrayVolume => array.discard_volume(&ctx(), discard).await.unwrap(),
            _ => {
                let volume = VolumeRef::new(id);
                cloud.unmanage_volume(&ctx(), volume).await.unwrap();
                world.clock.advance(Duration::from_secs(1));
                site.look();
                array.discard_volume(&ctx(), discard).await.unwrap();
            }
        }
        world.clock.advance(Duration::from_secs(1));
    }
}

fn plain() -> OperationOptions {
    OperationOptions::default()
}

#[test]
fn a_test_is_cleaned_up_after_half_of_it_was_removed_by_hand() {
    simulate(async {
        let world = World::protected(&SERVERS, 2).await;
        let before = world.b.look();
        for gone in KINDS {
            world.go(OperationKind::TestFailover, plain()).await;
            remove(&world, &world.b, "db-test", gone).await;
            world.go(OperationKind::TestCleanup, plain()).await;
            assert_eq!(world.b.look(), before, "{gone:?}");
            assert_eq!(world.record(&world.b).await.test_operation, None);
        }
        // Nobody keeps the point any more.
        let test = world.go(OperationKind::TestFailover, plain()).await;
        let point = test.result.unwrap().recovery_point.unwrap();
        let document = world.document(&world.b).await;
        let array = world.b.reach.storage(&document, world.b.id).await.unwrap();
        let replica = world.b.array.replicas().unwrap().remove(0);
        let pins = world.b.array.points(&replica).unwrap();
        let pins = pins
            .into_iter()
            .find(|p| p.name == point)
            .unwrap()
            .pinned_by;
        for pin in pins {
            let unpin = PinPoint::new(replica.clone(), point.clone(), pin);
            array.unpin_point(&ctx(), unpin).await.unwrap();
        }
        world.go(OperationKind::TestCleanup, plain()).await;
        assert_eq!(world.b.look(), before);
    });
}

#[test]
fn what_the_cloud_cannot_let_go_is_named_at_once_and_may_be_left_by_a_persons_word() {
    simulate(async {
        let world = World::protected(&SERVERS, 2).await;
        world.go(OperationKind::TestFailover, plain()).await;
        remove(&world, &world.b, "db-test", Gone::ArrayVolume).await;
        let (cleanup, site) = world.ask(OperationKind::TestCleanup, plain()).await;
        let ended = world.finish(site, cleanup.id).await;
        let error = ended.error.clone().unwrap();
        assert!(error.message.contains("cannot let volume"), "{error:?}");
        assert!(error.what_to_do.unwrap().contains("`skip`"));
        let took = ended.finished_at.unwrap() - ended.created_at;
        assert!(took.num_seconds() < 120, "{took}");
        let step = error.step.unwrap();
        site.db
            .skip_step(cleanup.id, &step, "it is looked after")
            .await
            .unwrap();
        let ended = world.finish(site, cleanup.id).await;
        assert_eq!(ended.status, OperationStatus::Completed);
        let notes = ended.result.unwrap().notes;
        assert!(
            notes.iter().any(|n| n.contains("looked after")),
            "{notes:?}"
        );
        world.meet().await;
        assert_eq!(world.record(&world.a).await.test_operation, None);
    });
}

#[test]
fn a_cleanup_of_a_test_that_broke_off_finishes_what_people_have_gone_on_with() {
    simulate(async {
        for key in ["remove-server/db", "remove-volumes/db", "unpin"] {
            for when in [When::Before, When::After] {
                let world = World::protected(&SERVERS, 2).await;
                let before = world.b.look();
                world.go(OperationKind::TestFailover, plain()).await;
                let (cleanup, site) = world.ask(OperationKind::TestCleanup, plain()).await;
                let engine = world.engine(site, [(key.to_owned(), Trouble::Kill(when))].into());
                world.run_until_death(site, &engine).await;
                let left = site.look().cloud.servers;
                for server in left.iter().filter(|s| s.name.ends_with("-test")) {
                    remove(&world, site, &server.name, Gone::Member).await;
                }
                let ended = world.finish(site, cleanup.id).await;
                assert!(
                    ended.status.is_final() && ended.error.is_none(),
                    "{ended:#?}"
                );
                world.meet().await;
                assert_eq!(world.b.look(), before, "{key} {when:?}");
            }
        }
    });
}

#[test]
fn parked_copies_are_cleaned_up_after_half_of_them_was_removed_by_hand() {
    simulate(async {
        for gone in KINDS {
            let world = World::protected(&SERVERS, 2).await;
            world.go(OperationKind::Failover, planned()).await;
            remove(&world, &world.a, "db", gone).await;
            world.go(OperationKind::Cleanup, plain()).await;
            let left = world.a.look();
            assert!(left.cloud.servers.is_empty(), "{gone:?}: {left:#?}");
            assert!(left.cloud.volumes.is_empty(), "{gone:?}: {left:#?}");
            assert!(left.array.is_empty(), "{gone:?}: {left:#?}");
            world
                .assert_settled(GroupStatus::FailedOver, &format!("{gone:?}"))
                .await;
            assert_eq!(world.b.running(), SERVERS);
        }
    });
}

#[test]
fn no_server_stays_locked_when_its_group_is_gone() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        let (moved, site) = world.ask(OperationKind::Failover, planned()).await;
        let engine = world.engine(site, [("boot/web".to_owned(), Trouble::Fails)].into());
        let moved = world.suffer(site, moved.id, &engine).await;
        assert_eq!(moved.status, OperationStatus::CompletedWithErrors);
        world.meet().await;
        let locked = |site: &Site| -> Vec<String> {
            let all = site.look().cloud.servers.into_iter();
            all.filter(|s| s.locked).map(|s| s.name).collect()
        };
        assert!(locked(&world.a).contains(&"web".to_owned()));
        world.go(OperationKind::Delete, plain()).await;
        for site in [&world.a, &world.b] {
            assert_eq!(locked(site), [""; 0], "{}", site.name);
        }
        let kept = world.a.look().cloud.servers;
        assert!(
            kept.iter().any(|s| s.name == "web"),
            "the only copy: {kept:?}"
        );
        assert_eq!(world.b.running(), ["db"]);
    });
}
