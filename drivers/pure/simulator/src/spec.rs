//! What a user says to start a fabric.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use protector_framework::{Clock, Ids};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// A Purity release and the highest REST version that it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Profile {
    purity: &'static str,
    minor: u16,
}

/// Releases whose highest REST version is known from a client's version gate or a recorded answer.
const KNOWN: [(&str, u16); 10] = [
    ("6.1.0", 4),
    ("6.3.3", 15),
    ("6.3.4", 16),
    ("6.4.2", 21),
    ("6.6.3", 30),
    ("6.6.11", 36),
    ("6.8.2", 39),
    ("6.8.5", 42),
    ("6.10.0", 47),
    ("6.10.3", 50),
];

impl Profile {
    /// Every known release, oldest first.
    pub fn all() -> impl Iterator<Item = Self> {
        KNOWN.iter().map(|(purity, minor)| Self {
            purity,
            minor: *minor,
        })
    }

    /// The Purity version, such as `6.6.11`.
    pub fn purity(self) -> &'static str {
        self.purity
    }

    /// The `X` of the highest version 2.X that is served.
    pub fn rest_minor(self) -> u16 {
        self.minor
    }

    /// What `GET /api/api_version` answers: ascending, and without 2.12 and 2.18, which were never
    /// published.
    pub fn versions(self) -> Vec<String> {
        let old = (0..=19).map(|minor| format!("1.{minor}"));
        let new = (0..=self.minor)
            .filter(|minor| self.serves(*minor))
            .map(|minor| format!("2.{minor}"));
        old.chain(new).collect()
    }

    /// Whether version 2.`minor` is served.
    pub fn serves(self, minor: u16) -> bool {
        minor <= self.minor && minor != 12 && minor != 18
    }
}

impl Default for Profile {
    /// Purity 6.6.11, which serves up to 2.36.
    fn default() -> Self {
        Self {
            purity: "6.6.11",
            minor: 36,
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    /// Reads a Purity version or a REST version of the table.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::all()
            .find(|known| known.purity == text || format!("2.{}", known.minor) == text)
            .ok_or_else(|| {
                let all: Vec<&str> = KNOWN.iter().map(|(purity, _)| *purity).collect();
                format!(
                    "unknown Purity version {text:?}; known are {}",
                    all.join(", ")
                )
            })
    }
}

impl TryFrom<String> for Profile {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Profile> for String {
    fn from(profile: Profile) -> Self {
        profile.purity.to_owned()
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Purity {} (REST 2.{})", self.purity, self.minor)
    }
}

/// One array of a fabric.
#[derive(Debug, Clone)]
pub struct ArraySpec {
    /// 1 to 56 letters, digits and `-`.
    pub name: String,
    /// Which release it pretends to be.
    pub profile: Profile,
    /// What a client logs in with.
    pub api_token: SecretString,
    /// Where it listens with TLS; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where the bytes of its volumes are: one sparse file a volume, named as the volume is now.
    /// Without it they are kept in memory.
    pub pool: Option<PathBuf>,
}

/// Arrays and what joins them.
#[derive(Debug, Clone)]
pub struct FabricSpec {
    /// The arrays, each with a name of its own.
    pub arrays: Vec<ArraySpec>,
    /// Whether every pair is connected for asynchronous and synchronous replication.
    pub connected: bool,
    /// Where the control API listens with plain HTTP. It asks for no password: loopback only.
    pub control: Option<SocketAddr>,
    /// The fabric's time. It is looked at whenever somebody calls; nothing runs in between.
    pub clock: Arc<dyn Clock>,
    /// Ids, serial numbers, sessions.
    pub ids: Arc<dyn Ids>,
    /// How the arrays behave where that is not established.
    pub switches: Switches,
}

/// What creating an object says when its name belongs to a destroyed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PendingNameText {
    /// `Volume already exists.`
    #[default]
    AlreadyExists,
    /// `Volume has been destroyed.`
    Destroyed,
}

/// What overwriting a volume from one of another size does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverwriteSizePolicy {
    /// The volume takes the source's size.
    #[default]
    FollowSource,
    /// The array refuses.
    Reject,
}

/// Behaviour that no source establishes, and that clients must therefore not depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Refuses `with_default_protection` and `add_to_protection_group_names` beside `overwrite`.
    pub strict_overwrite: bool,
    /// What a create says when its name is pending eradication.
    pub pending_name_text: PendingNameText,
    /// How long a change of a group's targets takes to the other array. Milliseconds in JSON.
    #[serde(with = "millis")]
    pub propagation_delay: Duration,
    /// Whether an overwrite changes the size.
    pub overwrite_size_policy: OverwriteSizePolicy,
    /// Whether a volume with connections may be overwritten.
    pub overwrite_connected: bool,
    /// The most items in one page.
    pub page_size: usize,
    /// Whether a point may be copied before it is completely there; the copy is then empty.
    pub copy_before_complete: bool,
    /// Whether a transfer leaves out what the target holds in some other volume or snapshot.
    pub dedupe: bool,
    /// Whether the members of existing group snapshots take a new name when their volume does.
    pub member_names_follow_rename: bool,
    /// Whether a session ends when it is idle for the array's idle timeout.
    pub sessions_end: bool,
    /// The status of a login that is refused.
    pub bad_login_status: u16,
    /// Whether a call that names several objects changes all of them or none. Not for arrays whose
    /// volumes are files.
    pub all_or_nothing: bool,
    /// Whether writes to a volume with connections can be stopped (its demotion).
    pub demote_connected: bool,
    /// Whether the array that sends lists its transfers too.
    pub source_lists_transfers: bool,
    /// Whether an overwrite keeps what was there as a destroyed snapshot.
    pub overwrite_keeps_undo: bool,
    /// How long a pod takes to become whole after it is stretched, beside the time its bytes take.
    /// Milliseconds in JSON.
    #[serde(with = "millis")]
    pub resync_delay: Duration,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            strict_overwrite: false,
            pending_name_text: PendingNameText::default(),
            propagation_delay: Duration::ZERO,
            overwrite_size_policy: OverwriteSizePolicy::default(),
            overwrite_connected: true,
            page_size: 1000,
            copy_before_complete: false,
            dedupe: true,
            member_names_follow_rename: false,
            sessions_end: true,
            bad_login_status: 401,
            all_or_nothing: false,
            demote_connected: true,
            source_lists_transfers: false,
            overwrite_keeps_undo: false,
            resync_delay: Duration::ZERO,
        }
    }
}

/// Why a fabric did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A name that no array can have, or one that two arrays have.
    #[error("array name {name:?}: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An address could not be taken.
    #[error("cannot listen on {address} for {what}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// Which array, or the control API.
        what: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// An array's certificate could not be made.
    #[error("cannot make a certificate for array {array}: {reason}")]
    Certificate {
        /// The array.
        array: String,
        /// The library's reason.
        reason: String,
    },
    /// An array's directory cannot be used.
    #[error("cannot use the pool {}: {source}", path.display())]
    Pool {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_ascend_and_leave_out_what_was_never_published() {
        let versions = "6.6.11".parse::<Profile>().unwrap().versions();
        assert_eq!(versions.first().unwrap(), "1.0");
        assert_eq!(versions.last().unwrap(), "2.36");
        assert!(!versions.iter().any(|v| v == "2.12" || v == "2.18"));
    }

    #[test]
    fn a_profile_is_known_by_either_version() {
        assert_eq!("2.50".parse::<Profile>().unwrap().purity(), "6.10.3");
        assert!("6.0.0".parse::<Profile>().unwrap_err().contains("6.10.3"));
    }
}
