//! A call ends at its deadline, whatever the driver does.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};

use crate::{Clock, DriverError, ErrorKind, Result};

/// How much less than its limit a driver is told, so that one that keeps its time has said which remote
/// call was under way before it is given up.
pub(super) fn margin(limit: Duration) -> Duration {
    (limit / 20).min(Duration::from_millis(500))
}

/// What the call gives within `limit`.
///
/// # Errors
/// `Timeout`; the call is dropped, and whether it took effect is not known.
pub(super) async fn timed<T>(
    clock: &dyn Clock,
    driver: &str,
    verb: &str,
    limit: Duration,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    match select(pin!(call), pin!(clock.sleep(limit))).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => Err(DriverError::new(
            ErrorKind::Timeout,
            format!(
                "driver `{driver}` has not answered `{verb}` within {limit:?}; whether it took effect is \
                 not known"
            ),
        )),
    }
}
