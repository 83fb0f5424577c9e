//! Time that moves only while nothing else does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use protector_framework::ManualClock;

/// How far time moves at once: the shortest pause between two looks at a cloud.
const STEP: Duration = Duration::from_millis(200);
/// For how long nothing must move before time does.
const STILL: Duration = Duration::from_micros(400);

/// Advances the clock whenever the test's only thread has been parked for a moment, which means
/// that every task waits.
pub(crate) struct Time {
    over: Arc<AtomicBool>,
}

impl Time {
    /// Begins in a test's runtime of one thread.
    pub(crate) fn begin(clock: Arc<ManualClock>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (ends, runtime) = (over.clone(), tokio::runtime::Handle::current());
        std::thread::spawn(move || {
            let metrics = runtime.metrics();
            let mut before = 0;
            while !ends.load(Ordering::Relaxed) {
                std::thread::sleep(STILL);
                // Odd while parked.
                let now = metrics.worker_park_unpark_count(0);
                if now % 2 == 1 && now == before && clock.sleepers() > 0 {
                    clock.advance(STEP);
                }
                before = now;
            }
        });
        Self { over }
    }
}

impl Drop for Time {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
