//! Secrets as a mock keeps them: never themselves.

use sha2::{Digest, Sha256};

/// A secret as it is stored; `salt` is what it belongs to.
pub(crate) fn hashed(salt: &str, secret: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(salt);
    hash.update([0]);
    hash.update(secret);
    hex::encode(hash.finalize())
}
