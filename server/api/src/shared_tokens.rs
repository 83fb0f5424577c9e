//! What the processes of the API tell each other of tokens through a memcached. An entry is this
//! program's own: other services keep theirs under other names and in another form.

use std::sync::Arc;
use std::time::Duration;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use chrono::{DateTime, Utc};
use protector_config::SharedTokens as Settings;
use protector_framework::{Clock, ExposeSecret as _, Ids, SecretString, TokenInfo};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::memcached::Memcached;

/// Changes with what an entry holds, so that a program of another version finds nothing.
const PREFIX: &str = "protector/tokens/1/";
const NONCE: usize = 12;

/// Where tokens are remembered for all processes.
#[derive(Debug)]
pub(crate) struct SharedTokens {
    memcached: Memcached,
    /// Seals entries, where they are.
    secret: Option<SecretString>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// An entry.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// When the identity service was asked.
    asked_at: DateTime<Utc>,
    token: TokenInfo,
}

impl SharedTokens {
    pub(crate) fn new(settings: &Settings, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self {
            memcached: Memcached::new(
                &settings.servers,
                clock.clone(),
                settings.timeout,
                settings.dead_retry,
            ),
            secret: settings.secret.clone(),
            clock,
            ids,
        }
    }

    /// What a token is valid for, and how long ago the identity service said so.
    pub(crate) async fn get(&self, token: &SecretString) -> Option<(TokenInfo, Duration)> {
        let key = self.key(token);
        let bytes = self.memcached.get(&key).await?;
        let plain = match &self.secret {
            Some(secret) => open(secret, token, &key, &bytes)?,
            None => bytes,
        };
        let entry: Entry = serde_json::from_slice(&plain).ok()?;
        // One from the future was asked by a clock that is not ours: how old it is, nobody knows.
        let age = (self.clock.now() - entry.asked_at).to_std().ok()?;
        Some((entry.token, age))
    }

    /// Tells the others what the identity service has just said.
    pub(crate) async fn put(&self, token: &SecretString, found: &TokenInfo, keep: Duration) {
        let entry = Entry {
            asked_at: self.clock.now(),
            token: found.clone(),
        };
        let Ok(plain) = serde_json::to_vec(&entry) else {
            return;
        };
        let key = self.key(token);
        let value = match &self.secret {
            Some(secret) => self.seal(secret, token, &key, &plain),
            None => Some(plain),
        };
        if let Some(value) = value {
            self.memcached.set(&key, &value, keep).await;
        }
    }

    /// The name of a token's entry, from which nobody learns the token.
    fn key(&self, token: &SecretString) -> String {
        let name = digest("name", self.secret.as_ref(), token);
        let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{PREFIX}{hex}")
    }

    fn seal(
        &self,
        secret: &SecretString,
        token: &SecretString,
        key: &str,
        plain: &[u8],
    ) -> Option<Vec<u8>> {
        let mut nonce = [0_u8; NONCE];
        self.ids.bytes(&mut nonce);
        let payload = Payload {
            msg: plain,
            aad: key.as_bytes(),
        };
        let sealed = cipher(secret, token)?.encrypt(Nonce::from_slice(&nonce), payload);
        Some([&nonce[..], &sealed.ok()?].concat())
    }
}

/// `None` for what was not sealed by a holder of the secret for this very token.
fn open(secret: &SecretString, token: &SecretString, key: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
    let payload = Payload {
        msg: sealed,
        aad: key.as_bytes(),
    };
    let opened = cipher(secret, token)?.decrypt(Nonce::from_slice(nonce), payload);
    opened.ok()
}

/// Each token has a key of its own, which takes both the secret and the token to know.
fn cipher(secret: &SecretString, token: &SecretString) -> Option<Aes256Gcm> {
    Aes256Gcm::new_from_slice(&digest("key", Some(secret), token)).ok()
}

fn digest(purpose: &str, secret: Option<&SecretString>, token: &SecretString) -> [u8; 32] {
    let secret = secret.map_or("", |secret| secret.expose_secret());
    // With the lengths, so that no two inputs read the same.
    let text = format!("protector tokens {purpose} {} {secret} ", secret.len());
    let mut hash = Sha256::new();
    hash.update(text.as_bytes());
    hash.update(token.expose_secret().as_bytes());
    hash.finalize().into()
}
