use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use protector_framework::{
    CallCtx, Clock, DriverError, ErrorKind, ExposeSecret as _, GroupId, IdentityDriver, Ids,
    OperationId, ServiceToken,
};
use protector_model::{Operation, Site};
use protector_peer::{
    ChangeReply, ForwardedAction, ForwardedChange, ForwardedGroup, ForwardedOperation, GroupHead,
    OperationView, Peer, PeerDocument, PeerError, PeerIdentity, PutDocument, PutReply, Remote,
    SiteRegistry,
};
use reqwest::Method;
use serde::Serialize;
use serde_json::json;
use url::Url;

use crate::reply::{Reply, is_absent};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(2);
/// How long a call may take, login included.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long the probe may take.
const PROBE: Duration = Duration::from_secs(3);
/// How long an idle connection is kept: less than the usual limit of a proxy.
const IDLE: Duration = Duration::from_secs(20);

/// The Protector of another site over HTTP.
///
/// Its endpoint is the public one of type `protector` in the site's region of the site's own
/// catalog, cut after `/v1`; the token is that of the site's account there. Bodies are the types of
/// `protector-peer` as JSON, without a wrapper:
///
/// | call | request | answer |
/// |---|---|---|
/// | `GET admin/peer/identity` | | `PeerIdentity` |
/// | `GET admin/peer/heads` | | list of `GroupHead` |
/// | `POST admin/peer/groups/{id}/read` | `{"public_key"}` | `PeerDocument`, or 404 |
/// | `PUT admin/peer/groups/{id}/document` | `PutDocument` | `PutReply` with 200, or with 409 |
/// | `POST admin/peer/groups` | `ForwardedGroup` | `ChangeReply` |
/// | `POST admin/peer/groups/{id}/change` | `ForwardedChange` | `ChangeReply` |
/// | `POST admin/peer/operations` | `ForwardedOperation` | `Operation` |
/// | `PUT admin/peer/operations/{id}` | `Operation` | nothing |
/// | `DELETE admin/peer/operations/{id}` | | nothing |
/// | `GET admin/peer/operations/{id}` | | `OperationView`, or 404 |
/// | `POST admin/peer/operations/{id}/action` | `ForwardedAction` | `Operation` |
/// | `PUT admin/peer/registry` | `SiteRegistry` | nothing |
///
/// A refusal is the API's normal error body. A token that is not accepted is fetched anew once.
#[derive(Debug)]
pub struct HttpRemote {
    site_id: String,
    site_name: String,
    region: String,
    identity: Arc<dyn IdentityDriver>,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl HttpRemote {
    /// The Protector of `site`, with the account of `identity` on that site.
    ///
    /// # Errors
    /// `InvalidConfig` where no TLS client can be made.
    pub fn new(
        site: &Site,
        identity: Arc<dyn IdentityDriver>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, DriverError> {
        Ok(Self {
            site_id: site.id.to_string(),
            site_name: site.name.clone(),
            region: site.region_name.clone(),
            identity,
            http: client()?,
            clock,
            ids,
        })
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        deadline: Duration,
    ) -> Result<Reply, PeerError> {
        let began = self.clock.monotonic();
        let answer = self.answer(method, path, body, deadline).await;
        let outcome = match &answer {
            Ok(reply) if reply.status < 400 => "ok",
            // It was said by the other site, and may be what was to be found out.
            Ok(_) => "refused",
            Err(PeerError::Unreachable(_)) => "unreachable",
            Err(PeerError::Unauthorized(_)) => "unauthorized",
            Err(_) => "failed",
        };
        let took = self.clock.monotonic().saturating_sub(began);
        metrics::counter!("protector_peer_calls_total", "site_id" => self.site_id.clone(),
            "outcome" => outcome)
        .increment(1);
        metrics::histogram!("protector_peer_call_seconds", "site_id" => self.site_id.clone())
            .record(took.as_secs_f64());
        answer
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        deadline: Duration,
    ) -> Result<Reply, PeerError> {
        let until = self.clock.monotonic() + deadline;
        let request_id = self.ids.request_id();
        let mut again = true;
        loop {
            let left = until.saturating_sub(self.clock.monotonic());
            let ctx = CallCtx::new(request_id.clone(), left);
            let session = self.identity.service_token(&ctx).await;
            let session = session.map_err(|error| self.no_login(&error))?;
            let url = self.endpoint(&session)?;
            let url = format!("{url}/admin/peer/{path}");
            let left = until.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return Err(self.lost("the login took all of the time"));
            }
            let mut request = self
                .http
                .request(method.clone(), &url)
                .timeout(left)
                .header("X-Auth-Token", session.token.expose_secret())
                .header("X-Openstack-Request-Id", &request_id)
                .header("Accept", "application/json");
            if let Some(body) = &body {
                request = request
                    .header("Content-Type", "application/json")
                    .body(body.clone());
            }
            let reply = self.send(request, format!("{method} {url}")).await?;
            if reply.status == 401 && again {
                self.identity.forget_service_token().await;
                again = false;
                continue;
            }
            return Ok(reply);
        }
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        call: String,
    ) -> Result<Reply, PeerError> {
        let response = request.send().await.map_err(|e| self.broken(&call, &e))?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|e| self.broken(&call, &e))?;
        tracing::debug!(%call, status, "the other site answered");
        Ok(Reply {
            call,
            status,
            body: body.to_vec(),
        })
    }

