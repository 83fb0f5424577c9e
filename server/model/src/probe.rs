//! How to tell from outside that a server has come up.
//!
//! Only what the cloud itself tells is looked at. A guest's address is the tenant's to choose, and
//! may be that of something else on a network which the engine is on: the service connects to none.

use serde::{Deserialize, Serialize};

/// The seconds that a probe is given where nothing is said.
pub const TIMEOUT: u32 = 120;

/// What a member's server must show once it is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Text that its console shows then, such as `login:`.
    pub console: String,
    /// Seconds that it may take after the server runs.
    pub timeout: u32,
}

/// What became of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeVerdict {
    /// Whether the server showed what it must.
    pub passed: bool,
    /// What was seen, for people.
    pub detail: String,
}
