//! A library that does not let the loader go. The loader is the process's, so that this test runs in one of
//! its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::c_library;
use super::files::plain;
use crate::plugin::host::load_within;

/// The variable that names the directory with the libraries, in the process that loads them.
const DIRECTORY: &str = "PROTECTOR_TEST_STUCK";
const LONG: Duration = Duration::from_secs(60);

/// Holds the loader until a file is there.
const SOURCE: &str = r#"
#include <sched.h>
#include <unistd.h>
__attribute__((constructor)) static void begin(void) {
    while (access("%GATE%", F_OK) != 0) sched_yield();
}
const void *protector_driver_v1(void);
const void *protector_driver_v1(void) { return 0; }
"#;

/// Lets the loader go when it is dropped: a process that ends would wait for it.
struct Gate(PathBuf);

impl Gate {
    fn open(&self) {
        std::fs::write(&self.0, "").unwrap();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

fn loads(directory: &Path) {
    let gate = Gate(directory.join("gate"));
    let load = |name: &str, patience| load_within(&directory.join(name), patience);
    let good = load("a.so", LONG).unwrap();
    assert_eq!(good.info().name, "first");
    let said = load("b.so", Duration::from_millis(300)).unwrap_err();
    assert!(said.to_string().contains("restart the service"), "{said}");
    // At once, and by name.
    let said = load("c.so", LONG).unwrap_err().to_string();
    assert!(said.contains("b.so does not let the loader go"), "{said}");
    gate.open();
    // The loader comes back, and so do the files.
    loop {
        match load("c.so", LONG) {
            Ok(late) => return assert_eq!(late.info().name, "second"),
            Err(error) => assert_eq!(error.to_string(), said),
        }
        std::thread::yield_now();
    }
}

#[test]
fn what_comes_after_a_library_that_does_not_let_the_loader_go_is_refused_for_it() {
    if let Ok(directory) = std::env::var(DIRECTORY) {
        return loads(Path::new(&directory));
    }
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    let source = SOURCE.replace("%GATE%", at.join("gate").to_str().unwrap());
    if c_library(at, "b", &source).is_none() {
        return;
    }
    plain(at, "a", "first", "1").unwrap();
    plain(at, "c", "second", "1").unwrap();
    let name = std::thread::current().name().unwrap().to_owned();
    let ran = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name])
        .env(DIRECTORY, at)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}
