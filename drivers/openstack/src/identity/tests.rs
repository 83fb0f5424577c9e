//! The identity driver against a scripted Keystone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use protector_framework::{
    CreateTrust, DriverConfig, ErrorKind, ExposeSecret as _, ProjectId, SecretString, TokenScope,
    TrustId,
};
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::testing::{FakeCloud, ctx, query};

const TOKENS: &str = "/v3/auth/tokens";
const TRUSTS: &str = "/v3/OS-TRUST/trusts";

fn token() -> SecretString {
    "users-token".to_owned().into()
}

/// A token of user `u1` in project `p1` with the roles `member` and `reader`.
fn users_token() -> Value {
    json!({"token": {
        "user": {"id": "u1", "name": "jane", "domain": {"id": "default", "name": "Default"}},
        "project": {"id": "p1", "name": "web", "domain": {"id": "d1", "name": "D"}},
        "roles": [{"id": "r-m", "name": "member"}, {"id": "r-r", "name": "reader"}],
        "expires_at": "2027-01-15T09:00:00.000000Z",
        "methods": ["password"],
    }})
}

async fn cloud_with(token: Value) -> FakeCloud {
    let cloud = FakeCloud::start().await;
    cloud.says("GET", TOKENS, 200, token).await;
    cloud
}

#[tokio::test]
async fn a_token_tells_who_calls_for_what() {
    let cloud = cloud_with(users_token()).await;
    let info = cloud
        .identity()
        .validate_token(&ctx(), &token())
        .await
        .unwrap();
    assert_eq!(info.user_id.as_str(), "u1");
    assert_eq!(info.user_domain_id, "default");
    assert_eq!(
        info.scope,
        TokenScope::Project {
            id: "p1".into(),
            name: "web".into(),
            domain_id: "d1".into()
        }
    );
    assert_eq!(info.roles, ["member", "reader"]);
    assert!(!info.delegated && info.is_admin_project);
    let sent = cloud.seen("GET", TOKENS).await;
    assert_eq!(sent[0].headers["x-subject-token"], "users-token");
    assert_eq!(sent[0].headers["x-auth-token"], "marked-token-1-tenant");
    // Without this header Keystone refuses tokens with access rules instead of telling of them.
    assert_eq!(sent[0].headers["openstack-identity-access-rules"], "1");
}

#[tokio::test]
async fn the_id_of_a_trust_that_is_gone_is_not_told() {
    let id = "0123456789abcdef0123456789abcdef";
    let cloud = FakeCloud::start().await;
    let message = format!("Could not find trust: {id}.");
    let body = json!({"error": {"code": 404, "message": message, "title": "Not Found"}});
    cloud.says("GET", TOKENS, 404, body).await;
    let told = cloud.identity().validate_token(&ctx(), &token()).await;
    let error = told.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(!error.message.contains(id), "{error}");
    let shown = "Could not find trust: ********.";
    assert!(error.message.contains(shown), "{error}");
}

#[tokio::test]
async fn other_scopes_and_delegations_are_told_apart() {
    let with = |changes: Value| {
        let mut body = users_token();
        let token = body["token"].as_object_mut().unwrap();
        token.remove("project");
        for (name, value) in changes.as_object().unwrap() {
            token.insert(name.clone(), value.clone());
        }
        body
    };
    for (changes, scope, delegated) in [
        (json!({}), TokenScope::Unscoped, false),
        (json!({"system": {"all": true}}), TokenScope::System, false),
        (
            json!({"domain": {"id": "d1"}}),
            TokenScope::Domain { id: "d1".into() },
            false,
        ),
        (
            json!({"OS-TRUST:trust": {"id": "t"}}),
            TokenScope::Unscoped,
            true,
        ),
        (
            json!({"application_credential": {"id": "a"}}),
            TokenScope::Unscoped,
            true,
        ),
        (json!({"methods": ["oauth1"]}), TokenScope::Unscoped, true),
    ] {
        let cloud = cloud_with(with(changes.clone())).await;
        let info = cloud
            .identity()
            .validate_token(&ctx(), &token())
            .await
            .unwrap();
        assert_eq!(
            (info.scope, info.delegated),
            (scope, delegated),
            "{changes}"
        );
    }
}

