//! The published header and the Rust side say the same.

use std::fmt::Write as _;
use std::mem::offset_of;

use super::cc;
use crate::plugin::abi::{self, Cancel, DriverTable, HostTable, Slice};

/// What the C compiler has to find true of the header, from the Rust side's layout.
fn assertions() -> String {
    let mut text = String::from("#include \"protector_driver.h\"\n");
    macro_rules! layout {
        ($rust:ident = $c:literal: $($field:ident),+) => {
            let size = size_of::<$rust>();
            writeln!(text, "_Static_assert(sizeof({}) == {size}, \"size\");", $c).unwrap();
            $(
                let offset = offset_of!($rust, $field);
                let field = stringify!($field);
                writeln!(text, "_Static_assert(offsetof({}, {field}) == {offset}, \"{field}\");", $c)
                    .unwrap();
            )+
        };
    }
    layout!(Slice = "protector_slice": data, size);
    layout!(HostTable = "protector_host": size, context, done, log, log_level);
    layout!(DriverTable = "protector_driver":
        major, minor, size, manifest, create, call, cancel, destroy);
    let numbers = [
        ("PROTECTOR_DRIVER_MAJOR", abi::MAJOR),
        ("PROTECTOR_DRIVER_MINOR", abi::MINOR),
        ("PROTECTOR_OK", abi::OK),
        ("PROTECTOR_FAILED", abi::FAILED),
        ("PROTECTOR_PANICKED", abi::PANICKED),
        ("PROTECTOR_CANCELLED", abi::CANCELLED),
        ("PROTECTOR_UNSUPPORTED", abi::UNSUPPORTED),
    ];
    for (name, number) in numbers {
        writeln!(text, "_Static_assert({name} == {number}, \"{name}\");").unwrap();
    }
    // A conflicting declaration does not compile: these are the Rust side's signatures.
    let entry = abi::ENTRY;
    write!(
        text,
        "const protector_driver *{entry}(void);
void *create(const protector_host *, uint64_t, protector_slice);
void call(void *, uint64_t, protector_slice, protector_slice, protector_slice);
void cancel(void *, uint64_t);
void destroy(void *);
const protector_driver table = {{1, 0, sizeof table, {{0, 0}}, create, call, cancel, destroy}};
void done(void *, uint64_t, uint32_t, protector_slice);
void log_line(void *, uint32_t, protector_slice, protector_slice, protector_slice);
uint32_t log_level(void *);
const protector_host host = {{sizeof host, 0, done, log_line, log_level}};
"
    )
    .unwrap();
    text
}

#[test]
fn the_header_and_the_rust_side_say_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("header.c");
    std::fs::write(&file, assertions()).unwrap();
    let Some(checked) = cc(&["-fsyntax-only"], &file) else {
        return;
    };
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
}

#[test]
fn the_header_is_also_one_for_cxx() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("header.c");
    std::fs::write(&file, "#include \"protector_driver.h\"\n").unwrap();
    let Some(checked) = cc(&["-fsyntax-only", "-pedantic"], &file) else {
        return;
    };
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
}

/// The driver's table as a later minor version may have it.
#[repr(C)]
#[derive(Clone, Copy)]
struct Newer {
    old: DriverTable,
    added: Option<Cancel>,
}

#[allow(unsafe_code, reason = "a function of a table")]
unsafe extern "C" fn added(_: *mut std::ffi::c_void, _: u64) {}

#[test]
#[allow(unsafe_code, reason = "reads tables")]
fn a_table_of_another_minor_version_is_read_as_far_as_both_know_it() {
    // Each library and host that is about has these, so that they never change.
    if size_of::<usize>() == 8 {
        assert_eq!((DriverTable::LEAST, HostTable::LEAST), (64, 40));
    }
    let old = DriverTable {
        major: 1,
        minor: 0,
        size: DriverTable::LEAST,
        manifest: Slice::EMPTY,
        create: None,
        call: None,
        cancel: Some(added),
        destroy: None,
    };
    // SAFETY: the table has as many bytes as it says, and no more is read.
    let read = unsafe { abi::read((&raw const old).cast::<Newer>(), old.size) };
    assert!(read.added.is_none() && read.old.cancel.is_some());
    let newer = Newer {
        old,
        added: Some(added),
    };
    // SAFETY: as above.
    let read = unsafe { abi::read((&raw const newer).cast::<DriverTable>(), size_of::<Newer>()) };
    assert_eq!(read.size, DriverTable::LEAST);
}
