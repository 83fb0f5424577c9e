//! Accepting connections until told to stop.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// Ends all tasks when the other half is dropped.
pub(crate) type Stop = watch::Receiver<()>;

/// Why a connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
pub(crate) struct Dropped;

/// Something that answers requests.
pub(crate) trait Answers: Send + Sync + 'static {
    /// Answers, or closes the connection.
    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Full<Bytes>>, Dropped>> + Send;
}

/// Serves an array.
pub(crate) fn serve_tls<S: Answers>(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    service: Arc<S>,
    stop: Stop,
) {
    let acceptor = TlsAcceptor::from(config);
    tokio::spawn(accept(listener, stop.clone(), move |stream| {
        let (acceptor, service, stop) = (acceptor.clone(), service.clone(), stop.clone());
        tokio::spawn(async move {
            match until(stop.clone(), acceptor.accept(stream)).await {
                Some(Ok(stream)) => serve(stream, service, stop).await,
                Some(Err(error)) => tracing::debug!(%error, "a client ended its handshake"),
                None => {}
            }
        });
    }));
}

/// Serves the control API.
pub(crate) fn serve_plain<S: Answers>(listener: TcpListener, service: Arc<S>, stop: Stop) {
    tokio::spawn(accept(listener, stop.clone(), move |stream| {
        tokio::spawn(serve(stream, service.clone(), stop.clone()));
    }));
}

async fn accept(listener: TcpListener, stop: Stop, mut take: impl FnMut(tokio::net::TcpStream)) {
    while let Some(accepted) = until(stop.clone(), listener.accept()).await {
        match accepted {
            Ok((stream, _)) => take(stream),
            Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
        }
    }
}

async fn serve<S: Answers>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: Arc<S>,
    stop: Stop,
) {
    let service = service_fn(move |request| {
        let service = service.clone();
        async move { service.answer(request).await }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Some(Err(error)) = until(stop, connection).await {
        tracing::debug!(%error, "a connection ended");
    }
}

/// Waits for one thing, but not longer than there is somebody to serve for.
async fn until<T>(mut stop: Stop, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        // Nothing is ever sent: it changes when its sender is gone.
        _ = stop.changed() => None,
        done = work => Some(done),
    }
}
