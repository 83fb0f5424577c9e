//! A call that failed in passing is made again: every verb's contract allows it, of almost every verb also
//! while the first call may still be at work.

use std::time::Duration;

use crate::{DriverError, ErrorKind};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Verbs of which two at once may make two things. After a call whose end is not known they are left to the
/// caller, who waits until it must have ended.
const ONE_AT_A_TIME: [&str; 1] = ["create_trust"];

/// How long to wait before the next attempt, after `failed` earlier ones; `None`: this error stands.
///
/// `Busy` is not in passing: the remote side may be at work for minutes, which the caller waits for.
pub(super) fn pause_after(
    verb: &str,
    error: &DriverError,
    failed: u32,
    retries: u32,
) -> Option<Duration> {
    if error.kind == ErrorKind::Timeout && ONE_AT_A_TIME.contains(&verb) {
        return None;
    }
    let passing = matches!(
        error.kind,
        ErrorKind::Unreachable | ErrorKind::RateLimited | ErrorKind::Timeout
    );
    if failed >= retries || !passing || !error.is_transient() {
        return None;
    }
    let pause = FIRST_PAUSE.saturating_mul(1 << failed.min(16));
    let asked = error.retry_after().unwrap_or_default();
    Some(pause.min(LONGEST_PAUSE).max(asked))
}
