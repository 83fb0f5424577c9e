//! Every workflow from its beginning to its end, with nothing in its way.

use std::time::Duration;

use protector_framework::Clock as _;
use protector_model::{
    GroupChange, GroupStatus, InstanceState, MemberStatus, OperationKind, OperationOptions,
    OperationStatus,
};

use protector_simulation::world::{World, planned, simulate, unplanned};

const SERVERS: [&str; 3] = ["app", "db", "web"];

#[test]
fn a_group_goes_over_and_comes_home() {
    simulate(async {
        let world = World::protected(&SERVERS, 2).await;
        world.assert_settled(GroupStatus::Active, "a story").await;
        let servers_at_home = world.a.look().cloud.servers;
        let bytes = world.bytes(&world.a).await;

        let moved = world.go(OperationKind::Failover, planned()).await;
        world
            .assert_settled(GroupStatus::FailedOver, "a story")
            .await;
        let result = moved.result.unwrap();
        assert_eq!(result.data_loss_seconds, Some(0));
        assert_eq!(result.members.iter().filter(|m| m.ok).count(), 3);
        assert_eq!(world.bytes(&world.b).await, bytes, "each byte came over");
        assert_eq!(world.b.running(), SERVERS);
        assert!(world.a.running().is_empty());
        for server in world.a.look().cloud.servers {
            assert!(
                server.status.starts_with("SHELVED_OFFLOADED") && server.locked,
                "{server:?}"
            );
        }
        for name in SERVERS {
            let member = world.member(&world.b, name).await;
            assert_eq!(member.status, MemberStatus::FailedOver);
            assert_eq!(
                member.instance(world.a.id).unwrap().state,
                InstanceState::Parked
            );
        }
        let (home, away) = (world.a.look().cloud, world.b.look().cloud);
        for port in &away.ports {
            let twin = home
                .ports
                .iter()
                .find(|p| p.mac_address == port.mac_address)
                .unwrap();
            assert_eq!(port.network, world.b.has.network);
            assert_eq!(
                port.security_groups,
                std::slice::from_ref(&world.b.has.security_group)
            );
            let ips = |p: &protector_driver_mock::world::PortEntry| {
                p.fixed_ips
                    .iter()
                    .map(|ip| ip.ip_address.clone())
                    .collect::<Vec<_>>()
            };
            assert_eq!(ips(port), ips(twin));
        }
        for server in &away.servers {
            assert_eq!(server.metadata["role"], server.name);
            assert_eq!(server.delete_on_termination.len(), 1, "as its owner had it");
        }
        let names: Vec<_> = away.volumes.iter().map(|v| v.name.clone()).collect();
        assert!(names.contains(&"web-1".to_owned()), "{names:?}");

        world
            .write(&world.b, "web", 1, "written away from home")
            .await;
        let away = world.bytes(&world.b).await;
        world.go(OperationKind::Failback, planned()).await;
        world.assert_settled(GroupStatus::Active, "a story").await;
        assert_eq!(world.bytes(&world.a).await, away);
        assert!(
            world
                .reads(&world.a, "web", 1, "written away from home")
                .await
        );
        assert_eq!(
            world.a.look().cloud.servers,
            servers_at_home,
            "the very same servers"
        );
        assert!(world.b.running().is_empty());

        world.go(OperationKind::Failover, planned()).await;
        world.go(OperationKind::Failback, planned()).await;
        world.assert_settled(GroupStatus::Active, "a story").await;
        for site in [&world.a, &world.b] {
            site.assert_nothing_twice("there and back, twice");
        }

        let cleanup = world
            .go(OperationKind::Cleanup, OperationOptions::default())
            .await;
        assert_eq!(cleanup.target_site_id, world.b.id);
        let left = world.b.look();
        assert!(left.cloud.servers.is_empty() && left.cloud.volumes.is_empty());
        assert!(
            left.cloud.ports.is_empty() && left.array.is_empty(),
            "{left:#?}"
        );
    });
}

#[test]
fn a_lost_site_is_replaced_and_quarantined_when_it_returns() {
    simulate(async {
        let world = World::protected(&SERVERS, 2).await;
        let servers_at_home = world.a.look().cloud.servers;
        world
            .go(OperationKind::Sync, OperationOptions::default())
            .await;
        let protected = world.bytes(&world.a).await;
        world.clock.advance(Duration::from_secs(90));
        // Lost: it was written after the newest point. Its site is dead to the world, yet runs.
        world.write(&world.a, "db", 1, "too late").await;
        world.a.set_down(true);

        let asked = world
            .ask_at(&world.b, OperationKind::Failover, unplanned())
            .await;
        let moved = world.finish(&world.b, asked.id).await;
        assert_eq!(
            moved.status,
            OperationStatus::Completed,
            "{:#?}",
            moved.error
        );
        let result = moved.result.unwrap();
        let lost = moved.created_at - result.recovery_point_at.unwrap();
        assert!(lost.num_seconds() >= 90, "{lost}");
        assert_eq!(
            result.data_loss_seconds,
            Some(
                u64::try_from(lost.num_milliseconds())
                    .unwrap()
                    .div_ceil(1000)
            ),
            "begun seconds count"
        );
        assert_eq!(world.b.running(), SERVERS);
        assert_eq!(world.bytes(&world.b).await, protected);
        assert_eq!(world.a.running(), SERVERS, "nobody has reached it");

        world.a.set_down(false);
        let back = world.clock.now();
        world.round(&world.a).await;
        let quarantine = world.a.db.unfinished_operations().await.unwrap();
        assert_eq!(quarantine.len(), 1);
        let quarantine = world.finish(&world.a, quarantine[0].id).await;
        assert_eq!(quarantine.kind, OperationKind::Quarantine);
        assert_eq!(
            quarantine.status,
            OperationStatus::Completed,
            "{:#?}",
            quarantine.error
        );
        assert!((quarantine.finished_at.unwrap() - back).num_seconds() <= 55);
        for server in world.a.look().cloud.servers {
            assert!(
                server.status.starts_with("SHELVED_OFFLOADED") && server.locked,
                "{server:?}"
            );
        }
        world.meet().await;
        world
            .assert_settled(GroupStatus::FailedOver, "a story")
            .await;
        assert!(world.a.db.unfinished_operations().await.unwrap().is_empty());
        let member = world.member(&world.b, "db").await;
        let copy = member.instance(world.a.id).unwrap();
        assert_eq!(copy.state, InstanceState::Quarantined);
        let diverged = copy.volumes[1].array_name.to_string();

        world
            .go(OperationKind::Reprotect, OperationOptions::default())
            .await;
        world.write(&world.b, "db", 1, "by the survivor").await;
        let away = world.bytes(&world.b).await;
        let home = world.go(OperationKind::Failback, planned()).await;
        world.assert_settled(GroupStatus::Active, "a story").await;
        assert_eq!(world.bytes(&world.a).await, away);
        assert_eq!(world.a.look().cloud.servers, servers_at_home);
        assert_eq!(world.a.array.snapshots(&diverged).unwrap().len(), 1, "kept");
        let notes = home.result.unwrap().notes;
        assert!(notes.iter().any(|n| n.contains("diverged")), "{notes:?}");
    });
}

