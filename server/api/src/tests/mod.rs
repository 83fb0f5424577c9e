//! The API over its own layers, with services and an identity service that only pretend.

mod audit;
mod auth;
mod bodies;
mod cors;
mod discovery;
mod examples;
mod lists;
mod malformed;
mod pretend;
mod refusals;
mod remote;
mod rules;
mod samples;
mod shared_tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::Response;
use poem::endpoint::{BoxEndpoint, EndpointExt as _};
use poem::http::{HeaderValue, Method};
use poem::test::TestClient;
use protector_config::{Config, Policy, PolicyStore, Sources};
use protector_framework::{ManualClock, SeededIds};
use serde_json::Value;

use self::pretend::{PretendIdentity, PretendServices};
use crate::app::{Parts, endpoint};
use crate::remote::Remote;

/// Project of the members.
const PROJECT: &str = "a1b2c3";

pub(super) struct World {
    pub(super) client: TestClient<BoxEndpoint<'static, Response>>,
    pub(super) services: Arc<PretendServices>,
    pub(super) identity: Arc<PretendIdentity>,
    pub(super) clock: Arc<ManualClock>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body of a refusal, checked for its form.
    pub(super) fn refused(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/json");
        let body = self.json();
        assert_eq!(body["error"]["code"], status);
        assert!(!body["error"]["message"].as_str().unwrap().is_empty());
        let id = self.header("x-openstack-request-id");
        assert!(id.starts_with("req-"), "{id}");
        assert_eq!(body["error"]["request_id"], id);
        for entry in body["errors"].as_array().unwrap() {
            assert_eq!(entry["status"], status);
            assert_eq!(entry["request_id"], id);
            assert!(entry["code"].as_str().unwrap().starts_with("protector."));
        }
        body
    }

    pub(super) fn code(&self) -> String {
        self.json()["errors"][0]["code"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// What is wrong with each field, in order.
    pub(super) fn wrong(&self) -> Vec<String> {
        let body = self.refused(400);
        let mut lines: Vec<String> = body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["detail"].as_str().unwrap().to_owned())
            .collect();
        lines.sort();
        lines
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self::with("", Policy::in_code())
    }

    pub(super) fn with(config: &str, policy: Policy) -> Self {
        let config =
            format!("[keystone_authtoken]\nwww_authenticate_uri = http://keystone/v3\n{config}");
        let sources = Sources::from_text("protector.conf", &config).unwrap();
        let config = Config::from_sources(&sources).unwrap();
        let clock = Arc::new(ManualClock::new(now()));
        let services = Arc::new(PretendServices::default());
        let identity = Arc::new(PretendIdentity::default());
        let app = endpoint(
            &config,
            Parts {
                services: services.clone(),
                live: services.clone(),
                identity: identity.clone(),
                policy: PolicyStore::new(policy),
                remote: Remote::new(&config.policy.remote, clock.clone()).unwrap(),
                clock: clock.clone(),
                ids: Arc::new(SeededIds::new(1)),
                ending: Default::default(),
            },
        );
        Self {
            client: TestClient::new(app.boxed()),
            services,
            identity,
            clock,
        }
    }

    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        let method: Method = method.parse().unwrap();
        let mut request = self.client.request(method, path);
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request = request.header(*name, value);
        }
        if let Some(body) = body {
            request = request.body(body.to_owned());
        }
        let mut response = request.send().await.0;
        let mut headers = BTreeMap::new();
        for (name, value) in response.headers() {
            let value = value.to_str().unwrap();
            headers
                .entry(name.to_string())
                .and_modify(|all: &mut String| *all += &format!(", {value}"))
                .or_insert_with(|| value.to_owned());
        }
        Answer {
            status: response.status().as_u16(),
            headers,
            text: response.take_body().into_string().await.unwrap(),
        }
    }

    pub(super) async fn get(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, &[("X-Auth-Token", token)], None)
            .await
    }

    pub(super) async fn send(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let headers = [
            ("X-Auth-Token", token),
            ("Content-Type", "application/json"),
        ];
        self.ask(method, path, &headers, Some(&body.to_string()))
            .await
    }
}

pub(super) fn now() -> DateTime<Utc> {
    "2026-11-24T12:00:00Z".parse().unwrap()
}
