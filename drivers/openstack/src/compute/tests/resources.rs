//! What the project can use, and what only an admin is shown.

use protector_framework::{ErrorKind, GetResource, ReplicationMode, ResourceKind};
use serde_json::json;

use crate::testing::{FakeCloud, TENANT, ctx, query, token_of};

#[tokio::test]
async fn types_and_pools_tell_how_they_replicate() {
    let cloud = FakeCloud::start().await;
    let types = json!({"volume_types": [
        {"id": "t1", "name": "async", "extra_specs": {
            "replication_enabled": "<is> True", "replication_type": "<in> async"}},
        {"id": "t2", "name": "plain", "extra_specs": {}},
        {"id": "t3", "name": "hidden"},
    ]});
    cloud
        .says("GET", "/volume/v3/tenant/types", 200, types)
        .await;
    let pools = json!({"pools": [
        {"name": "h@b#p", "capabilities": {"volume_backend_name": "b",
            "replication_enabled": true, "replication_targets": ["other"]}},
        {"name": "h@c#p", "capabilities": {"replication_enabled": "False",
            "replication_targets": null}},
    ]});
    let at = "/volume/v3/tenant/scheduler-stats/get_pools";
    cloud.says("GET", at, 200, pools).await;
    let driver = cloud.trusted();
    let types = driver.list_volume_types(&ctx()).await.unwrap();
    let replicating: Vec<_> = types
        .iter()
        .filter(|kind| kind.replicates(ReplicationMode::Async))
        .map(|kind| kind.id.as_str())
        .collect();
    assert_eq!(replicating, ["t1"]);
    let pools = driver.list_pools(&ctx()).await.unwrap();
    assert!(pools[0].replication_enabled && pools[0].replication_targets == ["other"]);
    assert!(!pools[1].replication_enabled && pools[1].backend_name.is_empty());
    assert_eq!(token_of(&cloud.seen("GET", at).await[0]), TENANT);
}

#[tokio::test]
async fn what_is_left_is_what_no_quota_forbids() {
    let cloud = FakeCloud::start().await;
    let nova = json!({"limits": {"absolute": {
        "maxTotalInstances": 10, "totalInstancesUsed": 4, "maxTotalCores": -1, "totalCoresUsed": 4,
        "maxTotalRAMSize": 100, "totalRAMUsed": 200,
    }}});
    cloud.says("GET", "/compute/v2.1/limits", 200, nova).await;
    let cinder = json!({"limits": {"absolute": {"maxTotalVolumes": 5, "totalVolumesUsed": 5}}});
    cloud
        .says("GET", "/volume/v3/tenant/limits", 200, cinder)
        .await;
    let details = json!({"quota": {"port": {"limit": 20, "used": 5, "reserved": 1}}});
    let at = "/network/v2.0/quotas/tenant/details.json";
    cloud.says_once("GET", at, 200, details).await;
    let driver = cloud.compute();
    let room = driver.get_headroom(&ctx()).await.unwrap();
    assert_eq!(
        (room.instances, room.vcpus, room.ram_mib),
        (Some(6), None, Some(0))
    );
    assert_eq!(
        (room.volumes, room.volume_gib, room.ports),
        (Some(0), None, Some(14))
    );

    // A cloud without the details of quotas.
    cloud.says("GET", at, 404, json!({})).await;
    let quota = json!({"quota": {"port": 20}});
    cloud
        .says_once("GET", "/network/v2.0/quotas/tenant", 200, quota)
        .await;
    let ports = json!({"ports": [{"id": "a"}, {"id": "b"}]});
    cloud.says("GET", "/network/v2.0/ports", 200, ports).await;
    assert_eq!(driver.get_headroom(&ctx()).await.unwrap().ports, Some(18));
    // One that shows the account no quotas at all.
    cloud
        .says("GET", "/network/v2.0/quotas/tenant", 403, json!({}))
        .await;
    assert_eq!(driver.get_headroom(&ctx()).await.unwrap().ports, None);
}

