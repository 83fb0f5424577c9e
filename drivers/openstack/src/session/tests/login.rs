//! Logging in, keeping the token, and finding the services.

use std::time::Duration;

use protector_framework::{DriverConfig, ErrorKind};
use serde_json::{Value, json};

use super::{session, session_of, trip};
use crate::session::{Call, Service};
use crate::settings::Scope;
use crate::testing::{FakeCloud, PASSWORD, TRUST};

const SERVERS: &str = "/compute/v2.1/servers";

fn servers() -> Call {
    Call::get(Service::Compute, ["servers"])
}

async fn login_of(config: &DriverConfig, scope: Option<Scope>) -> Value {
    let cloud = FakeCloud::start().await;
    let mut config = config.clone();
    config.settings["auth_url"] = json!(cloud.server.uri());
    let mut session = session_of(&cloud, &config);
    if let Some(scope) = scope {
        session = session.scoped(scope);
    }
    session.token(&trip(&cloud)).await.unwrap();
    let sent = cloud.seen("POST", "/v3/auth/tokens").await;
    assert_eq!(sent.len(), 1);
    assert!(!sent[0].headers.contains_key("x-auth-token"));
    sent[0].body_json().unwrap()
}

#[tokio::test]
async fn each_kind_of_account_logs_in_its_own_way() {
    let config = |settings: Value| {
        DriverConfig::new(settings)
            .secret("password", PASSWORD.to_owned().into())
            .secret(
                "application_credential_secret",
                "marked-app".to_owned().into(),
            )
    };
    let by_name = config(json!({
        "auth_url": "", "username": "u", "user_domain_name": "D",
        "project_name": "p", "project_domain_id": "d2",
    }));
    assert_eq!(
        login_of(&by_name, None).await,
        json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": "u", "domain": {"name": "D"}, "password": PASSWORD}}},
            "scope": {"project": {"name": "p", "domain": {"id": "d2"}}},
        }})
    );
    let by_id = config(json!({"auth_url": "", "user_id": "u1", "project_id": "p1"}));
    assert_eq!(
        login_of(&by_id, None).await,
        json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "id": "u1", "password": PASSWORD}}},
            "scope": {"project": {"id": "p1"}},
        }})
    );
    let credential = config(json!({
        "auth_url": "", "auth_type": "v3applicationcredential", "application_credential_id": "c1",
    }));
    assert_eq!(
        login_of(&credential, None).await,
        json!({"auth": {"identity": {
            "methods": ["application_credential"],
            "application_credential": {"id": "c1", "secret": "marked-app"},
        }}})
    );
    let trust = Scope::Trust(TRUST.to_owned().into());
    let login = login_of(&by_id, Some(trust)).await;
    assert_eq!(
        login["auth"]["scope"],
        json!({"OS-TRUST:trust": {"id": TRUST}})
    );
}

#[tokio::test]
async fn calls_that_come_together_share_one_login_until_the_token_is_old() {
    let cloud = FakeCloud::start().await;
    cloud
        .says("GET", SERVERS, 200, json!({"servers": []}))
        .await;
    let session = session(&cloud);
    let trip = trip(&cloud);
    let five = [(); 5].map(|()| session.send(&trip, servers()));
    let [a, b, c, d, e] = five;
    let (a, b, c, d, e) = tokio::join!(a, b, c, d, e);
    assert!([a, b, c, d, e].iter().all(Result::is_ok));
    assert_eq!(cloud.logins(), 1);

    cloud.clock.advance(Duration::from_secs(3600 - 119));
    session.send(&super::trip(&cloud), servers()).await.unwrap();
    assert_eq!(cloud.logins(), 2, "renewed two minutes before its end");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let cloud = FakeCloud::start().await;
    cloud.says_once("GET", SERVERS, 401, json!({})).await;
    cloud
        .says("GET", SERVERS, 200, json!({"servers": []}))
        .await;
    session(&cloud)
        .send(&trip(&cloud), servers())
        .await
        .unwrap();
    assert_eq!(cloud.logins(), 2);
    let sent = cloud.seen("GET", SERVERS).await;
    assert_ne!(
        sent[0].headers["x-auth-token"],
        sent[1].headers["x-auth-token"]
    );

    let cloud = FakeCloud::start().await;
    cloud
        .says("GET", SERVERS, 401, json!({"error": {"message": "no"}}))
        .await;
    let refused = session(&cloud).send(&trip(&cloud), servers()).await;
    assert_eq!(refused.err().unwrap().kind, ErrorKind::Unauthorized);
    assert_eq!(cloud.logins(), 2);
    assert_eq!(cloud.seen("GET", SERVERS).await.len(), 2);
}

#[tokio::test]
async fn a_refused_login_names_account_and_keystone() {
    for (status, kind) in [
        (401, ErrorKind::Unauthorized),
        (403, ErrorKind::Unauthorized),
        (404, ErrorKind::Unauthorized),
        (503, ErrorKind::Unreachable),
    ] {
        let cloud = FakeCloud::start().await;
        cloud
            .says(
                "POST",
                "/v3/auth/tokens",
                status,
                json!({"error": {"message": "why"}}),
            )
            .await;
        let error = session(&cloud).log_in(&trip(&cloud)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert_eq!(error.is_transient(), status == 503);
        assert!(error.message.contains("why"), "{error}");
        if status != 503 {
            assert!(
                error
                    .message
                    .contains("user `protector` in project `tenant`"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_service_that_the_catalog_lacks_is_a_setting_to_correct() {
    let cloud = FakeCloud::start().await;
    let mut config = cloud.config();
    config.settings["region_name"] = json!("Nowhere");
    let error = session_of(&cloud, &config)
        .send(&trip(&cloud), servers())
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::InvalidConfig);
    for part in [
        "compute service",
        "Nowhere",
        "public",
        "compute internal RegionOne",
    ] {
        assert!(error.message.contains(part), "{part}: {error}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_token() {
    let cloud = FakeCloud::start().await;
    cloud
        .on("GET", SERVERS)
        .respond_with(
            wiremock::ResponseTemplate::new(302)
                .insert_header("location", format!("{}/other", cloud.server.uri())),
        )
        .mount(&cloud.server)
        .await;
    session(&cloud)
        .send(&trip(&cloud), servers())
        .await
        .err()
        .unwrap();
    assert!(cloud.seen("GET", "/other").await.is_empty());
}
