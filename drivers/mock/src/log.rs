//! The mutating calls that a mock carried out, for tests that compare them with what was planned.
//!
//! They are written to `calls.jsonl` beside the mock's fault script while that file is there, under
//! the lock of the mock's state, one line a call.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use protector_framework::{CallCtx, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::failed;

/// A mutating call that reached a mock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedCall {
    /// The driver verb.
    pub verb: String,
    /// What it was asked.
    pub request: Value,
    /// What it answered; null where it refused.
    pub reply: Value,
    /// `<operation>/<step>`, where the call was made for one.
    pub step: Option<String>,
    /// What came of it, whether or not the answer arrived.
    pub effect: Effect,
}

/// What a call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It changed something.
    Changed,
    /// All was as it asks already.
    AlreadySo,
    /// It changed nothing and said why.
    Refused(ErrorKind),
}

/// Whether a verb only looks, by contract.
fn looks(verb: &str) -> bool {
    const LOOKS: [&str; 4] = ["describe", "health", "capture_server", "resolve_volume"];
    let starts = ["get_", "list_", "find_", "read_"];
    LOOKS.contains(&verb) || starts.iter().any(|start| verb.starts_with(start))
}

/// The log of a mock while a call of it is carried out; `None` where nobody records it.
pub(crate) struct Recording {
    file: PathBuf,
    before: Result<String>,
}

impl Recording {
    /// Begins before the call is carried out. `state` tells states of the mock apart.
    pub(crate) fn begin(directory: &Path, state: impl FnOnce() -> Result<String>) -> Option<Self> {
        let file = file(directory);
        file.exists().then(|| Self {
            before: state(),
            file,
        })
    }

    /// Writes the call down. One that only looks is written only if it changed something, which
    /// would be a fault of the mock.
    pub(crate) fn end<Q: Serialize, T: Serialize>(
        self,
        ctx: &CallCtx,
        verb: &str,
        request: &Q,
        result: &Result<T>,
        state: impl FnOnce() -> Result<String>,
    ) -> Result<()> {
        let changed = self.before? != state()?;
        if looks(verb) && !changed {
            return Ok(());
        }
        let call = RecordedCall {
            verb: verb.to_owned(),
            request: value(request),
            reply: result.as_ref().map_or(Value::Null, value),
            step: ctx.idempotency_key.clone(),
            effect: match result {
                Err(error) => Effect::Refused(error.kind),
                Ok(_) if changed => Effect::Changed,
                Ok(_) => Effect::AlreadySo,
            },
        };
        let mut line = value(&call).to_string();
        line.push('\n');
        File::options()
            .append(true)
            .open(&self.file)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(|error| failed("write", &self.file, &error))
    }
}

/// Begins a new log, or ends it.
pub(crate) fn record(directory: &Path, on: bool) -> Result<()> {
    let file = file(directory);
    let done = match on {
        true => std::fs::write(&file, ""),
        false => crate::array::remove(&file),
    };
    done.map_err(|error| failed("write", &file, &error))
}

/// The calls since the log was begun; none where nobody records them.
pub(crate) fn calls(directory: &Path) -> Result<Vec<RecordedCall>> {
    let file = file(directory);
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read(&file).map_err(|error| failed("read", &file, &error))?;
    let lines = text.split(|byte| *byte == b'\n').filter(|l| !l.is_empty());
    lines.map(|line| crate::store::parse(&file, line)).collect()
}

fn file(directory: &Path) -> PathBuf {
    directory.join("calls.jsonl")
}

fn value<T: Serialize>(of: &T) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}
