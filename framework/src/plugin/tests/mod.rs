//! Libraries that keep the rules and libraries that break each of them, seen from the host.

mod deadline;
mod files;
mod header;
mod rules;
mod sdk;
mod stuck;
mod unruly;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::plugin::host::add_file;
use crate::{CallCtx, DriverEnv, RandomIds, Registry, SystemClock};

/// The machine's clock and randomness.
fn env() -> DriverEnv {
    DriverEnv {
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
    }
}

fn registry() -> Registry {
    Registry::from_linked(env()).unwrap()
}

fn ctx(deadline: Duration) -> CallCtx {
    CallCtx::new("req-1", deadline)
}

/// The published header's directory.
fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// Runs the machine's C compiler; nothing where there is none, which the gate does not accept.
fn cc(arguments: &[&str], source: &Path) -> Option<std::process::Output> {
    let mut command = Command::new("cc");
    command
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(include())
        .args(arguments)
        .arg(source);
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(std::env::var("CI").is_err(), "no C compiler: {error}");
            // Shown by `cargo test -- --nocapture` alone.
            #[allow(clippy::print_stderr, reason = "says why a test does nothing")]
            {
                eprintln!("skipped: there is no C compiler: {error}");
            }
            None
        }
    }
}

/// A driver in C as a shared library in `directory`, from this source.
fn c_library(directory: &Path, name: &str, source: &str) -> Option<PathBuf> {
    let file = directory.join(format!("{name}.c"));
    std::fs::write(&file, source).unwrap();
    let library = directory.join(format!("{name}.so"));
    let built = cc(
        &["-shared", "-fPIC", "-o", library.to_str().unwrap()],
        &file,
    )?;
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    Some(library)
}

/// A registry with the driver of this file.
fn with_file(file: &Path) -> Registry {
    with_file_on(env(), file)
}

/// The same on another clock.
fn with_file_on(env: DriverEnv, file: &Path) -> Registry {
    let mut registry = Registry::from_linked(env).unwrap();
    add_file(&mut registry, file).unwrap();
    registry
}
