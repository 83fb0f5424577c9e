//! Versions, login, sessions, headers, errors of the transport.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Lab, TOKEN};
use crate::{Effect, Fault};

#[tokio::test]
async fn versions_need_no_login_and_ascend() {
    let lab = Lab::new().await;
    let url = format!("{}/api/api_version", lab.simulator.arrays()[0].url());
    let answer: Value = lab
        .client
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let versions = answer["version"].as_array().unwrap();
    assert_eq!(versions.first().unwrap(), "1.0");
    assert_eq!(versions.last().unwrap(), "2.36");
}

#[tokio::test]
async fn a_bad_token_and_no_session_are_401() {
    let lab = Lab::new().await;
    let base = lab.simulator.arrays()[0].url();
    let login = lab
        .client
        .post(format!("{base}/api/2.36/login"))
        .header("api-token", "wrong");
    assert_eq!(
        login.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let bare = lab
        .client
        .get(format!("{base}/api/2.36/arrays"))
        .send()
        .await
        .unwrap();
    assert_eq!(bare.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_user_logs_in_with_a_password_where_the_array_is_new_enough() {
    for (profile, minor, expected) in [("6.10.0", 47, 200), ("6.10.0", 42, 401)] {
        let lab = Lab::of(profile.parse().unwrap()).await;
        let base = lab.simulator.arrays()[0].url();
        let login = async |user: &str, password: &str| {
            let body = json!({"username": user, "password": password});
            let url = format!("{base}/api/2.{minor}/login");
            let answer = lab.client.post(url).json(&body).send().await.unwrap();
            let has_session = answer.headers().contains_key("x-auth-token");
            assert_eq!(has_session, answer.status() == StatusCode::OK);
            answer.status().as_u16()
        };
        assert_eq!(login("pureuser", TOKEN).await, expected);
        assert_eq!(login("pureuser", "wrong").await, 401);
        assert_eq!(login("somebody", TOKEN).await, 401);
        assert!(!format!("{:?}", lab.control().calls("fa-a")).contains(TOKEN));
    }
}

#[tokio::test]
async fn what_nobody_knows_of_sessions_is_a_switch() {
    let lab = Lab::new().await;
    lab.control().change_switches(|s| {
        s.sessions_end = false;
        s.bad_login_status = 403;
    });
    lab.advance(7200);
    assert_eq!(lab.get("fa-a", "arrays").await.status, 200);
    let url = format!("{}/api/2.36/login", lab.simulator.arrays()[0].url());
    let login = lab.client.post(url).header("api-token", "wrong");
    assert_eq!(login.send().await.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_session_ends_by_logout_idleness_and_force() {
    let mut lab = Lab::new().await;
    assert_eq!(lab.get("fa-a", "arrays").await.status, 200);
    assert_eq!(lab.post("fa-a", "logout", Value::Null).await.status, 200);
    assert_eq!(lab.get("fa-a", "arrays").await.status, 401);
    lab.log_in_again().await;
    lab.advance(1799);
    assert_eq!(lab.get("fa-a", "arrays").await.status, 200);
    lab.advance(1800);
    assert_eq!(lab.get("fa-a", "arrays").await.status, 401);
    lab.log_in_again().await;
    lab.control().expire_sessions("fa-a").unwrap();
    assert_eq!(lab.get("fa-a", "arrays").await.status, 401);
    assert_eq!(lab.get("fa-b", "arrays").await.status, 200);
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_says_json() {
    let lab = Lab::new().await;
    let url = format!("{}/api/api_version", lab.simulator.arrays()[0].url());
    let answer = lab
        .client
        .get(url)
        .header("X-Request-ID", "mine")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-request-id"], "mine");
    let answer = lab.get("fa-a", "volumes?names=none").await;
    assert!(!answer.headers["x-request-id"].is_empty());
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.refusal(), "Volume does not exist.");
    assert_eq!(answer.body["errors"][0]["context"], "none");
}

#[tokio::test]
async fn unknown_paths_and_versions_are_404() {
    let lab = Lab::new().await;
    let answer = lab.get("fa-a", "no-such-thing").await;
    assert_eq!(answer.status, 404);
    assert!(answer.body["errors"].is_array());
    for version in ["2.12", "2.50", "3.0"] {
        let url = format!("{}/api/{version}/arrays", lab.simulator.arrays()[0].url());
        assert_eq!(
            lab.client.get(url).send().await.unwrap().status(),
            StatusCode::NOT_FOUND
        );
    }
}

#[tokio::test]
async fn faults_have_the_shape_of_their_status() {
    let lab = Lab::new().await;
    for (status, member) in [
        (403, "message"),
        (429, "message"),
        (500, "errors"),
        (503, "errors"),
    ] {
        let fault = Fault::once("fa-a", "GET", "volumes", Effect::status(status));
        lab.control().inject(fault).unwrap();
        let answer = lab.get("fa-a", "volumes").await;
        assert_eq!(answer.status, status);
        assert!(!answer.body[member].is_null(), "{}", answer.body);
        assert_eq!(lab.get("fa-a", "volumes").await.status, 200);
    }
}

#[tokio::test]
async fn a_lost_answer_is_of_a_call_that_was_done_once() {
    let lab = Lab::new().await;
    let body = json!({ "provisioned": 1 << 20 });
    for (effect, done) in [(Effect::DropBefore, false), (Effect::DropAfter, true)] {
        lab.control()
            .inject(Fault::once("fa-a", "POST", "volumes", effect))
            .unwrap();
        let lost = lab
            .try_call("fa-a", Method::POST, "volumes?names=v", Some(body.clone()))
            .await;
        assert!(lost.is_err());
        assert_eq!(
            lab.get("fa-a", "volumes").await.items().len(),
            usize::from(done)
        );
    }
    let calls = lab.control().calls("fa-a");
    let posts: Vec<_> = calls
        .iter()
        .filter(|call| call.endpoint() == "volumes" && call.method == "POST")
        .collect();
    assert_eq!(
        posts.iter().map(|call| call.status).collect::<Vec<_>>(),
        [None, Some(200)]
    );
    assert_eq!(posts[1].query, "names=v");
    assert_eq!(posts[1].body, body);
    let again = lab.post("fa-a", "volumes?names=v", body).await;
    assert_eq!(again.refusal(), "Volume already exists.");
}

#[tokio::test]
async fn a_delayed_answer_waits_for_the_clock() {
    let lab = Lab::new().await;
    let fault = Fault::once(
        "fa-a",
        "GET",
        "arrays",
        Effect::delay(Duration::from_secs(5)),
    );
    lab.control().inject(fault).unwrap();
    let wake = async {
        while lab.clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        lab.clock.advance(Duration::from_secs(5));
    };
    let (answer, ()) = tokio::join!(lab.get("fa-a", "arrays"), wake);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn an_array_without_power_answers_nobody() {
    let lab = Lab::new().await;
    lab.control().set_power("fa-a", false).unwrap();
    assert!(
        lab.try_call("fa-a", Method::GET, "arrays", None)
            .await
            .is_err()
    );
    let connection = lab.get("fa-b", "array-connections?names=fa-a").await;
    assert_eq!(connection.item()["status"], "connecting");
    lab.control().set_power("fa-a", true).unwrap();
    assert_eq!(lab.get("fa-a", "arrays").await.status, 200);
}

/// Everything that is logged, at every level.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    // Calls run on threads of their own, so it has to be every thread's.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let lab = Lab::new().await;
    lab.volume("fa-a", "marked-volume", 1 << 20).await;
    let key = lab.get("fa-b", "array-connections/connection-key").await;
    let key = key.item()["connection_key"].as_str().unwrap().to_owned();
    let body = json!({ "management_address": "none", "connection_key": key });
    lab.post("fa-a", "array-connections", body).await.refusal();
    lab.post(
        "fa-a",
        "login",
        json!({ "username": "u", "password": "marked-password" }),
    )
    .await;
    lab.post("fa-a", "logout", Value::Null).await;
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(log.contains("array-connections"));
    let remembered = format!("{:?}", lab.control().calls("fa-a"));
    for secret in [
        TOKEN,
        &lab.sessions[0],
        &lab.sessions[1],
        &key,
        "marked-password",
    ] {
        assert!(
            !log.contains(secret) && !remembered.contains(secret),
            "{secret}"
        );
    }
}

#[tokio::test]
async fn no_secret_is_remembered() {
    let lab = Lab::new().await;
    let calls = format!("{:?} {}", lab.control().calls("fa-a"), lab.control().dump());
    assert!(!calls.contains(TOKEN) && !calls.contains(&lab.sessions[0]));
}

#[tokio::test]
async fn the_control_api_speaks_http_too() {
    let lab = Lab::new().await;
    lab.volume("fa-a", "v", 1 << 20).await;
    let base = format!("http://{}", lab.simulator.control_address().unwrap());
    let post = async |path: &str, body: Value| {
        let answer = lab
            .client
            .post(format!("{base}/{path}"))
            .json(&body)
            .send()
            .await
            .unwrap();
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.unwrap(),
        )
    };
    let write = json!({ "array": "fa-a", "volume": "v", "offset": 3, "hex": "0102" });
    assert_eq!(post("write_volume", write).await, (200, Value::Null));
    let read = json!({ "array": "fa-a", "name": "v", "offset": 2, "length": 4 });
    assert_eq!(
        post("read_volume", read).await,
        (200, json!({ "hex": "00010200" }))
    );
    let switches = post("change_switches", json!({ "page_size": 7 })).await;
    assert_eq!(switches.1["page_size"], 7);
    assert_eq!(lab.control().switches().page_size, 7);
    let unknown = post(
        "set_link",
        json!({ "a": "fa-a", "b": "none", "state": "down" }),
    )
    .await;
    assert_eq!(unknown.0, 400);
    assert!(unknown.1["error"].as_str().unwrap().contains("none"));
}
