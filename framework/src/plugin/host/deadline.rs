//! When a call ends, by the clock of whoever makes it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};

use crate::Clock;

/// The moment after which nothing may be sent for a call. Waiting for a thread takes from it, so that a
/// library is told what is really left.
#[derive(Debug, Clone)]
pub(super) struct Deadline {
    clock: Arc<dyn Clock>,
    at: Duration,
}

impl Deadline {
    /// So much time from now on.
    pub(super) fn after(clock: Arc<dyn Clock>, time: Duration) -> Self {
        let at = clock.monotonic().saturating_add(time);
        Self { clock, at }
    }

    /// What is left of it, in whole milliseconds as a library is told it; `None` where nothing is.
    pub(super) fn left(&self) -> Option<Duration> {
        let left = self.at.saturating_sub(self.clock.monotonic());
        let whole = Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
        (!whole.is_zero()).then_some(whole)
    }

    /// What `work` gives before the deadline; `None` where it gives nothing.
    pub(super) async fn before<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let left = self.at.saturating_sub(self.clock.monotonic());
        match select(pin!(work), pin!(self.clock.sleep(left))).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }
}
