//! Drivers made by the SDK that panic, block, leak, or never answer: each takes its own call with it and
//! nothing else.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::{ctx, with_file};
use crate::plugin::host::{LibraryState, library_states};
use crate::{
    DriverConfig, DriverError, DriverKind, ErrorKind, GetVolume, OperationId, Registry,
    StorageDriver,
};

pub(super) const SECRET: &str = "s3cret-of-the-array";
/// Long enough for a busy machine.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

/// The library: an example, which cargo builds with the tests, but for a filter that leaves it out.
pub(super) fn library() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let exe = std::env::current_exe().unwrap();
        let file = exe.ancestors().nth(2).unwrap();
        let file = file.join("examples/libunruly.so");
        if !file.exists() {
            let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
            let status = Command::new(env!("CARGO"))
                .args([
                    "build",
                    "--quiet",
                    "--example",
                    "unruly",
                    "--features",
                    "plugin",
                ])
                .args(["--manifest-path", manifest])
                .status()
                .unwrap();
            assert!(status.success());
        }
        file
    });
    built.clone()
}

fn registry() -> Registry {
    let registry = with_file(&library());
    assert!(registry.driver(DriverKind::Storage, "unruly").is_some());
    registry
}

fn driver(registry: &Registry, mode: &str) -> Arc<dyn StorageDriver> {
    let config = DriverConfig::new(json!({ "mode": mode }));
    let config = config.secret("api_token", SecretString::from(SECRET));
    registry.storage("unruly", config).unwrap()
}

async fn refused(driver: &dyn StorageDriver, deadline: Duration) -> DriverError {
    driver.describe(&ctx(deadline)).await.unwrap_err()
}

/// The library still serves others.
async fn others_are_served(registry: &Registry) {
    let error = refused(&*driver(registry, "waits"), LONG).await;
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
}

#[tokio::test]
async fn a_call_and_its_error_cross_whole_and_without_secrets() {
    let registry = registry();
    let driver = driver(&registry, "tells");
    let operation: OperationId = "018f3b1c-0000-7000-8000-000000000001".parse().unwrap();
    let ctx = ctx(LONG).for_step(operation, "boot/a", 7);
    let error = driver
        .get_volume(&ctx, GetVolume::new("v"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    let said = &error.message;
    for part in ["get_volume with", "req-1", "018f3b1c", "boot/a", "Some(7)"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    // Less than the caller's, so that the driver says why before the host gives it up.
    let told = said.split("deadline: ").nth(1).unwrap();
    let told: f64 = told.split('s').next().unwrap().parse().unwrap();
    assert!((50.0..60.0).contains(&told), "{said}");
    assert!(said.contains("the secret ***"), "{said}");
    assert_eq!(error.remote_call.as_deref(), Some("GET /***"));
    assert_eq!(error.remote_request_id.as_deref(), Some("req-array-1"));
    assert!(!format!("{driver:?}").contains(SECRET));
}

#[tokio::test]
async fn a_panic_fails_its_call_alone() {
    let registry = registry();
    for (mode, verb) in [("panics", "describe"), ("panics_when_built", "create")] {
        let driver = driver(&registry, mode);
        for _ in 0..3 {
            let error = refused(&*driver, LONG).await;
            assert_eq!(error.kind, ErrorKind::Panicked, "{error}");
            assert!(error.message.contains(verb), "{error}");
            assert!(error.message.contains("unruly"), "{error}");
        }
    }
    let dropped = driver(&registry, "panics_when_dropped");
    assert_eq!(refused(&*dropped, LONG).await.kind, ErrorKind::Conflict);
    drop(dropped);
    others_are_served(&registry).await;
}

#[tokio::test]
async fn a_configuration_that_is_refused_is_told_without_its_secret() {
    let registry = registry();
    let error = refused(&*driver(&registry, "refuses_its_config"), LONG).await;
    assert_eq!(error.kind, ErrorKind::InvalidConfig);
    assert_eq!(error.message, "it does not like ***");
    let error = refused(&*driver(&registry, "no such mode"), LONG).await;
    assert_eq!(error.kind, ErrorKind::InvalidConfig);
    let error = refused(&*driver(&registry, "claims_more"), LONG).await;
    assert!(error.message.contains("says that it can"), "{error}");
}

#[tokio::test]
async fn a_driver_that_never_answers_is_given_up_at_the_deadline() {
    let registry = registry();
    for mode in ["hangs", "blocks", "blocks_when_built"] {
        let stuck = driver(&registry, mode);
        for _ in 0..3 {
            let error = refused(&*stuck, SHORT).await;
            assert_eq!(error.kind, ErrorKind::Timeout, "{mode}: {error}");
            assert!(error.message.contains("unruly"), "{error}");
        }
        others_are_served(&registry).await;
    }
}

#[tokio::test]
async fn an_instance_that_loses_its_threads_takes_none_of_another_s() {
    let registry = registry();
    let waits = driver(&registry, "waits");
    // The array of each of these is dead; more than one library lends threads to.
    let stuck: Vec<_> = (0..10).map(|_| driver(&registry, "blocks")).collect();
    let calls = stuck.iter().flat_map(|stuck| {
        let calls = (0..30).map(|_| refused(&**stuck, SHORT));
        calls.collect::<Vec<_>>()
    });
    let errors = futures::future::join_all(calls).await;
    let lost = errors.iter().filter(|e| e.kind == ErrorKind::Timeout);
    let lost = lost.count();
    assert_eq!(
        lost,
        10 * 4 + 64,
        "each has its own, and they share the rest"
    );
    for error in errors.iter().filter(|e| e.kind != ErrorKind::Timeout) {
        assert!(error.message.contains("nothing was sent"), "{error}");
    }
    let states = library_states();
    let seen = |state: &LibraryState| state.driver == "unruly" && state.lost_threads == lost;
    assert!(states.iter().any(seen), "{states:?}");

    // A used up instance says so at once, and the caller can go elsewhere.
    let error = refused(&*stuck[0], LONG).await;
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    for part in ["unruly", "used up", "describe", "nothing was sent"] {
        assert!(error.message.contains(part), "{error}");
    }
    // Every other one is served, whether it was there before or not.
    let calls = (0..20).map(|_| refused(&*waits, LONG));
    for error in futures::future::join_all(calls).await {
        assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    }
    others_are_served(&registry).await;
}

#[tokio::test]
async fn a_thread_that_comes_back_late_is_a_place_again() {
    let registry = registry();
    let directory = tempfile::tempdir().unwrap();
    let gate = directory.path().join("open");
    let config = DriverConfig::new(json!({ "mode": "tells_later", "gate": gate }));
    let config = config.secret("api_token", SecretString::from(SECRET));
    let late = registry.storage("unruly", config).unwrap();
    let calls = (0..20).map(|_| refused(&*late, SHORT));
    futures::future::join_all(calls).await;
    assert_eq!(refused(&*late, LONG).await.kind, ErrorKind::Unreachable);
    std::fs::write(&gate, "").unwrap();
    let mut error = refused(&*late, LONG).await;
    while error.kind == ErrorKind::Unreachable {
        tokio::task::yield_now().await;
        error = refused(&*late, LONG).await;
    }
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
}

#[tokio::test]
async fn a_driver_that_leaks_serves_on() {
    let registry = registry();
    let leaky = driver(&registry, "leaks");
    for _ in 0..50 {
        assert_eq!(refused(&*leaky, LONG).await.kind, ErrorKind::Conflict);
    }
    others_are_served(&registry).await;
}

#[tokio::test]
async fn many_calls_at_once_come_back_each_to_its_own() {
    let registry = registry();
    let driver = driver(&registry, "waits");
    let calls = (0..200).map(|n| {
        let driver = driver.clone();
        async move {
            let ctx = crate::CallCtx::new(format!("req-{n}"), LONG);
            let error = driver.describe(&ctx).await.unwrap_err();
            assert!(error.message.contains(&format!("\"req-{n}\"")), "{error}");
        }
    });
    futures::future::join_all(calls).await;
}

/// What the process has logged of drivers.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!(" {field}={value:?}");
    }
}

impl<S: tracing::Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "protector_plugin" {
            let mut line = Line(event.metadata().level().to_string());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
    }
}

