//! The other site does not answer: what is asked is refused, and nothing is changed on either.

use protector_tests::sites::{Client, Group, Side};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

/// All that a site shows of a group, without what changes by itself.
async fn shown(client: &Client, group: &Group) -> Vec<Value> {
    let mut all = Vec::new();
    for part in ["", "/members", "/policy", "/resource-mappings"] {
        let path = format!("/protection-groups/{}{part}", group.id);
        let mut part = client.get(&path).await.unwrap().expect(200).unwrap();
        if let Some(group) = part["protection_group"].as_object_mut() {
            // When both sites last met, and what was last seen; they are looked at all the time.
            for passing in ["synced_at", "readiness", "last_replication_at"] {
                group.remove(passing).unwrap();
            }
        }
        all.push(part);
    }
    all.push(
        client
            .get("/operations")
            .await
            .unwrap()
            .expect(200)
            .unwrap(),
    );
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_without_the_other_site_is_refused_and_leaves_no_trace() {
    let mut world = World::new().await;
    let (group, servers) = world.protected(&["db"]).await;
    let spare = world.pair.make_servers(&["spare"]).await.unwrap();
    let pair = &mut world.pair;
    let (a, b) = pair.tenants().unwrap();
    let path = format!("/protection-groups/{}", group.id);
    let mut policy = pair.policy_body();
    policy["policy"]["rpo_minutes"] = json!(240);
    let calls = [
        (
            Method::PUT,
            path.clone(),
            json!({"protection_group": {"name": "other"}}),
        ),
        (Method::PUT, format!("{path}/policy"), policy),
        (
            Method::PUT,
            format!("{path}/resource-mappings"),
            json!({"resource_mappings": []}),
        ),
        (
            Method::POST,
            format!("{path}/members"),
            json!({"member": {"server_id": spare[0].id}}),
        ),
        (
            Method::POST,
            format!("{path}/action"),
            json!({"failover": {"type": "planned"}}),
        ),
        (
            Method::POST,
            "/protection-groups".to_owned(),
            pair.group_body("another"),
        ),
    ];

    for dead in [Side::B, Side::A] {
        let (here, there) = match dead {
            Side::A => (&b, &a),
            Side::B => (&a, &b),
        };
        let before = (shown(here, &group).await, shown(there, &group).await);
        pair.site_mut(dead).kill_api().await.unwrap();
        for (method, path, body) in &calls {
            let reply = here.send(method.clone(), path, Some(body)).await.unwrap();
            let what = reply.describe();
            let refused = reply.refused(409).unwrap();
            assert_eq!(refused.code, "protector.peer_unreachable", "{what}");
            assert!(refused.message.contains(dead.name()), "{what}");
        }
        pair.site_mut(dead).start_api().await.unwrap();
        let after = (shown(here, &group).await, shown(there, &group).await);
        assert_eq!(after, before, "{dead} was away");
    }
    pair.all_run(Side::A, &servers).unwrap();

    // With the other site back, the same is done.
    let (method, path, body) = &calls[0];
    let reply = b.send(method.clone(), path, Some(body)).await.unwrap();
    reply.expect(200).unwrap();
    for client in [&a, &b] {
        assert_eq!(client.group(&group.id).await.unwrap().name, "other");
    }
}
