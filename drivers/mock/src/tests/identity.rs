//! Tokens, service sessions, projects and trusts.

use std::time::Duration;

use protector_framework::{
    CreateTrust, ErrorKind, ExposeSecret, ProjectId, SecretString, ServerRef, TokenScope, TrustId,
};

use super::{World, ctx, registry};
use crate::world::{PROTECTOR_PASSWORD, PROTECTOR_USER};

#[tokio::test]
async fn a_token_says_who_calls_until_it_ends() {
    let world = World::new();
    let identity = world.identity();
    let has = &world.has;
    let token = world.cloud.issue_token(&has.user, &has.project).unwrap();
    let info = identity.validate_token(&ctx(), &token).await.unwrap();
    assert_eq!(info.user_id, has.user);
    assert_eq!(info.roles, ["member", "reader"]);
    assert!(!info.delegated);
    let TokenScope::Project { id, .. } = &info.scope else {
        panic!("{:?}", info.scope);
    };
    assert_eq!(*id, has.project);

    let system = world.cloud.issue_system_token(&has.admin).unwrap();
    let info = identity.validate_token(&ctx(), &system).await.unwrap();
    assert_eq!(info.scope, TokenScope::System);
    assert!(info.roles.contains(&"admin".to_owned()));

    let revoked = world.cloud.issue_token(&has.user, &has.project).unwrap();
    world.cloud.revoke_token(&revoked).unwrap();
    world.clock.advance(Duration::from_secs(3600));
    for token in [revoked, token, SecretString::from("invented")] {
        let refused = identity.validate_token(&ctx(), &token).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn tokens_and_passwords_are_not_in_any_file() {
    let world = World::new();
    let has = &world.has;
    let token = world.cloud.issue_token(&has.user, &has.project).unwrap();
    let mut files = 0;
    for directory in ["cloud", "pool.array"] {
        for entry in std::fs::read_dir(world.directory.path().join(directory)).unwrap() {
            let Ok(text) = std::fs::read_to_string(entry.unwrap().path()) else {
                continue;
            };
            files += 1;
            for secret in [token.expose_secret(), PROTECTOR_PASSWORD, super::TOKEN] {
                assert!(!text.contains(secret), "{secret}");
            }
        }
    }
    assert!(files >= 4);
}

#[tokio::test]
async fn the_services_session_is_kept_and_shows_the_catalog() {
    let world = World::new();
    let url = "http://127.0.0.1:1/v1/%(tenant_id)s";
    world.cloud.set_endpoint("protector", url).unwrap();
    let identity = world.identity();
    identity.check(&ctx()).await.unwrap();
    let first = identity.service_token(&ctx()).await.unwrap();
    let url = format!("http://127.0.0.1:1/v1/{}", world.has.service_project);
    assert_eq!(first.catalog.len(), 3);
    assert!(first.catalog.iter().all(|endpoint| endpoint.url == url));
    let same = |a: &SecretString, b: &SecretString| a.expose_secret() == b.expose_secret();
    let second = identity.service_token(&ctx()).await.unwrap();
    assert!(same(&first.token, &second.token));
    identity.forget_service_token().await;
    let third = identity.service_token(&ctx()).await.unwrap();
    assert!(!same(&first.token, &third.token));
    identity.validate_token(&ctx(), &third.token).await.unwrap();
    world.clock.advance(Duration::from_secs(3590));
    let fourth = identity.service_token(&ctx()).await.unwrap();
    assert!(!same(&third.token, &fourth.token));
}

#[tokio::test]
async fn a_wrong_password_is_our_own_fault() {
    let world = World::new();
    let has = &world.has;
    let token = world.cloud.issue_token(&has.user, &has.project).unwrap();
    let config = world
        .cloud
        .driver_config(PROTECTOR_USER, "wrong", &has.service_project);
    let identity = registry(&world.env).identity("mock", config).unwrap();
    for refused in [
        identity.check(&ctx()).await.unwrap_err(),
        identity.validate_token(&ctx(), &token).await.unwrap_err(),
    ] {
        assert_eq!(refused.kind, ErrorKind::Unauthorized);
    }
    world.cloud.set_down(true).unwrap();
    let dead = identity.check(&ctx()).await.unwrap_err();
    assert_eq!(dead.kind, ErrorKind::Unreachable);
}

#[tokio::test]
async fn a_project_is_looked_up() {
    let world = World::new();
    let identity = world.identity();
    let project = identity.get_project(&ctx(), &world.has.project).await;
    assert_eq!(project.unwrap().name, "tenant");
    let absent = identity
        .get_project(&ctx(), &ProjectId::from("absent"))
        .await;
    assert_eq!(absent.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_trust_passes_on_the_callers_roles_while_it_lasts() {
    let world = World::new();
    let identity = world.identity();
    let has = &world.has;
    let token = world.cloud.issue_token(&has.user, &has.project).unwrap();
    let ask = |token: &SecretString, roles: &[&str]| CreateTrust {
        token: token.clone(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
    };
    let none = identity
        .create_trust(&ctx(), ask(&token, &["_member_"]))
        .await;
    assert_eq!(none.unwrap_err().kind, ErrorKind::Unauthorized);
    let wanted = ask(&token, &["member", "_member_"]);
    let trust = identity.create_trust(&ctx(), wanted).await.unwrap();
    assert_eq!(trust.roles, ["member"]);
    assert_eq!(trust.trustee_user_id, has.service_user);
    let again = identity
        .create_trust(&ctx(), ask(&token, &["member"]))
        .await;
    assert_eq!(again.unwrap(), trust, "asked for again, it is the same");
    assert_eq!(
        world.cloud.trusts(&has.user).unwrap(),
        std::slice::from_ref(&trust.id)
    );

    let delegated = world.cloud.issue_trust_token(&trust.id).unwrap();
    let info = identity.validate_token(&ctx(), &delegated).await.unwrap();
    assert!(info.delegated);
    assert_eq!(info.user_id, has.user);
    let chained = identity
        .create_trust(&ctx(), ask(&delegated, &["member"]))
        .await;
    assert_eq!(chained.unwrap_err().kind, ErrorKind::Unauthorized);

    // With the trust the trustor's own things can be used, such as keypairs.
    let (server, _) = world.server("web");
    world.cloud.add_keypair(&has.user, "key").unwrap();
    let config = world
        .cloud
        .driver_config(PROTECTOR_USER, PROTECTOR_PASSWORD, &has.project)
        .secret("trust_id", SecretString::from(trust.id.as_str()));
    let compute = registry(&world.env).compute("mock", config).unwrap();
    let keys = protector_framework::ResourceKind::Keypair;
    assert_eq!(compute.list_resources(&ctx(), keys).await.unwrap().len(), 1);
    compute
        .get_server(&ctx(), ServerRef::new(&server))
        .await
        .unwrap();

    let absent = TrustId::from("absent");
    for id in [&trust.id, &trust.id, &absent] {
        identity.delete_trust(&ctx(), &token, id).await.unwrap();
    }
    let refused = compute.get_server(&ctx(), ServerRef::new(&server)).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Unauthorized);
    let refused = identity.validate_token(&ctx(), &delegated).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn an_application_credential_logs_in() {
    let world = World::new();
    let has = &world.has;
    let id = world
        .cloud
        .add_application_credential(&has.service_user, &has.service_project, "secret")
        .unwrap();
    let settings = protector_framework::serde_json::json!({
        "auth_url": world.cloud.auth_url(),
        "auth_type": "v3applicationcredential",
        "application_credential_id": id,
    });
    for (secret, accepted) in [("secret", true), ("wrong", false)] {
        let config = protector_framework::DriverConfig::new(settings.clone())
            .secret("application_credential_secret", SecretString::from(secret));
        let identity = registry(&world.env).identity("mock", config).unwrap();
        assert_eq!(identity.check(&ctx()).await.is_ok(), accepted);
    }
}
