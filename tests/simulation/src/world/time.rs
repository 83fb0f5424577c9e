//! Time that moves only while nothing else does.

use std::cell::RefCell;
use std::future::Future;
use std::sync::{Arc, Weak};

use protector_framework::ManualClock;

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

/// Lets a world's clock be moved by the thread's runtime.
pub(super) fn follow(clock: &Arc<ManualClock>) {
    CLOCK.set(Arc::downgrade(clock));
}
