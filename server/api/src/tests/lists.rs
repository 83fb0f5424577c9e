use serde_json::Value;

use super::World;

fn names(body: &Value) -> Vec<String> {
    let groups = body["protection_groups"].as_array().unwrap();
    groups
        .iter()
        .map(|group| group["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn pages_are_linked_by_absolute_urls_to_the_end() {
    let world = World::new();
    let headers = [("X-Auth-Token", "member@a1b2c3"), ("Host", "api:8788")];
    let mut path = "/v1/a1b2c3/protection-groups?limit=2&sort=name:asc&status=active".to_owned();
    let mut all = Vec::new();
    for page in 1..=3 {
        let answer = world.ask("GET", &path, &headers, None).await;
        let body = answer.json();
        all.extend(names(&body));
        let Some(links) = body.get("links") else {
            assert_eq!(page, 3);
            break;
        };
        assert_eq!(links[0]["rel"], "next");
        let next = links[0]["href"].as_str().unwrap();
        path = next.strip_prefix("http://api:8788").unwrap().to_owned();
        assert!(path.contains("limit=2&sort=name%3Aasc&status=active&marker="));
    }
    assert_eq!(all, ["group-1", "group-2", "group-3", "group-4", "group-5"]);
}

#[tokio::test]
async fn what_is_asked_for_reaches_the_services_under_their_names() {
    let world = World::new();
    let path = "/v1/a1b2c3/operations?type=failover&sort_key=updated_at&sort_dir=asc\
                &protection_group_id=00000000-0000-0000-0000-000000000065&limit=7";
    assert_eq!(world.get(path, "member@a1b2c3").await.status, 200);
    let call = world.services.last();
    assert!(call.contains("limit: Some(8)"), "{call}");
    assert!(call.contains("(\"kind\", \"failover\")"), "{call}");
    assert!(call.contains("(\"updated_at\", false)"), "{call}");
    assert!(!call.contains("group_id\""), "{call}");
    assert!(call.contains("00000065"), "{call}");
}

#[tokio::test]
async fn a_limit_is_cut_to_the_configured_most() {
    let config = "[DEFAULT]\nmax_limit = 3\n";
    let world = World::with(config, protector_config::Policy::in_code());
    for (query, shown, more) in [
        ("", 3, true),
        ("?limit=1000", 3, true),
        ("?limit=2", 2, true),
        ("?limit=0", 0, false),
    ] {
        let path = format!("/v1/a1b2c3/protection-groups{query}");
        let body = world.get(&path, "member@a1b2c3").await.json();
        assert_eq!(names(&body).len(), shown, "{query}");
        assert_eq!(body.get("links").is_some(), more, "{query}");
    }
}

#[tokio::test]
async fn each_bad_query_field_is_named() {
    let world = World::new();
    let path =
        "/v1/a1b2c3/protection-groups?limit=-1&marker=x&colour=red&sort_dir=up&name=a&name=b";
    let wrong = world.get(path, "member@a1b2c3").await.wrong();
    let fields: Vec<_> = wrong.iter().map(|w| w.split(':').next().unwrap()).collect();
    assert_eq!(fields, ["colour", "limit", "marker", "name", "sort_dir"]);
    for (query, field) in [
        ("sort=colour:asc", "sort"),
        ("sort=name:up", "sort"),
        ("sort=name:asc&sort_key=name", "sort"),
        ("limit=1.5", "limit"),
        ("limit=", "limit"),
    ] {
        let path = format!("/v1/a1b2c3/protection-groups?{query}");
        let wrong = world.get(&path, "member@a1b2c3").await.wrong();
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].starts_with(&format!("{field}: ")), "{wrong:?}");
    }
    let wrong = world
        .get("/v1/admin/drivers?x=1", "admin@a1b2c3")
        .await
        .wrong();
    assert_eq!(wrong, ["x: is not a query field; this call has none"]);
    let path = "/v1/a1b2c3/operations?protection_group_id=web";
    let wrong = world.get(path, "member@a1b2c3").await.wrong();
    assert!(wrong[0].starts_with("protection_group_id: "), "{wrong:?}");
}

