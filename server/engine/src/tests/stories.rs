//! Every workflow from its beginning to its end, with nothing in its way.

use protector_model::{GroupStatus, InstanceState, MemberStatus, OperationKind, OperationOptions};

use super::world::{World, planned};

const SERVERS: [&str; 3] = ["app", "db", "web"];

#[tokio::test]
async fn a_group_goes_over_and_comes_home() {
    let world = World::protected(&SERVERS, 2).await;
    world.assert_settled(GroupStatus::Active).await;
    let servers_at_home = world.a.look().cloud.servers;
    let bytes = world.bytes(&world.a).await;

    let moved = world.go(OperationKind::Failover, planned()).await;
    world.assert_settled(GroupStatus::FailedOver).await;
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
        assert_eq!(port.security_groups, [world.b.has.security_group.clone()]);
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
    world.assert_settled(GroupStatus::Active).await;
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
    world.assert_settled(GroupStatus::Active).await;
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
}
