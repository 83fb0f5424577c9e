//! Files that are not drivers, or not ones that may be loaded.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::{c_library, ctx, registry};
use crate::plugin::host::{add_directory, load, load_within};
use crate::{DriverConfig, DriverKind, DriverOrigin, ErrorKind};

/// A driver in C that knows no verb; `%NAME%` and `%MAJOR%` are replaced.
const PLAIN: &str = r#"
#include "protector_driver.h"
#include <string.h>
static const protector_host *host;
static void *create(const protector_host *h, uint64_t id, protector_slice config) {
    (void)id; (void)config; host = h; return &host;
}
static void call(void *i, uint64_t id, protector_slice v, protector_slice c, protector_slice b) {
    (void)i; (void)v; (void)c; (void)b;
    protector_slice none = {0, 0};
    host->done(host->context, id, PROTECTOR_UNSUPPORTED, none);
}
static void cancel(void *i, uint64_t id) { (void)i; (void)id; }
static void destroy(void *i) { (void)i; }
static const char manifest[] = "{\"kind\":\"storage\",\"name\":\"%NAME%\",\"version\":\"1.2.3\","
    "\"summary\":\"It does nothing.\",\"example\":{\"url\":\"x\"},\"schema\":{\"type\":\"object\"},"
    "\"capabilities\":{\"manifest\":true,\"of_another_version\":true}}";
static protector_driver driver;
const protector_driver *protector_driver_v1(void) {
    protector_driver made = {%MAJOR%, 0, sizeof made,
        {(const uint8_t *)manifest, sizeof manifest - 1}, create, call, cancel, destroy};
    driver = made;
    return &driver;
}
"#;

pub(super) fn plain(
    directory: &Path,
    file: &str,
    name: &str,
    major: &str,
) -> Option<std::path::PathBuf> {
    let source = PLAIN.replace("%NAME%", name).replace("%MAJOR%", major);
    c_library(directory, file, &source)
}

/// What is said against a file, which is one line.
fn refused(path: &Path) -> String {
    let said = load(path).unwrap_err().to_string();
    assert!(!said.contains('\n'), "{said}");
    said
}

#[tokio::test]
async fn a_driver_in_c_is_loaded_listed_and_called() {
    let directory = TempDir::new().unwrap();
    let Some(file) = plain(directory.path(), "plain", "plain-c", "1") else {
        return;
    };
    let mut registry = registry();
    add_directory(&mut registry, directory.path());
    assert!(registry.refused().is_empty(), "{:?}", registry.refused());
    let info = registry.driver(DriverKind::Storage, "plain-c").unwrap();
    assert_eq!(
        (info.version.as_str(), info.abi.as_deref()),
        ("1.2.3", Some("1.0"))
    );
    assert_eq!(info.summary, "It does nothing.");
    assert_eq!(info.example["url"], "x");
    assert_eq!(info.capabilities["manifest"], true);
    let place = file.canonicalize().unwrap();
    assert_eq!(info.origin, DriverOrigin::File(place));

    let driver = registry
        .storage("plain-c", DriverConfig::default())
        .unwrap();
    assert!(driver.capabilities().manifest);
    let ctx = ctx(Duration::from_secs(20));
    let error = driver.describe(&ctx).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.message.contains("describe"), "{error}");
}

#[test]
fn a_file_that_is_no_library_is_refused_in_one_line() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("x.so");
    assert!(refused(&file).contains("cannot be read"));
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    assert!(refused(&file).contains("not a shared library"));
    std::fs::write(&file, "").unwrap();
    assert!(refused(&file).contains("not a shared library"));
    assert!(refused(directory.path()).contains("not a"));
}

#[test]
fn a_pipe_or_an_endless_file_in_the_directory_holds_up_nothing() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    let directory = TempDir::new().unwrap();
    let (pipe, endless) = (directory.path().join("a.so"), directory.path().join("b.so"));
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from(0o600), 0).unwrap();
    assert!(refused(&pipe).contains("it is not a file"));
    // All of it a hole.
    let file = std::fs::File::create(&endless).unwrap();
    file.set_len(1 << 40).unwrap();
    assert!(refused(&endless).contains("1099511627776 bytes"));
}

#[test]
fn a_program_and_a_library_without_the_entry_are_refused() {
    let directory = TempDir::new().unwrap();
    let source = "int answer(void); int answer(void) { return 42; }\n";
    let Some(file) = c_library(directory.path(), "other", source) else {
        return;
    };
    let said = refused(&file);
    assert!(
        said.contains("does not export `protector_driver_v1`"),
        "{said}"
    );
}

#[test]
fn a_library_of_another_architecture_is_refused() {
    let directory = TempDir::new().unwrap();
    let Some(file) = plain(directory.path(), "plain", "plain", "1") else {
        return;
    };
    let mut bytes = std::fs::read(&file).unwrap();
    // e_machine of the ELF head: RISC-V.
    bytes[18..20].copy_from_slice(&243_u16.to_le_bytes());
    std::fs::write(&file, bytes).unwrap();
    let said = refused(&file);
    assert!(said.contains("Riscv64"), "{said}");
}

#[test]
fn a_library_that_is_cut_short_is_refused_wherever_it_is_cut() {
    let directory = TempDir::new().unwrap();
    let Some(file) = plain(directory.path(), "plain", "plain", "1") else {
        return;
    };
    let bytes = std::fs::read(&file).unwrap();
    for eighths in 0..8 {
        std::fs::write(&file, &bytes[..bytes.len() * eighths / 8]).unwrap();
        let said = refused(&file);
        assert!(said.contains("not a shared library"), "{eighths}/8: {said}");
    }
}

