//! One request and its answer, repeated where that is safe.

use std::time::Duration;

use protector_framework::{DriverError, ErrorKind, ExposeSecret, Result, SecretString};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, Response};
use url::Url;

use super::Session;
use super::call::{Call, Reply};
use super::error::{self, Failure};
use super::trip::Trip;
use super::version::{self, Version};

/// How often a call is sent at most.
const ATTEMPTS: u32 = 4;

impl Session {
    /// Sends a call to this endpoint, again where that is safe and can help.
    pub(super) async fn exchange(
        &self,
        trip: &Trip,
        call: &Call,
        endpoint: &Url,
        token: Option<&SecretString>,
        version: Option<Version>,
    ) -> Result<Reply, Failure> {
        let mut attempt = 0;
        loop {
            let failure = match self.once(trip, call, endpoint, token, version).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            attempt += 1;
            let wait = failure
                .retry_after
                .unwrap_or_else(|| self.backoff(attempt - 1));
            let in_time = trip.left(&*self.env.clock).is_some_and(|left| wait < left);
            if attempt >= ATTEMPTS || !in_time || !failure.may_repeat(call.repeatable) {
                return Err(failure);
            }
            tracing::debug!(
                request_id = %trip.request_id,
                call = %call.name(),
                attempt,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                error = %failure.error,
                "repeating a call"
            );
            self.env.clock.sleep(wait).await;
        }
    }

    async fn once(
        &self,
        trip: &Trip,
        call: &Call,
        endpoint: &Url,
        token: Option<&SecretString>,
        version: Option<Version>,
    ) -> Result<Reply, Failure> {
        let began = self.env.clock.monotonic();
        let request = self.request(trip, call, endpoint, token, version)?;
        let response = request
            .send()
            .await
            .map_err(|broken| self.broken(call, endpoint, broken))?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = read(response)
            .await
            .map_err(|broken| self.broken(call, endpoint, broken))?;
        tracing::debug!(
            request_id = %trip.request_id,
            remote_request_id = remote_id(&headers).as_deref().unwrap_or_default(),
            call = %call.name(),
            host = endpoint.host_str().unwrap_or_default(),
            status = status.as_u16(),
            took_ms = u64::try_from((self.env.clock.monotonic() - began).as_millis()).unwrap_or(u64::MAX),
            "call"
        );
        // 300 is how some services answer a question for their versions.
        if status.is_success() || (status.as_u16() == 300 && call.name().ends_with('/')) {
            return Ok(Reply {
                call: call.name(),
                body,
                request_id: remote_id(&headers),
                subject: headers.get("x-subject-token").and_then(secret),
            });
        }
        Err(self.refusal(call, endpoint, token, status, &headers, &body))
    }

    fn request(
        &self,
        trip: &Trip,
        call: &Call,
        endpoint: &Url,
        token: Option<&SecretString>,
        version: Option<Version>,
    ) -> Result<RequestBuilder> {
        let mut request = self
            .http
            .request(call.method.clone(), call.url(endpoint)?)
            .header("accept", "application/json")
            .header("x-openstack-request-id", global_id(&trip.request_id));
        if let Some(token) = token {
            request = request.header("x-auth-token", header(token)?);
        }
        if let Some(subject) = &call.subject {
            request = request
                .header("x-subject-token", header(subject)?)
                .header("openstack-identity-access-rules", "1");
        }
        if let Some(value) = version.and_then(|v| version::header(call.service, v)) {
            request = request.header("openstack-api-version", value);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        Ok(request)
    }

    fn broken(&self, call: &Call, endpoint: &Url, broken: reqwest::Error) -> Failure {
        let unsent = broken.is_connect() || broken.is_builder();
        let error = DriverError::new(
            ErrorKind::Unreachable,
            format!(
                "`{}`: {} the {} at {}: {}",
                call.name(),
                if unsent {
                    "no connection to"
                } else {
                    "the connection broke before the whole answer came from"
                },
                call.service.title(),
                place(endpoint),
                causes(&broken.without_url()),
            ),
        )
        .with_call(call.name());
        Failure {
            error,
            status: None,
            retry_after: None,
            unsent,
        }
    }

    fn refusal(
        &self,
        call: &Call,
        endpoint: &Url,
        token: Option<&SecretString>,
        status: reqwest::StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Failure {
        let retry_after = self.retry_after(headers);
        let mut text = self.scrub(error::words(body), token);
        let subject = call.subject.as_ref().map(|token| token.expose_secret());
        for secret in [call.hidden(), subject].into_iter().flatten() {
            text = text.replace(secret, "********");
        }
        let kind = error::kind(status, &text, retry_after);
        let mut error = DriverError::new(
            kind,
            format!(
                "the {} at {} answered `{}` with {status}: {text}{}",
                call.service.title(),
                place(endpoint),
                call.name(),
                error::advice(status),
            ),
        )
        .with_call(call.name())
        .with_retry_after(retry_after);
        if let Some(id) = remote_id(headers) {
            error = error.with_request_id(id);
        }
        Failure {
            error,
            status: Some(status),
            retry_after,
            unsent: false,
        }
    }

    /// `Retry-After` in seconds or as a date.
    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
        let wait = date.to_utc() - self.env.clock.now();
        Some(wait.to_std().unwrap_or_default())
    }
}

async fn read(response: Response) -> std::result::Result<Vec<u8>, reqwest::Error> {
    Ok(response.bytes().await?.to_vec())
}

fn header(token: &SecretString) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(token.expose_secret()).map_err(|_| {
        DriverError::new(
            ErrorKind::NotFound,
            "the token holds letters that no token has",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn secret(value: &HeaderValue) -> Option<SecretString> {
    Some(value.to_str().ok()?.to_owned().into())
}

fn remote_id(headers: &HeaderMap) -> Option<String> {
    ["x-openstack-request-id", "x-compute-request-id"]
        .iter()
        .find_map(|name| Some(headers.get(*name)?.to_str().ok()?.to_owned()))
}

/// Services take over a request id only in the form `req-<uuid>`.
fn global_id(request_id: &str) -> String {
    if request_id.starts_with("req-") {
        request_id.to_owned()
    } else {
        format!("req-{request_id}")
    }
}

fn place(endpoint: &Url) -> String {
    let host = endpoint.host_str().unwrap_or_default();
    match endpoint.port() {
        Some(port) => format!("{}://{host}:{port}", endpoint.scheme()),
        None => format!("{}://{host}", endpoint.scheme()),
    }
}

/// The error with what is behind it: reqwest's own text alone says little.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}
