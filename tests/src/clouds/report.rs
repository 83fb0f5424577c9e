//! Plain timed lines: when, how long, what.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protector_framework::{Clock, SystemClock};

use super::failure::Outcome;

/// Prints what is done with its time and keeps the phases' times for the end.
#[derive(Debug, Clone)]
pub struct Report {
    clock: Arc<SystemClock>,
    phases: Arc<Mutex<Vec<(String, Duration)>>>,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            phases: Arc::default(),
        }
    }
}

impl Report {
    /// The clock that everything here waits by.
    pub fn clock(&self) -> &SystemClock {
        &self.clock
    }

    /// Says something now.
    #[allow(clippy::print_stdout, reason = "this program talks to people")]
    pub fn say(&self, text: &str) {
        println!(
            "{:7.1}           {text}",
            self.clock.monotonic().as_secs_f64()
        );
    }

    /// Does one thing and says how long it took.
    ///
    /// # Errors
    /// What the work failed with, after saying so.
    #[allow(clippy::print_stdout, reason = "this program talks to people")]
    pub async fn step<T>(&self, text: &str, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let began = self.clock.monotonic();
        let outcome = work.await;
        let now = self.clock.monotonic();
        let mark = if outcome.is_ok() { "" } else { "FAILED: " };
        println!(
            "{:7.1} {:7.1} s  {mark}{text}",
            now.as_secs_f64(),
            (now - began).as_secs_f64()
        );
        outcome
    }

    /// Does a whole phase under a heading.
    ///
    /// # Errors
    /// What the work failed with.
    #[allow(clippy::print_stdout, reason = "this program talks to people")]
    pub async fn phase<T>(&self, name: &str, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let began = self.clock.monotonic();
        println!("\n{:7.1}           == {name}", began.as_secs_f64());
        let outcome = work.await;
        self.phases
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((name.to_owned(), self.clock.monotonic() - began));
        outcome
    }

    /// Prints the time of each phase.
    #[allow(clippy::print_stdout, reason = "this program talks to people")]
    pub fn summary(&self) {
        println!("\nseconds  phase");
        for (name, took) in self
            .phases
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            println!("{:7.1}  {name}", took.as_secs_f64());
        }
        println!("{:7.1}  in all", self.clock.monotonic().as_secs_f64());
    }

    /// Looks every half second until something is there.
    ///
    /// # Errors
    /// What `look` failed with, or what it still saw when the time was over.
    pub async fn until<T, F>(&self, what: &str, limit: Duration, look: F) -> Outcome<T>
    where
        F: AsyncFnMut() -> Outcome<Wait<T>>,
    {
        self.until_often(what, limit, Duration::from_millis(500), look)
            .await
    }

    /// Looks as often as told until something is there.
    ///
    /// # Errors
    /// What `look` failed with, or what it still saw when the time was over.
    pub async fn until_often<T, F>(
        &self,
        what: &str,
        limit: Duration,
        pause: Duration,
        mut look: F,
    ) -> Outcome<T>
    where
        F: AsyncFnMut() -> Outcome<Wait<T>>,
    {
        let deadline = self.clock.monotonic() + limit;
        loop {
            let seen = match look().await? {
                Wait::Done(value) => return Ok(value),
                Wait::NotYet(seen) => seen,
            };
            if self.clock.monotonic() > deadline {
                return super::failure::fail(format!(
                    "{what}: not within {} s; last seen: {seen}",
                    limit.as_secs()
                ));
            }
            self.clock.sleep(pause).await;
        }
    }
}

/// What a look at something that is awaited gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait<T> {
    /// It is there.
    Done(T),
    /// What is there instead.
    NotYet(String),
}
