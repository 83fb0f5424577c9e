//! Asks the programs that `http:` and `https:` rules of the policy name.

use std::sync::Arc;
use std::time::Duration;

use protector_config::{RemoteQuestion, RemoteSection};
use protector_framework::Clock;

/// No answer that lets anybody in is longer.
const LONGEST: usize = 64;

/// Asks them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    json: bool,
    timeout: Duration,
}

impl Remote {
    /// # Errors
    /// Why it cannot be made: the file of certificates.
    pub(crate) fn new(section: &RemoteSection, clock: Arc<dyn Clock>) -> Result<Self, String> {
        // reqwest is built without a crypto provider of its own; another part of the program may have
        // installed one already, and losing that race is as good as winning it.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            rustls::crypto::ring::default_provider()
                .install_default()
                .unwrap_or(());
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(section.timeout)
            // Who else is asked, only the policy says.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("protector/", env!("CARGO_PKG_VERSION")));
        if !section.verify {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if let Some(file) = &section.cafile {
            let shown = file.display();
            let pem = std::fs::read(file).map_err(|e| format!("{shown} cannot be read: {e}"))?;
            let found = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|e| format!("{shown} is no list of PEM certificates: {e}"))?;
            builder = builder.tls_certs_merge(found);
        }
        let http = builder
            .build()
            .map_err(|error| format!("the HTTP client cannot be made: {error}"))?;
        Ok(Self {
            http,
            clock,
            json: section.json,
            timeout: section.timeout,
        })
    }

    /// Whether the program lets the caller in.
    ///
    /// # Errors
    /// Why there is no answer, which means no.
    pub(crate) async fn ask(&self, question: &RemoteQuestion) -> Result<bool, String> {
        tokio::select! {
            answer = self.answer(question) => answer.map_err(|error| error.to_string()),
            () = self.clock.sleep(self.timeout) => Err("it did not answer in time".to_owned()),
        }
    }

    async fn answer(&self, question: &RemoteQuestion) -> reqwest::Result<bool> {
        let request = self.http.post(&question.url);
        let request = match self.json {
            true => request.json(&question.json()),
            false => request.form(question.form().as_slice()),
        };
        let mut response = request.send().await?;
        let mut answer = Vec::new();
        while let Some(part) = response.chunk().await? {
            answer.extend_from_slice(&part);
            if answer.len() > LONGEST {
                return Ok(false);
            }
        }
        let text = std::str::from_utf8(&answer).unwrap_or_default();
        Ok(RemoteQuestion::is_allowed_by(text))
    }
}
