use protector_control::Refusal;
use protector_framework::{GenericUuid as _, OperationId};
use serde_json::json;

use super::World;

const MEMBER: &str = "member@a1b2c3";
const ADMIN: &str = "admin@a1b2c3";

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let world = World::new();
    for path in [
        "/v1/a1b2c3/nonsense",
        "/v1/admin/nonsense",
        "/nonsense",
        "/v2",
        "/v1//x",
    ] {
        let answer = world.get(path, ADMIN).await;
        answer.refused(404);
        assert_eq!(answer.code(), "protector.no_such_path", "{path}");
    }
    let answer = world
        .ask("PUT", "/v1/admin/sites", &[("X-Auth-Token", ADMIN)], None)
        .await;
    answer.refused(405);
    assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS, POST");
    world.ask("DELETE", "/", &[], None).await.refused(405);
    let answer = world.ask("OPTIONS", "/v1/admin/sites", &[], None).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS, POST");
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let world = World::new();
    for path in ["/", "/v1", "/v1/admin/sites", "/v1/admin/sites/nowhere"] {
        let token = [("X-Auth-Token", ADMIN)];
        let get = world.ask("GET", path, &token, None).await;
        let head = world.ask("HEAD", path, &token, None).await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
        assert_eq!(head.text, "", "{path}");
    }
}

#[tokio::test]
async fn other_spellings_of_a_path_lead_to_the_same() {
    let world = World::new();
    for path in [
        "/v1/admin/sites/site-1",
        "/v1/admin/sites/site-1/",
        "/v1/a1b2c3/admin/sites/site-1",
        "/v1/a1b2c3/sites/site-1",
        "/v1/sites/site-1",
    ] {
        assert_eq!(world.get(path, ADMIN).await.status, 200, "{path}");
        assert_eq!(world.services.last(), "get_site site-1", "{path}");
    }
    for path in [
        "/v1/a1b2c3/protection-groups/web%20one",
        "/v1/protection-groups/web%20one",
        "/v1/a1b2c3/protection_groups/web%20one",
        "/v1/protection_groups/web%20one/",
    ] {
        assert_eq!(world.get(path, MEMBER).await.status, 200, "{path}");
        assert_eq!(world.services.last(), "get_group a1b2c3 web one", "{path}");
    }
    for path in ["/v1/health", "/v1/a1b2c3/health"] {
        assert_eq!(world.get(path, MEMBER).await.status, 200, "{path}");
    }
    // A group may be called as a part of a path is.
    for name in [
        "members",
        "admin",
        "sites",
        "protection_groups",
        "sync_status",
    ] {
        let path = format!("/v1/a1b2c3/protection-groups/{name}");
        assert_eq!(world.get(&path, MEMBER).await.status, 200, "{path}");
        assert_eq!(world.services.last(), format!("get_group a1b2c3 {name}"));
    }
}

#[tokio::test]
async fn what_cannot_be_an_id_names_nothing() {
    let world = World::new();
    for path in [
        "/v1/a1b2c3/operations/x",
        "/v1/a1b2c3/operations/%FF",
        "/v1/a1b2c3/protection-groups/web/members/x",
        "/v1/a1b2c3/operations/x/steps",
    ] {
        let status = world.get(path, MEMBER).await.status;
        assert!(status == 404 || status == 400, "{path} {status}");
    }
    world
        .get("/v1/admin/tenant-mappings/x", ADMIN)
        .await
        .refused(404);
}

