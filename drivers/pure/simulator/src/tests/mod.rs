//! The arrays at their boundary: over real HTTPS, as clients see them.

mod life;
mod pods;
mod points;
mod replication;
mod session;

use std::sync::Arc;
use std::time::Duration;

use protector_framework::{ManualClock, SeededIds};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{ArraySpec, Control, FabricSpec, Profile, Simulator, Switches};

pub(super) const TOKEN: &str = "marked-token-4711";
pub(super) const MIB: u64 = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;

/// An answer: status and body, null when it was empty.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: u16,
    pub body: Value,
    pub headers: reqwest::header::HeaderMap,
}

impl Answer {
    /// The items of a good answer.
    pub(super) fn items(&self) -> &[Value] {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body["items"].as_array().map(Vec::as_slice).unwrap()
    }

    pub(super) fn item(&self) -> &Value {
        self.items().first().expect("an item")
    }

    pub(super) fn names(&self) -> Vec<&str> {
        let names = self.items().iter().map(|item| item["name"].as_str());
        names.collect::<Option<_>>().unwrap()
    }

    /// The message of a refusal.
    pub(super) fn refusal(&self) -> &str {
        assert_eq!(self.status, 400, "{}", self.body);
        self.body["errors"][0]["message"].as_str().unwrap()
    }
}

/// Two arrays, `fa-a` and `fa-b`, and a client that is logged in to both.
pub(super) struct Lab {
    pub simulator: Simulator,
    pub clock: Arc<ManualClock>,
    client: reqwest::Client,
    sessions: [String; 2],
    pub pools: TempDir,
}

impl Lab {
    pub(super) async fn new() -> Self {
        Self::with(Switches::default(), false).await
    }

    /// Arrays of another release.
    pub(super) async fn of(profile: Profile) -> Self {
        Self::made(profile, Switches::default(), false).await
    }

    pub(super) async fn with(switches: Switches, pools: bool) -> Self {
        Self::made(Profile::default(), switches, pools).await
    }

    async fn made(profile: Profile, switches: Switches, pools: bool) -> Self {
        let directory = TempDir::new().unwrap();
        let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
        let array = |name: &str| ArraySpec {
            name: name.to_owned(),
            profile,
            api_token: TOKEN.to_owned().into(),
            listen: "127.0.0.1:0".parse().unwrap(),
            pool: pools.then(|| directory.path().join(name)),
        };
        let spec = FabricSpec {
            arrays: vec![array("fa-a"), array("fa-b")],
            connected: true,
            control: Some("127.0.0.1:0".parse().unwrap()),
            clock: clock.clone(),
            ids: Arc::new(SeededIds::new(7)),
            switches,
        };
        let simulator = Simulator::start(spec).await.unwrap();
        let client = client(&simulator);
        let mut lab = Self {
            simulator,
            clock,
            client,
            sessions: Default::default(),
            pools: directory,
        };
        for place in 0..2 {
            lab.sessions[place] = lab.login(place).await;
        }
        lab
    }

    pub(super) fn control(&self) -> &Control {
        self.simulator.control()
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.control().advance(Duration::from_secs(seconds));
    }

    pub(super) async fn login(&self, place: usize) -> String {
        let url = format!("{}/api/2.36/login", self.simulator.arrays()[place].url());
        let answer = self
            .client
            .post(url)
            .header("api-token", TOKEN)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        answer.headers()["x-auth-token"]
            .to_str()
            .unwrap()
            .to_owned()
    }

    pub(super) async fn log_in_again(&mut self) {
        for place in 0..2 {
            self.sessions[place] = self.login(place).await;
        }
    }

    /// A call with the newest version; an error is a connection that was closed.
    pub(super) async fn try_call(
        &self,
        array: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, reqwest::Error> {
        let place = usize::from(array == "fa-b");
        let url = format!("{}/api/2.36/{path}", self.simulator.arrays()[place].url());
        let mut request = self.client.request(method, url);
        request = request.header("x-auth-token", &self.sessions[place]);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let text = answer.text().await?;
        let body = match text.is_empty() {
            true => Value::Null,
            false => serde_json::from_str(&text).unwrap(),
        };
        Ok(Answer {
            status,
            body,
            headers,
        })
    }

    async fn call(&self, array: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.try_call(array, method, path, body).await.unwrap()
    }

    pub(super) async fn get(&self, array: &str, path: &str) -> Answer {
        self.call(array, Method::GET, path, None).await
    }

    pub(super) async fn post(&self, array: &str, path: &str, body: Value) -> Answer {
        self.call(array, Method::POST, path, Some(body)).await
    }

    pub(super) async fn patch(&self, array: &str, path: &str, body: Value) -> Answer {
        self.call(array, Method::PATCH, path, Some(body)).await
    }

    pub(super) async fn put(&self, array: &str, path: &str, body: Value) -> Answer {
        self.call(array, Method::PUT, path, Some(body)).await
    }

    pub(super) async fn delete(&self, array: &str, path: &str) -> Answer {
        self.call(array, Method::DELETE, path, None).await
    }

    /// A new volume at the root of an array.
    pub(super) async fn volume(&self, array: &str, name: &str, size: u64) -> Value {
        let path = format!("volumes?names={name}&with_default_protection=false");
        let made = self
            .post(array, &path, json!({ "provisioned": size }))
            .await;
        made.item().clone()
    }

    /// A group on `fa-a` with these volumes, let in by `fa-b`.
    pub(super) async fn replicated_group(&self, name: &str, volumes: &[&str]) {
        let path = format!("protection-groups?names={name}");
        self.post("fa-a", &path, Value::Null).await.item();
        for volume in volumes {
            self.volume("fa-a", volume, GIB).await;
        }
        let members = volumes.join(",");
        let path = format!("protection-groups/volumes?group_names={name}&member_names={members}");
        self.post("fa-a", &path, Value::Null).await.item();
        let path = format!("protection-groups/targets?group_names={name}&member_names=fa-b");
        self.post("fa-a", &path, Value::Null).await.item();
        let path = format!("protection-groups/targets?group_names=fa-a:{name}");
        self.patch("fa-b", &path, json!({ "allowed": true }))
            .await
            .item();
    }

    /// Takes a point of a group and sends it.
    pub(super) async fn send(&self, group: &str, suffix: &str) {
        let path = format!("protection-group-snapshots?source_names={group}&replicate_now=true");
        self.post("fa-a", &path, json!({ "suffix": suffix }))
            .await
            .item();
    }

    pub(super) async fn transfer(&self, point: &str) -> Value {
        let path = format!("protection-group-snapshots/transfer?names=fa-a:{point}");
        self.get("fa-b", &path).await.item().clone()
    }
}

fn client(simulator: &Simulator) -> reqwest::Client {
    let builder = rustls_client();
    let builder = simulator.arrays().iter().fold(builder, |builder, array| {
        let pem = array.certificate_pem().as_bytes();
        builder.add_root_certificate(reqwest::Certificate::from_pem(pem).unwrap())
    });
    builder.build().unwrap()
}

fn rustls_client() -> reqwest::ClientBuilder {
    // Whoever comes first sets it; all set the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().timeout(Duration::from_secs(30))
}
