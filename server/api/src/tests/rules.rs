//! The policy, route by route, as the defaults have it.

use std::collections::BTreeSet;
use std::path::Path;

use protector_config::Policy;
use serde_json::{Value, json};

use super::World;
use crate::rules;

const ID: &str = "00000000-0000-0000-0000-000000000065";

/// Who may, by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Everybody with a token of the project, and administrators.
    Tenant,
    /// Administrators.
    Admin,
    /// Administrators and the service user.
    Peer,
    /// Who may move whole sites; not just any administrator.
    SiteAdmin,
    /// Everybody with a token.
    Anybody,
}

fn who(operation: &str, path: &str) -> Who {
    match operation {
        "show_health" => Who::Anybody,
        "fail_over_site" => Who::SiteAdmin,
        "update_quota_set" | "reset_quota_set" => Who::Admin,
        _ if operation.starts_with("peer_") => Who::Peer,
        _ if path.starts_with("/v1/admin/") => Who::Admin,
        _ => Who::Tenant,
    }
}

pub(super) struct Route {
    pub(super) operation: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

/// Every operation of the document that a token is needed for, with a request that passes.
pub(super) fn routes() -> Vec<Route> {
    let document = crate::openapi_document();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            if rules::is_public(id) {
                assert!(operation.get("x-policy-rule").is_none());
                continue;
            }
            assert!(operation["x-policy-rule"].is_string(), "{method} {path}");
            let path = path
                .replace("{tenant_id}", "a1b2c3")
                .replace("{id}", if id.contains("quota") { "a1b2c3" } else { ID })
                .replace("{op}", ID)
                .replace("{member}", ID)
                .replace("{pg}", "web")
                .replace("{site}", "site-1");
            routes.push(Route {
                operation: id.to_owned(),
                method: method.to_uppercase(),
                path,
                body: body(id),
            });
        }
    }
    routes
}

fn body(operation: &str) -> Option<Value> {
    Some(match operation {
        "create_site" => json!({ "site": {
            "name": "a", "auth_url": "http://k", "region_name": "R" } }),
        "update_site" => json!({ "site": {} }),
        "fail_over_site" => json!({ "failover": { "type": "planned" } }),
        "create_tenant_mapping" => json!({ "tenant_mapping": {
            "primary_site_id": "a", "primary_project_id": "p",
            "secondary_site_id": "b", "secondary_project_id": "q" } }),
        "create_protection_group" => json!({ "protection_group": {
            "name": "web", "primary_site_id": "a", "secondary_site_id": "b",
            "replication_type": "sync", "volume_type_id": "t" } }),
        "update_protection_group" | "patch_protection_group" => json!({ "protection_group": {} }),
        "protection_group_action" => json!({ "sync": {} }),
        "operation_action" => json!({ "cancel": {} }),
        "create_member" => json!({ "member": { "server_id": "s" } }),
        "update_member" => json!({ "member": {} }),
        "member_action" => json!({ "refresh": {} }),
        "create_policy" | "update_policy" => json!({ "policy": {
            "driver": "mock", "primary_fa_url": "https://a", "secondary_fa_url": "https://b",
            "rpo_minutes": 5 } }),
        "update_resource_mappings" => json!({ "resource_mappings": [] }),
        "update_quota_set" => json!({ "quota_set": {} }),
        "peer_read_document" => json!({ "public_key": "00".repeat(32) }),
        _ => return None,
    })
}

