//! The functions that a library gets from the host. None of them unwinds.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::level_filters::LevelFilter;

use super::calls::{Calls, LONGEST_REPLY};
use super::secrets::{clean_line, shortened};
use crate::plugin::abi::{HostTable, Slice, TooLong};

/// What is written of one of the texts of a line.
const LONGEST_LINE: usize = 8 << 10;
/// A longer text is not looked at.
const LONGEST_TEXT: usize = 64 << 10;

/// The host's table for a library with these calls.
pub(super) fn table(calls: &'static Calls) -> HostTable {
    HostTable {
        size: size_of::<HostTable>(),
        context: std::ptr::from_ref(calls).cast_mut().cast(),
        done,
        log,
        log_level,
    }
}

/// # Safety
/// `context` is that of [`table`].
#[allow(unsafe_code, reason = "what the table carries")]
unsafe fn calls(context: *mut c_void) -> &'static Calls {
    // SAFETY: the table carries a reference that lives as long as the process.
    unsafe { &*context.cast::<Calls>() }
}

#[allow(unsafe_code, reason = "called by a library")]
unsafe extern "C" fn done(context: *mut c_void, call_id: u64, status: u32, body: Slice) {
    // SAFETY: the library passes the table's context, and lends the body.
    let (calls, body) = unsafe { (calls(context), body.bytes(LONGEST_REPLY)) };
    let heard = catch_unwind(AssertUnwindSafe(|| calls.complete(call_id, status, body)));
    heard.unwrap_or_default();
}

#[allow(unsafe_code, reason = "called by a library")]
unsafe extern "C" fn log(
    context: *mut c_void,
    level: u32,
    target: Slice,
    message: Slice,
    fields: Slice,
) {
    // SAFETY: the library passes the table's context, and lends the texts.
    let (calls, texts) = unsafe {
        let texts = [target, message, fields].map(|slice| slice.bytes(LONGEST_TEXT));
        (calls(context), texts)
    };
    let written = catch_unwind(AssertUnwindSafe(|| line(calls, level, texts)));
    written.unwrap_or_default();
}

fn line(calls: &Calls, level: u32, texts: [Result<&[u8], TooLong>; 3]) {
    if level.clamp(1, 5) > least() || !calls.may_log() {
        return;
    }
    let [target, message, fields] = texts.map(|text| {
        let text = match text {
            Ok(text) => String::from_utf8_lossy(text),
            Err(TooLong(size)) => format!("(a text of {size} bytes)").into(),
        };
        // Before anything in it changes: a secret may have several lines.
        let text: String = clean_line(&text).chars().map(printable).collect();
        shortened(text, LONGEST_LINE)
    });
    let driver = calls.driver.as_str();
    let fields = (!fields.is_empty()).then_some(fields);
    let fields = fields.as_deref();
    macro_rules! write {
        ($level:ident) => {
            tracing::$level!(target: "protector_plugin", driver, part = target, fields, "{message}")
        };
    }
    match level {
        0 | 1 => write!(error),
        2 => write!(warn),
        3 => write!(info),
        4 => write!(debug),
        _ => write!(trace),
    }
}

/// A line of a driver's is one line of ours.
fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

#[allow(unsafe_code, reason = "called by a library")]
unsafe extern "C" fn log_level(_: *mut c_void) -> u32 {
    least()
}

/// The least important level that is written.
fn least() -> u32 {
    match LevelFilter::current() {
        LevelFilter::OFF => 0,
        LevelFilter::ERROR => 1,
        LevelFilter::WARN => 2,
        LevelFilter::INFO => 3,
        LevelFilter::DEBUG => 4,
        LevelFilter::TRACE => 5,
    }
}
