//! How many threads may be in a library for one instance, and which of them have not come back.
//!
//! A driver that blocks for good on an array that is dead loses the threads of its own instance, and those
//! that it has borrowed. What another instance has of its own, nobody else takes.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::select;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::deadline::Deadline;

/// The threads that each instance has, whatever the others do.
const OWN: usize = 4;
/// The threads that an instance may borrow besides.
const BORROWED: usize = 12;
/// The threads that the instances of one library can borrow together.
const SHARED: usize = 64;

/// What the instances of a library share.
#[derive(Debug)]
pub(super) struct Shared {
    free: Arc<Semaphore>,
    lost: AtomicUsize,
    borrowed_lost: AtomicUsize,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            free: Arc::new(Semaphore::new(SHARED)),
            lost: AtomicUsize::new(0),
            borrowed_lost: AtomicUsize::new(0),
        }
    }

    /// How many threads are in the library for calls that were given up.
    pub(super) fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }
}

/// The places of one instance.
#[derive(Debug)]
pub(super) struct Places {
    shared: Arc<Shared>,
    own: Arc<Semaphore>,
    borrowed: Arc<Semaphore>,
    lost: Mutex<Lost>,
    warned: AtomicBool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Lost {
    own: usize,
    borrowed: usize,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// None came free by the deadline.
    InTime,
    /// So many threads have not come back, and no more can be had.
    Left(usize),
}

impl Places {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            own: Arc::new(Semaphore::new(OWN)),
            borrowed: Arc::new(Semaphore::new(BORROWED)),
            lost: Mutex::default(),
            warned: AtomicBool::new(false),
        }
    }

    fn lost(&self) -> MutexGuard<'_, Lost> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// At once where none can come free.
    pub(super) async fn enter(
        self: &Arc<Self>,
        driver: &str,
        deadline: &Deadline,
    ) -> Result<Place, NoPlace> {
        self.warn(driver);
        self.used_up()?;
        match deadline.before(self.wait()).await {
            Some((borrowed, permits)) => Ok(Place {
                stay: Arc::new(Stay {
                    places: self.clone(),
                    borrowed,
                    state: Mutex::new(State::WaitedFor),
                }),
                _permits: permits,
            }),
            None => {
                self.used_up()?;
                Err(NoPlace::InTime)
            }
        }
    }

    async fn wait(&self) -> (bool, Permits) {
        if let Ok(own) = self.own.clone().try_acquire_owned() {
            return (false, Permits(Ok(own), None));
        }
        let own = async {
            let own = self.own.clone().acquire_owned().await;
            (false, Permits(own, None))
        };
        let borrowed = async {
            let place = self.borrowed.clone().acquire_owned().await;
            let thread = self.shared.free.clone().acquire_owned().await;
            (true, Permits(place, Some(thread)))
        };
        select(pin!(own), pin!(borrowed)).await.factor_first().0
    }

    fn used_up(&self) -> Result<(), NoPlace> {
        let lost = *self.lost();
        let all_shared = self.shared.borrowed_lost.load(Ordering::Relaxed) >= SHARED;
        match lost.own >= OWN && (lost.borrowed >= BORROWED || all_shared) {
            true => Err(NoPlace::Left(lost.own + lost.borrowed)),
            false => Ok(()),
        }
    }

    /// Says it once for each instance, when something comes after a call that was given up.
    fn warn(&self, driver: &str) {
        let lost = *self.lost();
        let lost = lost.own + lost.borrowed;
        if lost > 0 && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                driver,
                lost,
                in_library = self.shared.lost(),
                "threads are still in the library of a driver for calls that were given up; an instance \
                 can lose {} of them before its calls are refused",
                OWN + BORROWED
            );
        }
    }
}

/// Nobody closes the semaphores, so that each of them is a permit.
type Permit = Result<OwnedSemaphorePermit, AcquireError>;

#[derive(Debug)]
struct Permits(
    #[expect(dead_code, reason = "holds the place")] Permit,
    #[expect(dead_code, reason = "holds the thread")] Option<Permit>,
);

/// A thread's place in the library, until it comes out.
#[derive(Debug)]
pub(super) struct Place {
    stay: Arc<Stay>,
    _permits: Permits,
}

/// What becomes of a thread in the library.
#[derive(Debug)]
pub(super) struct Stay {
    places: Arc<Places>,
    borrowed: bool,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    WaitedFor,
    Lost,
    Out,
}

impl Place {
    /// Whoever waits for the thread.
    pub(super) fn watch(&self) -> Watch {
        Watch(Some(self.stay.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stay.becomes(State::Out);
    }
}

impl Stay {
    fn becomes(&self, next: State) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match (*state, next) {
            (State::WaitedFor, State::Lost) => self.count(|count| count + 1),
            (State::Lost, State::Out) => self.count(|count| count - 1),
            (State::WaitedFor, State::Out) => {}
            _ => return,
        }
        *state = next;
    }

    /// Under the lock of the state: none is taken off before it was added.
    fn count(&self, change: impl Fn(usize) -> usize) {
        let update = |counter: &AtomicUsize| {
            let next = |count| Some(change(count));
            // It always gives a next value.
            let (Ok(_) | Err(_)) = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        };
        let mut lost = self.places.lost();
        if self.borrowed {
            lost.borrowed = change(lost.borrowed);
            update(&self.places.shared.borrowed_lost);
        } else {
            lost.own = change(lost.own);
        }
        update(&self.places.shared.lost);
    }
}

/// Waits for a thread to have done its work; dropped before, the thread is lost until it comes out.
#[derive(Debug)]
pub(super) struct Watch(Option<Arc<Stay>>);

impl Watch {
    /// The work is done, whether the thread has come out or not.
    pub(super) fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(stay) = &self.0 {
            stay.becomes(State::Lost);
        }
    }
}
