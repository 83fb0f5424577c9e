//! What this process counts: the names that the crates count by, what they mean, and the bounds of
//! their histograms.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{Unit, describe_counter, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use protector_framework::Clock;

use super::MetricsError;
use crate::trail;

/// How often what was measured is sorted into its histogram, so that it does not pile up where nobody
/// asks for it.
const UPKEEP: Duration = Duration::from_secs(5);

/// Bounds for what ends within a request, in seconds.
const CALL: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
/// Bounds for what people wait for, in seconds.
const WORK: &[f64] = &[
    1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 21600.0,
    86400.0,
];

/// What is counted, with what it says.
const COUNTERS: &[(&str, &str)] = &[
    (
        "protector_api_requests_total",
        "Requests by operation of the API, method and status code.",
    ),
    (
        "protector_token_lookups_total",
        "Tokens that were looked up, by where the answer came from.",
    ),
    (
        "protector_driver_calls_total",
        "Calls to clouds and arrays by kind of driver, driver, verb and outcome.",
    ),
    (
        "protector_peer_calls_total",
        "Calls to the other site's Protector by site and outcome.",
    ),
    (
        "protector_database_repeats_total",
        "How often the database asked to repeat a statement or a transaction.",
    ),
    (
        trail::FAILURES,
        "How often an event of the audit trail could not be written.",
    ),
];

/// What is measured in seconds, with what it says and its bounds.
const HISTOGRAMS: &[(&str, &str, &[f64])] = &[
    (
        "protector_api_request_seconds",
        "How long requests took, by operation of the API.",
        CALL,
    ),
    (
        "protector_driver_call_seconds",
        "How long calls to clouds and arrays took, all attempts together.",
        CALL,
    ),
    (
        "protector_peer_call_seconds",
        "How long calls to the other site's Protector took.",
        CALL,
    ),
    (
        "protector_operation_seconds",
        "How long operations took from their first step to their end, by kind and outcome.",
        WORK,
    ),
    (
        "protector_step_seconds",
        "How long steps took, by kind of operation, step and outcome.",
        WORK,
    ),
];

/// Counts from now on; a second call in one process returns what counts already.
pub(super) fn install() -> Result<PrometheusHandle, MetricsError> {
    static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*installed {
        return Ok(handle.clone());
    }
    let failed = |error: &dyn std::fmt::Display| MetricsError::Recorder(error.to_string());
    let mut builder = PrometheusBuilder::new();
    for (name, _, bounds) in HISTOGRAMS {
        let matcher = Matcher::Full((*name).to_owned());
        builder = builder
            .set_buckets_for_metric(matcher, bounds)
            .map_err(|error| failed(&error))?;
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| failed(&error))?;
    for (name, help) in COUNTERS {
        describe_counter!(*name, *help);
    }
    for (name, help, _) in HISTOGRAMS {
        describe_histogram!(*name, Unit::Seconds, *help);
    }
    // A rate over a series that begins with the first failure does not see it.
    metrics::counter!(trail::FAILURES).absolute(0);
    *installed = Some(handle.clone());
    Ok(handle)
}

/// Runs until its task is ended.
pub(super) async fn keep_up(counted: PrometheusHandle, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep(UPKEEP).await;
        counted.run_upkeep();
    }
}
