//! Bodies that are not what the document says.

use serde_json::json;

use super::World;

const GROUPS: &str = "/v1/a1b2c3/protection-groups";
const MEMBER: &str = "member@a1b2c3";
const ADMIN: &str = "admin@a1b2c3";

#[tokio::test]
async fn each_bad_field_of_a_body_is_named() {
    let world = World::new();
    let body = json!({ "protection_group": {
        "name": "", "description": 5, "primary_site_id": null,
        "replication_type": "semi", "volume_type_id": ["x"], "volumeTypeId": "x", "colour": "red",
    }, "extra": 1 });
    let wrong = world.send("POST", GROUPS, MEMBER, &body).await.wrong();
    let fields: Vec<_> = wrong.iter().map(|w| w.split(':').next().unwrap()).collect();
    assert_eq!(
        fields,
        [
            "extra",
            "protection_group.colour",
            "protection_group.description",
            "protection_group.name",
            "protection_group.primary_site_id",
            "protection_group.replication_type",
            "protection_group.secondary_site_id",
            "protection_group.volumeTypeId",
            "protection_group.volume_type_id",
        ]
    );
    assert!(
        wrong[5].ends_with("must be one of async, sync"),
        "{wrong:?}"
    );
    assert!(
        wrong[7].contains("did you mean `volume_type_id`?"),
        "{wrong:?}"
    );
    assert!(world.services.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn numbers_urls_and_lists_are_checked_to_the_last_field() {
    let world = World::new();
    let body = json!({ "policy": {
        "driver": "mock", "primary_fa_url": "array-a", "secondary_fa_url": "https://u:p@b",
        "rpo_minutes": 0, "replication_interval": -1, "retention": { "points": "5", "x": 1 },
    } });
    let path = format!("{GROUPS}/web/policy");
    let wrong = world.send("PUT", &path, MEMBER, &body).await.wrong();
    let fields: Vec<_> = wrong.iter().map(|w| w.split(':').next().unwrap()).collect();
    assert_eq!(
        fields,
        [
            "policy.primary_fa_url",
            "policy.replication_interval",
            "policy.retention.points",
            "policy.retention.x",
            "policy.rpo_minutes",
            "policy.secondary_fa_url",
        ]
    );
    let body = json!({ "resource_mappings": [
        { "type": "network", "primary_id": "a", "secondary_id": "b" },
        { "type": "colour", "primary_id": "a" },
    ] });
    let path = format!("{GROUPS}/web/resource-mappings");
    let wrong = world.send("PUT", &path, MEMBER, &body).await.wrong();
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].starts_with("resource_mappings[1].secondary_id: is missing"));
    assert!(wrong[1].starts_with("resource_mappings[1].type: must be one of network"));
    let body = json!({ "member": { "server_id": "s", "boot_tier": 6, "boot_delay": 1.5 } });
    let path = format!("{GROUPS}/web/members");
    let wrong = world.send("POST", &path, MEMBER, &body).await.wrong();
    assert_eq!(
        wrong,
        [
            "member.boot_delay: must be an integer",
            "member.boot_tier: must be from 1 to 5"
        ]
    );
}

#[tokio::test]
async fn what_is_no_json_or_no_body_is_refused() {
    let world = World::new();
    let token = [("X-Auth-Token", MEMBER)];
    for body in [
        "{",
        "[]",
        "\"x\"",
        "5",
        "{\"protection_group\": 1}",
        "\u{0}",
    ] {
        let answer = world.ask("POST", GROUPS, &token, Some(body)).await;
        answer.wrong();
    }
    let wrong = world.ask("POST", GROUPS, &token, None).await.wrong();
    assert_eq!(wrong, ["protection_group: is missing"]);
    let path = format!("{GROUPS}/web");
    let answer = world.ask("DELETE", &path, &token, Some("{\"x\": 1}")).await;
    assert_eq!(answer.wrong(), ["body: this call takes none"]);
    let answer = world.ask("DELETE", &path, &token, Some("{}")).await;
    assert_eq!(answer.status, 202);
    let answer = world.ask(
        "POST",
        GROUPS,
        &token,
        Some("{\"protection_group\": {\"name\": \"\u{1}\"}}"),
    );
    answer.await.wrong();
}

#[tokio::test]
async fn null_is_the_body_of_no_call() {
    let world = World::new();
    let document = crate::openapi_document();
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let Some(_) = crate::rules::of(id) else {
                continue;
            };
            let path = path.replace("{tenant_id}", "a1b2c3");
            let path = path.replace(['{', '}'], "");
            let token = match id {
                "fail_over_site" => "dr_site_admin@a1b2c3",
                _ if id.starts_with("peer_") => "service@services",
                _ => ADMIN,
            };
            let token = [("X-Auth-Token", token)];
            let answer = world
                .ask(&method.to_uppercase(), &path, &token, Some(" null\n"))
                .await;
            let expected = match operation.get("requestBody") {
                Some(_) => "body: must be an object",
                None => "body: this call takes none",
            };
            assert_eq!(answer.wrong(), [expected], "{id}");
            asked += 1;
        }
    }
    assert!(asked > 50, "{asked}");
    assert!(world.services.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn deep_nesting_is_no_way_to_a_crash() {
    let world = World::new();
    let deep = "[".repeat(50_000);
    let answer = world
        .ask("POST", GROUPS, &[("X-Auth-Token", MEMBER)], Some(&deep))
        .await;
    answer.wrong();
}