#[tokio::test]
async fn a_bad_token_and_a_bad_account_are_told_apart() {
    let not_found = json!({"error": {"message": "no such token"}});
    let cloud = FakeCloud::start().await;
    cloud.says("GET", TOKENS, 404, not_found).await;
    let error = cloud
        .identity()
        .validate_token(&ctx(), &token())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);

    let cloud = FakeCloud::start().await;
    cloud.says("POST", TOKENS, 401, json!({})).await;
    let error = cloud
        .identity()
        .validate_token(&ctx(), &token())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert_eq!(
        cloud.identity().check(&ctx()).await.unwrap_err().kind,
        ErrorKind::Unauthorized
    );

    // A line break would end the header.
    let cloud = cloud_with(users_token()).await;
    let odd = "a\nb".to_owned().into();
    let error = cloud
        .identity()
        .validate_token(&ctx(), &odd)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn what_limits_an_application_credential_is_told() {
    for (rules, expected) in [
        (json!(null), None),
        (json!([]), Some(vec![])),
        (
            json!([{"id": "1", "service": "protector", "method": "GET", "path": "/v1/**"},
                {"path": "/"}]),
            Some(vec![("protector", "GET", "/v1/**"), ("", "", "/")]),
        ),
    ] {
        let mut body = users_token();
        body["token"]["application_credential"] = json!({"id": "a", "access_rules": rules});
        let cloud = cloud_with(body).await;
        let info = cloud.identity().validate_token(&ctx(), &token()).await;
        let told = info.unwrap().access_rules;
        let told = told.as_ref().map(|rules| {
            let rules = rules.iter();
            rules
                .map(|rule| (&*rule.service, &*rule.method, &*rule.path))
                .collect::<Vec<_>>()
        });
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn the_services_own_token_is_kept_until_it_is_forgotten() {
    let cloud = FakeCloud::start().await;
    let identity = cloud.identity();
    let first = identity.service_token(&ctx()).await.unwrap();
    let second = identity.service_token(&ctx()).await.unwrap();
    assert_eq!(first.token.expose_secret(), second.token.expose_secret());
    assert!(
        first
            .catalog
            .iter()
            .any(|entry| entry.service_type == "compute")
    );
    identity.forget_service_token().await;
    let third = identity.service_token(&ctx()).await.unwrap();
    assert_ne!(first.token.expose_secret(), third.token.expose_secret());
    assert_eq!(cloud.logins(), 2);
}

#[tokio::test]
async fn a_project_is_told_or_missing() {
    let cloud = FakeCloud::start().await;
    let body = json!({"project": {"id": "p1", "name": "web", "domain_id": "d", "enabled": false}});
    cloud.says("GET", "/v3/projects/p1", 200, body).await;
    cloud.says("GET", "/v3/projects/p2", 404, json!({})).await;
    let identity = cloud.identity();
    let project = identity
        .get_project(&ctx(), &ProjectId::from("p1"))
        .await
        .unwrap();
    assert!(project.name == "web" && !project.enabled);
    let error = identity
        .get_project(&ctx(), &ProjectId::from("p2"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

fn ask(roles: &[&str]) -> CreateTrust {
    CreateTrust {
        token: token(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
    }
}

fn trust_of(roles: Value) -> Value {
    json!({
        "id": "t1", "trustor_user_id": "u1", "trustee_user_id": "service-user",
        "project_id": "p1", "impersonation": true, "expires_at": null, "remaining_uses": null,
        "roles": roles,
    })
}

/// A Keystone that has the trust once `made` says so; its list leaves the roles out.
async fn keystone_with_trusts(made: &Arc<AtomicBool>) -> FakeCloud {
    let cloud = cloud_with(users_token()).await;
    let is_made = Arc::clone(made);
    cloud
        .on("GET", TRUSTS)
        .respond_with(move |_: &Request| {
            let mut listed = trust_of(Value::Null);
            listed.as_object_mut().unwrap().remove("roles");
            let all = if is_made.load(Ordering::SeqCst) {
                vec![listed]
            } else {
                vec![]
            };
            ResponseTemplate::new(200).set_body_json(json!({"trusts": all}))
        })
        .mount(&cloud.server)
        .await;
    let whole = json!({"trust": trust_of(json!([{"id": "r-m", "name": "member"}]))});
    cloud
        .says("GET", "/v3/OS-TRUST/trusts/t1", 200, whole)
        .await;
    cloud
}

#[tokio::test]
async fn a_trust_asks_only_for_roles_that_the_token_carries() {
    let cloud = keystone_with_trusts(&Arc::default()).await;
    let made = json!({"trust": trust_of(json!([{"id": "r-m", "name": "member"}]))});
    cloud.says("POST", TRUSTS, 201, made).await;
    let trust = cloud
        .identity()
        .create_trust(&ctx(), ask(&["member", "_member_"]))
        .await
        .unwrap();
    assert_eq!(
        (trust.id.as_str(), trust.roles),
        ("t1", vec!["member".to_owned()])
    );
    let sent = cloud.seen("POST", TRUSTS).await;
    assert_eq!(sent[0].headers["x-auth-token"], "users-token");
    assert_eq!(
        sent[0].body_json::<Value>().unwrap(),
        json!({"trust": {
            "trustor_user_id": "u1", "trustee_user_id": "service-user", "project_id": "p1",
            "impersonation": true, "allow_redelegation": false, "roles": [{"id": "r-m"}],
        }})
    );
    let list = cloud.seen("GET", TRUSTS).await;
    assert_eq!(query(&list[0], "trustor_user_id").as_deref(), Some("u1"));
}

#[tokio::test]
async fn a_trust_whose_answer_is_lost_is_found_and_not_made_twice() {
    let made = Arc::new(AtomicBool::new(false));
    let cloud = keystone_with_trusts(&made).await;
    let effect = Arc::clone(&made);
    cloud
        .loses("POST", TRUSTS, move || effect.store(true, Ordering::SeqCst))
        .await;
    let identity = cloud.identity();
    let first = identity
        .create_trust(&ctx(), ask(&["member"]))
        .await
        .unwrap();
    let again = identity
        .create_trust(&ctx(), ask(&["member"]))
        .await
        .unwrap();
    assert_eq!(first, again);
    assert_eq!(cloud.seen("POST", TRUSTS).await.len(), 1);
}

#[tokio::test]
async fn who_cannot_make_trusts_is_told_before_keystone_is_asked() {
    let mut delegated = users_token();
    delegated["token"]["application_credential"] = json!({"id": "a"});
    let mut unscoped = users_token();
    unscoped["token"].as_object_mut().unwrap().remove("project");
    for (token, roles, says) in [
        (delegated, vec!["member"], "application credential"),
        (unscoped, vec!["member"], "scoped to the project"),
        (users_token(), vec!["operator"], "carries member, reader"),
    ] {
        let cloud = cloud_with(token).await;
        let error = cloud
            .identity()
            .create_trust(&ctx(), ask(&roles))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthorized);
        assert!(error.message.contains(says), "{error}");
        assert!(cloud.changes().await.is_empty());
    }
}

#[tokio::test]
async fn a_credential_bound_to_its_project_takes_no_trusts() {
    let cloud = FakeCloud::start().await;
    let config = DriverConfig::new(json!({
        "auth_url": cloud.server.uri(),
        "auth_type": "v3applicationcredential",
        "application_credential_id": "c",
    }))
    .secret("application_credential_secret", "x".to_owned().into());
    let identity = super::build(config, cloud.env()).unwrap();
    assert!(!identity.capabilities().trusts);
    let error = identity.create_trust(&ctx(), ask(&[])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(cloud.identity().capabilities().trusts);
}

#[tokio::test]
async fn a_trust_that_is_gone_is_deleted() {
    let cloud = FakeCloud::start().await;
    cloud
        .says("DELETE", "/v3/OS-TRUST/trusts/t1", 404, json!({}))
        .await;
    cloud
        .says("DELETE", "/v3/OS-TRUST/trusts/t2", 403, json!({}))
        .await;
    let identity = cloud.identity();
    identity
        .delete_trust(&ctx(), &token(), &TrustId::from("t1"))
        .await
        .unwrap();
    let error = identity
        .delete_trust(&ctx(), &token(), &TrustId::from("t2"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(
        !format!("{error:?}").contains("t2"),
        "a trust's id is a secret: {error:?}"
    );
}
