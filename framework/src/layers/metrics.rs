//! Counts and times of calls, for whatever recorder the program has installed; without one they cost
//! nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::Result;
use crate::registration::DriverKind;

/// Calls by kind, driver, verb and outcome: `ok` or the kind of the error.
const CALLS: &str = "protector_driver_calls_total";
/// How long calls took, in seconds, by kind, driver and verb; all attempts together.
const SECONDS: &str = "protector_driver_call_seconds";

pub(super) fn record<T>(
    kind: DriverKind,
    driver: &Arc<str>,
    verb: &'static str,
    outcome: &Result<T>,
    took: Duration,
) {
    let (kind, driver) = (kind.word(), driver.clone());
    let word = match outcome {
        Ok(_) => "ok",
        Err(error) => error.kind.word(),
    };
    metrics::counter!(CALLS, "kind" => kind, "driver" => driver.clone(), "verb" => verb,
        "outcome" => word)
    .increment(1);
    metrics::histogram!(SECONDS, "kind" => kind, "driver" => driver, "verb" => verb)
        .record(took.as_secs_f64());
}
