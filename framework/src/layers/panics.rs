//! A driver that panics fails the call that it did it in, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt as _;

use crate::{DriverError, ErrorKind, Result};

/// What the call gives.
///
/// # Errors
/// `Panicked` where it panics. What it said is in the log, where secrets of a panic's message stay.
pub(super) async fn contained<T, F>(driver: &str, verb: &str, call: impl FnOnce() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    // What a driver left half done within itself is its own to bear: every verb can be called again.
    let call = catch_unwind(AssertUnwindSafe(call));
    let outcome = match call {
        Ok(call) => AssertUnwindSafe(call).catch_unwind().await,
        Err(panic) => Err(panic),
    };
    outcome.unwrap_or_else(|_| Err(panicked(driver, verb)))
}

fn panicked(driver: &str, verb: &str) -> DriverError {
    DriverError::new(
        ErrorKind::Panicked,
        format!(
            "driver `{driver}` panicked in `{verb}`, which is a fault of the driver; the log has what it \
             said"
        ),
    )
}