#[test]
fn another_major_version_and_a_bad_table_are_refused() {
    let directory = TempDir::new().unwrap();
    let Some(newer) = plain(directory.path(), "newer", "newer", "2") else {
        return;
    };
    let said = refused(&newer);
    assert!(said.contains("version 2 of the driver ABI"), "{said}");
    let odd = plain(directory.path(), "odd", "Odd Name", "1").unwrap();
    assert!(refused(&odd).contains("Odd Name"));
    for (name, from, to, expected) in [
        ("kind", "storage", "of\\\\nanother", "its kind is"),
        ("version", "1.2.3", "1\\\\n2", "its version is not one line"),
        (
            "summary",
            "It does nothing.",
            &"long ".repeat(200),
            "its summary is not",
        ),
    ] {
        let source = PLAIN.replace("%NAME%", name).replace("%MAJOR%", "1");
        let file = c_library(directory.path(), name, &source.replacen(from, to, 1)).unwrap();
        let said = refused(&file);
        assert!(said.contains(expected), "{said}");
    }
    for (name, table, expected) in [
        ("none", "return 0;", "there is none"),
        (
            "short",
            "static protector_driver d = {.major = 1, .size = 8}; return &d;",
            "too short",
        ),
        (
            "mute",
            "static protector_driver d = {.major = 1, .size = sizeof d}; return &d;",
            "manifest is wrong",
        ),
        (
            "lame",
            "static protector_driver d = {.major = 1, .size = sizeof d}; static const char m[] = \
             \"{\\\"kind\\\":\\\"storage\\\",\\\"name\\\":\\\"lame\\\",\\\"version\\\":\\\"1\\\"}\"; \
             d.manifest.data = (const uint8_t *)m; d.manifest.size = sizeof m - 1; return &d;",
            "a function is missing",
        ),
    ] {
        let source = format!(
            "#include \"protector_driver.h\"\n\
             const protector_driver *protector_driver_v1(void) {{ {table} }}\n"
        );
        let file = c_library(directory.path(), name, &source).unwrap();
        let said = refused(&file);
        assert!(said.contains(expected), "{name}: {said}");
    }
}

#[test]
fn a_table_of_a_newer_minor_version_is_taken_and_a_shorter_one_is_not() {
    let directory = TempDir::new().unwrap();
    let source = |size: &str| {
        let source = PLAIN
            .replace("%NAME%", "newer")
            .replace("%MAJOR%, 0", "1, 7");
        let source = source.replace(
            "static protector_driver driver;",
            "static struct { protector_driver known; void (*added)(void); } table;",
        );
        let source = source.replace(
            "driver = made;\n    return &driver;",
            "table.known = made;\n    return &table.known;",
        );
        source.replace("sizeof made,", &format!("{size},"))
    };
    let Some(longer) = c_library(directory.path(), "longer", &source("sizeof table")) else {
        return;
    };
    let loaded = load(&longer).unwrap();
    assert_eq!(loaded.info().abi.as_deref(), Some("1.7"));
    let shorter = source("sizeof made - sizeof(void *)");
    let shorter = c_library(directory.path(), "shorter", &shorter).unwrap();
    assert!(refused(&shorter).contains("too short"));
}

#[test]
fn what_others_can_change_is_not_loaded() {
    let directory = TempDir::new().unwrap();
    let home = directory.path().join("drivers");
    std::fs::create_dir(&home).unwrap();
    let Some(file) = plain(&home, "plain", "plain", "1") else {
        return;
    };
    let set = |path: &Path, mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, mode).unwrap();
    };
    set(&file, 0o666);
    let said = refused(&file);
    assert!(said.contains("others than its owner"), "{said}");
    set(&file, 0o644);
    set(&home, 0o777);
    let said = refused(&file);
    assert!(said.contains("drivers is not safe"), "{said}");
    set(&home, 0o755);
    load(&file).unwrap();
}

#[test]
fn a_directory_gives_what_is_good_and_tells_the_rest() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    let Some(_) = plain(at, "a", "first", "1") else {
        return;
    };
    plain(at, "b", "first", "1").unwrap();
    std::fs::write(at.join("c.so"), "no").unwrap();
    std::fs::write(at.join("README"), "no").unwrap();
    plain(at, "d", "second", "1").unwrap();
    let mut registry = registry();
    add_directory(&mut registry, at);
    let names = registry.names(DriverKind::Storage);
    assert!(names.contains(&"first") && names.contains(&"second"));
    let told: Vec<_> = registry.refused().iter().collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].file.ends_with("b.so"));
    assert!(told[0].reason.contains("named `first` already"), "{told:?}");
    assert!(told[1].file.ends_with("c.so"));

    add_directory(&mut registry, &at.join("absent"));
    assert!(registry.refused()[2].reason.contains("cannot be read"));
}

#[test]
fn a_library_that_never_tells_its_table_is_given_up() {
    let directory = TempDir::new().unwrap();
    let source = "#include \"protector_driver.h\"\n#include <unistd.h>\n\
        const protector_driver *protector_driver_v1(void) { for (;;) pause(); }\n";
    let Some(file) = c_library(directory.path(), "stuck", source) else {
        return;
    };
    let said = load_within(&file, Duration::from_millis(300)).unwrap_err();
    assert!(
        said.to_string().contains("has not told its table"),
        "{said}"
    );
}
