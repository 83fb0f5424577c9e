//! One request from its first byte to its answer.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use protector_driver_mock::world::MockArray;
use protector_framework::{ExposeSecret as _, Ids, Registry};

use crate::Traffic;
use crate::answer::{Answer, Refusal};
use crate::request::{REQUEST_ID, Received, header};
use crate::routes;

/// Why a connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
pub(crate) struct Closed;

/// The array behind the port.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) array: MockArray,
    pub(crate) registry: Registry,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) traffic: Arc<Traffic>,
}

impl Service {
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Closed> {
        let request_id = header(request.headers(), REQUEST_ID)
            .unwrap_or_else(|| format!("shelf-{}", self.ids.uuid()));
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        self.traffic.note();
        let done = self.run(request, &request_id).await;
        tracing::debug!(%method, path, request_id, ?done, "a call");
        let answer = match done {
            Ok(answer) | Err(Refusal::Said(answer)) => answer,
            Err(Refusal::Broken) => {
                self.traffic.note();
                return Err(Closed);
            }
            // Ends with its connection.
            Err(Refusal::Hangs) => std::future::pending().await,
        };
        self.traffic.note();
        Ok(answer.render(&request_id))
    }

    async fn run(&self, request: Request<Incoming>, request_id: &str) -> Result<Answer, Refusal> {
        let call = Received::read(request, request_id).await?;
        // The array itself knows its token: each call is made with the one that came with it.
        let config = self.array.driver_config(call.token.expose_secret());
        let array = self.registry.storage("mock", config)?;
        routes::dispatch(&*array, call).await
    }
}
