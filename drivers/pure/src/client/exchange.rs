//! One request and its answer, repeated where that is safe; version and login.

use std::time::Duration;

use protector_framework::{DriverError, ErrorKind, ExposeSecret, Result, SecretString};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, Response};

use super::call::Call;
use super::error::{self, Cause, Failure};
use super::trip::Trip;
use super::version::{self, NEWEST, OLDEST, Version};
use super::{Client, Reply, Session};

/// How often a call is sent at most.
const ATTEMPTS: u32 = 4;
const SESSION: &str = "x-auth-token";
const API_TOKEN: &str = "api-token";
const REQUEST_ID: &str = "x-request-id";

/// What opens the array to a request.
#[derive(Clone, Copy)]
enum Key<'a> {
    /// Nothing: the list of versions.
    None,
    /// The API token: a login.
    Token(&'a SecretString),
    /// A session.
    Session(&'a SecretString),
}

impl<'a> Key<'a> {
    fn session(self) -> Option<&'a SecretString> {
        match self {
            Self::Session(token) => Some(token),
            _ => None,
        }
    }
}

impl Client {
    /// Sends a call in a session, again where that is safe and can help.
    pub(super) async fn exchange(
        &self,
        trip: &Trip,
        call: &Call,
        session: &Session,
    ) -> Result<Reply, Failure> {
        let path = format!("/api/{}/{}", session.version, call.path);
        let (response, body) = self
            .repeated(trip, call, &path, Key::Session(&session.token))
            .await?;
        Ok(Reply {
            call: call.name(),
            request_id: remote_id(&response),
            body,
        })
    }

    /// The version to speak with the array as it is now. Asks without a login.
    pub(super) async fn negotiate(&self, trip: &Trip) -> Result<Version, Failure> {
        let call = Call::get("api_version");
        let (_, body) = self
            .repeated(trip, &call, "/api/api_version", Key::None)
            .await?;
        let served = serde_json::from_slice::<serde_json::Value>(&body)
            .ok()
            .and_then(|body| {
                let listed = body.get("version")?.as_array()?.iter();
                Some(
                    listed
                        .filter_map(|text| Some(text.as_str()?.to_owned()))
                        .collect::<Vec<_>>(),
                )
            })
            .ok_or_else(|| {
                DriverError::new(
                    ErrorKind::InvalidConfig,
                    format!(
                        "{} does not answer like a FlashArray: it lists no versions",
                        self.host()
                    ),
                )
                .with_call(call.name())
            })?;
        let chosen = version::choose(&served).ok_or_else(|| {
            DriverError::new(
                ErrorKind::Unsupported,
                format!(
                    "the array at {} serves REST {}; the driver needs one of {OLDEST} (Purity \
                     6.1.0) to {NEWEST}",
                    self.host(),
                    served.last().map_or("nothing", String::as_str),
                ),
            )
            .with_call(call.name())
        })?;
        Ok(chosen)
    }

    /// Logs in and returns the session.
    pub(super) async fn log_in(
        &self,
        trip: &Trip,
        version: Version,
    ) -> Result<SecretString, Failure> {
        let call = Call::post("login");
        let path = format!("/api/{version}/login");
        let answer = self
            .repeated(trip, &call, &path, Key::Token(&self.api_token))
            .await;
        let headers = match answer {
            Ok((headers, _)) => headers,
            // A refused login of any status means the token: nothing else was asked.
            Err(failure) if failure.status.is_some_and(|status| status < 429) => {
                return Err(self.login_refused(failure));
            }
            Err(failure) => return Err(failure),
        };
        headers
            .get(SESSION)
            .and_then(|value| value.to_str().ok())
            .map(|session| SecretString::from(session.to_owned()))
            .ok_or_else(|| {
                DriverError::new(
                    ErrorKind::Unexpected,
                    format!(
                        "the array at {} accepted the login and gave no session; a proxy between \
                         here and there may drop the header `{SESSION}`",
                        self.host()
                    ),
                )
                .with_call(call.name())
                .into()
            })
    }

    fn login_refused(&self, mut failure: Failure) -> Failure {
        failure.cause = Cause::Denied;
        failure.error.kind = ErrorKind::Unauthorized;
        failure.error.retry = protector_framework::Retry::Never;
        failure.error.message = format!(
            "{}; check the API token and that its user is a storage administrator",
            failure.error.message
        );
        failure
    }

    async fn repeated(
        &self,
        trip: &Trip,
        call: &Call,
        path: &str,
        key: Key<'_>,
    ) -> Result<(HeaderMap, Vec<u8>), Failure> {
        // A login changes nothing that a second one would disturb.
        let is_read = call.is_read() || matches!(key, Key::Token(_));
        let mut attempt = 0;
        loop {
            let failure = match self.once(trip, call, path, key).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            attempt += 1;
            let wait = self.wait(&failure, attempt);
            let in_time = trip.left(&*self.env.clock).is_some_and(|left| wait < left);
            if attempt >= ATTEMPTS || !in_time || !failure.may_repeat(is_read) {
                return Err(failure);
            }
            tracing::debug!(
                request_id = %trip.request_id,
                call = %call.name(),
                host = %self.host(),
                attempt,
                wait_ms = milliseconds(wait),
                error = %failure.error,
                "repeating a call"
            );
            self.env.clock.sleep(wait).await;
        }
    }

