//! The outermost layer: request ids, headers that every answer has, one form for every refusal, one
//! line in the log for each request, and no panic that reaches a client.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt as _;
use poem::http::header::{CACHE_CONTROL, CONNECTION, ORIGIN, VARY};
use poem::http::{HeaderName, HeaderValue, Method, StatusCode};
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use protector_daemon::Observer;
use protector_framework::{Clock, Ids};
use tracing::Instrument as _;

use crate::cors::Cors;
use crate::failure::Failure;
use crate::gate::Asked;
use crate::listen::Ending;
use crate::microversion::{self, Microversion};
use crate::noted::{Noted, Told};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");
const MICROVERSION: HeaderName = HeaderName::from_static(microversion::HEADER);

/// A request's own id, and the one that the caller gave it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestIds {
    own: String,
    global: Option<String>,
}

impl RequestIds {
    /// Those of a request that came through the edge.
    pub(crate) fn of(request: &Request) -> Self {
        request.data::<Self>().cloned().unwrap_or_default()
    }

    /// What is sent on to other services, so that the logs of all of them can be joined.
    pub(crate) fn travels(&self) -> &str {
        self.global.as_deref().unwrap_or(&self.own)
    }
}

/// Whether a request has a body that nobody has read. What is left of it stands in the way of the next
/// request on the connection, which therefore closes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unread(Arc<AtomicBool>);

impl Unread {
    fn announced(request: &Request) -> Self {
        let length = request.header("content-length");
        let announced = length.is_some_and(|length| length.trim() != "0")
            || request.header("transfer-encoding").is_some();
        Self(Arc::new(AtomicBool::new(announced)))
    }

    /// The body of this request has been read to its end.
    pub(crate) fn read(request: &Request) {
        if let Some(Self(unread)) = request.data::<Self>() {
            unread.store(false, Ordering::Relaxed);
        }
    }
}

/// The edge around `inner`.
pub(crate) struct Edge<E> {
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ending: Ending,
    pub(crate) cors: Cors,
    /// Who tells of acts in the audit trail.
    pub(crate) observer: Observer,
    pub(crate) inner: E,
}

impl<E: Endpoint> Endpoint for Edge<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let (start, asked_at) = (self.clock.monotonic(), self.clock.now());
        let ids = RequestIds {
            own: self.ids.request_id(),
            global: request
                .header(REQUEST_ID.as_str())
                .filter(|id| is_request_id(id))
                .map(str::to_owned),
        };
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let origin = request.headers().get(ORIGIN).cloned();
        let (echoed, asked) = match Microversion::requested(request.headers()) {
            Ok(version) => (version, Ok(version)),
            Err((echoed, failure)) => (echoed.unwrap_or(Microversion::MIN), Err(failure)),
        };
        request.set_data(Asked(asked));
        request.set_data(ids.clone());
        let unread = Unread::announced(&request);
        request.set_data(unread.clone());
        let noted = Noted::default();
        request.set_data(noted.clone());
        let span = span(&ids);
        let answer = async {
            let mut response = match self.cors.preflight(&request) {
                Some(response) => response,
                None => {
                    let mut response = self.answer(request, &ids.own).await;
                    if let Some(origin) = origin {
                        self.cors.decorate(&origin, response.headers_mut());
                    }
                    response
                }
            };
            finish(&mut response, &ids.own, echoed);
            if self.ending.is_ending() || unread.0.load(Ordering::Relaxed) {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            if method == Method::HEAD {
                response.set_body(());
            }
            let took = self.clock.monotonic().saturating_sub(start);
            noted.count(response.status(), took);
            let told = Told {
                id: self.ids.uuid().to_string(),
                asked_at,
                at: self.clock.now(),
                observer: self.observer.clone(),
            };
            if let Some(event) = noted.event(response.status(), told) {
                event.write();
            }
            tracing::info!(
                target: "protector_api::access",
                %method,
                path,
                status = response.status().as_u16(),
                milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            );
            response
        };
        Ok(answer.instrument(span).await)
    }
}

impl<E: Endpoint> Edge<E> {
    /// What the layers behind say, in the common form.
    async fn answer(&self, request: Request, request_id: &str) -> Response {
        let answer = AssertUnwindSafe(self.inner.call(request))
            .catch_unwind()
            .await;
        match answer {
            Ok(Ok(response)) => answered(response.into_response(), request_id).await,
            Ok(Err(error)) => failed(error, request_id).await,
            // The panic hook has written the cause into the log, inside this span.
            Err(_panic) => Failure::internal().render(request_id),
        }
    }
}

/// What the log lines of a request belong to. Who calls is known once the token is.
fn span(ids: &RequestIds) -> tracing::Span {
    use tracing::field::Empty;
    tracing::info_span!(
        "request",
        request_id = ids.own,
        global_request_id = ids.global,
        user_id = Empty,
        project_id = Empty,
        domain_id = Empty,
        system_scope = Empty,
        user_domain_id = Empty,
        project_domain_id = Empty,
    )
}

/// `req-` and a lower-case UUID with dashes; anything else is not taken over.
fn is_request_id(id: &str) -> bool {
    let Some(uuid) = id.strip_prefix("req-") else {
        return false;
    };
    uuid::Uuid::try_parse(uuid).is_ok_and(|parsed| parsed.hyphenated().to_string() == uuid)
}

/// An error that was made into an answer within the router gets the common form too; JSON has its
/// form already.
async fn answered(mut response: Response, request_id: &str) -> Response {
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    let json = response
        .content_type()
        .is_some_and(|kind| kind.starts_with("application/json"));
    if !failed || json {
        return response;
    }
    let text = response.take_body().into_string().await.unwrap_or_default();
    plain(status, text).render(request_id)
}

async fn failed(error: poem::Error, request_id: &str) -> Response {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.render(request_id);
    }
    plain(error.status(), error.to_string()).render(request_id)
}

/// What the router and its extractors say, in the common form.
fn plain(status: StatusCode, text: String) -> Failure {
    if status.is_server_error() {
        tracing::error!(%status, error = text, "a request failed");
        return Failure::internal();
    }
    match status {
        // That an object is not there is said by a handler, in the code for that.
        StatusCode::NOT_FOUND => Failure::new(
            status,
            "protector.no_such_path",
            "There is nothing at this path.",
        ),
        StatusCode::BAD_REQUEST => Failure::bad(text),
        _ => Failure::new(status, "protector.refused", text),
    }
}

fn finish(response: &mut Response, request_id: &str, version: Microversion) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    let echoed = format!("{} {version}", microversion::SERVICE_TYPE);
    if let Ok(echoed) = HeaderValue::from_str(&echoed) {
        headers.insert(MICROVERSION, echoed);
    }
    headers.append(VARY, HeaderValue::from_static("OpenStack-API-Version"));
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
}
