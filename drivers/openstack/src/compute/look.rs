//! Looking again after a create that gave no clear answer.

use std::time::Duration;

use protector_framework::{DriverError, ErrorKind, Result};

use super::cloud::Cloud;

/// Pauses between looks: a service may still be working on the call whose answer was lost.
const PAUSES: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Whether the call may have taken effect although it failed.
pub(super) fn may_have_happened(error: &DriverError) -> bool {
    matches!(
        error.kind,
        ErrorKind::Timeout | ErrorKind::Unreachable | ErrorKind::Unexpected
    )
}

impl Cloud {
    /// Looks for what a failed create was to make. Looks once where the service refused it, for
    /// somebody else may have made it; a few times where the answer was lost. Not finding it gives
    /// back the create's own error.
    pub(super) async fn find_after<T, F>(
        &self,
        failed: DriverError,
        look: impl Fn() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<Option<T>>>,
    {
        let looks = if may_have_happened(&failed) {
            PAUSES.len()
        } else {
            1
        };
        for pause in &PAUSES[..looks] {
            if !pause.is_zero() {
                self.env.clock.sleep(*pause).await;
            }
            // A look that fails says nothing; the create's error says more.
            if let Ok(Some(found)) = look().await {
                tracing::info!(error = %failed, "found what a failed create was to make");
                return Ok(found);
            }
        }
        Err(failed)
    }
}
