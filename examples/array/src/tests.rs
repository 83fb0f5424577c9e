//! The array as a driver's author sees it: over HTTP.

use std::sync::Arc;
use std::time::Duration;

use protector_driver_mock::world::{Fault, MockArray, Rule, Script};
use protector_framework::{DriverEnv, ErrorKind, RandomIds, SystemClock};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Shelf;
use crate::request::MAX_BODY;

const TOKEN: &str = "test-token";

struct Stage {
    array: MockArray,
    shelf: Shelf,
    http: Client,
    _directory: TempDir,
}

impl Stage {
    async fn new() -> Self {
        // Another provider may be installed already; then that one serves.
        drop(rustls::crypto::ring::default_provider().install_default());
        let directory = tempfile::tempdir().unwrap();
        let env = DriverEnv {
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(RandomIds),
        };
        let pool = directory.path().join("pool");
        let array = MockArray::create(pool, "shelf-1", TOKEN, env.clone()).unwrap();
        let any_port = ([127, 0, 0, 1], 0).into();
        let shelf = Shelf::start(array.clone(), env, any_port).await.unwrap();
        Self {
            array,
            shelf,
            http: Client::builder().no_proxy().build().unwrap(),
            _directory: directory,
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.shelf.url());
        self.http
            .request(method, url)
            .header("x-shelf-token", TOKEN)
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(method, path).json(&body);
        told(request.send().await.unwrap()).await
    }

    fn strikes(&self, fault: Fault) {
        let rules = vec![Rule::new("*", fault)];
        self.array.set_faults(&Script { rules }).unwrap();
    }
}

async fn told(reply: Response) -> (u16, Value) {
    let status = reply.status().as_u16();
    let text = reply.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_the_token_is_answered_with_its_request_id() {
    let stage = Stage::new().await;
    let request = stage.request(Method::GET, "/array");
    let reply = request
        .header("x-request-id", "req-7")
        .send()
        .await
        .unwrap();
    assert_eq!(reply.headers()["x-request-id"], "req-7");
    let (status, body) = told(reply).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["name"], "shelf-1");

    let url = format!("{}/array", stage.shelf.url());
    let reply = stage.http.get(url).send().await.unwrap();
    assert!(reply.headers().contains_key("x-request-id"));
    let (status, body) = told(reply).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (401, &json!("unauthorized"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_says_why() {
    let stage = Stage::new().await;
    let long = json!({"document": "x".repeat(MAX_BODY)});
    let copy = json!({
        "name": "copy", "from": {"group": "g", "point": "p", "serial": "s"}, "tag": "not a UUID",
    });
    for (method, path, body, status, code) in [
        (Method::GET, "/volumes/nobody", json!({}), 404, "not_found"),
        (Method::GET, "/links/stranger", json!({}), 404, "not_found"),
        (Method::GET, "/nothing/here", json!({}), 404, "no_such_call"),
        (Method::PATCH, "/array", json!({}), 404, "no_such_call"),
        (Method::DELETE, "/volumes/v", json!({}), 400, "bad_request"),
        (
            Method::PUT,
            "/groups/g/document",
            json!({"no": 1}),
            400,
            "bad_request",
        ),
        (Method::POST, "/volumes", copy, 400, "bad_request"),
        (Method::PUT, "/groups/g/document", long, 413, "too_large"),
    ] {
        let shown = format!("{method} {path}");
        let (found, body) = stage.call(method, path, body).await;
        assert_eq!(
            (found, &body["error"]["code"]),
            (status, &json!(code)),
            "{shown}: {body}"
        );
        assert!(body["error"]["message"].is_string(), "{shown}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_array_says_when_to_come_again() {
    let stage = Stage::new().await;
    for (kind, status) in [(ErrorKind::Busy, 503), (ErrorKind::RateLimited, 429)] {
        let message = "not now".to_owned();
        stage.strikes(Fault::Error { kind, message });
        let reply = stage.request(Method::GET, "/array").send().await.unwrap();
        assert_eq!(reply.status().as_u16(), status);
        assert_eq!(reply.headers()["retry-after"], "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_is_got_by_a_name_of_any_letters() {
    let stage = Stage::new().await;
    stage.array.create_volume("a b%2F?é", 4096).unwrap();
    let (status, body) = stage
        .call(Method::GET, "/volumes/a%20b%252F%3F%C3%A9", Value::Null)
        .await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        (&body["name"], &body["size"]),
        (&json!("a b%2F?é"), &json!(4096))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_closes_and_an_array_that_is_off_answers_nobody() {
    let stage = Stage::new().await;
    stage.strikes(Fault::LostReply);
    let broken = stage.request(Method::GET, "/array").send().await;
    assert!(broken.unwrap_err().is_request());
    stage.array.set_faults(&Script::default()).unwrap();
    stage.array.set_down(true).unwrap();
    let broken = stage.request(Method::GET, "/array").send().await;
    assert!(broken.unwrap_err().is_request());
    stage.array.set_down(false).unwrap();
    let (status, _) = stage.call(Method::GET, "/array", Value::Null).await;
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_hangs_stays_open_and_others_are_answered() {
    let stage = Stage::new().await;
    stage.strikes(Fault::Hang);
    let hanging = stage.request(Method::GET, "/array");
    let hanging = hanging.timeout(Duration::from_millis(300)).send();
    assert!(hanging.await.unwrap_err().is_timeout());
    stage.array.set_faults(&Script::default()).unwrap();
    let (status, _) = stage.call(Method::GET, "/array", Value::Null).await;
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shelf_that_is_dropped_listens_no_more() {
    let stage = Stage::new().await;
    let url = format!("{}/array", stage.shelf.url());
    assert_eq!(stage.http.get(&url).send().await.unwrap().status(), 401);
    drop(stage.shelf);
    // The listener ends with its task, which is a moment later.
    while stage.http.get(&url).send().await.is_ok() {
        tokio::task::yield_now().await;
    }
}
