//! The control API over plain HTTP: `POST /<method>` with the arguments as a JSON object. The answer
//! is 200 with the result, or 400 with `{"error": …}`.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::command::Command;
use super::{Control, ControlError, Done};
use crate::server::{Answers, Dropped};

/// Longer ones are cut off: volumes are written in pieces.
const MAX_BODY: usize = 64 << 20;

/// The plain port.
#[derive(Debug)]
pub(crate) struct ControlService {
    control: Control,
}

impl ControlService {
    pub(crate) fn new(control: Control) -> Self {
        Self { control }
    }

    async fn run(&self, name: String, body: &[u8]) -> Done<Value> {
        let body = match body.is_empty() {
            true => Value::Null,
            false => {
                serde_json::from_slice(body).map_err(|error| ControlError(error.to_string()))?
            }
        };
        let control = self.control.clone();
        let work = tokio::task::spawn_blocking(move || Command::parse(&name, body)?.run(&control));
        work.await
            .map_err(|error| ControlError(error.to_string()))?
    }
}

impl Answers for ControlService {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped> {
        let name = request.uri().path().trim_matches('/').to_owned();
        let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
        let body = body.map_err(|_| Dropped)?.to_bytes();
        let (status, answer) = match self.run(name, &body).await {
            Ok(value) => (StatusCode::OK, value),
            Err(error) => (
                StatusCode::BAD_REQUEST,
                json!({ "error": error.to_string() }),
            ),
        };
        let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        Ok(response)
    }
}
