use std::sync::atomic::Ordering;
use std::time::Duration;

use protector_config::Policy;

use super::World;

#[tokio::test]
async fn without_a_valid_token_it_is_401_and_says_where_to_get_one() {
    let world = World::new();
    for (headers, asked) in [
        (vec![], 0),
        (vec![("X-Auth-Token", "")], 0),
        (vec![("X-Auth-Token", "  ")], 0),
        (vec![("X-Auth-Token", "unknown")], 1),
        (vec![("X-Auth-Token", "unknown")], 2),
    ] {
        let answer = world.ask("GET", "/v1/health", &headers, None).await;
        let body = answer.refused(401);
        assert_eq!(
            answer.header("www-authenticate"),
            "Keystone uri=\"http://keystone/v3\""
        );
        assert_eq!(
            body["error"]["message"],
            "The request you have made requires authentication."
        );
        assert_eq!(world.identity.asked.load(Ordering::Relaxed), asked);
    }
}

#[tokio::test]
async fn whatever_the_path_a_caller_without_a_token_learns_nothing() {
    let world = World::new();
    for path in ["/v1/a1b2c3/nonsense", "/v1/admin/sites", "/v1/x/y/z"] {
        world.ask("GET", path, &[], None).await.refused(401);
    }
}

#[tokio::test]
async fn identity_headers_of_the_client_count_for_nothing() {
    let world = World::new();
    let headers = [
        ("X-Auth-Token", "member@a1b2c3"),
        ("X-Roles", "admin"),
        ("X-Project-Id", "other"),
        ("OpenStack-System-Scope", "all"),
        ("X-Identity-Status", "Confirmed"),
    ];
    world
        .ask("GET", "/v1/admin/sites", &headers, None)
        .await
        .refused(403);
}

