//! The time one verb has, and the name under which its calls are logged.

use std::time::Duration;

use protector_framework::{CallCtx, Clock, DriverError, ErrorKind};

/// One verb on its way: all its calls share one request id and one end.
#[derive(Debug, Clone)]
pub(crate) struct Trip {
    pub(crate) request_id: String,
    allowed: Duration,
    ends: Duration,
}

impl Trip {
    /// Starts the verb's time.
    pub(crate) fn start(ctx: &CallCtx, clock: &dyn Clock) -> Self {
        let allowed = ctx.deadline.min(CallCtx::MAX_DEADLINE);
        Self {
            request_id: ctx.request_id.clone(),
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

    /// The same trip, ending earlier, so that after a create without an answer there is time to
    /// look whether it took effect.
    pub(crate) fn leaving_time_to_look(&self, clock: &dyn Clock) -> Self {
        let left = self.left(clock).unwrap_or_default();
        let reserve = (left / 4).min(Duration::from_secs(10));
        Self {
            ends: self.ends.saturating_sub(reserve),
            ..self.clone()
        }
    }

    /// The error of a call that the time ran out on.
    pub(crate) fn timeout(&self, call: &str, host: &str) -> DriverError {
        DriverError::new(
            ErrorKind::Timeout,
            format!(
                "`{call}` at {host} gave no answer within the {:.1} s that were left of it; \
                 whether it took effect is not known",
                self.allowed.as_secs_f64()
            ),
        )
        .with_call(call)
    }
}
