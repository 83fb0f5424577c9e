//! One request to the array and its answer, or the error that the engine decides by.

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use protector_framework::{
    CallCtx, Clock, DriverError, ErrorKind, ExposeSecret as _, Result, SecretString,
};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

const TOKEN: &str = "x-shelf-token";
const REQUEST_ID: &str = "x-request-id";
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A client of one array.
#[derive(Debug)]
pub(crate) struct Client {
    base: String,
    http: reqwest::Client,
    /// Marked as sensitive: it is not printed.
    token: HeaderValue,
    clock: Arc<dyn Clock>,
}

impl Client {
    pub(crate) fn new(url: &str, token: SecretString, clock: Arc<dyn Clock>) -> Result<Self> {
        let wrong = |why: &str| DriverError::invalid_config(format!("`url` {why}: {url}"));
        let parsed = Url::parse(url).map_err(|_| wrong("is not a URL"))?;
        if parsed.scheme() != "http" || !parsed.has_host() {
            return Err(wrong("is not of the form http://host:port"));
        }
        let mut token = HeaderValue::from_str(token.expose_secret())
            .map_err(|_| DriverError::invalid_config("`api_token` holds letters no token has"))?;
        token.set_sensitive(true);
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| DriverError::invalid_config(error.to_string()))?;
        Ok(Self {
            base: url.trim_end_matches('/').to_owned(),
            http,
            token,
            clock,
        })
    }

    /// Sends a request and reads the answer, within the call's deadline.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        ctx: &CallCtx,
        method: Method,
        path: String,
        body: Option<Value>,
    ) -> Result<T> {
        let call = format!("{method} {path}");
        let exchange = self.exchange(ctx, &call, method, &path, body);
        // Time is the host's: its clock decides, also in tests. What is dropped here is given up.
        tokio::select! {
            biased;
            answer = exchange => answer,
            () = self.clock.sleep(ctx.deadline) => Err(DriverError::new(
                ErrorKind::Timeout,
                format!("{}: `{call}`: no answer within {:?}", self.base, ctx.deadline),
            )
            .with_call(call)
            .with_request_id(&*ctx.request_id)),
        }
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        ctx: &CallCtx,
        call: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T> {
        let failed = |kind, why: &str| {
            DriverError::new(kind, format!("{}: `{call}`: {why}", self.base))
                .with_call(call)
                .with_request_id(&*ctx.request_id)
        };
        let broken =
            |error: reqwest::Error| failed(ErrorKind::Unreachable, &causes(&error.without_url()));
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header(TOKEN, self.token.clone())
            .header(REQUEST_ID, &ctx.request_id);
        if let Some(key) = &ctx.idempotency_key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        if let Some(body) = body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await.map_err(broken)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.map_err(broken)?;
        if !status.is_success() {
            let told: Value = serde_json::from_slice(&body).unwrap_or_default();
            let code = told["error"]["code"].as_str().unwrap_or_default();
            let why = told["error"]["message"]
                .as_str()
                .unwrap_or("no reason given");
            return Err(failed(kind(status, code), &format!("{status}: {why}"))
                .with_retry_after(retry_after(&headers))
                .with_request_id(remote_id(&headers).unwrap_or(&ctx.request_id)));
        }
        // 204 has no body.
        let body: &[u8] = if body.is_empty() { b"null" } else { &body };
        serde_json::from_slice(body)
            .map_err(|error| failed(ErrorKind::Unexpected, &format!("the answer: {error}")))
    }
}

/// A path of these segments, whatever letters they hold.
///
/// # Errors
/// `InvalidRequest` for what is no name: it would lead elsewhere.
pub(crate) fn path<const N: usize>(segments: [&str; N]) -> Result<String> {
    let mut path = String::new();
    for segment in segments {
        if ["", ".", ".."].contains(&segment) {
            let why = format!("`{segment}` is no name that an array could have");
            return Err(DriverError::new(ErrorKind::InvalidRequest, why));
        }
        path.push('/');
        path.extend(utf8_percent_encode(segment, NON_ALPHANUMERIC));
    }
    Ok(path)
}

/// The class in which the engine sees a refusal.
fn kind(status: StatusCode, code: &str) -> ErrorKind {
    match (status.as_u16(), code) {
        (401 | 403, _) => ErrorKind::Unauthorized,
        (404, "not_found") => ErrorKind::NotFound,
        (409, "exists") => ErrorKind::AlreadyExists,
        (409, _) => ErrorKind::Conflict,
        (429, _) => ErrorKind::RateLimited,
        (503, _) => ErrorKind::Busy,
        // A proxy in between speaks: the array did not answer.
        (502 | 504, _) => ErrorKind::Unreachable,
        (507, _) => ErrorKind::QuotaExceeded,
        // Also 404 for the call itself: an older array.
        (501 | 404, _) => ErrorKind::Unsupported,
        (400..=499, _) => ErrorKind::InvalidRequest,
        _ => ErrorKind::Unexpected,
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

fn remote_id(headers: &HeaderMap) -> Option<&str> {
    headers.get(REQUEST_ID)?.to_str().ok()
}

/// The error with what is behind it: reqwest's own text alone says little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_kind() {
        for (status, code, expected) in [
            (400, "bad_request", ErrorKind::InvalidRequest),
            (401, "unauthorized", ErrorKind::Unauthorized),
            (404, "not_found", ErrorKind::NotFound),
            (404, "no_such_call", ErrorKind::Unsupported),
            (409, "exists", ErrorKind::AlreadyExists),
            (409, "conflict", ErrorKind::Conflict),
            (413, "too_large", ErrorKind::InvalidRequest),
            (429, "too_many", ErrorKind::RateLimited),
            (500, "internal", ErrorKind::Unexpected),
            (501, "unsupported", ErrorKind::Unsupported),
            (502, "", ErrorKind::Unreachable),
            (503, "busy", ErrorKind::Busy),
            (507, "no_space", ErrorKind::QuotaExceeded),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(kind(status, code), expected, "{status} {code}");
        }
    }

    #[test]
    fn a_path_leads_where_its_names_say() {
        let encoded = path(["volumes", "a/b %é"]).unwrap();
        assert_eq!(encoded, "/volumes/a%2Fb%20%25%C3%A9");
        for name in ["", ".", ".."] {
            let refused = path(["volumes", name, "content"]).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::InvalidRequest);
        }
    }
}