#[tokio::test]
async fn a_token_is_asked_about_once_while_it_is_fresh() {
    let world = World::new();
    let ask = async || world.get("/v1/health", " member@a1b2c3 ").await.status;
    assert_eq!((ask().await, ask().await), (200, 200));
    assert_eq!(world.identity.asked.load(Ordering::Relaxed), 1);
    world.clock.advance(Duration::from_secs(301));
    assert_eq!(ask().await, 200);
    assert_eq!(world.identity.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_remembered_token_ends_when_it_expires() {
    let world = World::new();
    let ask = async || world.get("/v1/health", "short@a1b2c3").await.status;
    assert_eq!(ask().await, 200);
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(ask().await, 401);
    assert_eq!(world.identity.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn tokens_can_be_asked_about_every_time() {
    let config = "token_cache_time = -1\n";
    let world = World::with(config, Policy::in_code());
    for _ in 0..3 {
        assert_eq!(world.get("/v1/health", "member@a1b2c3").await.status, 200);
    }
    assert_eq!(world.identity.asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn without_keystone_it_is_503_and_not_the_clients_fault() {
    let world = World::new();
    for token in ["down@a1b2c3", "own@a1b2c3"] {
        let answer = world.get("/v1/health", token).await;
        let body = answer.refused(503);
        assert_eq!(
            body["error"]["message"],
            "The Keystone service is temporarily unavailable."
        );
        assert_eq!(answer.header("retry-after"), "5");
    }
}

#[tokio::test]
async fn a_keystone_that_hangs_is_given_up() {
    let world = World::new();
    let asking = world.get("/v1/health", "slow@a1b2c3");
    let waking = async {
        while world.clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        world.clock.advance(Duration::from_secs(10));
    };
    let (answer, ()) = tokio::join!(asking, waking);
    answer.refused(503);
}

#[tokio::test]
async fn the_project_of_the_path_is_the_tokens_unless_an_administrator_calls() {
    let world = World::new();
    let list = async |project: &str, token: &str| {
        let path = format!("/v1/{project}/protection-groups");
        world.get(&path, token).await
    };
    assert_eq!(list("a1b2c3", "member@a1b2c3").await.status, 200);
    let other = list("other", "member@a1b2c3").await;
    other.refused(403);
    assert_eq!(other.code(), "protector.project_mismatch");
    assert_eq!(list("other", "admin@a1b2c3").await.status, 200);
    assert!(world.services.last().contains("page_groups other "));
    list("a1b2c3", "member@nothing").await.refused(403);
    list("a1b2c3", "member@domain").await.refused(403);
    list("%7Bx%7D", "admin@a1b2c3").await.refused(404);
}

#[tokio::test]
async fn tokens_without_a_project_reach_what_needs_none() {
    let world = World::new();
    for path in ["/v1/admin/sites", "/v1/admin/drivers", "/v1/health"] {
        assert_eq!(world.get(path, "admin@system").await.status, 200, "{path}");
    }
    let answer = world.get("/v1/protection-groups", "admin@system").await;
    answer.refused(403);
    assert_eq!(answer.code(), "protector.project_required");
}

#[tokio::test]
async fn a_revoked_token_is_refused_once_what_is_remembered_has_ended() {
    let world = World::new();
    let ask = async || world.get("/v1/health", "member@a1b2c3").await.status;
    assert_eq!(ask().await, 200);
    let revoked = "member@a1b2c3".to_owned();
    world.identity.revoked.lock().unwrap().push(revoked);
    assert_eq!(ask().await, 200, "it is remembered");
    world.clock.advance(Duration::from_secs(301));
    assert_eq!(ask().await, 401);
    assert_eq!(ask().await, 401, "a refusal is not remembered");
    assert_eq!(world.identity.asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn remembered_tokens_outlive_keystone() {
    let world = World::new();
    assert_eq!(world.get("/v1/health", "member@a1b2c3").await.status, 200);
    let down = world.get("/v1/health", "down@a1b2c3").await;
    down.refused(503);
    assert_eq!(world.get("/v1/health", "member@a1b2c3").await.status, 200);
    world.ask("GET", "/v1/health", &[], None).await.refused(401);
}

#[tokio::test]
async fn what_a_service_passes_on_counts_beyond_the_users_token() {
    let world = World::new();
    let ask = async |token: &str, service: &str| {
        let headers = [("X-Auth-Token", token), ("X-Service-Token", service)];
        world.ask("GET", "/v1/health", &headers, None).await
    };
    let (service, other) = ("service@services", "member@services");
    for (token, with, status) in [
        ("expired:member@a1b2c3", service, 200),
        ("expired:member@a1b2c3", other, 401),
        ("expired:member@a1b2c3", "garbage", 401),
        ("expired:member@a1b2c3", "expired:service@services", 401),
        ("member@a1b2c3", service, 200),
        ("member@a1b2c3", other, 401),
        ("member@a1b2c3", "garbage", 401),
        ("member@a1b2c3", "", 200),
        ("", service, 401),
        ("garbage", service, 401),
        ("member@a1b2c3", "down@services", 503),
        // What was remembered for the service counts for nobody else.
        ("expired:member@a1b2c3", "", 401),
    ] {
        let answer = ask(token, with).await;
        assert_eq!(answer.status, status, "{token} {with}: {}", answer.text);
        if status == 401 {
            assert!(
                answer
                    .header("www-authenticate")
                    .starts_with("Keystone uri=")
            );
        }
    }
}

#[tokio::test]
async fn a_service_token_without_a_role_of_a_service_can_be_let_pass_without_effect() {
    let world = World::with("service_token_roles_required = false\n", Policy::in_code());
    for (token, status) in [("member@a1b2c3", 200), ("expired:member@a1b2c3", 401)] {
        let headers = [
            ("X-Auth-Token", token),
            ("X-Service-Token", "member@services"),
        ];
        let answer = world.ask("GET", "/v1/health", &headers, None).await;
        assert_eq!(answer.status, status, "{token}");
    }
}

#[tokio::test]
async fn a_rule_may_ask_which_service_passes_a_request_on() {
    let text = "protector:sites:index: service_roles:relay\n";
    let policy = Policy::from_yaml(std::path::Path::new("policy.yaml"), text).unwrap();
    let world = World::with("service_token_roles = service,relay\n", policy);
    for (service, status) in [
        ("relay@services", 200),
        ("service@services", 403),
        ("", 403),
    ] {
        let headers = [
            ("X-Auth-Token", "member@a1b2c3"),
            ("X-Service-Token", service),
        ];
        let answer = world.ask("GET", "/v1/admin/sites", &headers, None).await;
        assert_eq!(answer.status, status, "{service}");
    }
}

#[tokio::test]
async fn a_burst_of_one_token_is_one_question() {
    let world = World::new();
    let ask = || world.get("/v1/health", "member@a1b2c3");
    let answers = futures::future::join_all((0..20).map(|_| ask())).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(world.identity.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn each_scope_reaches_what_is_for_it() {
    let world = World::new();
    for (token, tenant, admin) in [
        ("admin@a1b2c3", 200, 200),
        ("member@a1b2c3", 200, 403),
        ("admin@system", 403, 200),
        ("member@system", 403, 403),
        ("admin@domain", 403, 403),
        ("admin@nothing", 403, 200),
        ("member@nothing", 403, 403),
    ] {
        let groups = world.get("/v1/protection-groups", token).await;
        assert_eq!(groups.status, tenant, "{token}: {}", groups.text);
        let sites = world.get("/v1/admin/sites", token).await;
        assert_eq!(sites.status, admin, "{token}: {}", sites.text);
        if admin == 403 {
            let message = "Policy doesn't allow protector:sites:index to be performed.";
            assert_eq!(sites.json()["error"]["message"], message);
        }
    }
}

#[tokio::test]
async fn an_application_credential_is_good_for_what_its_rules_name() {
    let world = World::new();
    let groups = "/v1/a1b2c3/protection-groups";
    for (method, path, rules, status) in [
        ("GET", groups, "protector,GET,/v1/*/protection-groups", 200),
        (
            "GET",
            groups,
            "protector,POST,/v1/** protector,GET,/v1/**",
            200,
        ),
        // HEAD is a method of its own.
        ("HEAD", groups, "protector,GET,/v1/**", 401),
        (
            "DELETE",
            "/v1/a1b2c3/protection-groups/web",
            "protector,GET,/v1/**",
            401,
        ),
        ("GET", groups, "compute,GET,/v1/**", 401),
        ("GET", groups, "protector,GET,/v1/*/operations", 401),
        // Another spelling of a path is another path.
        (
            "GET",
            "/v1/protection-groups",
            "protector,GET,/v1/*/protection-groups",
            401,
        ),
        // None at all allow nothing.
        ("GET", groups, "", 401),
    ] {
        let token = format!("member@a1b2c3#{rules}");
        let asked = [("X-Auth-Token", token.as_str())];
        let answer = world.ask(method, path, &asked, None).await;
        assert_eq!(answer.status, status, "{method} {path} {rules}");
        if status == 401 {
            assert!(answer.header("www-authenticate").starts_with("Keystone"));
        }
        // What a service passes on is not asked for by the user.
        let passed = [asked[0], ("X-Service-Token", "service@services")];
        let answer = world.ask(method, path, &passed, None).await;
        assert!(answer.status < 300, "{method} {path} {rules}");
    }
    // They allow no more than the policy does.
    let token = "member@a1b2c3#protector,GET,/v1/**";
    assert_eq!(world.get("/v1/admin/sites", token).await.status, 403);
    let renamed = World::with("service_type = dr\n", Policy::in_code());
    let token = "member@a1b2c3#dr,GET,/v1/**";
    assert_eq!(renamed.get(groups, token).await.status, 200);
}
