//! A person's wish to give an operation up, heard while steps are under way.

use std::time::Duration;

use tokio::sync::watch;

/// How often it is asked for while steps are under way.
pub(crate) const LISTEN: Duration = Duration::from_secs(5);

/// Said once, heard by every step that may be left in the middle and by those that rest between two
/// attempts.
#[derive(Debug, Clone)]
pub(crate) struct GivingUp(watch::Sender<bool>);

impl GivingUp {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn say(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn is_said(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when it is said.
    pub(crate) async fn said(&self) {
        let mut hears = self.0.subscribe();
        // The sender is held here, so that it cannot be gone.
        if hears.wait_for(|said| *said).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
