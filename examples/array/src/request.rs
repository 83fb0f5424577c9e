//! A request before it is known what it asks for.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Method, Request, StatusCode};
use percent_encoding::percent_decode_str;
use protector_framework::{CallCtx, SecretString};
use serde::de::DeserializeOwned;

use crate::answer::Refusal;

/// The longest body that is read.
pub(crate) const MAX_BODY: usize = 1 << 20;
/// Who asks; the array answers with the same.
pub(crate) const REQUEST_ID: &str = "x-request-id";
const TOKEN: &str = "x-shelf-token";
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A request whose parts are read.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    /// The path's segments, decoded.
    pub(crate) path: Vec<String>,
    query: String,
    pub(crate) token: SecretString,
    pub(crate) ctx: CallCtx,
    body: Bytes,
}

impl Received {
    pub(crate) async fn read(
        request: Request<Incoming>,
        request_id: &str,
    ) -> Result<Self, Refusal> {
        let (head, body) = request.into_parts();
        let path = segments(head.uri.path())?;
        let token = header(&head.headers, TOKEN).unwrap_or_default();
        let mut ctx = CallCtx::new(request_id, CallCtx::MAX_DEADLINE);
        ctx.idempotency_key = header(&head.headers, IDEMPOTENCY_KEY);
        Ok(Self {
            method: head.method,
            path,
            query: head.uri.query().unwrap_or_default().to_owned(),
            token: token.into(),
            ctx,
            body: whole(body).await?,
        })
    }

    /// The body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Refusal::bad_request(&format!("the body: {error}")))
    }

    /// A parameter that the path must be followed by.
    pub(crate) fn parameter(&self, name: &str) -> Result<String, Refusal> {
        let mut pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(known, _)| *known == name);
        let (_, value) = found
            .ok_or_else(|| Refusal::bad_request(&format!("the parameter `{name}` is missing")))?;
        decoded(value)
    }
}

async fn whole(body: Incoming) -> Result<Bytes, Refusal> {
    let too_large = || {
        let message = format!("a body has at most {MAX_BODY} bytes");
        Refusal::error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &message)
    };
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Refusal::Broken),
    }
}

fn segments(path: &str) -> Result<Vec<String>, Refusal> {
    let path = path.trim_start_matches('/');
    path.split('/').map(decoded).collect()
}

fn decoded(text: &str) -> Result<String, Refusal> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| Refusal::bad_request("the path is not UTF-8"))?;
    Ok(decoded.into_owned())
}

pub(crate) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