#[tokio::test]
async fn an_admins_sight_is_narrowed_to_the_project() {
    let cloud = FakeCloud::start().await;
    let networks = json!({"networks": [
        {"id": "n1", "name": "own", "project_id": TENANT, "shared": false},
        {"id": "n2", "name": "shared", "project_id": "other", "shared": true},
        {"id": "n3", "name": "theirs", "project_id": "other", "shared": false},
    ]});
    cloud
        .says("GET", "/network/v2.0/networks", 200, networks)
        .await;
    let subnets = json!({"subnets": [
        {"id": "s1", "name": "a", "network_id": "n2", "cidr": "10.0.0.0/24", "project_id": "other"},
        {"id": "s3", "name": "b", "network_id": "n3", "cidr": "10.1.0.0/24", "project_id": "other"},
    ]});
    cloud
        .says("GET", "/network/v2.0/subnets", 200, subnets)
        .await;
    let driver = cloud.compute();
    let ids = |kind| {
        let driver = &driver;
        async move {
            let all = driver.list_resources(&ctx(), kind).await.unwrap();
            all.into_iter()
                .map(|one| one.id.to_string())
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(ids(ResourceKind::Network).await, ["n1", "n2"]);
    assert_eq!(ids(ResourceKind::TestNetwork).await, ["n1", "n2"]);
    assert_eq!(ids(ResourceKind::Subnet).await, ["s1"]);

    let get = |kind, id: &str| {
        let (driver, ask) = (&driver, GetResource::new(kind, id));
        async move { driver.get_resource(&ctx(), ask).await }
    };
    let subnet = get(ResourceKind::Subnet, "s1").await.unwrap();
    assert_eq!(subnet.network_id.unwrap().as_str(), "n2");
    assert_eq!(subnet.cidr.as_deref(), Some("10.0.0.0/24"));
    let error = get(ResourceKind::Network, "n3").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.message.contains("network `n3`"), "{error}");
    let asked = cloud.seen("GET", "/network/v2.0/networks").await;
    assert_eq!(query(asked.last().unwrap(), "id").as_deref(), Some("n3"));
    // The trustor is shown only what it can use.
    let all = cloud
        .trusted()
        .list_resources(&ctx(), ResourceKind::Network)
        .await
        .unwrap();
    assert_eq!(all.len(), 3);
}

#[tokio::test]
async fn keys_and_zones_are_known_by_name() {
    let cloud = FakeCloud::start().await;
    let keys = json!({"keypairs": [{"keypair": {"name": "k1", "fingerprint": "f"}}]});
    cloud
        .says("GET", "/compute/v2.1/os-keypairs", 200, keys)
        .await;
    let zones = json!({"availabilityZoneInfo": [
        {"zoneName": "az1", "zoneState": {"available": true}},
        {"zoneName": "az2", "zoneState": {"available": false}},
    ]});
    cloud
        .says("GET", "/compute/v2.1/os-availability-zone", 200, zones)
        .await;
    let flavors =
        json!({"flavors": [{"id": "f1", "name": "small", "vcpus": 2, "ram": 512, "disk": 0}]});
    cloud
        .says("GET", "/compute/v2.1/flavors/detail", 200, flavors)
        .await;
    let driver = cloud.trusted();
    for (kind, id, name) in [
        (ResourceKind::Keypair, "k1", "k1"),
        (ResourceKind::AvailabilityZone, "az1", "az1"),
        (ResourceKind::Flavor, "f1", "small"),
    ] {
        let one = driver
            .get_resource(&ctx(), GetResource::new(kind, id))
            .await
            .unwrap();
        assert_eq!(one.name, name);
        let size = (kind == ResourceKind::Flavor).then_some((2, 512));
        assert_eq!(one.vcpus.zip(one.ram_mib), size);
    }
    let down = GetResource::new(ResourceKind::AvailabilityZone, "az2");
    assert_eq!(
        driver.get_resource(&ctx(), down).await.unwrap_err().kind,
        ErrorKind::NotFound
    );
    // A keypair belongs to the user who will build the server.
    assert_eq!(
        token_of(&cloud.seen("GET", "/compute/v2.1/os-keypairs").await[0]),
        "trust"
    );
}

#[tokio::test]
async fn health_tells_each_service_apart() {
    let cloud = FakeCloud::start().await;
    cloud
        .says("GET", "/compute/v2.1/limits", 200, json!({"limits": {}}))
        .await;
    let down = json!({"x": {"message": "no back end"}});
    cloud
        .says("GET", "/volume/v3/tenant/limits", 500, down)
        .await;
    cloud
        .says(
            "GET",
            "/network/v2.0/networks",
            200,
            json!({"networks": []}),
        )
        .await;
    let health = cloud.compute().health(&ctx()).await;
    assert!(health.keystone.reachable && health.nova.reachable && health.neutron.reachable);
    assert!(!health.cinder.reachable && health.cinder.detail.contains("no back end"));

    let cloud = FakeCloud::start().await;
    cloud.says("POST", "/v3/auth/tokens", 401, json!({})).await;
    let health = cloud.compute().health(&ctx()).await;
    for service in [
        &health.keystone,
        &health.nova,
        &health.cinder,
        &health.neutron,
    ] {
        assert!(!service.reachable && service.detail.contains("login of user `protector`"));
    }
}

#[tokio::test]
async fn a_test_network_tells_where_its_routers_lead() {
    let cloud = FakeCloud::start().await;
    let networks = json!({"networks": [{"id": "test", "name": "test", "project_id": TENANT,
        "shared": true, "router:external": false}]});
    cloud
        .says("GET", "/network/v2.0/networks", 200, networks)
        .await;
    let at = "/network/v2.0/ports";
    let port = |network: &str, device: &str, owner: &str| json!({"id": "p", "network_id": network, "device_id": device, "device_owner": owner});
    let here = json!({"ports": [
        port("test", "s1", "compute:nova"),
        port("test", "r1", "network:router_interface_distributed"),
        port("test", "dhcp", "network:dhcp"),
    ]});
    let beyond = json!({"ports": [
        port("test", "r1", "network:router_interface_distributed"),
        port("web", "r1", "network:router_interface"),
        port("public", "r1", "network:router_gateway"),
    ]});
    cloud.says_once("GET", at, 200, here).await;
    cloud.says("GET", at, 200, beyond).await;
    let driver = cloud.compute();
    let asked = GetResource::new(ResourceKind::TestNetwork, "test");
    let found = driver.get_resource(&ctx(), asked).await.unwrap();
    assert!(found.shared && !found.external);
    let reached: Vec<&str> = found.routed_to.iter().map(|id| id.as_str()).collect();
    assert_eq!(reached, ["public", "web"]);
    let sent = cloud.seen("GET", at).await;
    assert_eq!(query(&sent[0], "network_id").as_deref(), Some("test"));
    assert_eq!(query(&sent[1], "device_id").as_deref(), Some("r1"));
    assert_eq!(sent.len(), 2, "one router");
    // A network that is only mapped is not looked behind.
    let asked = GetResource::new(ResourceKind::Network, "test");
    let found = driver.get_resource(&ctx(), asked).await.unwrap();
    assert!(found.routed_to.is_empty());
    assert_eq!(cloud.seen("GET", at).await.len(), 2);
}
