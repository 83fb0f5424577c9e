//! The other Protector as a fake server, with an identity service that counts logins.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use protector_framework::{
    CallCtx, Clock as _, DriverError, Endpoint, ErrorKind, GenericUuid as _, GroupId,
    IdentityCapabilities, IdentityDriver, OperationId, Project, ProjectId, SecretString, SeededIds,
    ServiceToken, SiteId, SystemClock, TokenInfo,
};
use protector_model::site::{Account, Reach, Site, SiteStatus};
use protector_peer::{Peer as _, PeerError, PeerIdentity, Remote as _, SiteRegistry};
use serde_json::json;
use uuid::Uuid;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::HttpRemote;
use crate::http::versioned;

/// Gives out `token-1`, `token-2`, ...; a new one after each time the last was forgotten.
#[derive(Debug)]
struct Keystone {
    endpoint: String,
    region: &'static str,
    logins: AtomicUsize,
    refuses: Option<ErrorKind>,
}

#[async_trait]
impl IdentityDriver for Keystone {
    fn capabilities(&self) -> IdentityCapabilities {
        IdentityCapabilities::none()
    }

    async fn check(&self, _ctx: &CallCtx) -> protector_framework::Result<()> {
        Ok(())
    }

    async fn validate_token(
        &self,
        _ctx: &CallCtx,
        _token: &SecretString,
    ) -> protector_framework::Result<TokenInfo> {
        Err(DriverError::not_found("token"))
    }

    async fn service_token(&self, _ctx: &CallCtx) -> protector_framework::Result<ServiceToken> {
        if let Some(kind) = self.refuses {
            return Err(DriverError::new(kind, "keystone says no"));
        }
        let n = self.logins.load(Ordering::SeqCst) + 1;
        Ok(ServiceToken {
            token: format!("token-{n}").into(),
            expires_at: "2030-01-01T00:00:00Z".parse().unwrap(),
            catalog: vec![
                entry("volumev3", "public", self.region, "http://127.0.0.1:1/v3"),
                entry(
                    "protector",
                    "internal",
                    self.region,
                    "http://127.0.0.1:1/v1",
                ),
                entry("protector", "public", self.region, &self.endpoint),
            ],
        })
    }

    async fn forget_service_token(&self) {
        self.logins.fetch_add(1, Ordering::SeqCst);
    }

    async fn get_project(
        &self,
        _ctx: &CallCtx,
        id: &ProjectId,
    ) -> protector_framework::Result<Project> {
        Err(DriverError::not_found(id))
    }
}

fn entry(service_type: &str, interface: &str, region: &str, url: &str) -> Endpoint {
    Endpoint {
        service_type: service_type.to_owned(),
        interface: interface.to_owned(),
        region: region.to_owned(),
        url: url.to_owned(),
    }
}

fn site() -> Site {
    let at = "2026-11-24T12:00:00Z".parse().unwrap();
    Site {
        id: SiteId::from_untyped_uuid(Uuid::from_u128(2)),
        name: "site-b".to_owned(),
        description: String::new(),
        site_type: "fake".to_owned(),
        auth_url: "http://127.0.0.1:1".to_owned(),
        region_name: "RegionTwo".to_owned(),
        account: Account::default(),
        status: SiteStatus::Active,
        status_reason: None,
        is_local: false,
        reach: Reach::default(),
        created_at: at,
        updated_at: at,
    }
}

fn remote_at(endpoint: String, region: &'static str, refuses: Option<ErrorKind>) -> HttpRemote {
    let keystone = Keystone {
        endpoint,
        region,
        logins: AtomicUsize::new(0),
        refuses,
    };
    HttpRemote::new(
        &site(),
        Arc::new(keystone),
        Arc::new(SystemClock::new()),
        Arc::new(SeededIds::new(1)),
    )
    .unwrap()
}

async fn remote(server: &MockServer) -> HttpRemote {
    remote_at(
        format!("{}/dr/v1/0123abcd", server.uri()),
        "RegionTwo",
        None,
    )
}

fn operation() -> OperationId {
    OperationId::from_untyped_uuid(Uuid::from_u128(5))
}

fn group() -> GroupId {
    GroupId::from_untyped_uuid(Uuid::from_u128(6))
}

async fn answers(server: &MockServer, status: u16, body: serde_json::Value) {
    server.reset().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(status).set_body_json(body))
        .mount(server)
        .await;
}

#[test]
fn an_endpoint_is_cut_after_its_version() {
    for (url, kept) in [
        ("http://h:8788/v1/abc", "http://h:8788/v1"),
        ("http://h:8788/v1", "http://h:8788/v1"),
        ("http://h:8788", "http://h:8788/v1"),
        ("https://h/dr/v1/abc?x=1", "https://h/dr/v1"),
        ("https://h/dr/", "https://h/dr/v1"),
    ] {
        assert_eq!(versioned(url).as_deref(), Some(kept), "{url}");
    }
    assert_eq!(versioned("ftp://h/v1"), None);
    assert_eq!(versioned("no url"), None);
}

