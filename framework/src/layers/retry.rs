//! A call that failed in passing is made again: every verb's contract allows it.

use std::time::Duration;

use crate::{DriverError, ErrorKind};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long to wait before the next attempt, after `failed` earlier ones; `None`: this error stands.
///
/// `Busy` is not in passing: the remote side may be at work for minutes, which the caller waits for.
pub(super) fn pause_after(error: &DriverError, failed: u32, retries: u32) -> Option<Duration> {
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
