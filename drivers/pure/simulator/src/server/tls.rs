//! A certificate for each array, signed by itself as those of new arrays are.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

/// What a client may check, and what the array serves with.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub pem: String,
    /// Of the certificate's DER form, in lower-case hex.
    pub sha256: String,
    pub config: Arc<ServerConfig>,
}

/// Makes a certificate that is good for this machine and for the array's name.
pub(crate) fn make_certificate(name: &str, address: IpAddr) -> Result<Certificate, String> {
    let mut names = vec![
        "localhost".to_owned(),
        name.to_owned(),
        "127.0.0.1".to_owned(),
    ];
    if !address.is_unspecified() && !names.contains(&address.to_string()) {
        names.push(address.to_string());
    }
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| error.to_string())?;
    let der = made.cert.der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let sha256 = hex::encode(Sha256::digest(&der));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(vec![der], key)
        })
        .map_err(|error| error.to_string())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Certificate {
        pem: made.cert.pem(),
        sha256,
        config: Arc::new(config),
    })
}
