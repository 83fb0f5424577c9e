//! Time that moves only while nothing else does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use protector_framework::ManualClock;

/// How far time moves at once: the shortest pause between two looks at a cloud.
const STEP: Duration = Duration::from_millis(200);
/// For how long nothing must move before time does, in microseconds.
const STILL: u64 = 400;
/// The same where the time that passes is itself what is tested, on a busy machine too.
const STILL_FOR_SURE: u64 = 5000;

/// Advances the clock whenever the test's only thread has been parked for a moment, which means
/// that every task waits.
pub(crate) struct Time {
    over: Arc<AtomicBool>,
    still: Arc<AtomicU64>,
}

impl Time {
    /// Begins in a test's runtime of one thread.
    pub(crate) fn begin(clock: Arc<ManualClock>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let still = Arc::new(AtomicU64::new(STILL));
        let (ends, pause) = (over.clone(), still.clone());
        let runtime = tokio::runtime::Handle::current();
        std::thread::spawn(move || {
            let metrics = runtime.metrics();
            let mut before = 0;
            while !ends.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_micros(pause.load(Ordering::Relaxed)));
                // Odd while parked.
                let now = metrics.worker_park_unpark_count(0);
                if now % 2 == 1 && now == before && clock.sleepers() > 0 {
                    clock.advance(STEP);
                }
                before = now;
            }
        });
        Self { over, still }
    }

    /// From now on no time passes while anything may still move.
    pub(crate) fn be_exact(&self) {
        self.still.store(STILL_FOR_SURE, Ordering::Relaxed);
    }
}

impl Drop for Time {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
