//! `cancel` and `destroy`: what is asked of a library while nobody waits for it.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::threads::Threads;

/// How many threads may be in one of the two functions.
const THREADS: usize = 4;
/// How many requests may wait for one of them.
const WAITING: usize = 1024;
/// How many of these may be for one instance.
const OF_ONE: usize = 64;

/// The requests to one of the two functions of a library, one at a time for an instance.
#[derive(Debug)]
pub(super) struct Aside {
    driver: String,
    function: &'static str,
    threads: &'static Threads,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Request>,
    /// The instances that a thread is at.
    at_work: HashSet<usize>,
    told: bool,
}

struct Request {
    instance: usize,
    ask: Box<dyn FnOnce() + Send>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Request").field(&self.instance).finish()
    }
}

impl State {
    /// Whether one more may wait.
    fn has_room(&self, instance: usize) -> bool {
        let same = |request: &&Request| request.instance == instance;
        self.waiting.len() < WAITING && self.waiting.iter().filter(same).count() < OF_ONE
    }

    /// Takes the next request that a thread may see to.
    fn next(&mut self) -> Option<Request> {
        if self.at_work.len() >= THREADS {
            return None;
        }
        let free = |request: &Request| !self.at_work.contains(&request.instance);
        let at = self.waiting.iter().position(free)?;
        let next = self.waiting.remove(at)?;
        self.at_work.insert(next.instance);
        Some(next)
    }
}

impl Aside {
    pub(super) fn new(driver: &str, function: &'static str, threads: &'static Threads) -> Self {
        Self {
            driver: driver.to_owned(),
            function,
            threads,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks as soon as there is a thread; never where too much waits for one, which is said once.
    pub(super) fn ask(&'static self, instance: usize, ask: impl FnOnce() + Send + 'static) {
        let request = Request {
            instance,
            ask: Box::new(ask),
        };
        let mut state = self.state();
        if state.has_room(instance) {
            state.waiting.push_back(request);
            drop(state);
            self.begin();
            return;
        }
        let told = std::mem::replace(&mut state.told, true);
        let waiting = state.waiting.len();
        drop(state);
        if !told {
            tracing::warn!(
                driver = self.driver,
                waiting,
                "`{}` of a driver does not come back, and requests to it are left out from now on",
                self.function
            );
        }
        // Not under the lock: this may let an instance go, which asks again.
        drop(request);
    }

    fn begin(&'static self) {
        let Some(request) = self.state().next() else {
            return;
        };
        let instance = request.instance;
        if let Err(error) = self.threads.run(move || self.see_to(request)) {
            self.state().at_work.remove(&instance);
            tracing::warn!(
                driver = self.driver,
                "there is no thread for `{}` of a driver: {error}",
                self.function
            );
        }
    }

    fn see_to(&self, request: Request) {
        let mut next = Some(request);
        while let Some(Request { instance, ask }) = next {
            ask();
            let mut state = self.state();
            state.at_work.remove(&instance);
            next = state.next();
        }
    }
}
