use serde_json::{Value, json};

use super::World;

const GROUPS: &str = "/v1/a1b2c3/protection-groups";
const MEMBER: &str = "member@a1b2c3";
const ADMIN: &str = "admin@a1b2c3";

fn group() -> Value {
    json!({ "protection_group": {
        "name": "web", "primary_site_id": "site-1", "secondary_site_id": "site-2",
        "replication_type": "async", "volume_type_id": "type-1",
    } })
}

fn policy() -> Value {
    json!({ "policy": {
        "driver": "mock", "primary_fa_url": "https://a", "primary_fa_api_token": "marked-a",
        "secondary_fa_url": "https://b", "secondary_fa_api_token": "********",
        "rpo_minutes": 15, "retention": { "points": 5 },
    } })
}

#[tokio::test]
async fn a_group_is_made_under_the_callers_key() {
    let world = World::new();
    let headers = [
        ("X-Auth-Token", MEMBER),
        ("Host", "api:8788"),
        ("Idempotency-Key", "once"),
        (
            "X-Openstack-Request-Id",
            "req-11111111-2222-4333-8444-555555555555",
        ),
    ];
    let body = group().to_string();
    let answer = world.ask("POST", GROUPS, &headers, Some(&body)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!(
        answer.header("location"),
        "http://api:8788/v1/a1b2c3/protection-groups/00000000-0000-0000-0000-000000000065"
    );
    let made = &answer.json()["protection_group"];
    assert_eq!(made["status"], "failing_over");
    assert_eq!(made["created_at"], "2026-11-24T12:00:00Z");
    assert_eq!(made["metadata_version"], 3);
    assert_eq!(made["volume_type_id"], "type-1");
    assert_eq!(made["secondary_volume_type_id"], "type-2");
    let call = world.services.last();
    assert!(call.contains("Some(\"once\")"), "{call}");
    assert!(
        call.contains("req-11111111-2222-4333-8444-555555555555"),
        "{call}"
    );
    assert!(call.contains("user_id: Some(UserId(\"user\"))"), "{call}");
    // The answer carries the request's own id.
    assert!(!answer.header("x-openstack-request-id").contains("11111111"));
}

/// The parser behind the gate takes `null` for an object without fields; the published document does not.
#[tokio::test]
async fn an_action_is_exactly_one() {
    let world = World::new();
    let path = format!("{GROUPS}/web/action");
    for (body, kind, options) in [
        (json!({ "sync": null }), "sync", "failover_type: None"),
        (json!({ "sync": {} }), "sync", "force: false"),
        (
            json!({ "failover": null }),
            "failover",
            "failover_type: Some(Planned)",
        ),
        (
            json!({ "failback": { "type": "unplanned", "force": true, "recovery_point_id": "p" } }),
            "failback",
            "failover_type: Some(Unplanned), recovery_point: Some(PointName(\"p\")), force: true",
        ),
        (
            json!({ "test_failover": { "auto_cleanup": true, "expires_in": 3600 } }),
            "test_failover",
            "auto_cleanup: true, expires_in: Some(3600)",
        ),
        (json!({ "test_cleanup": null }), "test_cleanup", ""),
        (json!({ "reprotect": {} }), "reprotect", ""),
        (json!({ "cleanup": {} }), "cleanup", ""),
        (json!({ "reset": {} }), "reset", ""),
    ] {
        let answer = world.send("POST", &path, MEMBER, &body).await;
        assert_eq!(answer.status, 202, "{body} {}", answer.text);
        assert_eq!(answer.json()["operation"]["type"], "failover");
        assert!(
            answer
                .header("location")
                .ends_with("/v1/a1b2c3/operations/00000000-0000-0000-0000-0000000000c9")
        );
        let call = world.services.last();
        assert!(call.contains(&format!("web {kind} ")), "{call}");
        assert!(call.contains(options), "{call}");
    }
    for body in [
        json!({}),
        json!({ "sync": {}, "reset": {} }),
        json!({ "sync": null, "reset": null }),
        json!({ "explode": {} }),
        json!({ "sync": { "force": true } }),
        json!({ "failover": { "type": "surprise" } }),
        json!({ "failover": "now" }),
    ] {
        world.send("POST", &path, MEMBER, &body).await.wrong();
    }
}

#[tokio::test]
async fn a_dry_run_answers_with_the_plan() {
    let world = World::new();
    let path = format!("{GROUPS}/web/action");
    let body = json!({ "failover": { "dry_run": true } });
    let answer = world.send("POST", &path, MEMBER, &body).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["plan"]["hash"].as_str().unwrap().len(), 64);
    assert_eq!(answer.header("location"), "");
}

