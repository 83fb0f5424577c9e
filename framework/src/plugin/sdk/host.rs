//! The host as the library sees it.

use std::any::Any;

use crate::DriverError;
use crate::plugin::abi::{self, HostTable, Slice};

/// So much of a text is written into the host's log.
const LONGEST_TEXT: usize = 64 << 10;

/// The host's table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Host(HostTable);

// SAFETY: the header says that the table lives as long as the process and that its functions may be
// called from any thread.
#[allow(unsafe_code, reason = "the header's promise")]
unsafe impl Send for Host {}
#[allow(unsafe_code, reason = "the header's promise")]
unsafe impl Sync for Host {}

#[allow(unsafe_code, reason = "the host's functions")]
impl Host {
    /// The host's table; `None` where it is not whole.
    ///
    /// # Safety
    /// `table` is null or points to a table that keeps the rules of the header.
    pub(super) unsafe fn new(table: *const HostTable) -> Option<Self> {
        if table.is_null() {
            return None;
        }
        // SAFETY: it points to a table, and each of them begins with its size.
        let size = unsafe { (&raw const (*table).size).read() };
        if size < HostTable::LEAST {
            return None;
        }
        // SAFETY: it says that it has so many bytes, and each field that must not be zero is in these.
        Some(Self(unsafe { abi::read(table, size) }))
    }

    /// Completes a call.
    pub(super) fn done(self, call_id: u64, status: u32, body: &[u8]) {
        // SAFETY: the rules of the header; `body` outlives the function.
        unsafe { (self.0.done)(self.0.context, call_id, status, Slice::of(body)) }
    }

    pub(super) fn failed(self, call_id: u64, error: &DriverError) {
        // Nothing in an error cannot be written; and an empty body is still a failure.
        let body = serde_json::to_vec(error).unwrap_or_default();
        self.done(call_id, abi::FAILED, &body);
    }

    pub(super) fn panicked(self, call_id: u64, panic: Box<dyn Any + Send>) {
        let text = match panic.downcast_ref::<String>() {
            Some(text) => text.as_str(),
            None => panic.downcast_ref::<&str>().copied().unwrap_or_default(),
        };
        self.done(call_id, abi::PANICKED, text.as_bytes());
        // What was thrown could panic again when it is dropped.
        std::mem::forget(panic);
    }

    pub(super) fn log(self, level: u32, target: &str, message: &str, fields: &str) {
        // A host does not look at longer ones.
        let short = |text: &'_ str| text.floor_char_boundary(LONGEST_TEXT);
        let [target, message, fields] =
            [target, message, fields].map(|text| Slice::of(&text.as_bytes()[..short(text)]));
        // SAFETY: the rules of the header; the texts outlive the function.
        unsafe { (self.0.log)(self.0.context, level, target, message, fields) }
    }

    pub(super) fn log_level(self) -> u32 {
        // SAFETY: the rules of the header.
        unsafe { (self.0.log_level)(self.0.context) }
    }
}
