//! One question to a web server, for an operator who wants to know what answers at an address and what
//! time it is there. It carries no token.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use protector_framework::{Clock, DriverError};
use serde_json::Value;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks web servers.
#[derive(Debug, Clone)]
pub struct Probe {
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
}

/// What a server said.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, where it is JSON; else null.
    pub body: Value,
    /// By how much its clock is ahead of this machine's, to a second; `None`: it shows none.
    pub ahead: Option<TimeDelta>,
}

impl Probe {
    /// With certificates to trust besides the system's, as a PEM file; `insecure`: any is good enough.
    ///
    /// # Errors
    /// `InvalidConfig` where the file cannot be used.
    pub fn new(
        cafile: Option<&str>,
        insecure: bool,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DriverError> {
        let http = crate::http::builder();
        let http = match cafile.filter(|path| !path.is_empty()) {
            Some(path) => http.tls_certs_merge(certificates(path)?),
            None => http,
        };
        let http = match insecure {
            true => http.tls_danger_accept_invalid_certs(true),
            false => http,
        };
        let http = http.timeout(PATIENCE).build().map_err(|error| {
            DriverError::invalid_config(format!("the TLS client cannot be made: {error}"))
        })?;
        Ok(Self { http, clock })
    }

    /// Reads an address.
    ///
    /// # Errors
    /// Why nothing answered, in words.
    pub async fn get(&self, url: &str) -> Result<Answer, String> {
        self.ask(self.http.get(url)).await
    }

    /// Reads an address that answers with text: the status, and the text.
    ///
    /// # Errors
    /// As [`Probe::get`].
    pub async fn text(&self, url: &str) -> Result<(u16, String), String> {
        let response = self.http.get(url).send().await;
        let response = response.map_err(|error| why(&error))?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(|error| why(&error))?;
        Ok((status, text))
    }

    pub(crate) async fn post(&self, url: &str, body: &Value) -> Result<Answer, String> {
        self.ask(self.http.post(url).json(body)).await
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Answer, String> {
        let sent_at = self.clock.now();
        let request = request.header("Accept", "application/json");
        let response = request.send().await.map_err(|error| why(&error))?;
        let between = sent_at + (self.clock.now() - sent_at) / 2;
        let date = response.headers().get("date");
        let date = date.and_then(|date| DateTime::parse_from_rfc2822(date.to_str().ok()?).ok());
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(|error| why(&error))?;
        Ok(Answer {
            status,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            ahead: date.map(|date| date.with_timezone(&Utc) - between),
        })
    }
}

/// The error with what is behind it: reqwest's own text alone says little.
fn why(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

fn certificates(path: &str) -> Result<Vec<reqwest::Certificate>, DriverError> {
    let wrong =
        |why: String| DriverError::invalid_config(format!("the certificates in {path}: {why}"));
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))
}