#[tokio::test]
async fn refusals_of_the_services_keep_their_words() {
    let world = World::new();
    let path = "/v1/a1b2c3/protection-groups/web";
    let operation = OperationId::from_untyped_uuid(uuid::Uuid::from_u128(3));
    world.services.refuse(Refusal::busy(operation));
    let answer = world.get(path, MEMBER).await;
    let body = answer.refused(409);
    assert_eq!(answer.code(), "protector.busy");
    assert_eq!(body["errors"][0]["operation_id"], operation.to_string());
    world.services.refuse(Refusal::peer_unreachable(
        "remote site unreachable: no answer",
    ));
    let answer = world.get(path, MEMBER).await;
    let body = answer.refused(409);
    assert_eq!(answer.code(), "protector.peer_unreachable");
    assert_eq!(body["errors"][0]["title"], "Remote site unreachable");
    assert_eq!(answer.header("retry-after"), "30");
    let fields = vec![
        ("a".to_owned(), "is wrong".to_owned()),
        ("b".to_owned(), "is wrong too".to_owned()),
    ];
    world.services.refuse(Refusal::invalid(fields));
    let wrong = world.get(path, MEMBER).await.wrong();
    assert_eq!(wrong, ["a: is wrong", "b: is wrong too"]);
    world
        .services
        .refuse(Refusal::quota("protection groups", 10));
    let body = world.get(path, MEMBER).await.refused(403);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("Quota exceeded")
    );
}

#[tokio::test]
async fn the_inside_stays_inside() {
    let world = World::new();
    world
        .services
        .refuse(Refusal::internal("marked SELECT * FROM x"));
    let answer = world.get("/v1/admin/sites/site-1", ADMIN).await;
    answer.refused(500);
    assert!(!answer.text.contains("marked"));
    let answer = world.get("/v1/admin/sites/panic", ADMIN).await;
    answer.refused(500);
    assert!(!answer.text.contains("marked"));
    let odd = Refusal::new(42, "protector.x", "x", "marked");
    world.services.refuse(odd);
    world
        .get("/v1/admin/sites/site-1", ADMIN)
        .await
        .refused(500);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413() {
    let world = World::new();
    let large = json!({ "site": { "description": "x".repeat(200_000) } });
    let answer = world.send("POST", "/v1/admin/sites", ADMIN, &large).await;
    answer.refused(413);
    // Documents between sites grow with their members.
    let put = json!({ "change_id": uuid::Uuid::nil(), "mode": "push", "base": null,
        "document": "x".repeat(200_000), "secrets": {} });
    let path = "/v1/admin/peer/groups/00000000-0000-0000-0000-000000000065/document";
    let answer = world.send("PUT", path, "service@services", &put).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn a_key_that_is_too_long_is_refused() {
    let world = World::new();
    let key = "k".repeat(300);
    let headers = [("X-Auth-Token", MEMBER), ("Idempotency-Key", key.as_str())];
    let answer = world
        .ask("DELETE", "/v1/a1b2c3/protection-groups/web", &headers, None)
        .await;
    answer.refused(400);
}

#[tokio::test]
async fn every_answer_has_the_headers_of_the_house() {
    let world = World::new();
    for (path, token) in [
        ("/", ""),
        ("/v1/health", MEMBER),
        ("/v1/health", ""),
        ("/nonsense", ""),
        ("/openapi.json", ""),
    ] {
        let answer = world.get(path, token).await;
        assert!(answer.header("x-openstack-request-id").starts_with("req-"));
        assert_eq!(answer.header("openstack-api-version"), "protector 1.0");
        assert!(answer.header("vary").contains("OpenStack-API-Version"));
        assert_eq!(answer.header("cache-control"), "no-cache");
    }
}

#[tokio::test]
async fn a_connection_with_a_body_that_nobody_has_read_closes() {
    let world = World::new();
    let path = "/v1/a1b2c3/protection-groups";
    let large = "x".repeat(200_000);
    for (token, body, closes) in [
        (MEMBER, "{}", false),
        (MEMBER, large.as_str(), true),
        ("garbage", "{}", true),
        ("garbage", "", false),
    ] {
        let length = body.len().to_string();
        let headers = [("X-Auth-Token", token), ("Content-Length", length.as_str())];
        let answer = world.ask("POST", path, &headers, Some(body)).await;
        assert!(answer.status >= 400, "{}", answer.text);
        let told = answer.header("connection") == "close";
        assert_eq!(told, closes, "{token} {length}: {}", answer.text);
    }
}
