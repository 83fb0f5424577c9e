//! The main job: a group goes to the other site and home again, on purpose and after a loss.

use protector_tests::sites::Side;
use serde_json::json;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_group_fails_over_comes_home_and_survives_the_loss_of_its_site() {
    let mut world = World::new().await;
    let (group, servers) = world.protected(&["db", "app", "web"]).await;
    let pair = &mut world.pair;
    let (a, b) = pair.tenants().unwrap();
    let site_a = pair.site_id(Side::B, Side::A).await.unwrap();
    let site_b = pair.site_id(Side::A, Side::B).await.unwrap();

    // Planned: nothing is lost.
    pair.write(Side::A, &servers, "before the move").unwrap();
    let before = pair.contents(Side::A, &servers).unwrap();
    let planned = json!({"type": "planned"});
    let done = b
        .perform(&group.id, "failover", planned.clone())
        .await
        .unwrap();
    assert_eq!(done.source_site_id, site_a);
    assert_eq!(done.target_site_id, site_b);
    assert_eq!(done.executor_site_id, site_b);
    assert_eq!(done.result.unwrap().data_loss_seconds, Some(0));
    pair.all_run(Side::B, &servers).unwrap();
    pair.all_parked(Side::A, &servers).unwrap();
    pair.check(Side::B, &servers, "before the move").unwrap();
    assert_eq!(pair.contents(Side::B, &servers).unwrap(), before);
    let moved = a.group(&group.id).await.unwrap();
    assert_eq!(moved.status, "failed_over");
    assert_eq!(moved.current_primary_site_id, site_b);

    // Home, with what was written meanwhile, to the very same servers.
    pair.write(Side::B, &servers, "written away").unwrap();
    let before = pair.contents(Side::B, &servers).unwrap();
    a.perform(&group.id, "failback", planned).await.unwrap();
    pair.all_run(Side::A, &servers).unwrap();
    pair.all_parked(Side::B, &servers).unwrap();
    pair.check(Side::A, &servers, "written away").unwrap();
    assert_eq!(pair.contents(Side::A, &servers).unwrap(), before);
    for server in &servers {
        assert_eq!(pair.a.server(&server.name).unwrap().id, server.id);
    }
    assert_eq!(a.group(&group.id).await.unwrap().status, "active");

    // A loss: what was replicated is there, what was not is stated as lost.
    pair.write(Side::A, &servers, "replicated").unwrap();
    a.perform(&group.id, "sync", json!({})).await.unwrap();
    pair.write(Side::A, &servers, "never replicated").unwrap();
    pair.a.lose().await.unwrap();
    let unplanned = json!({"type": "unplanned"});
    let done = b.perform(&group.id, "failover", unplanned).await.unwrap();
    let result = done.result.unwrap();
    assert!(result.recovery_point_at.is_some());
    assert!(result.data_loss_seconds.unwrap() < 60, "{result:?}");
    pair.all_run(Side::B, &servers).unwrap();
    pair.check(Side::B, &servers, "replicated").unwrap();

    // The lost site returns with its servers running: they are stopped, locked, disconnected.
    pair.all_run(Side::A, &servers).unwrap();
    pair.a.come_back().await.unwrap();
    let parked = async || pair.all_parked(Side::A, &servers);
    pair.until(30, parked).await.unwrap();
    pair.all_run(Side::B, &servers).unwrap();
}
