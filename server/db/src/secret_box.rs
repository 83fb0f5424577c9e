//! Encryption at rest: AES-256-GCM under a ring of key files.
//!
//! A sealed value reads `v1.<key>.<nonce>.<ciphertext>` and is bound to the place it is stored in,
//! so that a row copied elsewhere does not open.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protector_framework::{ExposeSecret, Ids, SecretString};

use crate::error::{DbError, Result};

/// Keys by the names of their files.
type Ring = BTreeMap<String, Aes256Gcm>;

/// The keys of one site. The newest seals; all of them open. A value that was sealed with a key made
/// since is opened too: its file is read then.
pub struct SecretBox {
    dir: PathBuf,
    keys: RwLock<Ring>,
}

/// The name of a site's first key.
const FIRST: &str = "0001";

impl std::fmt::Debug for SecretBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretBox")
            .field("dir", &self.dir)
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
            Self::create_key(dir, FIRST, ids)
                .map_err(|e| sealed("cannot write a key into the directory", &e))?;
        }
        let keys = Self::read(dir)?;
        if keys.is_empty() {
            return Err(sealed("there is no key in", &"it was removed meanwhile"));
        }
        Ok(Self::of(dir, keys))
    }

    /// Reads the key files of a directory and makes none: for programs that only look. Without a key
    /// nothing is sealed or opened.
    ///
    /// # Errors
    /// Where the directory is there and cannot be read, or a file is not a key.
    pub fn open_existing(dir: &Path) -> Result<Self> {
        let keys = match dir.exists() {
            true => Self::read(dir)?,
            false => Ring::new(),
        };
        Ok(Self::of(dir, keys))
    }

    /// Makes the key that seals from now on, and gives its name. Its file has the directory's owner, for
    /// whom the services run. Every node needs the file before anything is sealed with it.
    ///
    /// # Errors
    /// Where there is no key yet, the newest has no number for a name, or the file cannot be written.
    pub fn new_key(dir: &Path, ids: &dyn Ids) -> Result<String> {
        let failed = |error: &dyn std::fmt::Display| {
            DbError::Sealed(format!("cannot make a key in {}: {error}", dir.display()))
        };
        let keys = Self::read(dir)?;
        let newest = keys.last_key_value().map(|(id, _)| id.as_str());
        let newest = newest.ok_or_else(|| failed(&"there is none yet; start the API once"))?;
        let number: u64 = newest.parse().map_err(|_| {
            failed(&format!(
                "the newest, {newest}.key, has no number for a name"
            ))
        })?;
        let id = format!("{:0width$}", number + 1, width = newest.len());
        if id.as_str() <= newest {
            return Err(failed(&format!("no name sorts after {newest}.key")));
        }
        Self::create_key(dir, &id, ids).map_err(|error| failed(&error))?;
        Ok(id)
    }

    fn of(dir: &Path, keys: Ring) -> Self {
        Self {
            dir: dir.to_owned(),
            keys: RwLock::new(keys),
        }
    }

    /// The name of the key that seals; `None`: there is no key.
    pub(crate) fn newest(&self) -> Option<String> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.last_key_value().map(|(id, _)| id.clone())
    }

    fn key(&self, id: &str) -> Option<Aes256Gcm> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let known = keys.get(id).cloned();
        drop(keys);
        known.or_else(|| {
            let read = Self::read(&self.dir).ok()?;
            let key = read.get(id).cloned();
            let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
            keys.extend(read);
            key
        })
    }

    fn read(dir: &Path) -> Result<Ring> {
        let failed = |error: &dyn std::fmt::Display| {
            DbError::Sealed(format!(
                "cannot read the keys in {}: {error}",
                dir.display()
            ))
        };
        let mut keys = Ring::new();
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
    fn create_key(dir: &Path, id: &str, ids: &dyn Ids) -> std::io::Result<()> {
        let mut key = [0_u8; 32];
        ids.bytes(&mut key);
        let unfinished = dir.join(format!("{}.new", ids.uuid()));
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)
            .and_then(|mut file| file.write_all(&key).and_then(|()| file.sync_all()))?;
        let (own, of_dir) = (unfinished.metadata()?, dir.metadata()?);
        if own.uid() != of_dir.uid() {
            // Made by the superuser for the user of the services.
            std::os::unix::fs::chown(&unfinished, Some(of_dir.uid()), Some(of_dir.gid()))?;
        }
        let linked = std::fs::hard_link(&unfinished, dir.join(format!("{id}.key")));
        std::fs::remove_file(&unfinished)?;
        match linked {
            Err(error) if id != FIRST || error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Seals a value for the place it is stored in.
    pub(crate) fn seal(&self, place: &str, value: &SecretString, ids: &dyn Ids) -> Result<String> {
        let newest = self.newest();
        let (id, cipher) = newest
            .and_then(|id| self.key(&id).map(|cipher| (id, cipher)))
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
            .key(id)
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