#[tokio::test]
async fn a_refused_token_is_fetched_anew_once() {
    let server = MockServer::start().await;
    let known = PeerIdentity {
        deployment_id: "00000000-0000-0000-0000-000000000009".parse().unwrap(),
        site_id: None,
        public_key: "aa".to_owned(),
        version: "0".to_owned(),
    };
    Mock::given(method("GET"))
        .and(path("/dr/v1/admin/peer/identity"))
        .and(header("X-Auth-Token", "token-2"))
        .respond_with(ResponseTemplate::new(200).set_body_json(&known))
        .mount(&server)
        .await;
    Mock::given(header("X-Auth-Token", "token-1"))
        .respond_with(ResponseTemplate::new(401))
        .mount(&server)
        .await;
    assert_eq!(remote(&server).await.identity().await.unwrap(), known);

    answers(&server, 401, json!({})).await;
    let refused = remote(&server).await.identity().await;
    assert!(matches!(refused, Err(PeerError::Unauthorized(_))));
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_not_there_is_told_from_a_wrong_address() {
    let server = MockServer::start().await;
    let remote = remote(&server).await;
    answers(
        &server,
        404,
        json!({"error": {"code": "protector.not_found", "message": "no"}}),
    )
    .await;
    assert_eq!(remote.get_operation(operation()).await, Ok(None));
    remote.drop_mirror(operation()).await.unwrap();
    server.reset().await;
    let stranger = remote.get_operation(operation()).await;
    assert!(
        matches!(stranger, Err(PeerError::Failed(_))),
        "{stranger:?}"
    );
}

#[tokio::test]
async fn only_the_protectors_own_word_makes_something_absent() {
    let server = MockServer::start().await;
    let remote = remote(&server).await;
    let strange = [
        ResponseTemplate::new(404).set_body_string("<html>404 page not found</html>"),
        ResponseTemplate::new(404).set_body_json(json!({"error": {"code": 404, "message": "no"}})),
        ResponseTemplate::new(404).set_body_json(json!({
            "error": {"code": 404, "message": "not a path of this service"},
            "errors": [{"code": "protector.no_such_path"}],
        })),
        ResponseTemplate::new(200).set_body_string("null"),
        ResponseTemplate::new(204),
        ResponseTemplate::new(302).insert_header("Location", "/login"),
        ResponseTemplate::new(410).set_body_json(json!({"error": {"code": 410}})),
    ];
    for answer in strange {
        server.reset().await;
        Mock::given(wiremock::matchers::any())
            .respond_with(answer)
            .mount(&server)
            .await;
        let told = remote.get_operation(operation()).await;
        assert!(told.is_err(), "{told:?}");
        let read = remote.document(group(), "aa").await;
        assert!(read.is_err(), "{read:?}");
    }
    // Nor does it make a mirror be taken back.
    let path = json!({"error": {"code": 404}, "errors": [{"code": "protector.no_such_path"}]});
    for body in [path, json!("404 page not found")] {
        answers(&server, 404, body).await;
        let dropped = remote.drop_mirror(operation()).await;
        assert!(dropped.is_err());
    }
}

#[tokio::test]
async fn a_refusal_keeps_its_words_and_a_gateway_says_nothing() {
    let server = MockServer::start().await;
    let remote = remote(&server).await;
    answers(
        &server,
        409,
        json!({"error": {"code": 409, "message": "no"},
               "errors": [{"code": "protector.busy", "detail": "an operation runs"}]}),
    )
    .await;
    let registry = SiteRegistry::default();
    assert_eq!(
        remote.put_registry(&registry).await,
        Err(PeerError::Refused {
            status: 409,
            code: "protector.busy".to_owned(),
            message: "no".to_owned(),
        })
    );
    answers(
        &server,
        403,
        json!({"error": {"code": "protector.forbidden", "message": "not you"}}),
    )
    .await;
    let refused = remote.put_registry(&registry).await;
    assert!(matches!(refused, Err(PeerError::Unauthorized(_))));
    answers(
        &server,
        503,
        json!({"error": {"code": "protector.unavailable"}}),
    )
    .await;
    let away = remote.put_registry(&registry).await;
    assert!(matches!(away, Err(PeerError::Unreachable(_))));
    answers(&server, 500, json!({})).await;
    let broken = remote.put_registry(&registry).await;
    assert!(matches!(broken, Err(PeerError::Failed(_))));
}

#[tokio::test]
async fn no_connection_no_answer_and_no_login_are_told_apart() {
    // Nobody listens on the port of a listener that is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let away = remote_at(format!("http://{address}/v1"), "RegionTwo", None);
    let error = away.heads().await.unwrap_err();
    assert!(matches!(error, PeerError::Unreachable(_)), "{error}");
    assert!(error.to_string().contains("site-b"), "{error}");

    for (kind, expected) in [
        (ErrorKind::Unauthorized, "refused this site's account"),
        (ErrorKind::Timeout, "remote site unreachable"),
    ] {
        let remote = remote_at(format!("http://{address}/v1"), "RegionTwo", Some(kind));
        let error = remote.heads().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let elsewhere = remote_at(format!("http://{address}/v1"), "RegionOne", None);
    let error = elsewhere.heads().await.unwrap_err();
    assert!(error.to_string().contains("RegionTwo"), "{error}");
}

#[tokio::test]
async fn the_probe_does_not_wait_for_a_silent_site() {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(30)))
        .mount(&server)
        .await;
    let clock = SystemClock::new();
    let error = remote(&server).await.identity().await.unwrap_err();
    assert!(matches!(error, PeerError::Unreachable(_)), "{error}");
    assert!(clock.monotonic() < Duration::from_secs(10));
}
