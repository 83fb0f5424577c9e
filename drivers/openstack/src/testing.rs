//! A cloud on loopback that answers as a test says, for tests of this crate.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use protector_framework::{
    CallCtx, Clock, ComputeDriver, DriverConfig, DriverEnv, IdentityDriver, ManualClock, Registry,
    SeededIds,
};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockBuilder, MockServer, Request, ResponseTemplate};

/// The secrets of every test, easy to find where they must not be.
pub(crate) const PASSWORD: &str = "marked-password";
pub(crate) const TRUST: &str = "marked-trust-id";
/// Every token begins so.
pub(crate) const TOKEN: &str = "marked-token";
/// The project that drivers are scoped to.
pub(crate) const TENANT: &str = "tenant";
/// The service's own project.
pub(crate) const OWN: &str = "own";

/// A manual clock on which short waits, such as those between two attempts, pass by themselves.
/// Long ones are deadlines and wait until the clock is moved.
#[derive(Debug)]
pub(crate) struct JumpClock {
    inner: ManualClock,
    waits: Mutex<Vec<Duration>>,
}

/// The waits from here on are deadlines.
const DEADLINE: Duration = Duration::from_secs(15);

impl JumpClock {
    fn new() -> Self {
        Self {
            inner: ManualClock::new(start()),
            waits: Mutex::default(),
        }
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.inner.advance(by);
    }

    /// The short waits so far.
    pub(crate) fn waits(&self) -> Vec<Duration> {
        self.waits.lock().unwrap().clone()
    }
}

#[async_trait]
impl Clock for JumpClock {
    fn now(&self) -> DateTime<Utc> {
        self.inner.now()
    }

    fn monotonic(&self) -> Duration {
        self.inner.monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        if duration >= DEADLINE {
            return self.inner.sleep(duration).await;
        }
        self.waits.lock().unwrap().push(duration);
        self.inner.advance(duration);
    }
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// The context of every call of the tests.
pub(crate) fn ctx() -> CallCtx {
    CallCtx::new(
        "req-11111111-2222-3333-4444-555555555555",
        Duration::from_secs(60),
    )
}

pub(crate) struct FakeCloud {
    pub(crate) server: MockServer,
    pub(crate) clock: Arc<JumpClock>,
    logins: Arc<AtomicUsize>,
}

impl FakeCloud {
    /// A cloud with a Keystone, a catalog and the versions of 2025.1.
    pub(crate) async fn start() -> Self {
        Self::with_versions("2.100", "3.71").await
    }

    pub(crate) async fn with_versions(nova: &str, cinder: &str) -> Self {
        // reqwest is built without a crypto provider of its own.
        let cloud = Self {
            server: MockServer::start().await,
            clock: Arc::new(JumpClock::new()),
            logins: Arc::default(),
        };
        cloud
            .default(
                "GET",
                "/compute/v2.1/",
                json!({"version": {"id": "v2.1", "version": nova}}),
            )
            .await;
        cloud
            .default(
                "GET",
                "/volume/v3/",
                json!({"versions": [{"id": "v3.0", "version": cinder}]}),
            )
            .await;
        cloud
            .default(
                "GET",
                "/v3/auth/projects",
                json!({"projects": [
                    {"id": TENANT, "name": "web"},
                    {"id": OWN, "name": "service"},
                ]}),
            )
            .await;
        cloud.default_login().await;
        cloud
    }

    async fn default(&self, verb: &str, at: &str, body: Value) {
        Mock::given(method(verb))
            .and(path(at))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .with_priority(250)
            .mount(&self.server)
            .await;
    }

    /// Logins give `marked-token-<n>-<scope>`, so that a test sees whose token a call carried.
    async fn default_login(&self) {
        let base = self.server.uri();
        let logins = Arc::clone(&self.logins);
        self.on("POST", "/v3/auth/tokens")
            .respond_with(move |request: &Request| {
                let n = logins.fetch_add(1, Ordering::SeqCst) + 1;
                let scope = scope_of(&request.body_json().unwrap());
                ResponseTemplate::new(201)
                    .insert_header("x-subject-token", format!("{TOKEN}-{n}-{scope}"))
                    .set_body_json(token_body(&base, &scope))
            })
            .with_priority(250)
            .mount(&self.server)
            .await;
    }

    pub(crate) fn on(&self, verb: &str, at: &str) -> MockBuilder {
        Mock::given(method(verb)).and(path(at))
    }

    /// From now on this call gets this answer.
    pub(crate) async fn says(&self, verb: &str, at: &str, status: u16, body: Value) {
        self.on(verb, at)
            .respond_with(ResponseTemplate::new(status).set_body_json(body))
            .mount(&self.server)
            .await;
    }

