//! What a call costs beyond the driver's own work: linked, and in a shared library.
//! `cargo bench -p protector-framework`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use protector_framework::{
    CallCtx, Clock as _, DriverConfig, DriverEnv, DriverError, DriverInfo, DriverKind,
    DriverOrigin, RandomIds, Registry, Result, StorageCapabilities, StorageDriver, SystemClock,
    plugin::host::add_file,
};
use serde_json::{Value, json};

/// Refuses at once, as the library does in the mode that is measured.
#[derive(Debug)]
struct Linked;

macro_rules! verbs {
    ($($verb:ident($($arg:ident: $request:ty)?) -> $reply:ty;)*) => {
        #[async_trait]
        impl StorageDriver for Linked {
            fn capabilities(&self) -> StorageCapabilities {
                StorageCapabilities::none()
            }

            $(async fn $verb(&self, _: &CallCtx $(, $arg: $request)?) -> Result<$reply> {
                $(drop($arg);)?
                Err(DriverError::conflict(stringify!($verb)))
            })*
        }
    };
}
protector_framework::storage_verbs!(verbs);

fn library() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--release",
            "--features",
            "plugin",
            "--example",
            "unruly",
        ])
        .current_dir(here)
        .status()
        .unwrap();
    assert!(built.success());
    // target/release/deps/boundary-…
    let exe = std::env::current_exe().unwrap();
    exe.ancestors()
        .nth(2)
        .unwrap()
        .join("examples/libunruly.so")
}

fn registry() -> Registry {
    let env = DriverEnv {
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
    };
    let mut registry = Registry::from_linked(env).unwrap();
    let info = DriverInfo {
        kind: DriverKind::Storage,
        name: "linked".to_owned(),
        version: "1".to_owned(),
        summary: String::new(),
        example: Value::Null,
        schema: Value::Null,
        capabilities: Value::Null,
        origin: DriverOrigin::Linked,
        abi: None,
    };
    registry
        .add_storage(info, |_, _| Ok(Arc::new(Linked)))
        .unwrap();
    add_file(&mut registry, &library()).unwrap();
    registry
}

async fn calls(driver: &dyn StorageDriver, count: usize) {
    let ctx = CallCtx::new("req-1", Duration::from_secs(30));
    for _ in 0..count {
        driver.describe(&ctx).await.unwrap_err();
    }
}

fn micros(time: Duration, calls: usize) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(u32::try_from(calls).unwrap())
}

#[tokio::main]
async fn main() {
    let (registry, clock) = (registry(), SystemClock::new());
    println!("microseconds for a call        one after another   64 at once");
    for (name, mode) in [("linked", ""), ("unruly", "tells")] {
        let config = DriverConfig::new(json!({ "mode": mode }));
        let driver = registry.storage(name, config).unwrap();
        calls(&*driver, 200).await;
        let began = clock.monotonic();
        calls(&*driver, 5000).await;
        let single = micros(clock.monotonic() - began, 5000);
        let began = clock.monotonic();
        let many = (0..64).map(|_| {
            let driver = driver.clone();
            tokio::spawn(async move { calls(&*driver, 200).await })
        });
        for one in many.collect::<Vec<_>>() {
            one.await.unwrap();
        }
        let at_once = micros(clock.monotonic() - began, 64 * 200);
        let what = match name {
            "linked" => "linked, within the layers",
            _ => "a shared library",
        };
        println!("{what:28} {single:18.1} {at_once:13.1}");
    }
}
