//! A small JSON client. It keeps every reply of the services that are watched, because those are
//! searched for secrets at the end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::failure::{During, Outcome, fail};

/// A reply with its body, `Null` where it is not JSON.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Value,
    /// The body as it came.
    pub text: String,
    /// The `X-Subject-Token` header.
    pub subject_token: Option<String>,
    what: String,
}

impl Reply {
    /// The body of a reply whose status is 2xx.
    ///
    /// # Errors
    /// With the call, the status and the body's text.
    pub fn ok(self) -> Outcome<Value> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        fail(self.describe())
    }

    /// The body of a reply that must have this status.
    ///
    /// # Errors
    /// With the call, the status and the body's text.
    pub fn expect(self, status: u16) -> Outcome<Value> {
        if self.status == status {
            return Ok(self.body);
        }
        fail(format!("{}; expected {status}", self.describe()))
    }

    /// The call, its status and its body, for messages.
    pub fn describe(&self) -> String {
        let text: String = self.text.chars().take(600).collect();
        format!("{}: {} {text}", self.what, self.status)
    }
}

/// The replies of the watched services.
#[derive(Debug, Clone, Default)]
pub struct Seen(Arc<Mutex<String>>);

impl Seen {
    fn add(&self, text: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push_str(text);
        all.push('\n');
    }

    /// All of them.
    pub fn text(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// One service as one token sees it.
#[derive(Debug, Clone)]
pub struct Service {
    client: reqwest::Client,
    base: String,
    token: Option<String>,
    version: Option<(String, String)>,
    seen: Option<Seen>,
}

impl Service {
    /// A service without a token.
    ///
    /// # Errors
    /// Where the client cannot be made.
    pub fn new(base: impl Into<String>) -> Outcome<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(90))
            .build()?;
        Ok(Self {
            client,
            base: base.into(),
            token: None,
            version: None,
            seen: None,
        })
    }

    /// The same service with a token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// The same service with a version header on each call.
    #[must_use]
    pub fn version(mut self, header: &str, value: &str) -> Self {
        self.version = Some((header.to_owned(), value.to_owned()));
        self
    }

    /// The same service, its replies kept.
    #[must_use]
    pub fn watched(mut self, seen: &Seen) -> Self {
        self.seen = Some(seen.clone());
        self
    }

    /// Sends one call.
    ///
    /// # Errors
    /// Where there is no reply.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Reply> {
        let what = format!("{method} {}{path}", self.base);
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("X-Auth-Token", token);
        }
        if let Some((header, value)) = &self.version {
            request = request.header(header, value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let reply = request.send().await.during(|| what.clone())?;
        let status = reply.status().as_u16();
        let header = |name: &str| {
            let value = reply.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let subject_token = header("X-Subject-Token");
        let location = header("Location").unwrap_or_default();
        let text = reply.text().await.during(|| what.clone())?;
        if let Some(seen) = &self.seen {
            seen.add(&format!("{what} {status} {location} {text}"));
        }
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Reply {
            status,
            body,
            text,
            subject_token,
            what,
        })
    }

    /// GET; the body of a 2xx reply.
    ///
    /// # Errors
    /// No reply, or another status.
    pub async fn get(&self, path: &str) -> Outcome<Value> {
        self.send(Method::GET, path, None).await?.ok()
    }

    /// POST; the body of a 2xx reply.
    ///
    /// # Errors
    /// No reply, or another status.
    pub async fn post(&self, path: &str, body: &Value) -> Outcome<Value> {
        self.send(Method::POST, path, Some(body)).await?.ok()
    }

    /// PUT; the body of a 2xx reply.
    ///
    /// # Errors
    /// No reply, or another status.
    pub async fn put(&self, path: &str, body: Option<&Value>) -> Outcome<Value> {
        self.send(Method::PUT, path, body).await?.ok()
    }

    /// PATCH; the body of a 2xx reply.
    ///
    /// # Errors
    /// No reply, or another status.
    pub async fn patch(&self, path: &str, body: &Value) -> Outcome<Value> {
        self.send(Method::PATCH, path, Some(body)).await?.ok()
    }

    /// DELETE; a 2xx reply or 404.
    ///
    /// # Errors
    /// No reply, or another status.
    pub async fn delete(&self, path: &str) -> Outcome {
        let reply = self.send(Method::DELETE, path, None).await?;
        if reply.status == 404 {
            return Ok(());
        }
        reply.ok().map(|_| ())
    }
}

/// The text at a JSON pointer.
///
/// # Errors
/// Where there is none.
pub fn text(value: &Value, pointer: &str) -> Outcome<String> {
    match value.pointer(pointer) {
        Some(Value::String(text)) => Ok(text.clone()),
        _ => fail(format!("no text at `{pointer}` of {value}")),
    }
}

/// The list at a JSON pointer, empty where there is none.
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