    /// A connection that broke was mostly an idle one that the array had closed: at once again.
    fn wait(&self, failure: &Failure, attempt: u32) -> Duration {
        match failure.retry_after {
            Some(wait) => wait,
            None if attempt == 1 && failure.status.is_none() => Duration::ZERO,
            None => self.backoff(attempt - 1),
        }
    }

    async fn once(
        &self,
        trip: &Trip,
        call: &Call,
        path: &str,
        key: Key<'_>,
    ) -> Result<(HeaderMap, Vec<u8>), Failure> {
        let _turn = self.gate.acquire().await.map_err(|_| {
            DriverError::new(ErrorKind::Cancelled, "the driver is being taken down")
        })?;
        let began = self.env.clock.monotonic();
        let response = self
            .request(trip, call, path, key)?
            .send()
            .await
            .map_err(|broken| self.broken(trip, call, broken))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = read(response)
            .await
            .map_err(|broken| self.broken(trip, call, broken))?;
        tracing::debug!(
            request_id = %trip.request_id,
            remote_request_id = remote_id(&headers).as_deref().unwrap_or_default(),
            call = %call.name(),
            host = %self.host(),
            status,
            took_ms = milliseconds(self.env.clock.monotonic().saturating_sub(began)),
            "call"
        );
        if (200..300).contains(&status) {
            return Ok((headers, body));
        }
        Err(self.refusal(trip, call, key, status, &headers, &body))
    }

    fn request(
        &self,
        trip: &Trip,
        call: &Call,
        path: &str,
        key: Key<'_>,
    ) -> Result<RequestBuilder> {
        let mut url = self.base.clone();
        url.set_path(path);
        url.set_query(call.query().as_deref());
        let mut request = self
            .http
            .request(call.method.clone(), url)
            .header("accept", "application/json")
            .header(REQUEST_ID, bare(&trip.request_id));
        request = match key {
            Key::None => request,
            Key::Token(token) => request
                .header(API_TOKEN, header(token)?)
                .header("content-length", 0),
            Key::Session(token) => request.header(SESSION, header(token)?),
        };
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        Ok(request)
    }

    fn broken(&self, trip: &Trip, call: &Call, broken: reqwest::Error) -> Failure {
        let unsent = broken.is_connect() || broken.is_builder();
        let what = if unsent {
            "no connection to"
        } else {
            "the connection broke before the whole answer came from"
        };
        let error = DriverError::new(
            ErrorKind::Unreachable,
            format!(
                "`{}`: {what} the array at {}: {}",
                call.name(),
                self.host(),
                causes(&broken.without_url()),
            ),
        )
        .with_call(call.name())
        .with_request_id(&*trip.request_id);
        Failure {
            unsent,
            ..Failure::from(error)
        }
    }

    fn refusal(
        &self,
        trip: &Trip,
        call: &Call,
        key: Key<'_>,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Failure {
        // Cut only afterwards: half a secret would not be found.
        let text = error::shorten(&self.scrub(&error::words(body), key.session()));
        let cause = error::cause(status, &text);
        let kind = error::kind(cause, status);
        let retry_after = self.retry_after(headers);
        let error = DriverError::new(
            kind,
            format!(
                "the array at {} answered `{}` with {status}: {text}",
                self.host(),
                call.name(),
            ),
        )
        .with_call(call.name())
        .with_retry_after(retry_after)
        .with_request_id(remote_id(headers).unwrap_or_else(|| trip.request_id.clone()));
        Failure {
            error,
            cause,
            status: Some(status),
            retry_after,
            unsent: false,
        }
    }

    /// `Retry-After` in seconds or as a date, else `RateLimit-Reset` in seconds.
    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.trim().to_owned());
        if let Some(text) = text(RETRY_AFTER.as_str()) {
            if let Ok(seconds) = text.parse() {
                return Some(Duration::from_secs(seconds));
            }
            let date = chrono::DateTime::parse_from_rfc2822(&text).ok()?;
            let wait = date.to_utc() - self.env.clock.now();
            return Some(wait.to_std().unwrap_or_default());
        }
        let reset = text("ratelimit-reset")?.parse().ok()?;
        Some(Duration::from_secs(reset))
    }
}

async fn read(response: Response) -> std::result::Result<Vec<u8>, reqwest::Error> {
    Ok(response.bytes().await?.to_vec())
}

fn header(secret: &SecretString) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(secret.expose_secret()).map_err(|_| {
        DriverError::invalid_config("the API token holds letters that no token has")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn remote_id(headers: &HeaderMap) -> Option<String> {
    Some(headers.get(REQUEST_ID)?.to_str().ok()?.to_owned())
}

/// Arrays know a request by a bare UUID.
fn bare(request_id: &str) -> &str {
    request_id.strip_prefix("req-").unwrap_or(request_id)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
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
