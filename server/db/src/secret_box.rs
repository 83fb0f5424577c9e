//! Encryption at rest: AES-256-GCM under a ring of key files.
//!
//! A sealed value reads `v1.<key>.<nonce>.<ciphertext>` and is bound to the place it is stored in,
//! so that a row copied elsewhere does not open.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protector_framework::{ExposeSecret, Ids, SecretString};

use crate::error::{DbError, Result};

/// The keys of one site. The newest seals; all of them open.
pub struct SecretBox {
    keys: BTreeMap<String, Aes256Gcm>,
}

impl std::fmt::Debug for SecretBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretBox")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

impl SecretBox {
    /// Reads the key files of a directory; makes the first one where there is none. API and engine
    /// of a site share the directory.
    ///
    /// # Errors
    /// Where the directory cannot be read or written, or a file is not a key.
    pub fn open_or_create(dir: &Path, ids: &dyn Ids) -> Result<Self> {
        let sealed = |what: &str, error: &dyn std::fmt::Display| {
            DbError::Sealed(format!("{what} {}: {error}", dir.display()))
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|e| sealed("cannot create the key directory", &e))?;
        if Self::read(dir)?.is_empty() {
            Self::create_key(dir, ids)
                .map_err(|e| sealed("cannot write a key into the directory", &e))?;
        }
        let keys = Self::read(dir)?;
        if keys.is_empty() {
            return Err(sealed("there is no key in", &"it was removed meanwhile"));
        }
        Ok(Self { keys })
    }

    fn read(dir: &Path) -> Result<BTreeMap<String, Aes256Gcm>> {
        let failed = |error: &dyn std::fmt::Display| {
            DbError::Sealed(format!(
                "cannot read the keys in {}: {error}",
                dir.display()
            ))
        };
        let mut keys = BTreeMap::new();
        for entry in std::fs::read_dir(dir).map_err(|e| failed(&e))? {
            let path = entry.map_err(|e| failed(&e))?.path();
            let Some(id) = path
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.strip_suffix(".key"))
            else {
                continue;
            };
            let mut key = Vec::new();
            std::fs::File::open(&path)
                .and_then(|mut file| file.read_to_end(&mut key))
                .map_err(|e| failed(&e))?;
            let cipher = Aes256Gcm::new_from_slice(&key)
                .map_err(|_| failed(&format!("{id}.key does not hold 32 bytes")))?;
            keys.insert(id.to_owned(), cipher);
        }
        Ok(keys)
    }

    /// Two processes that start at once agree on one first key: the file appears whole or not.
    fn create_key(dir: &Path, ids: &dyn Ids) -> std::io::Result<()> {
        let mut key = [0_u8; 32];
        ids.bytes(&mut key);
        let unfinished = dir.join(format!("{}.new", ids.uuid()));
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)
            .and_then(|mut file| file.write_all(&key).and_then(|()| file.sync_all()))?;
        let linked = std::fs::hard_link(&unfinished, dir.join("0001.key"));
        std::fs::remove_file(&unfinished)?;
        match linked {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// Seals a value for the place it is stored in.
    pub(crate) fn seal(&self, place: &str, value: &SecretString, ids: &dyn Ids) -> Result<String> {
        let (id, cipher) = self
            .keys
            .last_key_value()
            .ok_or_else(|| DbError::Sealed("there is no key".to_owned()))?;
        let mut nonce = [0_u8; 12];
        ids.bytes(&mut nonce);
        let payload = Payload {
            msg: value.expose_secret().as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = cipher
            .encrypt(Nonce::from_slice(&nonce), payload)
            .map_err(|_| DbError::Sealed("the value is too long".to_owned()))?;
        Ok(format!(
            "v1.{id}.{}.{}",
            URL_SAFE_NO_PAD.encode(nonce),
            URL_SAFE_NO_PAD.encode(sealed)
        ))
    }

    /// Opens a value that was sealed for this place.
    pub(crate) fn open(&self, place: &str, sealed: &str) -> Result<SecretString> {
        let refuse = |why: &str| DbError::Sealed(format!("{place}: {why}"));
        let parts: Vec<&str> = sealed.split('.').collect();
        let ["v1", id, nonce, ciphertext] = parts[..] else {
            return Err(refuse("it is not a sealed value of this version"));
        };
        let cipher = self
            .keys
            .get(id)
            .ok_or_else(|| refuse("its key is not in the ring"))?;
        let decode = |text| {
            URL_SAFE_NO_PAD
                .decode(text)
                .map_err(|_| refuse("it is damaged"))
        };
        let (nonce, ciphertext) = (decode(nonce)?, decode(ciphertext)?);
        if nonce.len() != 12 {
            return Err(refuse("it is damaged"));
        }
        let payload = Payload {
            msg: &ciphertext,
            aad: place.as_bytes(),
        };
        let plain = cipher
            .decrypt(Nonce::from_slice(&nonce), payload)
            .map_err(|_| refuse("it was sealed for another place, or is damaged"))?;
        String::from_utf8(plain)
            .map(SecretString::from)
            .map_err(|_| refuse("it is damaged"))
    }
}
