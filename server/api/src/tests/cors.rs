use protector_config::Policy;

use super::{Answer, World};

const PAGE: &str = "https://horizon.example.com";
const PATH: &str = "/v1/a1b2c3/protection-groups";

fn world(lines: &str) -> World {
    World::with(&format!("[cors]\n{lines}"), Policy::in_code())
}

fn allowed() -> World {
    world("allowed_origin = https://other.example.com,https://horizon.example.com\n")
}

async fn preflight(world: &World, origin: &str, method: &str, headers: &str) -> Answer {
    let asked = [
        ("Origin", origin),
        ("Access-Control-Request-Method", method),
        ("Access-Control-Request-Headers", headers),
    ];
    world.ask("OPTIONS", PATH, &asked, None).await
}

#[tokio::test]
async fn a_browser_learns_before_it_has_a_token_what_a_page_may_send() {
    let world = allowed();
    let sent = "x-auth-token, Content-Type,openstack-api-version";
    let answer = preflight(&world, PAGE, "POST", sent).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(answer.header("access-control-allow-origin"), PAGE);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("access-control-allow-methods"), "POST");
    let headers = answer.header("access-control-allow-headers");
    assert_eq!(headers, "x-auth-token,Content-Type,openstack-api-version");
    assert_eq!(answer.header("access-control-max-age"), "3600");
    for (origin, method, headers) in [
        ("https://elsewhere.example.com", "POST", "X-Auth-Token"),
        ("http://horizon.example.com", "POST", "X-Auth-Token"),
        (PAGE, "TRACE", "X-Auth-Token"),
        (PAGE, "POST", "X-Auth-Token,X-Other"),
    ] {
        let answer = preflight(&world, origin, method, headers).await;
        assert_eq!(answer.status, 200, "{origin} {method} {headers}");
        assert_eq!(answer.header("access-control-allow-origin"), "");
        assert_eq!(answer.header("access-control-allow-methods"), "");
    }
    assert!(world.services.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_page_may_read_answers_and_refusals() {
    let world = allowed();
    let ask = async |origin: &str, token: &str| {
        let headers = [("Origin", origin), ("X-Auth-Token", token)];
        world.ask("GET", PATH, &headers, None).await
    };
    for (token, status) in [("member@a1b2c3", 200), ("garbage", 401)] {
        let answer = ask(PAGE, token).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(answer.header("access-control-allow-origin"), PAGE);
        let exposed = answer.header("access-control-expose-headers");
        assert!(exposed.contains("X-Openstack-Request-Id"), "{exposed}");
        let vary = answer.header("vary");
        assert!(vary.contains("Origin") && vary.contains("OpenStack-API-Version"));
    }
    let answer = ask("https://elsewhere.example.com", "member@a1b2c3").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert_eq!(answer.header("vary"), "OpenStack-API-Version");
}

#[tokio::test]
async fn any_page_where_the_operator_says_so_and_none_by_default() {
    let world = world("allowed_origin = *\nallow_credentials = false\nmax_age = 0\n");
    let answer = preflight(&world, PAGE, "GET", "X-Auth-Token").await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    for missing in ["access-control-allow-credentials", "access-control-max-age"] {
        assert_eq!(answer.header(missing), "", "{missing}");
    }
    let world = World::new();
    let answer = preflight(&world, PAGE, "GET", "X-Auth-Token").await;
    assert_eq!(answer.status, 204);
    assert!(!answer.header("allow").is_empty());
    assert_eq!(answer.header("access-control-allow-origin"), "");
}