    fn endpoint(&self, session: &ServiceToken) -> Result<String, PeerError> {
        let found = session.catalog.iter().find(|endpoint| {
            endpoint.service_type == "protector"
                && endpoint.interface == "public"
                && (self.region.is_empty() || endpoint.region == self.region)
        });
        let endpoint = found.ok_or_else(|| {
            PeerError::Failed(format!(
                "the catalog of site `{}` shows no public endpoint of type `protector` in region \
                 `{}`; register it there",
                self.site_name, self.region
            ))
        })?;
        versioned(&endpoint.url).ok_or_else(|| {
            PeerError::Failed(format!(
                "the catalog of site `{}` shows `{}` for `protector`, which is no URL",
                self.site_name, endpoint.url
            ))
        })
    }

    fn no_login(&self, error: &DriverError) -> PeerError {
        let text = format!("site `{}`: {error}", self.site_name);
        match error.kind {
            ErrorKind::Unauthorized => PeerError::Unauthorized(text),
            ErrorKind::InvalidConfig | ErrorKind::Unsupported => PeerError::Failed(text),
            _ => PeerError::Unreachable(text),
        }
    }

    /// The error with what is behind it: reqwest's own text alone says little.
    fn broken(&self, call: &str, error: &reqwest::Error) -> PeerError {
        let mut text = format!("{call}: {error}");
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        self.lost(&text)
    }

    fn lost(&self, why: &str) -> PeerError {
        PeerError::Unreachable(format!("site `{}`: {why}", self.site_name))
    }

    async fn get(&self, path: &str, deadline: Duration) -> Result<Reply, PeerError> {
        self.call(Method::GET, path, None, deadline).await
    }

    async fn send_json<T: Serialize + Sync>(
        &self,
        method: Method,
        path: &str,
        body: &T,
    ) -> Result<Reply, PeerError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| PeerError::Failed(format!("{path}: {error}")))?;
        self.call(method, path, Some(body), DEADLINE).await
    }
}

#[async_trait]
impl Peer for HttpRemote {
    async fn identity(&self) -> Result<PeerIdentity, PeerError> {
        self.get("identity", PROBE).await?.read()
    }

    async fn heads(&self) -> Result<Vec<GroupHead>, PeerError> {
        self.get("heads", DEADLINE).await?.read()
    }

    async fn document(
        &self,
        group: GroupId,
        public_key: &str,
    ) -> Result<Option<PeerDocument>, PeerError> {
        let body = json!({ "public_key": public_key });
        self.send_json(Method::POST, &format!("groups/{group}/read"), &body)
            .await?
            .read_if_there()
    }

    async fn put_document(&self, put: &PutDocument) -> Result<PutReply, PeerError> {
        let document = put
            .read()
            .map_err(|why| PeerError::Failed(format!("the document cannot be sent: it {why}")))?;
        let group = document.id;
        let reply = self
            .send_json(Method::PUT, &format!("groups/{group}/document"), put)
            .await?;
        if reply.status == 409
            && let Ok(decided) = reply.parse()
        {
            return Ok(decided);
        }
        reply.read()
    }
}

#[async_trait]
impl Remote for HttpRemote {
    async fn change_group(
        &self,
        group: GroupId,
        change: &ForwardedChange,
    ) -> Result<ChangeReply, PeerError> {
        self.send_json(Method::POST, &format!("groups/{group}/change"), change)
            .await?
            .read()
    }

    async fn create_group(&self, group: &ForwardedGroup) -> Result<ChangeReply, PeerError> {
        self.send_json(Method::POST, "groups", group).await?.read()
    }

    async fn create_operation(
        &self,
        operation: &ForwardedOperation,
    ) -> Result<Operation, PeerError> {
        self.send_json(Method::POST, "operations", operation)
            .await?
            .read()
    }

    async fn put_mirror(&self, operation: &Operation) -> Result<(), PeerError> {
        let path = format!("operations/{}", operation.id);
        self.send_json(Method::PUT, &path, operation)
            .await?
            .accept()
    }

    async fn drop_mirror(&self, operation: OperationId) -> Result<(), PeerError> {
        let path = format!("operations/{operation}");
        let reply = self.call(Method::DELETE, &path, None, DEADLINE).await?;
        match reply.accept() {
            Err(error) if is_absent(&error) => Ok(()),
            other => other,
        }
    }

    async fn get_operation(&self, id: OperationId) -> Result<Option<OperationView>, PeerError> {
        self.get(&format!("operations/{id}"), DEADLINE)
            .await?
            .read_if_there()
    }

    async fn act_on_operation(
        &self,
        id: OperationId,
        action: &ForwardedAction,
    ) -> Result<Operation, PeerError> {
        self.send_json(Method::POST, &format!("operations/{id}/action"), action)
            .await?
            .read()
    }

    async fn put_registry(&self, registry: &SiteRegistry) -> Result<(), PeerError> {
        self.send_json(Method::PUT, "registry", registry)
            .await?
            .accept()
    }
}

/// The URL up to and with its `/v1`, whatever a proxy puts before it or the catalog after it; a URL
/// without a version is the service's root.
pub(crate) fn versioned(url: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let mut path = String::new();
    for segment in url.path_segments()?.take_while(|s| *s != "v1") {
        if !segment.is_empty() {
            path.push('/');
            path.push_str(segment);
        }
    }
    path.push_str("/v1");
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Some(url.into())
}

/// What every client of this crate is built from.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    // reqwest is built without a crypto provider of its own; another part of the program may have
    // installed one already, and losing that race is as good as winning it.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        rustls::crypto::ring::default_provider()
            .install_default()
            .unwrap_or(());
    }
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        // A redirect would carry the token to whatever host it names.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("protector/", env!("CARGO_PKG_VERSION")))
}

fn client() -> Result<reqwest::Client, DriverError> {
    builder().build().map_err(|error| {
        DriverError::invalid_config(format!("the TLS client cannot be made: {error}"))
    })
}
