//! The time one verb has, and the name under which its calls are logged.

use std::time::Duration;

use protector_framework::{CallCtx, Clock, DriverError, ErrorKind, Retry};

/// How long to wait before one more look at what another array has still to hear of.
const PAUSE: Duration = Duration::from_secs(2);

/// One verb on its way: all its calls share one request id, one run and one end.
#[derive(Debug, Clone)]
pub(crate) struct Trip {
    /// What the array is told as `X-Request-ID`.
    pub(crate) request_id: String,
    /// The operation that what is made belongs to.
    pub(crate) run: Option<String>,
    /// The step of it; the same key means the same call.
    pub(crate) key: Option<String>,
    allowed: Duration,
    ends: Duration,
}

impl Trip {
    /// Starts the verb's time.
    pub(crate) fn start(ctx: &CallCtx, clock: &dyn Clock) -> Self {
        let allowed = ctx.deadline.min(CallCtx::MAX_DEADLINE);
        Self {
            request_id: ctx.request_id.clone(),
            run: ctx.operation_id.map(|id| id.to_string()),
            key: ctx.idempotency_key.clone(),
            allowed,
            ends: clock.monotonic() + allowed,
        }
    }

    /// What is left of the time; `None` when it is over.
    pub(crate) fn left(&self, clock: &dyn Clock) -> Option<Duration> {
        self.ends
            .checked_sub(clock.monotonic())
            .filter(|left| !left.is_zero())
    }

    /// Waits before one more look at something slow, while half of the time is left.
    ///
    /// # Errors
    /// `Busy` afterwards: whoever called comes again.
    pub(crate) async fn pause(&self, clock: &dyn Clock, what: &str) -> Result<(), DriverError> {
        let left = self.left(clock).unwrap_or_default();
        if left < self.allowed / 2 || left < PAUSE * 2 {
            return Err(DriverError::new(
                ErrorKind::Busy,
                format!("waited for {what}; it is not so yet"),
            )
            .with_retry(Retry::After(5)));
        }
        clock.sleep(PAUSE).await;
        Ok(())
    }

    /// The error of a call that the time ran out on.
    pub(crate) fn timeout(&self, call: &str, host: &str) -> DriverError {
        DriverError::new(
            ErrorKind::Timeout,
            format!(
                "`{call}` at {host} gave no answer within the {:.1} s that the verb has; whether \
                 it took effect is not known",
                self.allowed.as_secs_f64()
            ),
        )
        .with_call(call)
        .with_request_id(&*self.request_id)
    }
}