#[tokio::test]
async fn a_site_is_failed_over_and_no_group_is_left_out_silently() {
    let world = World::new();
    let path = "/v1/admin/sites/site-1/failover";
    let body = json!({ "failover": { "type": "unplanned", "force": true } }).to_string();
    let headers = [
        ("X-Auth-Token", "dr_site_admin@a1b2c3"),
        ("Idempotency-Key", "the-flood"),
    ];
    let answer = world.ask("POST", path, &headers, Some(&body)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let told = answer.json();
    assert_eq!(told["operations"].as_array().unwrap().len(), 1);
    assert_eq!(told["refused"][0]["name"], "group-2");
    assert_eq!(told["refused"][0]["code"], "protector.busy");
    assert_eq!(
        told["refused"][0]["active_operation_id"],
        "00000000-0000-0000-0000-0000000000ca"
    );
    let call = world.services.last();
    for part in ["site-1", "Unplanned", "force: true", "Some(\"the-flood\")"] {
        assert!(call.contains(part), "{part}: {call}");
    }
    let plan = json!({ "failover": { "type": "planned", "dry_run": true } });
    let answer = world
        .send("POST", path, "dr_site_admin@a1b2c3", &plan)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let told = answer.json();
    let hash = told["plans"][0]["plan"]["hash"].as_str().unwrap();
    assert_eq!(hash.len(), 64);
    assert_eq!(told["refused"][0]["project_id"], "other");
    for wrong in [
        json!({}),
        json!({ "failover": null }),
        json!({ "failover": {} }),
        json!({ "failover": { "type": "planned", "recovery_point_id": "p" } }),
        json!({ "failback": { "type": "planned" } }),
    ] {
        let refused = world.send("POST", path, "dr_site_admin@a1b2c3", &wrong);
        refused.await.wrong();
    }
}

#[tokio::test]
async fn operations_are_steered_by_one_action() {
    let world = World::new();
    let path = "/v1/a1b2c3/operations/00000000-0000-0000-0000-0000000000c9/action";
    for (body, action) in [
        (json!({ "cancel": {} }), "Cancel"),
        (json!({ "cancel": null }), "Cancel"),
        (
            json!({ "retry": { "force": true } }),
            "Retry { force: true, accept_loss: false }",
        ),
        (
            json!({ "retry": null }),
            "Retry { force: false, accept_loss: false }",
        ),
        (
            json!({ "retry": { "accept_loss": true } }),
            "Retry { force: false, accept_loss: true }",
        ),
        (
            json!({ "skip": { "step": "boot/web-1", "reason": "by hand" } }),
            "Skip { step: \"boot/web-1\", reason: \"by hand\" }",
        ),
        (json!({ "cleanup": {} }), "Cleanup"),
    ] {
        let answer = world.send("POST", path, MEMBER, &body).await;
        assert_eq!(answer.status, 202, "{body} {}", answer.text);
        assert!(world.services.last().ends_with(action), "{body}");
    }
    for body in [
        json!({ "skip": null }),
        json!({ "skip": { "step": "x" } }),
        json!({}),
    ] {
        world.send("POST", path, MEMBER, &body).await.wrong();
    }
    let steps = "/v1/a1b2c3/operations/00000000-0000-0000-0000-0000000000c9/steps";
    let body = world.get(steps, MEMBER).await.json();
    assert_eq!(body["steps"][0]["key"], "boot/web-1");
    assert_eq!(body["steps"][0]["status"], "pending");
}

#[tokio::test]
async fn a_members_probe_is_set_left_and_taken_away() {
    let world = World::new();
    let members = format!("{GROUPS}/web/members");
    let body = json!({ "member": { "server_id": "s", "probe": { "console": "login:" } } });
    let answer = world.send("POST", &members, MEMBER, &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let shown = &answer.json()["member"]["probe"];
    assert_eq!(*shown, json!({ "console": "login:", "timeout": 90 }));
    let call = world.services.last();
    assert!(call.contains("timeout: 120"), "{call}");
    let one = format!("{members}/00000000-0000-0000-0000-000000000028");
    for (body, expected) in [
        (json!({ "boot_tier": 1 }), "probe: None"),
        (json!({ "probe": null }), "probe: Some(None)"),
        (
            json!({ "probe": { "console": "up", "timeout": 9 } }),
            "timeout: 9",
        ),
    ] {
        let body = json!({ "member": body });
        let answer = world.send("PATCH", &one, MEMBER, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let call = world.services.last();
        assert!(call.contains(expected), "{call}");
    }
    for wrong in [
        json!({ "console": "" }),
        json!({ "timeout": 5 }),
        json!({ "console": "x", "timeout": 0 }),
        json!({ "console": "x", "timeout": 4000 }),
        json!({ "tcp": { "port": 22 } }),
        json!("login:"),
    ] {
        let body = json!({ "member": { "probe": wrong } });
        world.send("PATCH", &one, MEMBER, &body).await.wrong();
    }
}

#[tokio::test]
async fn secrets_go_in_and_never_come_out() {
    let world = World::new();
    let path = format!("{GROUPS}/web/policy");
    let answer = world.send("POST", &path, MEMBER, &policy()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert!(answer.header("location").ends_with("/policy"));
    let call = world.services.last();
    assert!(
        call.contains("[Some(\"marked-a\"), Some(\"********\")]"),
        "{call}"
    );
    let shown = answer.json()["policy"].clone();
    assert_eq!(shown["primary_fa_api_token"], "********");
    assert_eq!(shown["secondary_fa_api_token"], "********");
    assert!(!answer.text.contains("marked"));

    let site = json!({ "site": {
        "name": "a", "auth_url": "http://k/v3", "region_name": "R",
        "credentials": { "username": "u", "password": "marked-password" },
    } });
    let answer = world.send("POST", "/v1/admin/sites", ADMIN, &site).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert!(
        world
            .services
            .last()
            .contains("password=Some(\"marked-password\")")
    );
    assert!(!answer.text.contains("marked"));
    assert_eq!(answer.json()["site"]["credentials"]["password"], "********");

    let token = [("X-Auth-Token", MEMBER)];
    let answer = world.ask("POST", "/v1/a1b2c3/trusts", &token, None).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert!(!answer.text.contains("marked"));
    assert_eq!(answer.json()["trust"]["trustee_user_id"], "protector");

    // Nor does a refusal repeat what was sent.
    let body = json!({ "policy": { "primary_fa_api_token": ["marked"], "marked": "marked-2" } });
    let answer = world.send("PUT", &path, MEMBER, &body).await;
    answer.wrong();
    assert!(!answer.text.contains("marked-2"));
}

#[tokio::test]
async fn a_site_is_made_once() {
    let world = World::new();
    let site = |name: &str| {
        json!({ "site": { "name": name, "description": "d", "site_type": "openstack",
            "auth_url": "http://k/v3", "region_name": "R" } })
    };
    let made = world
        .send("POST", "/v1/admin/sites", ADMIN, &site("a"))
        .await;
    assert_eq!(made.status, 201);
    assert!(
        made.header("location")
            .contains("/v1/admin/sites/00000000-")
    );
    let again = world
        .send("POST", "/v1/admin/sites", ADMIN, &site("again"))
        .await;
    assert_eq!(again.status, 200);
    let site = &again.json()["site"];
    for field in [
        "keystone_reachable",
        "nova_reachable",
        "cinder_reachable",
        "neutron_reachable",
    ] {
        assert!(site[field].is_boolean(), "{field}");
    }
}

#[tokio::test]
async fn quotas_that_are_left_out_stay() {
    let world = World::new();
    let path = "/v1/a1b2c3/quota-sets/other";
    let body = json!({ "quota_set": { "protection_groups": -1 } });
    let answer = world.send("PUT", path, ADMIN, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let kept = answer.json()["quota_set"].clone();
    assert_eq!(
        kept,
        json!({ "id": "other", "protection_groups": -1, "members_per_group": 50,
            "running_operations": 10 })
    );
    world.get(path, MEMBER).await.refused(404);
    let own = world.get("/v1/a1b2c3/quota-sets/a1b2c3", MEMBER).await;
    assert_eq!(own.status, 200);
    assert_eq!(
        world
            .ask("DELETE", path, &[("X-Auth-Token", ADMIN)], None)
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn a_sync_is_forced_by_a_persons_word() {
    let world = World::new();
    let path = format!("{GROUPS}/web/sync-force");
    let answer = world.send("POST", &path, MEMBER, &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(world.services.last().ends_with("web None false"));
    assert_eq!(answer.json()["sync_status"]["status"], "in_sync");
    let answer = world
        .ask("POST", &path, &[("X-Auth-Token", MEMBER)], None)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = json!({ "winner": "site-1", "peer_lost": true });
    world.send("POST", &path, MEMBER, &body).await;
    assert!(world.services.last().ends_with("Some(\"site-1\") true"));
}

#[tokio::test]
async fn peers_speak_without_wrappers() {
    let world = World::new();
    let service = "service@services";
    let identity = world.get("/v1/admin/peer/identity", service).await.json();
    assert_eq!(identity["version"], "0.1.0");
    let path = "/v1/admin/peer/groups/00000000-0000-0000-0000-000000000065/document";
    let put = |document: &str| {
        json!({ "change_id": uuid::Uuid::nil(), "mode": "push", "base": null,
            "document": document, "secrets": {} })
    };
    let stored = world.send("PUT", path, service, &put("new")).await;
    assert_eq!(
        (stored.status, stored.json()["verdict"].as_str()),
        (200, Some("store"))
    );
    let called = world.services.last();
    assert!(called.ends_with("000000000065"), "{called}");
    let stale = world.send("PUT", path, service, &put("stale")).await;
    assert_eq!(
        (stale.status, stale.json()["verdict"].as_str()),
        (409, Some("stale"))
    );
    world
        .send("PUT", path, service, &json!({ "mode": "push" }))
        .await
        .wrong();
    let missing = world
        .get(
            "/v1/admin/peer/operations/00000000-0000-0000-0000-000000000065",
            service,
        )
        .await;
    missing.refused(404);
    assert_eq!(missing.code(), "protector.not_found");
    let path = "/v1/admin/peer/operations/00000000-0000-0000-0000-000000000065";
    let token = [("X-Auth-Token", service)];
    let dropped = world.ask("DELETE", path, &token, None).await;
    assert_eq!(dropped.status, 204);
}

#[tokio::test]
async fn a_site_shows_its_key_and_a_new_one_is_confirmed_whole() {
    let world = World::new();
    let listed = world.get("/v1/admin/sites", ADMIN).await;
    let sites = listed.json()["sites"].clone();
    assert_eq!(sites[0]["peer_key"], Value::Null);
    assert_eq!(sites[1]["peer_key"], "aa".repeat(32));
    assert_eq!(sites[1]["peer_key_offered"], "bb".repeat(32));

    let path = "/v1/admin/sites/site-2";
    let short = json!({ "site": { "peer_key": "bb" } });
    let answer = world.send("PATCH", path, ADMIN, &short).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.text.contains("peer_key"), "{}", answer.text);
    let whole = json!({ "site": { "peer_key": "bb".repeat(32) } });
    let answer = world.send("PATCH", path, ADMIN, &whole).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(world.services.last().contains(&"bb".repeat(32)));
}
