//! Names whose case is kept and does not matter.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// A name as its author wrote it, equal to every other way to write it in small and capital
/// letters.
#[derive(Debug, Clone)]
pub struct CaseName(String);

impl CaseName {
    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one form that all spellings share.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// As [`Self::folded`], without a copy: names are compared often. They are ASCII.
    fn small_letters(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.bytes().map(|byte| byte.to_ascii_lowercase())
    }
}

impl From<&str> for CaseName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl From<String> for CaseName {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl Deref for CaseName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for CaseName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for CaseName {}

impl PartialOrd for CaseName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CaseName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.small_letters().cmp(other.small_letters())
    }
}

impl Hash for CaseName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.small_letters() {
            state.write_u8(byte);
        }
    }
}
