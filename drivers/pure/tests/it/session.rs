//! Logging in, versions, limits and trust, on the wire.

use std::sync::Arc;
use std::time::Duration;

use protector_framework::{
    Clock as _, DiscardVolume, ErrorKind, GetVolume, ResolveVolume, Retry, StorageDriver,
};
use protector_pure_simulator::{Effect, Fault, Profile, Switches};
use serde_json::json;

use crate::fabric::{A, B, Fabric, TOKEN};

fn paths(fabric: &Fabric, array: &str) -> Vec<String> {
    let calls = fabric.control().calls(array);
    calls
        .into_iter()
        .map(|call| format!("{} {}", call.method, call.path))
        .collect()
}

async fn describe(fabric: &Fabric, driver: &Arc<dyn StorageDriver>) -> String {
    fabric
        .going(driver.describe(&fabric.ctx()))
        .await
        .unwrap()
        .version
}

#[tokio::test]
async fn each_release_is_spoken_to_in_its_highest_version() {
    for profile in Profile::all() {
        let fabric = Fabric::with(profile, Switches::default()).await;
        let told = describe(&fabric, &fabric.alone(A)).await;
        assert!(
            told.contains(profile.purity())
                && told.contains(&format!("REST 2.{}", profile.rest_minor())),
            "{told}"
        );
    }
}

#[tokio::test]
async fn many_calls_at_once_cause_one_login() {
    let fabric = Fabric::new().await;
    let driver = fabric.alone(A);
    let ctx = fabric.ctx();
    let all = (0..16).map(|_| driver.describe(&ctx));
    for told in fabric.going(futures::future::join_all(all)).await {
        told.unwrap();
    }
    let logins = |paths: Vec<String>| paths.iter().filter(|p| p.ends_with("/login")).count();
    assert_eq!(logins(paths(&fabric, A)), 1);
    fabric.control().expire_sessions(A).unwrap();
    let all = (0..16).map(|_| driver.describe(&ctx));
    for told in fabric.going(futures::future::join_all(all)).await {
        told.unwrap();
    }
    assert_eq!(logins(paths(&fabric, A)), 2);
}

#[tokio::test]
async fn a_session_that_ends_midway_is_renewed_once() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", b"x").await;
    let driver = fabric.driver(A);
    describe(&fabric, &driver).await;
    for after in 0..6 {
        let fault = Fault::once(A, "GET", "", Effect::status(401)).after(after);
        fabric.control().inject(fault).unwrap();
        let ensure = fabric.ensure(B);
        fabric
            .going(driver.ensure_group(&fabric.ctx(), ensure))
            .await
            .unwrap();
        fabric.control().clear_faults();
    }
    let lasting = Fault::once(A, "GET", "volumes", Effect::status(401)).times(None);
    fabric.control().inject(lasting).unwrap();
    fabric.control().clear_calls();
    let error = driver
        .get_volume(&fabric.ctx(), GetVolume::new("v"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    let calls = paths(&fabric, A);
    let asked = calls
        .iter()
        .filter(|call| call.starts_with("GET") && call.contains("volumes"));
    assert_eq!(asked.count(), 2, "{calls:?}");
}

#[tokio::test]
async fn a_wrong_token_is_told_with_what_to_do() {
    let fabric = Fabric::new().await;
    let driver = fabric
        .build(fabric.settings(A), "wrong-token-0451")
        .unwrap();
    let error = driver.describe(&fabric.ctx()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert_eq!(error.retry, Retry::Never);
    assert!(error.message.contains("Invalid API token"), "{error}");
    assert!(error.message.contains("check the API token"), "{error}");
    assert_eq!(error.remote_call.as_deref(), Some("POST login"));
}

#[tokio::test]
async fn a_limit_is_waited_for_as_long_as_the_array_says() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", b"x").await;
    let driver = fabric.alone(A);
    describe(&fabric, &driver).await;
    for header in ["Retry-After", "RateLimit-Reset"] {
        let limited = Effect::Status {
            code: 429,
            body: Some(json!({"message": "API rate limit exceeded"})),
            headers: [(header.to_owned(), "7".to_owned())].into(),
        };
        fabric
            .control()
            .inject(Fault::once(A, "GET", "volumes", limited))
            .unwrap();
        let before = fabric.clock.monotonic();
        fabric
            .going(driver.get_volume(&fabric.ctx(), GetVolume::new("v")))
            .await
            .unwrap();
        let waited = fabric.clock.monotonic() - before;
        assert!(waited >= Duration::from_secs(7), "{header}: {waited:?}");
    }
}

#[tokio::test]
async fn a_limit_beyond_the_deadline_goes_to_the_caller() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", b"x").await;
    let driver = fabric.alone(A);
    describe(&fabric, &driver).await;
    let limited = Effect::Status {
        code: 429,
        body: Some(json!({"message": "API rate limit exceeded"})),
        headers: [("Retry-After".to_owned(), "90".to_owned())].into(),
    };
    fabric
        .control()
        .inject(Fault::once(A, "GET", "volumes", limited))
        .unwrap();
    let error = fabric
        .going(driver.get_volume(&fabric.ctx(), GetVolume::new("v")))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimited);
    assert_eq!(error.retry, Retry::After(90));
    assert!(error.message.contains("API rate limit exceeded"), "{error}");
    assert!(error.remote_request_id.is_some());
}

