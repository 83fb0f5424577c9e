//! Time and randomness, handed in so that tests and the simulation drive them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use uuid::Uuid;

/// The only source of time and of waiting.
#[async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug + 'static {
    /// The wall clock, for what is stored and shown.
    fn now(&self) -> DateTime<Utc>;
    /// Time since an arbitrary start that never goes backwards, for what is measured.
    fn monotonic(&self) -> Duration;
    /// Returns when this much time of this clock has passed.
    async fn sleep(&self, duration: Duration);
    /// Says that work is being done which takes no time of this clock, a database's or a file's: a
    /// simulated clock stands until the guard is dropped. The machine's does not.
    fn hold(&self) -> Hold {
        Hold::default()
    }
}

/// Keeps a simulated clock from moving on while it lives.
#[derive(Debug, Default)]
pub struct Hold(Option<Arc<AtomicU64>>);

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(holds) = &self.0 {
            holds.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[allow(clippy::disallowed_methods, reason = "this is the Clock")]
    pub fn new() -> Self {
        Self {
            start: std::time::Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the Clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    #[allow(clippy::disallowed_methods, reason = "this is the Clock")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock {
    start: DateTime<Utc>,
    state: Mutex<ManualState>,
    holds: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct ManualState {
    elapsed: Duration,
    sleepers: BTreeMap<(Duration, u64), oneshot::Sender<()>>,
    next: u64,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: DateTime<Utc>) -> Self {
        Self {
            start,
            state: Mutex::default(),
            holds: Arc::default(),
        }
    }

    /// Moves the clock forward and wakes, in order of their time, all whose wait is over.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.elapsed += by;
        let first_later = (state.elapsed + Duration::from_nanos(1), 0);
        let later = state.sleepers.split_off(&first_later);
        for (_, wake) in std::mem::replace(&mut state.sleepers, later) {
            // A sleeper that was dropped no longer listens.
            wake.send(()).unwrap_or_default();
        }
    }

    /// Moves the clock to the next moment that somebody waits for, unless it is held. Returns whether
    /// it has moved.
    pub fn advance_to_next(&self) -> bool {
        if self.holds.load(Ordering::Relaxed) > 0 {
            return false;
        }
        let next = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.sleepers.retain(|_, wake| !wake.is_closed());
            let first = state.sleepers.keys().next();
            first.map(|(at, _)| at.saturating_sub(state.elapsed))
        };
        next.map(|by| self.advance(by)).is_some()
    }

    /// Whether somebody holds it.
    pub fn is_held(&self) -> bool {
        self.holds.load(Ordering::Relaxed) > 0
    }

    /// How many tasks wait on this clock.
    pub fn sleepers(&self) -> usize {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .sleepers
            .len()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        self.start + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed
    }

    async fn sleep(&self, duration: Duration) {
        if duration.is_zero() {
            return;
        }
        let wait = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let (wake, wait) = oneshot::channel();
            state.next += 1;
            let key = (state.elapsed + duration, state.next);
            state.sleepers.insert(key, wake);
            wait
        };
        // An error means that the clock itself is gone: nobody is left to wait for.
        wait.await.unwrap_or_default();
    }

    fn hold(&self) -> Hold {
        self.holds.fetch_add(1, Ordering::Relaxed);
        Hold(Some(self.holds.clone()))
    }
}

/// The only source of identifiers and randomness.
pub trait Ids: Send + Sync + std::fmt::Debug + 'static {
    /// A new identifier for a row; later ones sort after earlier ones.
    fn uuid(&self) -> Uuid;
    /// `N` random bytes, fit for keys and nonces with [`RandomIds`].
    fn bytes(&self, buffer: &mut [u8]);

    /// A new request id, `req-<uuid>`.
    fn request_id(&self) -> String {
        format!("req-{}", self.uuid())
    }
}

/// Identifiers from the operating system's random source.
#[derive(Debug, Default, Clone, Copy)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[allow(clippy::disallowed_methods, reason = "this is the Ids")]
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    #[allow(clippy::disallowed_methods, reason = "this is the Ids")]
    fn bytes(&self, buffer: &mut [u8]) {
        // A version 4 UUID carries 122 random bits of the system's generator; hashing two of them
        // gives 32 bytes of full entropy.
        for chunk in buffer.chunks_mut(32) {
            let mut hash = Sha256::new();
            hash.update(Uuid::new_v4().as_bytes());
            hash.update(Uuid::new_v4().as_bytes());
            hash.update(Uuid::new_v4().as_bytes());
            chunk.copy_from_slice(&hash.finalize()[..chunk.len()]);
        }
    }
}

/// Identifiers that depend on a seed alone.
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    next: AtomicU64,
}

impl SeededIds {
    /// The same seed gives the same sequence.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            next: AtomicU64::new(0),
        }
    }

    fn block(&self) -> [u8; 32] {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(n.to_be_bytes());
        hash.finalize().into()
    }
}

impl Ids for SeededIds {
    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.block()[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    fn bytes(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            chunk.copy_from_slice(&self.block()[..chunk.len()]);
        }
    }
}
