//! The library's side of the boundary, called as a host calls it.

use std::ffi::c_void;
use std::sync::Mutex;

use libloading::os::unix::Library;
use tempfile::TempDir;

use super::unruly::library;
use crate::plugin::abi::{self, DriverTable, ENTRY, Entry, HostTable, Slice};
use crate::{DriverError, ErrorKind};

/// Each call that was completed: its id, status, and body.
type Told = Mutex<Vec<(u64, u32, Vec<u8>)>>;

#[allow(unsafe_code, reason = "called by the library")]
unsafe extern "C" fn done(context: *mut c_void, call_id: u64, status: u32, body: Slice) {
    // SAFETY: the context is that of `Bench::new`, which lives as long as the process.
    let (told, body) = unsafe { (&*context.cast::<Told>(), body.bytes(1 << 20)) };
    let body = body.unwrap_or_default().to_vec();
    told.lock().unwrap().push((call_id, status, body));
}

#[allow(unsafe_code, reason = "called by the library")]
unsafe extern "C" fn log(_: *mut c_void, _: u32, _: Slice, _: Slice, _: Slice) {}

#[allow(unsafe_code, reason = "called by the library")]
unsafe extern "C" fn log_level(_: *mut c_void) -> u32 {
    0
}

/// The unruly driver in a copy of its own, because what it logs goes to its first host.
struct Bench {
    driver: DriverTable,
    instance: *mut c_void,
    told: &'static Told,
}

#[allow(unsafe_code, reason = "the host's side of the C ABI")]
impl Bench {
    fn new(mode: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let copy = directory.path().join("copy.so");
        std::fs::copy(library(), &copy).unwrap();
        let told: &'static Told = Box::leak(Box::default());
        let host: &'static HostTable = Box::leak(Box::new(HostTable {
            size: size_of::<HostTable>(),
            context: std::ptr::from_ref(told).cast_mut().cast(),
            done,
            log,
            log_level,
        }));
        let config = format!(r#"{{"settings": {{"mode": "{mode}"}}, "secrets": {{}}}}"#);
        // SAFETY: a library made by the SDK keeps the rules of the header, and so does this.
        let (driver, instance) = unsafe {
            let library = std::mem::ManuallyDrop::new(Library::new(&copy).unwrap());
            let entry = library.get::<Entry>(ENTRY.as_bytes()).unwrap();
            let driver = *entry();
            let create = driver.create.unwrap();
            (driver, create(host, 1, Slice::of(config.as_bytes())))
        };
        assert!(!instance.is_null(), "{:?}", told.lock().unwrap());
        Self {
            driver,
            instance,
            told,
        }
    }

    fn cancel(&self, call_id: u64) {
        // SAFETY: the instance is there as long as the process.
        unsafe { self.driver.cancel.unwrap()(self.instance, call_id) }
    }

    /// Calls, and gives what the call came to: the library completes it before it returns.
    fn call(&self, call_id: u64, deadline_ms: u64) -> (u32, Vec<u8>) {
        let context = format!(r#"{{"request_id": "req-1", "deadline_ms": {deadline_ms}}}"#);
        let [verb, context, body] = ["describe", &context, "null"].map(str::as_bytes);
        // SAFETY: the instance is there as long as the process, and the slices as long as the call.
        unsafe {
            self.driver.call.unwrap()(
                self.instance,
                call_id,
                Slice::of(verb),
                Slice::of(context),
                Slice::of(body),
            );
        }
        let (id, status, body) = self.told.lock().unwrap().pop().unwrap();
        assert_eq!(id, call_id);
        (status, body)
    }
}

fn error(told: &(u32, Vec<u8>)) -> DriverError {
    assert_eq!(told.0, abi::FAILED);
    serde_json::from_slice(&told.1).unwrap()
}

#[test]
fn a_call_that_was_given_up_before_it_came_is_given_up() {
    let bench = Bench::new("hangs");
    bench.cancel(7);
    assert_eq!(bench.call(7, 60_000), (abi::CANCELLED, Vec::new()));
    // Once: the next one is another call.
    assert_eq!(error(&bench.call(7, 50)).kind, ErrorKind::Timeout);
}

#[test]
fn cancels_of_calls_that_never_come_are_forgotten() {
    let bench = Bench::new("waits");
    for call_id in 100..10_000 {
        bench.cancel(call_id);
    }
    assert_eq!(error(&bench.call(100, 60_000)).kind, ErrorKind::Conflict);
    assert_eq!(bench.call(9_999, 60_000).0, abi::CANCELLED);
}

#[test]
fn a_driver_that_waits_is_dropped_at_its_deadline() {
    let bench = Bench::new("hangs");
    let late = error(&bench.call(2, 50));
    assert_eq!(late.kind, ErrorKind::Timeout);
    for part in ["unruly", "describe", "50ms"] {
        assert!(late.message.contains(part), "{late}");
    }
    let none = error(&bench.call(3, 0));
    assert!(none.message.contains("nothing was sent"), "{none}");
}