#[tokio::test]
async fn an_overloaded_array_is_asked_again() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", b"x").await;
    let driver = fabric.alone(A);
    for effect in [
        Effect::error(500, "Server is busy"),
        Effect::status(503),
        Effect::status(502),
        Effect::DropBefore,
        Effect::DropAfter,
    ] {
        fabric
            .control()
            .inject(Fault::once(A, "GET", "volumes", effect))
            .unwrap();
        fabric
            .going(driver.get_volume(&fabric.ctx(), GetVolume::new("v")))
            .await
            .unwrap();
    }
    let broken = Effect::error(500, "Unidentified internal error.");
    fabric
        .control()
        .inject(Fault::once(A, "GET", "volumes", broken))
        .unwrap();
    let error = driver
        .get_volume(&fabric.ctx(), GetVolume::new("v"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unexpected);
    assert!(
        error.message.contains("Unidentified internal error."),
        "{error}"
    );
}

#[tokio::test]
async fn a_path_that_is_gone_makes_the_driver_look_at_the_versions() {
    let fabric = Fabric::new().await;
    let driver = fabric.alone(A);
    describe(&fabric, &driver).await;
    fabric.control().clear_calls();
    fabric
        .control()
        .inject(Fault::once(A, "GET", "arrays", Effect::status(404)))
        .unwrap();
    let error = driver.describe(&fabric.ctx()).await.unwrap_err();
    // The array serves the version all the same: the path is what it does not know.
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(paths(&fabric, A).contains(&"GET /api/api_version".to_owned()));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let fabric = Fabric::new().await;
    let driver = fabric.alone(A);
    describe(&fabric, &driver).await;
    let elsewhere = Effect::Status {
        code: 302,
        body: None,
        headers: [(
            "Location".to_owned(),
            format!(
                "https://{}/api/2.36/arrays",
                fabric.sim.array(B).unwrap().address()
            ),
        )]
        .into(),
    };
    fabric
        .control()
        .inject(Fault::once(A, "GET", "arrays", elsewhere))
        .unwrap();
    driver.describe(&fabric.ctx()).await.unwrap_err();
    assert!(fabric.control().calls(B).is_empty());
}

#[tokio::test]
async fn lists_are_read_to_their_end() {
    let fabric = Fabric::with(
        Profile::default(),
        Switches {
            page_size: 2,
            ..Switches::default()
        },
    )
    .await;
    let names = ["v-1", "v-2", "v-3", "v-4", "v-5"];
    let mut serials = Vec::new();
    for name in names {
        serials.push(fabric.volume(A, name, name.as_bytes()).await);
    }
    fabric.protect(A, &names).await;
    fabric.send(A, "p1").await;
    fabric.send(A, "p2").await;
    fabric.send(A, "p3").await;
    let points = fabric.received(B, A).await;
    assert_eq!(points.len(), 3);
    for point in points {
        let mut held: Vec<String> = point.volumes.iter().map(|v| v.serial.to_string()).collect();
        held.sort();
        serials.sort();
        assert_eq!(held, serials);
    }
}

/// An answer with status 200 and this body.
fn answer(body: serde_json::Value) -> Effect {
    Effect::Status {
        code: 200,
        body: Some(body),
        headers: Default::default(),
    }
}

