//! Time that moves only while nothing else does.

use std::cell::RefCell;
use std::future::Future;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use protector_framework::{Clock, Hold, ManualClock};

use super::core::OneCore;

thread_local! {
    /// The clock of the world that this thread simulates.
    static CLOCK: RefCell<Weak<ManualClock>> = const { RefCell::new(Weak::new()) };
}

/// Runs a simulation on a runtime of its own. Whenever its only thread has nothing left to do, and
/// neither a database nor a file is waited for, the clock goes on to the next moment that somebody
/// waits for: an hour passes at once, and nothing depends on how fast the machine is.
pub fn simulate<T>(work: impl Future<Output = T>) -> T {
    let _core = OneCore::take();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(|| {
            if let Some(clock) = CLOCK.with_borrow(Weak::upgrade) {
                clock.advance_to_next();
            }
        })
        .build()
        .unwrap()
        .block_on(work)
}

/// The clock of one site's Protector: its wall clock can be wrong, what it measures is right.
#[derive(Debug)]
pub struct SiteClock {
    right: Arc<ManualClock>,
    wrong_by: Mutex<TimeDelta>,
}

impl SiteClock {
    pub(super) fn new(right: Arc<ManualClock>) -> Self {
        Self {
            right,
            wrong_by: Mutex::default(),
        }
    }

    /// Sets it wrong, or right again.
    pub fn set(&self, wrong_by: TimeDelta) {
        *self.wrong_by.lock().unwrap() = wrong_by;
    }
}

#[async_trait]
impl Clock for SiteClock {
    fn now(&self) -> DateTime<Utc> {
        self.right.now() + *self.wrong_by.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.right.monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        self.right.sleep(duration).await;
    }

    fn hold(&self) -> Hold {
        self.right.hold()
    }
}

/// Lets a world's clock be moved by the thread's runtime.
pub(super) fn follow(clock: &Arc<ManualClock>) {
    CLOCK.set(Arc::downgrade(clock));
}
