//! The threads on which the functions of one library run. Any of them may never come back, so that nothing
//! else of the program runs on them.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a thread without work waits for more.
const PATIENCE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// The threads of a library. How many there are is bounded by whoever gives them work.
pub(super) struct Threads {
    name: String,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    /// Never more than there are idle threads to take them.
    jobs: VecDeque<Job>,
    idle: usize,
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Threads").field(&self.name).finish()
    }
}

impl Threads {
    /// Threads that are called after the driver, which is what `ps -T` shows of them.
    pub(super) fn new(driver: &str) -> Self {
        Self {
            name: format!("drv-{driver}"),
            state: Mutex::default(),
            work: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a job at once, on an idle thread or a new one.
    ///
    /// # Errors
    /// Where the system gives no thread; the job is dropped.
    pub(super) fn run(&'static self, job: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let mut state = self.state();
        if state.jobs.len() < state.idle {
            state.jobs.push_back(Box::new(job));
            drop(state);
            self.work.notify_one();
            return Ok(());
        }
        drop(state);
        let thread = std::thread::Builder::new().name(self.name.clone());
        thread.spawn(move || {
            job();
            self.go_on();
        })?;
        Ok(())
    }

    fn go_on(&self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        state.idle += 1;
        let waited = self
            .work
            .wait_timeout_while(state, PATIENCE, |state| state.jobs.is_empty());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        state.jobs.pop_front()
    }
}
