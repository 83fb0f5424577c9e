//! Secrets on their way: sealed to the receiver's public key, whatever the transport.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_box::aead::rand_core::{CryptoRng, Error, RngCore};
use crypto_box::{PublicKey, SecretKey};
use protector_db::Deployment;
use protector_framework::{ExposeSecret, Ids, SecretString};

use crate::peer::PeerError;
use crate::wire::Sealed;

/// The program's one source of randomness, in the form that the library asks for.
struct Randomness<'a>(&'a dyn Ids);

impl RngCore for Randomness<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, buffer: &mut [u8]) {
        self.0.bytes(buffer);
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        self.0.bytes(buffer);
        Ok(())
    }
}

impl CryptoRng for Randomness<'_> {}

fn key(hex_key: &str) -> Result<[u8; 32], PeerError> {
    let mut key = [0; 32];
    hex::decode_to_slice(hex_key, &mut key)
        .map_err(|_| PeerError::Failed("a key is not 32 bytes in hex".to_owned()))?;
    Ok(key)
}

/// Seals secrets to the holder of a public key.
///
/// # Errors
/// `Failed` where the key is not one.
pub fn seal(
    secrets: &BTreeMap<String, SecretString>,
    public_key: &str,
    ids: &dyn Ids,
) -> Result<Sealed, PeerError> {
    if secrets.is_empty() {
        return Ok(Sealed::new());
    }
    let receiver = PublicKey::from(key(public_key)?);
    secrets
        .iter()
        .map(|(name, value)| {
            let sealed = receiver
                .seal(&mut Randomness(ids), value.expose_secret().as_bytes())
                .map_err(|_| PeerError::Failed(format!("secret `{name}` cannot be sealed")))?;
            Ok((name.clone(), STANDARD.encode(sealed)))
        })
        .collect()
}

/// Opens secrets that were sealed to this deployment.
///
/// # Errors
/// `Failed` where one was sealed to somebody else.
pub fn open(
    sealed: &Sealed,
    deployment: &Deployment,
) -> Result<BTreeMap<String, SecretString>, PeerError> {
    let secret = SecretKey::from(key(deployment.box_secret.expose_secret())?);
    sealed
        .iter()
        .map(|(name, value)| {
            let refuse =
                || PeerError::Failed(format!("secret `{name}` is not sealed to this site"));
            let bytes = STANDARD.decode(value).map_err(|_| refuse())?;
            let plain = secret.unseal(&bytes).map_err(|_| refuse())?;
            let text = String::from_utf8(plain).map_err(|_| refuse())?;
            Ok((name.clone(), SecretString::from(text)))
        })
        .collect()
}
