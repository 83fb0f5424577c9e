//! What an operator writes wrong is named.

use protector_framework::serde_json::{Value, json};
use protector_framework::{DriverConfig, ErrorKind, SecretString};

use super::{Pair, ctx, env, manual_clock, registry};

fn cloud(change: impl FnOnce(&mut Value)) -> DriverConfig {
    let mut settings = json!({
        "auth_url": "mock:///cloud", "username": "protector", "project_name": "service",
        "region_name": "RegionOne", "user_domain_name": "Default",
    });
    change(&mut settings);
    DriverConfig::new(settings).secret("password", SecretString::from("marked-password"))
}

#[test]
fn a_bad_setting_of_a_cloud_is_named() {
    let registry = registry(&env(&manual_clock()));
    assert!(registry.identity("mock", cloud(|_| {})).is_ok());
    for (name, config) in [
        ("regoin", cloud(|s| s["regoin"] = json!("x"))),
        ("auth_url", cloud(|s| s["auth_url"] = json!("http://k"))),
        ("auth_url", cloud(|s| s["auth_url"] = Value::Null)),
        ("username", cloud(|s| s["username"] = Value::Null)),
        ("project_id", cloud(|s| s["project_name"] = json!(""))),
        ("auth_type", cloud(|s| s["auth_type"] = json!("token"))),
        (
            "passwort",
            cloud(|_| {}).secret("passwort", SecretString::from("x")),
        ),
    ] {
        for error in [
            registry.identity("mock", config.clone()).unwrap_err(),
            registry.compute("mock", config).unwrap_err(),
        ] {
            assert_eq!(error.kind, ErrorKind::InvalidConfig);
            assert!(!error.message.contains("marked-password"));
            // A missing URL is told by its type alone.
            let named = error.message.contains(name) || error.message.contains("null");
            assert!(named, "{name}: {}", error.message);
        }
    }
}

#[tokio::test]
async fn an_array_is_reached_with_its_url_and_token() {
    let pair = Pair::new();
    let registry = registry(&env(&pair.clock));
    let build = |config| registry.storage("mock", config);
    for (name, config) in [
        ("api_token", DriverConfig::new(json!({"url": "mock:///p"}))),
        (
            "url",
            DriverConfig::new(json!({})).secret("api_token", "x".into()),
        ),
        (
            "ulr",
            DriverConfig::new(json!({"url": "mock:///p", "ulr": 1})),
        ),
        (
            "token",
            pair.a.driver_config("x").secret("token", "x".into()),
        ),
    ] {
        let error = build(config).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidConfig);
        assert!(error.message.contains(name), "{name}: {}", error.message);
    }
    let wrong = build(pair.a.driver_config("wrong")).unwrap();
    let refused = wrong.describe(&ctx()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unauthorized);
    let nowhere = json!({"url": "mock:///no/such/array"});
    let nowhere = DriverConfig::new(nowhere).secret("api_token", "x".into());
    let missing = build(nowhere).unwrap().describe(&ctx()).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::Unreachable);
}

#[tokio::test]
async fn an_array_without_records_does_not_guess_connections() {
    let pair = Pair::new();
    pair.volumes(&["one"]);
    assert_eq!(pair.a.volumes().unwrap()[0].connected, None);
    assert!(pair.source.capabilities().connection_state);
    let url = format!("{}?connections=unknown", pair.a.url());
    let config = DriverConfig::new(json!({"url": url})).secret("api_token", super::TOKEN.into());
    let driver = registry(&env(&pair.clock)).storage("mock", config).unwrap();
    assert!(!driver.capabilities().connection_state);
    driver.describe(&ctx()).await.unwrap();
}

#[test]
fn what_a_linked_driver_logs_is_known_by_its_crate() {
    assert!(protector_framework::log_targets().contains("protector_driver_mock"));
}
