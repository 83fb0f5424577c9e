//! A cloud on loopback with a Keystone, that answers as a test says, and a Protector beside it.

use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, method, path, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// Every password begins so, and nothing else.
pub(crate) const MARK: &str = "marked-password";
/// The key that the cloud's Protector shows.
pub(crate) const KEY: &str = "ab";

pub(crate) struct Cloud {
    pub(crate) server: MockServer,
    port: u16,
}

/// What a Keystone lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lets {
    Everybody,
    /// The password is right and there is no role in the project.
    NobodyInProjects,
    Nobody,
}

impl Cloud {
    /// Healthy. `port`: that of the Protector in its catalog.
    pub(crate) async fn start(port: u16) -> Self {
        let cloud = Self {
            // One of the pool would go on listening when it is dropped.
            server: MockServer::builder().start().await,
            port,
        };
        cloud
            .default("GET", "/v3", json!({"version": {"id": "v3.14"}}))
            .await;
        for (at, body) in [
            ("/v3/auth/tokens", cloud.token(&["admin"])),
            (
                "/v3/auth/projects",
                json!({"projects": [{"id": "own", "name": "service"}]}),
            ),
            (
                "/v3/projects/own",
                json!({"project": {"id": "own", "name": "service", "domain_id": "default", "enabled": true}}),
            ),
            (
                "/compute/v2.1/",
                json!({"version": {"id": "v2.1", "version": "2.87"}}),
            ),
            ("/compute/v2.1/limits", json!({"limits": {}})),
            (
                "/volume/v3/",
                json!({"versions": [{"id": "v3.0", "version": "3.62"}]}),
            ),
            ("/volume/v3/own/limits", json!({"limits": {}})),
            ("/network/v2.0/networks", json!({"networks": []})),
            (
                "/protector/v1/admin/peer/identity",
                json!({
                    "deployment_id": "11111111-2222-3333-4444-555555555555",
                    "site_id": null,
                    "public_key": KEY.repeat(32),
                    "version": "0.1.0",
                }),
            ),
        ] {
            cloud.default("GET", at, body).await;
        }
        cloud.lets(Lets::Everybody).await;
        let nowhere = json!({"itemNotFound": {"code": 404, "message": "Host not found"}});
        cloud
            .says(
                "POST",
                "/volume/v3/own/manageable_volumes",
                404,
                nowhere,
                200,
            )
            .await;
        cloud
    }

    pub(crate) fn url(&self) -> String {
        self.server.uri()
    }

    async fn default(&self, verb: &str, at: &str, body: Value) {
        self.says(verb, at, 200, body, 250).await;
    }

    async fn says(&self, verb: &str, at: &str, status: u16, body: Value, priority: u8) {
        Mock::given(method(verb))
            .and(path(at))
            .respond_with(ResponseTemplate::new(status).set_body_json(body))
            .with_priority(priority)
            .mount(&self.server)
            .await;
    }

    /// From now on this call is refused.
    pub(crate) async fn refuses(&self, verb: &str, at: &str, status: u16) {
        let body = json!({"error": {"code": status, "message": "Policy doesn't allow it"}});
        self.says(verb, at, status, body, 1).await;
    }

    /// From now on this call gets this answer.
    pub(crate) async fn answers(&self, verb: &str, at: &str, body: Value) {
        self.says(verb, at, 200, body, 1).await;
    }

    /// From now on the account has no role in this project, so that nobody is let in there.
    pub(crate) async fn keeps_out_of(&self, project: &str) {
        let words = "The request you have made requires authentication.";
        let body = json!({"error": {"code": 401, "message": words}});
        let scope = json!({"auth": {"scope": {"project": {"id": project}}}});
        Mock::given(method("POST"))
            .and(path("/v3/auth/tokens"))
            .and(body_partial_json(scope))
            .respond_with(ResponseTemplate::new(401).set_body_json(body))
            .with_priority(1)
            .mount(&self.server)
            .await;
    }

    /// From now on the account has these roles in its own project, and Keystone lets it look at other
    /// projects as its own rules do: administrators only.
    pub(crate) async fn gives(&self, roles: &[&str]) {
        self.answers("GET", "/v3/auth/tokens", self.token(roles))
            .await;
        if !roles.contains(&"admin") {
            let body = json!({"error": {"code": 403, "message": "identity:get_project"}});
            Mock::given(method("GET"))
                .and(path_regex("^/v3/projects/"))
                .respond_with(ResponseTemplate::new(403).set_body_json(body))
                .with_priority(251)
                .mount(&self.server)
                .await;
        }
    }

    /// From now on Keystone's clock is ahead.
    pub(crate) async fn date(&self, date: &str) {
        let answer = ResponseTemplate::new(200)
            .insert_header("Date", date)
            .set_body_json(json!({"version": {"id": "v3.14"}}));
        Mock::given(method("GET"))
            .and(path("/v3"))
            .respond_with(answer)
            .with_priority(1)
            .mount(&self.server)
            .await;
    }

    pub(crate) async fn lets(&self, whom: Lets) {
        let body = self.token(&["admin"]).to_string();
        let priority = if whom == Lets::Everybody { 200 } else { 1 };
        Mock::given(method("POST"))
            .and(path("/v3/auth/tokens"))
            .respond_with(move |request: &Request| {
                let asked: Value = request.body_json().unwrap();
                let unscoped = asked["auth"]["scope"] == "unscoped";
                let refused = match whom {
                    Lets::Everybody => false,
                    Lets::NobodyInProjects => !unscoped,
                    Lets::Nobody => true,
                };
                if refused {
                    let words = "The request you have made requires authentication.";
                    let body = json!({"error": {"code": 401, "message": words}});
                    return ResponseTemplate::new(401).set_body_json(body);
                }
                // In a project that is named by its id, the catalog leads there.
                let project = asked["auth"]["scope"]["project"]["id"].as_str();
                let body = body.replace("/v3/own", &format!("/v3/{}", project.unwrap_or("own")));
                ResponseTemplate::new(201)
                    .insert_header("x-subject-token", "marked-token")
                    .set_body_raw(body, "application/json")
            })
            .with_priority(priority)
            .mount(&self.server)
            .await;
    }

    /// A token of the service's account with these roles.
    pub(crate) fn token(&self, roles: &[&str]) -> Value {
        let base = self.server.uri();
        let service = |kind: &str, url: String| {
            let endpoints = ["public", "internal"].map(
                |interface| json!({"interface": interface, "region": "RegionOne", "url": url}),
            );
            json!({"type": kind, "endpoints": endpoints})
        };
        let protector = match self.port {
            0 => format!("{base}/protector/v1/own"),
            port => format!("http://127.0.0.1:{port}/v1/own"),
        };
        let roles: Vec<_> = roles
            .iter()
            .map(|role| json!({"id": role, "name": role}))
            .collect();
        json!({"token": {
            "expires_at": "2099-01-01T00:00:00Z",
            "user": {"id": "u", "name": "protector", "domain": {"id": "default"}},
            "project": {"id": "own", "name": "service", "domain": {"id": "default"}},
            "roles": roles,
            "methods": ["password"],
            "catalog": [
                service("compute", format!("{base}/compute/v2.1")),
                service("volumev3", format!("{base}/volume/v3/own")),
                service("network", format!("{base}/network")),
                service("protector", protector),
            ],
        }})
    }
}
