//! `GET /metrics`, and nothing else.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use protector_db::{Db, DbError};
use protector_framework::Clock;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::exposition::Exposition;
use super::site;

/// Connections at the same time: a few servers ask, every few seconds.
const CONNECTIONS: usize = 32;
/// How long a client may take to ask, and be idle between two questions.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long the database may take; Prometheus gives up after ten seconds.
const READ: Duration = Duration::from_secs(8);
/// The wait after a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(100);

const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where what is shown comes from.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) counted: PrometheusHandle,
    pub(super) db: Db,
    pub(super) clock: Arc<dyn Clock>,
}

impl Source {
    /// All of it. Without the database it is less, and says so.
    async fn text(&self) -> String {
        let read = tokio::select! {
            read = site::read(&self.db, self.clock.now()) => read,
            () = self.clock.sleep(READ) => {
                Err(DbError::Unreachable(format!("no answer within {} s", READ.as_secs())))
            }
        };
        let mut own = Exposition::default();
        let info = &[("version", env!("CARGO_PKG_VERSION"))];
        own.gauge(
            "protector_build_info",
            "The version of this process; always 1.",
        )
        .add(info, 1.0);
        own.gauge(
            "protector_database_up",
            "Whether the database answered this question.",
        )
        .add(&[], f64::from(u8::from(read.is_ok())));
        let held = read.unwrap_or_else(|error| {
            tracing::warn!(%error, "metrics are shown without what the database holds");
            String::new()
        });
        format!("{}{held}{}", own.into_text(), self.counted.render())
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/metrics") => {
                let text = match *request.method() == Method::GET {
                    true => self.text().await,
                    false => String::new(),
                };
                with(StatusCode::OK, CONTENT_TYPE, FORMAT, text)
            }
            (_, "/metrics") => with(
                StatusCode::METHOD_NOT_ALLOWED,
                ALLOW,
                "GET, HEAD",
                String::new(),
            ),
            _ => with(
                StatusCode::NOT_FOUND,
                CONTENT_TYPE,
                "text/plain; charset=utf-8",
                "There is only /metrics here.\n".to_owned(),
            ),
        }
    }
}

fn with(
    status: StatusCode,
    name: hyper::header::HeaderName,
    value: &'static str,
    text: String,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let value = hyper::header::HeaderValue::from_static(value);
    response.headers_mut().insert(name, value);
    response
}

/// Serves until its task is ended.
pub(super) async fn run(listener: TcpListener, source: Source) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = open.join_next() => {}
            taken = listener.accept() => match taken {
                Ok((stream, _)) if open.len() < CONNECTIONS => {
                    open.spawn(connection(stream, source.clone()));
                }
                // It is closed: whoever has that many open does not look at metrics.
                Ok(_) => tracing::warn!("too many ask for metrics at the same time"),
                Err(error) => {
                    tracing::error!(%error, "a connection for metrics could not be taken");
                    source.clock.sleep(PAUSE).await;
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, source: Source) {
    let service = service_fn(|request| {
        let source = source.clone();
        async move { Ok::<_, Infallible>(source.answer(&request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection for metrics has failed");
    }
}
