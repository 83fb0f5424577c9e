//! A server that was changed on purpose is read again, so that what comes up elsewhere is what it is now.

use protector_tests::sites::{Client, Group, Side};
use serde_json::{Value, json};

use crate::world::World;

async fn planned(client: &Client, group: &Group) -> Value {
    let path = format!("/protection-groups/{}/readiness", group.id);
    let reply = client.get(&path).await.unwrap().expect(200).unwrap();
    reply["readiness"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resized_server_is_read_again_and_moves_as_it_is_now() {
    let world = World::new().await;
    let (group, servers) = world.protected(&["db"]).await;
    let pair = &world.pair;
    let (a, b) = pair.tenants().unwrap();
    let mut flavors = Vec::new();
    for side in [&pair.a, &pair.b] {
        flavors.push(side.cloud.add_flavor("big", 2, 1024).unwrap());
    }
    let mut mappings = pair.mappings_body();
    mappings["resource_mappings"]
        .as_array_mut()
        .unwrap()
        .push(json!({"type": "flavor", "primary_id": flavors[0], "secondary_id": flavors[1]}));
    let at = format!("/protection-groups/{}", group.id);
    let reply = a.put(&format!("{at}/resource-mappings"), &mappings).await;
    reply.unwrap().expect(200).unwrap();
    let tenant = pair.a.at_work();
    tenant.resize_server(&servers[0].id, &flavors[0]).unwrap();
    let drifted = planned(&b, &group).await;
    assert_eq!(drifted["ready"], false, "{drifted}");
    assert_eq!(drifted["findings"][0]["code"], "server_drifted");
    let advice = drifted["findings"][0]["what_to_do"].as_str().unwrap();
    assert!(advice.contains("refresh"), "{advice}");

    // Asked at the site that it does not run on; and twice, which changes nothing more.
    let member = a.members(&group.id).await.unwrap()[0].id.clone();
    let action = format!("{at}/members/{member}/action");
    for refresh in [json!({"refresh": {}}), json!({"refresh": null})] {
        let reply = b.post(&action, &refresh).await.unwrap();
        let shown = reply.expect(200).unwrap();
        let blueprint = &shown["member"]["blueprint"];
        assert_eq!(blueprint["flavor"], "big", "{shown}");
    }
    assert_eq!(planned(&a, &group).await["ready"], true);
    pair.settled(&group).await.unwrap();

    let moved = a.perform(&group.id, "failover", json!({"type": "planned"}));
    moved.await.unwrap();
    let server = pair.b.server("db").unwrap();
    assert_eq!(server.flavor, flavors[1]);
    pair.check(Side::B, &servers, "first").unwrap();

    // Another disk is none that anything replicates, and cannot be waved through.
    let there = pair.b.at_work();
    let kind = &pair.b.furniture.volume_type;
    let disk = there.create_volume("more", 1, kind, false).unwrap();
    there.attach_volume(&server.id, &disk).unwrap();
    for client in [&a, &b] {
        let reply = client.post(&action, &json!({"refresh": {}})).await.unwrap();
        let refused = reply.refused(409).unwrap();
        let message = refused.message;
        assert!(message.contains(disk.as_str()), "{message}");
        assert!(message.contains("add it again"), "{message}");
    }
    for (body, status) in [
        (json!({}), 400),
        (json!({"refresh": {"all": true}}), 400),
        (json!({"renew": {}}), 400),
    ] {
        let reply = a.post(&action, &body).await.unwrap();
        reply.refused(status).unwrap();
    }
    let unknown = format!("{at}/members/{}/action", group.id);
    let reply = a.post(&unknown, &json!({"refresh": {}})).await.unwrap();
    reply.refused(404).unwrap();
}
