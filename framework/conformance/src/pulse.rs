//! Time goes on while a verb runs.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use protector_framework::{Clock as _, SystemClock};

/// How often a bench whose clock moves by hand may move it.
const TICK: Duration = Duration::from_millis(5);

/// What moves a bench's time while verbs run: once in a while, however many of them run.
pub(crate) struct Pulse {
    tick: Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
    wall: SystemClock,
    last: Mutex<Duration>,
}

impl Pulse {
    /// Calls `tick` of a bench.
    pub(crate) fn new(tick: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self {
            tick: Box::new(tick),
            wall: SystemClock::new(),
            last: Mutex::new(Duration::ZERO),
        }
    }

    /// Runs a verb to its end.
    pub(crate) async fn run<T>(&self, verb: impl Future<Output = T> + Send) -> T {
        let mut verb = std::pin::pin!(verb);
        loop {
            match select(verb, self.wall.sleep(TICK)).await {
                Either::Left((reply, _)) => return reply,
                Either::Right(((), running)) => {
                    self.beat().await;
                    verb = running;
                }
            }
        }
    }

    async fn beat(&self) {
        let due = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.wall.monotonic();
            let due = now >= *last + TICK;
            if due {
                *last = now;
            }
            due
        };
        if due {
            (self.tick)().await;
        }
    }
}