    /// The next such call gets this answer, later ones what is said next.
    pub(crate) async fn says_once(&self, verb: &str, at: &str, status: u16, body: Value) {
        self.on(verb, at)
            .respond_with(ResponseTemplate::new(status).set_body_json(body))
            .up_to_n_times(1)
            .mount(&self.server)
            .await;
    }

    /// From now on such a call takes effect and its connection breaks before the answer.
    pub(crate) async fn loses(
        &self,
        verb: &str,
        at: &str,
        effect: impl Fn() + Send + Sync + 'static,
    ) {
        self.on(verb, at)
            .respond_with_err(move |_: &Request| {
                effect();
                std::io::Error::from(std::io::ErrorKind::ConnectionReset)
            })
            .mount(&self.server)
            .await;
    }

    /// The calls that came, in their order.
    pub(crate) async fn seen(&self, verb: &str, at: &str) -> Vec<Request> {
        let all = self.server.received_requests().await.unwrap();
        all.into_iter()
            .filter(|request| request.method.as_str() == verb && request.url.path() == at)
            .collect()
    }

    /// Every call but those of login and discovery, as `VERB /path`.
    pub(crate) async fn changes(&self) -> Vec<String> {
        let all = self.server.received_requests().await.unwrap();
        all.iter()
            .filter(|request| request.method.as_str() != "GET")
            .map(|request| format!("{} {}", request.method, request.url.path()))
            .filter(|call| call != "POST /v3/auth/tokens")
            .collect()
    }

    pub(crate) fn logins(&self) -> usize {
        self.logins.load(Ordering::SeqCst)
    }

    pub(crate) fn env(&self) -> DriverEnv {
        DriverEnv {
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            ids: Arc::new(SeededIds::new(1)),
        }
    }

    pub(crate) fn settings(&self) -> Value {
        json!({
            "auth_url": self.server.uri(),
            "region_name": "RegionOne",
            "username": "protector",
            "project_id": TENANT,
        })
    }

    pub(crate) fn config(&self) -> DriverConfig {
        DriverConfig::new(self.settings()).secret("password", PASSWORD.to_owned().into())
    }

    /// The driver without a trust.
    pub(crate) fn compute(&self) -> Arc<dyn ComputeDriver> {
        self.compute_of(self.config())
    }

    /// The driver with the owner's trust.
    pub(crate) fn trusted(&self) -> Arc<dyn ComputeDriver> {
        self.compute_of(self.config().secret("trust_id", TRUST.to_owned().into()))
    }

    fn compute_of(&self, config: DriverConfig) -> Arc<dyn ComputeDriver> {
        self.registry().compute("openstack", config).unwrap()
    }

    pub(crate) fn identity(&self) -> Arc<dyn IdentityDriver> {
        self.registry()
            .identity("openstack", self.config())
            .unwrap()
    }

    fn registry(&self) -> Registry {
        Registry::from_linked(self.env()).unwrap()
    }
}

fn scope_of(login: &Value) -> String {
    let scope = &login["auth"]["scope"];
    match &scope["project"]["id"] {
        Value::String(project) => project.clone(),
        _ if scope["OS-TRUST:trust"].is_object() => "trust".to_owned(),
        _ => TENANT.to_owned(),
    }
}

fn token_body(base: &str, scope: &str) -> Value {
    let project = if scope == "trust" { TENANT } else { scope };
    let service = |kind: &str, url: String| {
        json!({"type": kind, "endpoints": [
            {"interface": "public", "region": "RegionOne", "url": url},
            {"interface": "internal", "region": "RegionOne", "url": "http://127.0.0.1:1/internal"},
            {"interface": "public", "region": "RegionTwo", "url": "http://127.0.0.1:1/elsewhere"},
        ]})
    };
    json!({"token": {
        "expires_at": start() + TimeDelta::hours(1),
        "user": {"id": "service-user", "name": "protector", "domain": {"id": "default"}},
        "project": {"id": project, "name": project, "domain": {"id": "default"}},
        "roles": [{"id": "r1", "name": "admin"}],
        "methods": ["password"],
        "catalog": [
            service("compute", format!("{base}/compute/v2.1")),
            service("volumev3", format!("{base}/volume/v3/{project}")),
            service("network", format!("{base}/network")),
        ],
    }})
}

/// Whose token a call carried: a project's name, or `trust`.
pub(crate) fn token_of(request: &Request) -> String {
    let token = request.headers["x-auth-token"].to_str().unwrap();
    token.rsplit('-').next().unwrap().to_owned()
}

/// The value of a query field.
pub(crate) fn query(request: &Request, name: &str) -> Option<String> {
    request
        .url
        .query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
