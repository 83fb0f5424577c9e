//! A test failover touches nothing and leaves nothing.

use protector_tests::sites::Side;
use serde_json::json;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_test_failover_boots_copies_and_goes_without_a_trace() {
    let world = World::new().await;
    let (group, servers) = world.protected(&["db", "web"]).await;
    let pair = &world.pair;
    let a = pair.a.tenant().unwrap();
    let before = (pair.a.inventory().unwrap(), pair.b.inventory().unwrap());
    let array_before = pair.b.array.volumes().unwrap();
    a.perform(&group.id, "sync", json!({})).await.unwrap();
    pair.settled(&group).await.unwrap();

    a.perform(&group.id, "test_failover", json!({}))
        .await
        .unwrap();
    pair.settled(&group).await.unwrap();
    let during = pair.b.inventory().unwrap();
    assert_eq!(during.servers.len(), before.1.servers.len() + 2);
    assert_eq!(during.volumes.len(), before.1.volumes.len() + 4);
    let test_network = &pair.b.furniture.test_network;
    assert!(
        during
            .ports
            .iter()
            .all(|port| port.network == *test_network)
    );
    pair.all_run(Side::A, &servers).unwrap();
    assert_eq!(pair.a.inventory().unwrap(), before.0);

    a.perform(&group.id, "test_cleanup", json!({}))
        .await
        .unwrap();
    assert_eq!(pair.a.inventory().unwrap(), before.0);
    assert_eq!(pair.b.inventory().unwrap(), before.1);
    assert_eq!(pair.b.array.volumes().unwrap(), array_before);
}
