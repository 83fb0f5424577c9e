//! The HTTP client of a session.

use std::time::Duration;

use protector_framework::{DriverError, Result};

/// How long a connection may take to be made; a dead address must not eat a whole verb.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept: less than the usual limit of a proxy, so that a create is
/// not sent into a connection that is being closed.
const IDLE: Duration = Duration::from_secs(20);

/// Builds the client.
///
/// # Errors
/// `InvalidConfig` where the CA file cannot be read or holds no certificate.
pub(crate) fn client(cafile: Option<&str>, insecure: bool) -> Result<reqwest::Client> {
    // reqwest is built without a crypto provider of its own. Ring may already be there, from an
    // earlier session or from the program.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing the race to another session is as good as winning it.
        rustls::crypto::ring::default_provider()
            .install_default()
            .unwrap_or(());
    }
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        // A redirect would carry the token to whatever host it names.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("protector/", env!("CARGO_PKG_VERSION")));
    if insecure {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    if let Some(path) = cafile.filter(|path| !path.is_empty()) {
        builder = builder.tls_certs_merge(certificates(path)?);
    }
    builder.build().map_err(|error| {
        DriverError::invalid_config(format!(
            "driver settings: the TLS client cannot be made: {error}"
        ))
    })
}

fn certificates(path: &str) -> Result<Vec<reqwest::Certificate>> {
    let wrong = |why: String| {
        DriverError::invalid_config(format!("driver settings: `cafile` {path} {why}"))
    };
    let pem = std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let found = reqwest::Certificate::from_pem_bundle(&pem)
        .map_err(|error| wrong(format!("is no list of PEM certificates: {error}")))?;
    if found.is_empty() {
        return Err(wrong("holds no PEM certificate".to_owned()));
    }
    Ok(found)
}
