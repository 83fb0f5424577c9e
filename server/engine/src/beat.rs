//! Whether the loop that takes operations goes round: one that stands still, in whatever wait that has no
//! end, is ended by the service manager, and the next process takes its operations up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use protector_framework::Clock;

/// Longer than any round takes: what a round asks of the database has an end of its own.
const LONGEST: Duration = Duration::from_secs(300);

/// The time of a loop's last round.
#[derive(Debug, Clone)]
pub struct Beat {
    clock: Arc<dyn Clock>,
    last: Arc<AtomicU64>,
}

impl Beat {
    /// Begins now.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let beat = Self {
            clock,
            last: Arc::default(),
        };
        beat.now();
        beat
    }

    /// A round begins.
    pub fn now(&self) {
        let now = self.clock.monotonic().as_secs();
        self.last.store(now, Ordering::Relaxed);
    }

    /// Whether a round has begun in the last minutes.
    pub fn is_heard(&self) -> bool {
        let last = Duration::from_secs(self.last.load(Ordering::Relaxed));
        self.clock.monotonic().saturating_sub(last) <= LONGEST
    }
}

#[cfg(test)]
mod tests {
    use protector_framework::ManualClock;

    use super::*;

    #[test]
    fn a_loop_that_stands_still_is_not_heard() {
        let clock = Arc::new(ManualClock::new("2026-12-01T12:00:00Z".parse().unwrap()));
        let beat = Beat::new(clock.clone());
        clock.advance(LONGEST);
        assert!(beat.is_heard());
        clock.advance(Duration::from_secs(2));
        assert!(!beat.is_heard());
        beat.now();
        assert!(beat.is_heard());
    }
}
