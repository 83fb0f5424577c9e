//! How long a call may take, as the library is told it (INV6).

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use futures::{StreamExt as _, poll};
use serde_json::json;

use super::unruly::{SECRET, library};
use super::{ctx, with_file_on};
use crate::{
    Clock as _, DriverConfig, DriverEnv, DriverError, ErrorKind, ManualClock, RandomIds,
    StorageDriver,
};

const MINUTE: Duration = Duration::from_secs(60);
/// More than a library has threads.
const MANY: usize = 100;

struct Bench {
    clock: Arc<ManualClock>,
    gate: tempfile::TempDir,
    driver: Arc<dyn StorageDriver>,
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap()));
        let env = DriverEnv {
            clock: clock.clone(),
            ids: Arc::new(RandomIds),
        };
        let gate = tempfile::tempdir().unwrap();
        let settings = json!({"mode": "tells_later", "gate": gate.path().join("open")});
        let registry = with_file_on(env, &library());
        let config = DriverConfig::new(settings).secret("api_token", SECRET.into());
        let driver = registry.storage("unruly", config);
        Self {
            driver: driver.unwrap(),
            clock,
            gate,
        }
    }

    fn open(&self) {
        std::fs::write(self.gate.path().join("open"), "").unwrap();
    }

    async fn call(&self) -> DriverError {
        self.driver.describe(&ctx(MINUTE)).await.unwrap_err()
    }

    /// The instance is there, so that a call waits for nothing but a thread.
    async fn made(&self) {
        self.open();
        self.call().await;
        std::fs::remove_file(self.gate.path().join("open")).unwrap();
    }
}

/// The deadline that a driver says it was given.
fn told(error: &DriverError) -> Duration {
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    let told = error.message.split("deadline: ").nth(1).unwrap();
    Duration::from_secs_f64(told.split('s').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_call_that_waited_for_a_thread_is_told_what_is_left() {
    let bench = Bench::new();
    bench.made().await;
    let mut calls = Box::pin(join_all((0..MANY).map(|_| bench.call())));
    assert!(poll!(&mut calls).is_pending(), "they wait for the gate");
    let waited = Duration::from_secs(40);
    bench.clock.advance(waited);
    bench.open();
    let all: Vec<_> = calls.await.iter().map(told).collect();
    let late = all.iter().filter(|told| **told <= MINUTE - waited).count();
    assert!(late >= MANY - 64, "{late}: {all:?}");
}

#[tokio::test]
async fn a_call_that_waited_until_its_deadline_has_sent_nothing_and_says_so() {
    let bench = Bench::new();
    bench.made().await;
    let mut calls: futures::stream::FuturesUnordered<_> = (0..MANY).map(|_| bench.call()).collect();
    assert!(poll!(calls.next()).is_pending(), "they wait for the gate");
    // Until the first of them has waited long enough, and no further.
    while bench.clock.monotonic() < MINUTE - Duration::from_millis(500) {
        assert!(bench.clock.advance_to_next());
    }
    let error = calls.next().await.unwrap();
    assert_eq!(error.kind, ErrorKind::Busy, "{error}");
    assert!(error.message.contains("nothing was sent"), "{error}");
    bench.open();
}
