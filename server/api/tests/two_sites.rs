//! Two real services on loopback, each with a database, a mock cloud and a mock array of its own,
//! asked as clients ask.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;

use protector_api::{ApiHandle, ApiOptions, serve};
use protector_config::{Config, Sources};
use protector_driver_mock::world::{
    Furniture, LinkSettings, MockArray, MockCloud, PROTECTOR_PASSWORD, PROTECTOR_USER,
};
use protector_framework::{DriverEnv, ExposeSecret as _, RandomIds, Registry, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

struct Site {
    name: &'static str,
    api: ApiHandle,
    url: String,
    cloud: MockCloud,
    array: MockArray,
    has: Furniture,
    http: reqwest::Client,
}

/// reqwest is built without a provider of its own; another one may be there already.
fn client() -> reqwest::Client {
    rustls::crypto::ring::default_provider()
        .install_default()
        .unwrap_or_default();
    reqwest::Client::builder()
        .timeout(std::time::Duration::from_secs(30))
        .build()
        .unwrap()
}

async fn site(root: &std::path::Path, name: &'static str) -> Site {
    let env = DriverEnv {
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
    };
    let root = root.join(name);
    std::fs::create_dir_all(&root).unwrap();
    let array = MockArray::create(root.join("array/pool"), name, "marked-token", env.clone());
    let array = array.unwrap();
    let cloud = MockCloud::create(root.join("cloud"), "RegionOne", env.clone()).unwrap();
    let has = cloud.furnish(&array, "10.0.0.0/24").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let endpoint = format!("http://{address}/v1/%(tenant_id)s");
    cloud.set_endpoint("protector", &endpoint).unwrap();
    let config = format!(
        "[DEFAULT]\nstate_path = {root}\nhost = {name}\n\
         [database]\nconnection = sqlite:///{root}/protector.db\n\
         [keystone_authtoken]\nidentity_driver = mock\nauth_url = {auth}\n\
         username = {PROTECTOR_USER}\npassword = {PROTECTOR_PASSWORD}\nproject_name = service\n\
         user_domain_name = Default\nproject_domain_name = Default\n",
        root = root.display(),
        auth = cloud.auth_url(),
    );
    let sources = Sources::from_text("protector.conf", &config).unwrap();
    let config = Config::from_sources(&sources).unwrap();
    let database = config.database.required().unwrap();
    let url = database.url().expose_secret();
    protector_migrations::sync(url).await.unwrap();
    let api = serve(ApiOptions {
        config,
        registry: Registry::from_linked(env.clone()).unwrap(),
        clock: env.clock,
        ids: env.ids,
        listener: Some(listener),
    })
    .await
    .unwrap();
    assert_eq!(api.local_addr(), address);
    Site {
        name,
        api,
        url: format!("http://{address}"),
        cloud,
        array,
        has,
        http: client(),
    }
}

struct Answer {
    status: u16,
    location: String,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

impl Site {
    fn admin(&self) -> String {
        let token = self
            .cloud
            .issue_token(&self.has.admin, &self.has.service_project);
        token.unwrap().expose_secret().to_owned()
    }

    fn tenant(&self) -> String {
        let token = self.cloud.issue_token(&self.has.user, &self.has.project);
        token.unwrap().expose_secret().to_owned()
    }

    async fn ask(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
        let method: Method = method.parse().unwrap();
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .header("X-Auth-Token", token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let location = response.headers().get("location");
        Answer {
            status: response.status().as_u16(),
            location: location.map_or("", |l| l.to_str().unwrap()).to_owned(),
            text: response.text().await.unwrap(),
        }
    }

    async fn ok(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
        let answer = self.ask(method, path, token, body).await;
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {} {}",
            answer.status,
            answer.text
        );
        assert!(!answer.text.contains("marked"), "{}", answer.text);
        answer
    }

    fn as_site(&self) -> Value {
        json!({ "site": {
            "name": self.name, "description": "", "site_type": "mock",
            "auth_url": self.cloud.auth_url(), "region_name": "RegionOne",
            "credentials": {
                "username": PROTECTOR_USER, "password": PROTECTOR_PASSWORD,
                "user_domain_name": "Default",
                "project_name": "service", "project_domain_name": "Default",
            },
        } })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_registration_serves_both_sites_and_a_group_is_seen_on_both() {
    let directory = tempfile::tempdir().unwrap();
    let a = site(directory.path(), "site-a").await;
    let b = site(directory.path(), "site-b").await;
    a.array.link(&b.array, &LinkSettings::up()).unwrap();
    let admin = a.admin();

    // Sites, registered by calls to one API.
    for which in [&a, &b] {
        let body = which.as_site();
        let made = a
            .ok("POST", "/v1/admin/sites", &admin, Some(body.clone()))
            .await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert!(!made.text.contains(PROTECTOR_PASSWORD));
        let again = a.ok("POST", "/v1/admin/sites", &admin, Some(body)).await;
        assert_eq!(again.status, 200, "{}", again.text);
    }
    for name in ["site-a", "site-b"] {
        let path = format!("/v1/admin/sites/{name}/validate");
        let site = a.ok("POST", &path, &admin, None).await.json()["site"].clone();
        assert_eq!(site["status"], "active", "{site}");
        assert_eq!(site["is_local"], name == "site-a", "{site}");
        for service in ["keystone", "nova", "cinder", "neutron", "protector"] {
            assert_eq!(
                site[format!("{service}_reachable")],
                true,
                "{service} {site}"
            );
        }
    }
    let ids = async |at: &Site| {
        let list = at
            .ok("GET", "/v1/admin/sites?sort=name:asc", &at.admin(), None)
            .await;
        let list = list.json()["sites"].clone();
        let ids = list.as_array().unwrap().iter().map(|s| s["id"].clone());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(&a).await, ids(&b).await);
    assert_eq!(ids(&a).await.len(), 2);

    // A pair of projects, and a group of it.
    let mapping = json!({ "tenant_mapping": {
        "primary_site_id": "site-a", "primary_project_id": a.has.project.as_str(),
        "secondary_site_id": "site-b", "secondary_project_id": b.has.project.as_str(),
    } });
    a.ok("POST", "/v1/admin/tenant-mappings", &admin, Some(mapping))
        .await;
    let groups = format!("/v1/{}/protection-groups", a.has.project);
    let group = json!({ "protection_group": {
        "name": "web", "primary_site_id": "site-a", "secondary_site_id": "site-b",
        "replication_type": "async", "volume_type_id": a.has.volume_type.as_str(),
    } });
    let made = a
        .ok("POST", &groups, &a.tenant(), Some(group.clone()))
        .await;
    assert_eq!(made.status, 202, "{}", made.text);
    let shown = made.json()["protection_group"].clone();
    assert_eq!(shown["status"], "creating");
    assert_eq!(
        shown["secondary_volume_type_id"],
        b.has.volume_type.as_str()
    );
    let operation = made.json()["operation"]["id"].as_str().unwrap().to_owned();
    let path = made.location.strip_prefix(&a.url).unwrap().to_owned();
    let again = a.ok("GET", &path, &a.tenant(), None).await.json();
    assert_eq!(again["protection_group"]["id"], shown["id"]);

    // The same group and operation on the other site, in that site's project.
    let there = format!("/v1/{}/protection-groups/web", b.has.project);
    let there = b.ok("GET", &there, &b.tenant(), None).await.json();
    assert_eq!(there["protection_group"]["id"], shown["id"]);
    assert_eq!(
        there["protection_group"]["project_id"],
        b.has.project.as_str()
    );
    let path = format!("/v1/{}/operations/{operation}", b.has.project);
    let mirrored = b.ok("GET", &path, &b.tenant(), None).await.json();
    assert_eq!(mirrored["operation"]["type"], "create");
    let status = format!("{groups}/web/sync-status");
    let status = a.ok("GET", &status, &a.tenant(), None).await.json();
    assert_eq!(status["sync_status"]["status"], "in_sync", "{status}");

    // Another project sees nothing of it; a second of the name is refused.
    let taken = a.ask("POST", &groups, &a.tenant(), Some(group)).await;
    assert_eq!(taken.status, 409, "{}", taken.text);
    let other = a.ask("GET", &groups, &b.tenant(), None).await;
    assert_eq!(other.status, 401, "a token of the other Keystone");

    // Without the other site a change is refused and leaves nothing.
    let address = b.url.clone();
    b.api.abort();
    let change = json!({ "protection_group": { "description": "new" } });
    let path = format!("{groups}/web");
    let refused = a.ask("PUT", &path, &a.tenant(), Some(change)).await;
    assert_eq!(refused.status, 409, "{address}: {}", refused.text);
    let group = a.ok("GET", &path, &a.tenant(), None).await.json();
    assert_eq!(group["protection_group"]["description"], "");

    // The cloud goes away: tokens that are known still count, others are nobody's fault.
    let known = a.tenant();
    a.ok("GET", &path, &known, None).await;
    let fresh = a.tenant();
    a.cloud.set_down(true).unwrap();
    a.ok("GET", &path, &known, None).await;
    assert_eq!(a.ask("GET", &path, &fresh, None).await.status, 503);
    a.cloud.set_down(false).unwrap();

    let health = a.ok("GET", "/healthcheck", "", None).await;
    assert_eq!(health.text, "OK");
    let services = a.ok("GET", "/v1/admin/services", &admin, None).await.json();
    assert_eq!(services["services"][0]["binary"], "protector-api");
    assert_eq!(services["services"][0]["state"], "up");
    a.api.stop().await;
    let gone = a.http.get(format!("{}/healthcheck", a.url)).send().await;
    assert!(gone.is_err());
}
