//! Accepting connections until the Shelf is dropped.

use std::future::Future;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::service::Service;

type Stop = watch::Receiver<()>;

pub(crate) fn serve(listener: TcpListener, service: Arc<Service>, stop: Stop) {
    tokio::spawn(async move {
        while let Some(accepted) = until(stop.clone(), listener.accept()).await {
            match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(connection(stream, service.clone(), stop.clone()));
                }
                Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
            }
        }
    });
}

async fn connection(stream: TcpStream, service: Arc<Service>, stop: Stop) {
    let service = service_fn(move |request| {
        let service = service.clone();
        async move { service.answer(request).await }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Some(Err(error)) = until(stop, connection).await {
        tracing::debug!(%error, "a connection ended");
    }
}

/// Waits for one thing, but not longer than there is a Shelf.
async fn until<T>(mut stop: Stop, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        // Nothing is ever sent: it changes when its sender is gone.
        _ = stop.changed() => None,
        done = work => Some(done),
    }
}
