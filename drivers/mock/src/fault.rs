//! Faults on purpose: a script beside a mock's state that says which call goes wrong, and how.
//!
//! The script is `faults.json` in a cloud's directory, and in `<array directory>.array` for an
//! array:
//!
//! ```json
//! {"rules": [
//!   {"verb": "ensure_server", "nth": 1, "action": {"do": "lost_reply"}},
//!   {"verb": "materialize_volume", "target": "web-1", "action": {"do": "error", "kind": "busy", "message": "try later"}}
//! ]}
//! ```
//!
//! Calls are counted over all processes that use the mock, from the moment the script was written.

use std::path::Path;

use protector_framework::{ErrorKind, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::store::{self, Lock, Stored};

const SCRIPT: &str = "faults.json";
const COUNTS: &str = "fault-counts.json";
const LOCK: &str = "faults.lock";

/// The faults of one mock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Every rule counts the calls that fit it; the first whose turn it is acts.
    pub rules: Vec<Rule>,
}

/// Which calls go wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The driver verb, such as `ensure_server`; `*` is any.
    pub verb: String,
    /// A text that the call's request, written as JSON, must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The first fitting call that goes wrong, counted from 1; absent: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// How many calls go wrong; absent: one where `nth` is given, else all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What happens.
    pub action: Fault,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// It has no effect and fails.
    Error {
        /// The class of the failure.
        kind: ErrorKind,
        /// The mock's words.
        message: String,
    },
    /// It takes effect after this long; `Timeout` without effect if that is beyond its deadline.
    Delay {
        /// The wait, by the driver's clock.
        milliseconds: u64,
    },
    /// It has no effect and is not answered: `Timeout` at its deadline.
    Hang,
    /// It takes effect and the caller sees `Unreachable`.
    LostReply,
    /// The calling process aborts before the effect.
    CrashBefore,
    /// The calling process aborts after the effect.
    CrashAfterWrite,
}

impl Rule {
    /// A rule for a verb, which acts on every call until narrowed.
    pub fn new(verb: impl Into<String>, action: Fault) -> Self {
        Self {
            verb: verb.into(),
            target: None,
            nth: None,
            times: None,
            action,
        }
    }

    /// Only calls whose request holds this text.
    #[must_use]
    pub fn target(mut self, text: impl Into<String>) -> Self {
        self.target = Some(text.into());
        self
    }

    /// From this fitting call on, counted from 1; only that one unless `times` says more.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }

    /// At most this many calls.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    fn fits(&self, verb: &str, target: &str) -> bool {
        (self.verb == "*" || self.verb == verb)
            && self
                .target
                .as_ref()
                .is_none_or(|text| target.contains(text))
    }

    fn acts_on(&self, count: u64) -> bool {
        let first = self.nth.unwrap_or(1).max(1);
        let times = self.times.or(self.nth.map(|_| 1));
        count >= first && times.is_none_or(|times| count - first < times)
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Counts {
    /// The script the counts belong to.
    script: String,
    calls: Vec<u64>,
}

/// Replaces the script in a directory; counting starts anew.
pub(crate) fn write(directory: &Path, script: &Script) -> Result<()> {
    let _lock = lock(directory)?;
    let counts = directory.join(COUNTS);
    match std::fs::remove_file(&counts) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(store::failed("remove", &counts, &error));
        }
        _ => {}
    }
    store::write(&directory.join(SCRIPT), script)
}

/// Counts a call and says what shall happen to it.
pub(crate) fn next(directory: &Path, verb: &str, target: &str) -> Result<Option<Fault>> {
    let path = directory.join(SCRIPT);
    if !path.exists() {
        return Ok(None);
    }
    let _lock = lock(directory)?;
    let bytes = std::fs::read(&path).map_err(|error| store::failed("read", &path, &error))?;
    let script: Script = store::parse(&path, &bytes)?;
    if script.rules.is_empty() {
        return Ok(None);
    }
    let path = directory.join(COUNTS);
    let name = hex::encode(Sha256::digest(&bytes));
    let mut counts = Stored::<Counts>::read(&path)?
        .map(|stored| stored.value)
        .filter(|counts| counts.script == name)
        .unwrap_or_default();
    counts.script = name;
    counts.calls.resize(script.rules.len(), 0);
    let mut fault = None;
    for (rule, count) in script.rules.iter().zip(&mut counts.calls) {
        if rule.fits(verb, target) {
            *count += 1;
            if fault.is_none() && rule.acts_on(*count) {
                fault = Some(rule.action.clone());
            }
        }
    }
    store::write(&path, &counts)?;
    Ok(fault)
}

/// How many calls have fitted each rule since the script was written.
pub(crate) fn counts(directory: &Path) -> Result<Vec<u64>> {
    let _lock = lock(directory)?;
    let stored = Stored::<Counts>::read(&directory.join(COUNTS))?;
    Ok(stored.map(|stored| stored.value.calls).unwrap_or_default())
}

fn lock(directory: &Path) -> Result<Lock> {
    Lock::take(directory, LOCK).map_err(|error| store::failed("lock", directory, &error))
}
