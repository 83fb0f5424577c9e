//! The HTTPS client: whom it trusts.

use std::sync::Arc;
use std::time::Duration;

use protector_framework::{DriverError, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use sha2::{Digest, Sha256};

use crate::settings::Verify;

/// How long a connection may take to be made; a dead array must not eat a whole verb.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept: less than an array keeps it, so that a create is not sent
/// into a connection that is being closed.
const IDLE: Duration = Duration::from_secs(20);

/// Builds the client.
///
/// # Errors
/// `InvalidConfig` where the CA file cannot be read or the pin is no SHA-256.
pub(crate) fn client(verify: &Verify) -> Result<reqwest::Client> {
    // reqwest is built without a crypto provider of its own. Ring may already be there, from
    // another driver or from the program; losing the race to install it is as good as winning it.
    if CryptoProvider::get_default().is_none() {
        rustls::crypto::ring::default_provider()
            .install_default()
            .unwrap_or(());
    }
    let builder = reqwest::Client::builder()
        .http1_only()
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        // A redirect would carry the session to whatever host it names.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("protector/", env!("CARGO_PKG_VERSION")));
    let builder = match verify {
        Verify::System => builder,
        Verify::CaFile(path) => builder.tls_certs_only(certificates(path)?),
        Verify::Sha256(pin) => builder.tls_backend_preconfigured(pinned(pin)?),
        Verify::Insecure => builder.tls_danger_accept_invalid_certs(true),
    };
    builder
        .build()
        .map_err(|error| wrong(format!("the TLS client cannot be made: {error}")))
}

fn wrong(why: String) -> DriverError {
    DriverError::invalid_config(format!("driver settings: {why}"))
}

fn certificates(path: &str) -> Result<Vec<reqwest::Certificate>> {
    let bad = |why: String| wrong(format!("`verify.ca_file` {path} {why}"));
    let pem = std::fs::read(path).map_err(|error| bad(format!("cannot be read: {error}")))?;
    let found = reqwest::Certificate::from_pem_bundle(&pem)
        .map_err(|error| bad(format!("is no list of PEM certificates: {error}")))?;
    if found.is_empty() {
        return Err(bad("holds no PEM certificate".to_owned()));
    }
    Ok(found)
}

fn pinned(pin: &str) -> Result<rustls::ClientConfig> {
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
    let pin = Pin {
        digest: digest(pin)?,
        provider: Arc::clone(&provider),
    };
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(format!("the TLS client cannot be made: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pin))
        .with_no_client_auth();
    Ok(config)
}

/// A SHA-256 as people copy it: hexadecimal, perhaps with colons.
fn digest(text: &str) -> Result<[u8; 32]> {
    let plain: String = text
        .chars()
        .filter(|letter| !matches!(letter, ':' | ' '))
        .collect();
    let mut digest = [0; 32];
    hex::decode_to_slice(&plain, &mut digest).map_err(|_| {
        wrong("`verify.sha256` is not the SHA-256 of a certificate, 64 hexadecimal digits".into())
    })?;
    Ok(digest)
}

/// Accepts exactly one certificate, whoever signed it. Its owner must still prove to have its key.
#[derive(Debug)]
struct Pin {
    digest: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let seen: [u8; 32] = Sha256::digest(end_entity.as_ref()).into();
        if seen == self.digest {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General(format!(
            "the array shows a certificate with the SHA-256 {}, not the pinned one",
            hex::encode(seen)
        )))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_may_be_written_as_tools_print_it() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(digest(&plain).unwrap(), digest(&colons).unwrap());
        let error = digest("abc").unwrap_err();
        assert!(error.message.contains("verify.sha256"), "{error}");
    }

    #[test]
    fn a_missing_ca_file_is_named() {
        let error = client(&Verify::CaFile("/nowhere/ca.pem".to_owned())).unwrap_err();
        assert!(error.message.contains("/nowhere/ca.pem"), "{error}");
    }
}