#[test]
fn a_test_leaves_nothing_behind_and_production_never_notices() {
    simulate(async {
        let world = World::protected(&SERVERS, 2).await;
        let (home, standby) = (world.a.look(), world.b.look());
        let bytes = world.bytes(&world.a).await;
        for auto_cleanup in [false, true] {
            let options = OperationOptions {
                auto_cleanup,
                ..OperationOptions::default()
            };
            world.go(OperationKind::TestFailover, options).await;
            if !auto_cleanup {
                assert_eq!(world.b.running(), ["app-test", "db-test", "web-test"]);
                for port in world.b.look().cloud.ports {
                    assert_eq!(port.network, world.b.has.test_network);
                    assert!(port.mac_address.starts_with("fe:"));
                }
                assert!(world.record(&world.a).await.test_operation.is_some());
                world
                    .go(OperationKind::TestCleanup, OperationOptions::default())
                    .await;
            }
            for site in [&world.a, &world.b] {
                assert_eq!(world.record(site).await.test_operation, None);
            }
            assert_eq!(world.b.look(), standby);
            assert_eq!(world.a.look(), home);
            assert_eq!(world.bytes(&world.a).await, bytes);
            world.assert_settled(GroupStatus::Active, "a story").await;
        }
        let replica = world.b.array.replicas().unwrap().remove(0);
        let points = world.b.array.points(&replica).unwrap();
        assert!(points.iter().all(|p| p.pinned_by.is_empty()), "{points:?}");
    });
}

#[test]
fn a_test_that_outlives_a_real_failover_is_cleaned_up_where_it_is() {
    simulate(async {
        let world = World::protected(&SERVERS, 2).await;
        let test = OperationKind::TestFailover;
        world.go(test, OperationOptions::default()).await;
        world.go(OperationKind::Failover, unplanned()).await;
        let home = world.a.look();
        let cleanup = OperationKind::TestCleanup;
        world.go(cleanup, OperationOptions::default()).await;
        assert_eq!(world.b.running(), ["app", "db", "web"]);
        assert_eq!(world.a.look(), home);
        let left = |name: &String| name.ends_with("-test");
        let b = world.b.look();
        assert!(!b.cloud.servers.iter().any(|server| left(&server.name)));
        for site in [&world.a, &world.b] {
            assert_eq!(world.record(site).await.test_operation, None);
        }
    });
}

#[test]
fn a_member_leaves_and_the_group_goes() {
    simulate(async {
        let world = World::protected(&SERVERS, 2).await;
        world.go(OperationKind::Failover, planned()).await;
        world.go(OperationKind::Failback, planned()).await;
        let leaving = world.member(&world.a, "db").await.id;
        world
            .change(GroupChange::StartRemoving { member: leaving })
            .await;
        let options = OperationOptions {
            member: Some(leaving),
            ..OperationOptions::default()
        };
        world.go(OperationKind::RemoveMember, options).await;
        let document = world.document(&world.b).await;
        assert_eq!(document.members.len(), 2);
        assert_eq!(world.a.running(), SERVERS, "it runs on, unprotected");
        let names: Vec<_> = world
            .b
            .look()
            .cloud
            .servers
            .into_iter()
            .map(|s| s.name)
            .collect();
        assert_eq!(names, ["app", "web"], "its parked copy is gone");
        world.b.assert_nothing_twice("after a member left");
        assert_eq!(world.a.array.groups().unwrap()[0].volumes.len(), 4);

        world
            .go(OperationKind::Delete, OperationOptions::default())
            .await;
        for site in [&world.a, &world.b] {
            assert!(world.document(site).await.deleted);
            assert!(site.look().cloud.groups.is_empty());
            assert!(site.array.groups().unwrap().is_empty());
            assert!(site.array.replicas().unwrap().is_empty());
        }
        let left = world.b.look();
        assert!(left.cloud.servers.is_empty() && left.cloud.volumes.is_empty());
        assert!(
            left.cloud.ports.is_empty() && left.array.is_empty(),
            "{left:#?}"
        );
        assert_eq!(world.a.running(), SERVERS);
    });
}