#[tokio::test]
async fn a_list_without_tokens_is_read_on_by_offset() {
    let fabric = Fabric::new().await;
    let id = "11111111-0000-4000-8000-000000000001";
    let name = format!("volume-{id}-cinder");
    fabric.volume(A, &format!("other-{name}"), b"x").await;
    let serial = fabric.volume(A, &name, b"y").await;
    let driver = fabric.alone(A);
    describe(&fabric, &driver).await;
    let first = json!({
        "items": [{"id": "1", "name": format!("other-{name}"), "serial": "1"}],
        "more_items_remaining": true,
        "continuation_token": null,
    });
    let fault = Fault::once(A, "GET", "volumes", answer(first));
    fabric.control().inject(fault).unwrap();
    fabric.control().clear_calls();
    let told = driver
        .resolve_volume(&fabric.ctx(), ResolveVolume::new(id))
        .await
        .unwrap();
    assert_eq!(told.serial.as_str(), serial);
    let calls = fabric.control().calls(A);
    let asked: Vec<&str> = calls
        .iter()
        .filter(|call| call.endpoint() == "volumes")
        .map(|call| call.query.as_str())
        .collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[1].contains("offset=1"), "{asked:?}");
    assert!(asked[1].contains("filter="), "{asked:?}");
}

#[tokio::test]
async fn an_answer_without_items_is_no_empty_list() {
    let fabric = Fabric::new().await;
    let driver = fabric.alone(A);
    describe(&fabric, &driver).await;
    for body in [json!({}), json!({"items": null}), json!({"message": "hi"})] {
        let fault = Fault::once(A, "GET", "volumes", answer(body));
        fabric.control().inject(fault).unwrap();
        let error = driver
            .get_volume(&fabric.ctx(), GetVolume::new("v"))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unexpected, "{error}");
        assert!(error.message.contains("items"), "{error}");
    }
}

#[tokio::test]
async fn only_the_certificate_that_was_named_is_accepted() {
    let fabric = Fabric::new().await;
    let array = fabric.sim.array(A).unwrap();
    let url = format!("https://{}", array.address());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), array.certificate_pem()).unwrap();
    let other = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(other.path(), fabric.sim.array(B).unwrap().certificate_pem()).unwrap();
    for (verify, good) in [
        (json!({"sha256": array.certificate_sha256()}), true),
        (json!({"sha256": "ab".repeat(32)}), false),
        (json!({"ca_file": file.path()}), true),
        (json!({"ca_file": other.path()}), false),
        (json!("insecure"), true),
        (json!("system"), false),
    ] {
        let settings = json!({"url": url, "verify": verify});
        let driver = fabric.build(settings, TOKEN).unwrap();
        let told = fabric.going(driver.describe(&fabric.ctx())).await;
        assert_eq!(told.is_ok(), good, "{verify}: {told:?}");
        if let Err(error) = told {
            assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
            assert!(
                error.message.to_lowercase().contains("certificate"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_call_that_never_answers_ends_with_the_deadline() {
    let fabric = Fabric::new().await;
    let driver = fabric.alone(A);
    describe(&fabric, &driver).await;
    let hang = Effect::delay(Duration::from_secs(100_000));
    fabric
        .control()
        .inject(Fault::once(A, "GET", "volumes", hang))
        .unwrap();
    let ctx = fabric.ctx().with_deadline(Duration::from_secs(5));
    let request = ResolveVolume::new("11111111-0000-4000-8000-000000000001");
    let error = fabric
        .going(driver.resolve_volume(&ctx, request))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_volume_that_does_not_say_which_one_it_is_is_not_touched() {
    let fabric = Fabric::new().await;
    let serial = fabric.volume(A, "v", b"x").await;
    let driver = fabric.alone(A);
    describe(&fabric, &driver).await;
    for lacking in ["id", "serial"] {
        let mut item = json!({
            "id": "1", "name": "v", "serial": serial, "destroyed": false, "connection_count": 0,
        });
        item[lacking] = serde_json::Value::Null;
        let fault = Fault::once(A, "GET", "volumes", answer(json!({"items": [item]})));
        fabric.control().inject(fault).unwrap();
        fabric.control().clear_calls();
        let error = driver
            .discard_volume(&fabric.ctx(), DiscardVolume::new("v", serial.as_str()))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unexpected, "{error}");
        assert!(error.message.contains(lacking), "{error}");
        let calls = fabric.control().calls(A);
        assert!(calls.iter().all(|call| call.method == "GET"), "{calls:?}");
    }
}
