//! Waiting for what a cloud or an array carries out later.

use std::time::Duration;

use protector_framework::Clock;

use crate::failure::StepFailure;

/// The first pause between two looks.
const FIRST: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(2);
/// How long a cloud may take over one server or volume.
pub(crate) const CLOUD: Duration = Duration::from_secs(600);
/// How long a transfer may stand still.
pub(crate) const STALL: Duration = Duration::from_secs(600);

/// A wait that ends.
pub(crate) struct Poll<'a> {
    clock: &'a dyn Clock,
    what: String,
    pause: Duration,
    limit: Duration,
    began: Duration,
}

impl<'a> Poll<'a> {
    /// Waits for `what` (as in "waiting for ..."), at most `limit`.
    pub(crate) fn new(clock: &'a dyn Clock, what: impl Into<String>, limit: Duration) -> Self {
        Self {
            clock,
            what: what.into(),
            pause: FIRST,
            limit,
            began: clock.monotonic(),
        }
    }

    /// Something moved: the limit counts anew.
    pub(crate) fn moved(&mut self) {
        self.began = self.clock.monotonic();
    }

    /// Pauses before the next look. `seen` says what the last one saw.
    pub(crate) async fn pause(&mut self, seen: &str) -> Result<(), StepFailure> {
        if self.clock.monotonic() - self.began >= self.limit {
            return Err(StepFailure::permanent(
                format!(
                    "waited {} s for {}; last seen: {seen}",
                    self.limit.as_secs(),
                    self.what
                ),
                "look at the cloud or array, then `retry` the operation",
            ));
        }
        self.clock.sleep(self.pause).await;
        self.pause = (self.pause * 3 / 2).min(LONGEST);
        Ok(())
    }
}