#[tokio::test]
async fn a_filter_by_a_word_that_no_entry_can_have_is_refused_with_the_words_there_are() {
    let world = World::new();
    let group = "/v1/a1b2c3/protection-groups/web";
    for (path, field, known) in [
        ("/v1/admin/sites", "status", "unreachable"),
        ("/v1/a1b2c3/protection-groups", "status", "failed_over"),
        ("/v1/a1b2c3/protection-groups", "replication_type", "async"),
        (&format!("{group}/members"), "status", "parked"),
        (&format!("{group}/members"), "boot_tier", "3"),
        ("/v1/a1b2c3/operations", "status", "waiting_for_user"),
        ("/v1/a1b2c3/operations", "type", "failback"),
    ] {
        let asked = format!("{path}?{field}=x");
        let wrong = world.get(&asked, "admin@a1b2c3").await.wrong();
        assert_eq!(wrong.len(), 1, "{asked}: {wrong:?}");
        assert!(wrong[0].starts_with(&format!("{field}: must be ")));
        if known != "3" {
            assert!(wrong[0].contains(known), "{asked}: {wrong:?}");
        }
        let asked = format!("{path}?{field}={known}");
        let answer = world.get(&asked, "admin@a1b2c3").await;
        assert_eq!(answer.status, 200, "{asked}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_filter_may_compare() {
    let world = World::new();
    let groups = "/v1/a1b2c3/protection-groups";
    let members = &format!("{groups}/web/members");
    for (path, query, expected) in [
        (
            groups,
            "status=in:active,error",
            "(\"status\", In([\"active\", \"error\"]))",
        ),
        (
            groups,
            "status=nin:active,error",
            "NotIn([\"active\", \"error\"])",
        ),
        (groups, "status=neq:active", "NotIn([\"active\"])"),
        (
            groups,
            "created_at=gt:2026-11-24T13:00:00.5%2B01:00",
            "(\"created_at\", Above(\"2026-11-24T12:00:00.500000Z\"))",
        ),
        (
            groups,
            "updated_at=lte:2026-11-24T12:00:00Z",
            "AtMost(\"2026-11-24T12:00:00.000000Z\")",
        ),
        (
            groups,
            "created_at=2026-11-24T12:00:00Z",
            "(\"created_at\", \"2026-11-24T12:00:00.000000Z\")",
        ),
        (
            members,
            "boot_tier=gte:2",
            "(\"boot_tier\", AtLeast(\"2\"))",
        ),
        (members, "boot_tier=lt:2", "(\"boot_tier\", Below(\"2\"))"),
        (
            "/v1/a1b2c3/operations",
            "type=in:failover,failback",
            "(\"kind\", In(",
        ),
        // A name may begin with anything, and is found by all of it.
        (groups, "name=in:web,db", "(\"name\", \"in:web,db\")"),
    ] {
        let asked = format!("{path}?{query}");
        let answer = world.get(&asked, "member@a1b2c3").await;
        assert_eq!(answer.status, 200, "{asked}: {}", answer.text);
        let call = world.services.last();
        assert!(call.contains(expected), "{asked}: {call}");
    }
    for (path, query) in [
        (groups, "status=in:active,none"),
        (groups, "status=in:"),
        (groups, "status=gt:active"),
        (groups, "created_at=yesterday"),
        (groups, "created_at=gt:2026-13-24T12:00:00Z"),
        (groups, "created_at=in:2026-11-24T12:00:00Z"),
        (members, "boot_tier=gt:6"),
        (members, "boot_tier=03"),
    ] {
        let asked = format!("{path}?{query}");
        let wrong = world.get(&asked, "member@a1b2c3").await.wrong();
        let field = query.split('=').next().unwrap();
        assert!(
            wrong[0].starts_with(&format!("{field}: must be ")),
            "{wrong:?}"
        );
    }
}

#[tokio::test]
async fn a_list_tells_how_many_there_are_on_all_pages_where_that_is_asked_for() {
    let world = World::new();
    let group = "/v1/a1b2c3/protection-groups/web";
    for path in [
        "/v1/admin/sites",
        "/v1/admin/tenant-mappings",
        "/v1/a1b2c3/protection-groups",
        &format!("{group}/members"),
        "/v1/a1b2c3/operations",
    ] {
        let ask = async |query: &str| {
            let answer = world.get(&format!("{path}?{query}"), "admin@a1b2c3").await;
            assert_eq!(answer.status, 200, "{path} {query}: {}", answer.text);
            answer.json()
        };
        let all = ask("limit=1000").await;
        assert!(all.get("count").is_none(), "{path}");
        let entries = all.as_object().unwrap().values().next().unwrap().as_array();
        let expected = entries.unwrap().len();
        assert_eq!(
            ask("with_count=true&limit=1").await["count"],
            expected,
            "{path}"
        );
        assert!(ask("with_count=False").await.get("count").is_none());
    }
    let body = world
        .get(
            "/v1/a1b2c3/protection-groups?with_count=true&limit=2",
            "member@a1b2c3",
        )
        .await
        .json();
    let next = body["links"][0]["href"].as_str().unwrap();
    assert!(next.contains("with_count=true"), "{next}");
    assert_eq!(body["count"], 5);
    for no_word in ["maybe", "1", ""] {
        let path = format!("/v1/a1b2c3/protection-groups?with_count={no_word}");
        let wrong = world.get(&path, "member@a1b2c3").await.wrong();
        assert_eq!(wrong, ["with_count: must be true or false"]);
    }
}

/// A list is written out by serde, everything else by the types of the document.
#[tokio::test]
async fn a_group_in_a_list_looks_as_it_does_alone() {
    let world = World::new();
    let list = world
        .get("/v1/a1b2c3/protection-groups?limit=1", "member@a1b2c3")
        .await
        .json();
    let alone = world
        .get("/v1/a1b2c3/protection-groups/group-1", "member@a1b2c3")
        .await
        .json();
    assert_eq!(list["protection_groups"][0], alone["protection_group"]);
    assert_eq!(list["links"][0]["rel"], "next");
    let all = world
        .get("/v1/a1b2c3/protection-groups", "member@a1b2c3")
        .await
        .json();
    assert_eq!(
        all.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["protection_groups"]
    );
}
