use std::future::Future;
use std::time::Duration;

use futures::future::{Either, select};
use protector_framework::Clock;

/// What `work` gives within a time of this clock, or nothing: for callers that must not wait for
/// whoever ignores a deadline.
pub async fn within<T>(
    clock: &dyn Clock,
    time: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let (work, limit) = (std::pin::pin!(work), std::pin::pin!(clock.sleep(time)));
    match select(work, limit).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
