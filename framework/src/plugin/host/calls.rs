//! The open calls of one library, by id: what it completes twice, too late or out of nothing finds no
//! call and does no harm.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::library::Instance;
use super::rate::Rate;
use crate::plugin::abi::{self, TooLong};
use crate::{Clock as _, DriverError, SystemClock};

/// A longer reply is not taken.
pub(super) const LONGEST_REPLY: usize = 16 << 20;

/// How a library completed a call.
#[derive(Debug)]
pub(super) enum Completion {
    /// With a status and a body.
    Told(u32, Vec<u8>),
    /// With a body of so many bytes.
    TooLong(usize),
    /// The host, before the library heard of it, for this reason.
    Refused(DriverError),
}

/// The calls of one library that it has not completed.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) driver: String,
    next: AtomicU64,
    open: Mutex<HashMap<u64, Open>>,
    clock: SystemClock,
    rate: Mutex<Rate>,
    left_out: AtomicU64,
    stray: AtomicU64,
}

#[derive(Debug)]
struct Open {
    /// Who waits; nobody since the call was given up.
    waiting: Option<oneshot::Sender<Completion>>,
    /// The library may use it until it completes the call.
    _instance: Option<Arc<Instance>>,
}

impl Calls {
    pub(super) fn new(driver: &str) -> Self {
        Self {
            driver: driver.to_owned(),
            next: AtomicU64::new(1),
            open: Mutex::default(),
            clock: SystemClock::new(),
            rate: Mutex::default(),
            left_out: AtomicU64::new(0),
            stray: AtomicU64::new(0),
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a call.
    pub(super) fn begin(
        &self,
        instance: Option<Arc<Instance>>,
    ) -> (u64, oneshot::Receiver<Completion>) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        let open = Open {
            waiting: Some(tell),
            _instance: instance,
        };
        self.open().insert(id, open);
        (id, told)
    }

    /// Whether somebody waits for the call.
    pub(super) fn is_waited_for(&self, id: u64) -> bool {
        self.open()
            .get(&id)
            .is_some_and(|open| open.waiting.is_some())
    }

    /// Waits no longer; what the library says of it later is not heard.
    pub(super) fn give_up(&self, id: u64) {
        if let Some(open) = self.open().get_mut(&id) {
            open.waiting = None;
        }
    }

    /// Forgets a call that the library does not know of, or has ended in another way.
    pub(super) fn close(&self, id: u64) {
        let closed = self.open().remove(&id);
        // Not under the lock: this may let the instance go.
        drop(closed);
    }

    /// Ends a call that the library has not heard of.
    pub(super) fn refuse(&self, id: u64, why: DriverError) {
        let found = self.open().remove(&id);
        if let Some(waiting) = found.and_then(|open| open.waiting) {
            // Who waited has just given up.
            waiting.send(Completion::Refused(why)).unwrap_or_default();
        }
    }

    /// What the library said of a call.
    pub(super) fn complete(&self, id: u64, status: u32, body: Result<&[u8], TooLong>) {
        let found = self.open().remove(&id);
        let waiting = found.map(|open| open.waiting);
        match waiting {
            Some(Some(waiting)) => {
                let completion = match body {
                    Ok(body) => Completion::Told(status, body.to_vec()),
                    Err(TooLong(size)) => Completion::TooLong(size),
                };
                // Who waited has just given up.
                waiting.send(completion).unwrap_or_default();
            }
            // It does what it was asked to.
            Some(None) if status == abi::CANCELLED => {}
            Some(None) => self.stray(id, "a driver has completed a call too late"),
            None => self.stray(id, "a driver has completed a call that is not open"),
        }
    }

    fn stray(&self, id: u64, what: &str) {
        self.stray.fetch_add(1, Ordering::Relaxed);
        if self.may_log() {
            tracing::warn!(driver = self.driver, call = id, "{what}");
        }
    }

    /// Whether one more line may come of what the library does; says how many did not.
    pub(super) fn may_log(&self) -> bool {
        let admitted = {
            let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
            rate.admit(self.clock.monotonic())
        };
        match admitted {
            None => {
                self.left_out.fetch_add(1, Ordering::Relaxed);
            }
            Some(0) => {}
            Some(lines) => tracing::warn!(
                driver = self.driver,
                lines,
                "so many lines of a driver's log were left out: it wrote too many in a second"
            ),
        }
        admitted.is_some()
    }

    /// How many lines were left out of the log.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// How many completions were of no call that somebody waits for.
    pub(super) fn strays(&self) -> u64 {
        self.stray.load(Ordering::Relaxed)
    }
}