#[tokio::test]
async fn each_route_lets_in_whom_the_defaults_say() {
    let world = World::new();
    let routes = routes();
    assert!(routes.len() > 50, "{}", routes.len());
    for route in routes {
        let expected = who(&route.operation, &route.path);
        for (token, allowed) in [
            (
                "member@a1b2c3",
                matches!(expected, Who::Tenant | Who::Anybody),
            ),
            (
                "reader@a1b2c3",
                matches!(expected, Who::Tenant | Who::Anybody),
            ),
            ("member@other", expected == Who::Anybody),
            ("admin@a1b2c3", expected != Who::SiteAdmin),
            ("admin@other", expected != Who::SiteAdmin),
            (
                "admin@system",
                !matches!(expected, Who::Tenant | Who::SiteAdmin)
                    || route.operation == "show_quota_set",
            ),
            (
                "service@services",
                matches!(expected, Who::Peer | Who::Anybody),
            ),
            (
                "dr_site_admin@other",
                matches!(expected, Who::SiteAdmin | Who::Anybody),
            ),
            (
                "dr_site_admin@system",
                matches!(expected, Who::SiteAdmin | Who::Anybody),
            ),
        ] {
            let text = route.body.as_ref().map(Value::to_string);
            let answer = world
                .ask(
                    &route.method,
                    &route.path,
                    &[("X-Auth-Token", token)],
                    text.as_deref(),
                )
                .await;
            let refused = answer.status == 403;
            assert_eq!(
                refused, !allowed,
                "{} {} {} as {token}: {} {}",
                route.operation, route.method, route.path, answer.status, answer.text
            );
            assert_ne!(answer.status, 401);
            assert_ne!(answer.status, 405);
            assert!(answer.status < 500, "{}: {}", route.operation, answer.text);
        }
    }
}

#[test]
fn the_tables_name_what_there_is() {
    let document = crate::openapi_document();
    let mut there = BTreeSet::new();
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            there.insert(operation["operationId"].as_str().unwrap().to_owned());
        }
    }
    let known: BTreeSet<&str> = protector_config::defaults()
        .iter()
        .map(|r| r.name)
        .collect();
    for (operation, rule) in rules::RULES {
        assert!(there.contains(*operation), "{operation} is not served");
        if let Some(prefix) = rule.strip_suffix(":*") {
            assert!(known.contains(prefix));
        } else {
            assert!(known.contains(rule), "{rule} has no default");
        }
    }
    for list in crate::listing::LISTS {
        assert!(there.contains(list.operation), "{}", list.operation);
    }
    for action in [
        "failover",
        "failback",
        "test_failover",
        "test_cleanup",
        "sync",
        "reprotect",
        "cleanup",
        "reset",
        "cancel",
        "retry",
        "skip",
    ] {
        let rule = format!("protector:operations:action:{action}");
        assert!(known.contains(rule.as_str()), "{rule}");
    }
}

#[tokio::test]
async fn a_test_can_be_allowed_where_a_failover_is_not() {
    let yaml = "\"protector:operations:action\": \"role:admin\"\n\
                \"protector:operations:action:test_failover\": \"role:tester\"\n";
    let world = World::with(
        "",
        Policy::from_yaml(Path::new("policy.yaml"), yaml).unwrap(),
    );
    let path = "/v1/a1b2c3/protection-groups/web/action";
    let test = json!({ "test_failover": {} });
    let real = json!({ "failover": {} });
    let answer = world.send("POST", path, "tester@a1b2c3", &test).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let answer = world.send("POST", path, "tester@a1b2c3", &real).await;
    let body = answer.refused(403);
    assert_eq!(
        body["error"]["message"],
        "Policy doesn't allow protector:operations:action:failover to be performed."
    );
    let answer = world.send("POST", path, "admin@a1b2c3", &real).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
}

#[tokio::test]
async fn policy_is_asked_before_the_body_is_looked_at() {
    let world = World::new();
    let body = json!({ "nonsense": 1 });
    let answer = world
        .send("POST", "/v1/admin/sites", "member@a1b2c3", &body)
        .await;
    answer.refused(403);
}

#[tokio::test]
async fn an_administrator_of_the_policy_file_is_one() {
    let yaml = "\"context_is_admin\": \"role:cloud_admin\"\n";
    let world = World::with(
        "",
        Policy::from_yaml(Path::new("policy.yaml"), yaml).unwrap(),
    );
    let other = "/v1/other/protection-groups";
    assert_eq!(world.get(other, "cloud_admin@a1b2c3").await.status, 200);
    assert_eq!(world.get(other, "admin@a1b2c3").await.status, 403);
}