pub(super) fn lines() -> Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    let lines = LINES.get_or_init(|| {
        let lines = Lines::default();
        let subscriber =
            tracing_subscriber::registry().with(lines.clone().with_filter(LevelFilter::INFO));
        tracing::subscriber::set_global_default(subscriber).unwrap();
        lines
    });
    lines.clone()
}

impl Lines {
    pub(super) fn count(&self, part: &str) -> usize {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line.contains(part)).count()
    }

    pub(super) async fn wait_for(&self, part: &str) -> String {
        for _ in 0..10_000 {
            let found = {
                let lines = self.0.lock().unwrap();
                lines.iter().find(|line| line.contains(part)).cloned()
            };
            match found {
                Some(line) => return line,
                None => tokio::task::yield_now().await,
            }
            // The line comes from another thread.
            std::thread::yield_now();
        }
        panic!("no line with {part}: {:?}", self.0.lock().unwrap())
    }
}

#[tokio::test]
async fn a_driver_s_log_is_part_of_the_host_s_one_line_each_without_secrets() {
    let lines = lines();
    let registry = registry();
    let ctx = crate::CallCtx::new("req-of-the-log", LONG);
    driver(&registry, "logs").describe(&ctx).await.unwrap_err();
    let line = lines.wait_for("req-of-the-log").await;
    assert!(line.starts_with("INFO"), "{line}");
    assert!(line.contains("driver=\"unruly\""), "{line}");
    assert!(line.contains("one line and ***"), "{line}");
    assert!(
        line.contains("shelf-1") && line.contains("describe"),
        "{line}"
    );
    // Of what the driver's crate uses only what is wrong.
    lines.wait_for("a broken connection").await;
    let all = lines.0.lock().unwrap().join("\n");
    assert!(!all.contains("not interesting"), "{all}");
    assert!(!all.contains("a header"), "{all}");
}

#[tokio::test]
async fn a_secret_of_several_lines_with_quotes_is_taken_out_too() {
    let lines = lines();
    let registry = registry();
    let config = DriverConfig::new(json!({ "mode": "logs" }));
    let config = config.secret("api_token", "top\nsec\"ret\\of-it\nend".into());
    let driver = registry.storage("unruly", config).unwrap();
    let ctx = crate::CallCtx::new("req-of-several-lines", LONG);
    let error = driver.describe(&ctx).await.unwrap_err();
    let line = lines.wait_for("req-of-several-lines").await;
    for said in [&line, &error.message] {
        assert!(said.contains("***") && !said.contains("of-it"), "{said}");
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_is_given_up_in_the_library_too() {
    let lines = lines();
    let registry = registry();
    let error = refused(&*driver(&registry, "hangs_until_cancelled"), SHORT).await;
    assert_eq!(error.kind, ErrorKind::Timeout);
    let line = lines.wait_for("given up").await;
    assert!(line.starts_with("WARN"), "{line}");
}
