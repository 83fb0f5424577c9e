//! Tells the audit trail how operations have ended, whoever has ended them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use protector_daemon::Observer;
use protector_db::{Db, DbError};
use protector_framework::Clock;
use tokio::sync::Notify;

/// The time between two looks for operations that have ended.
const PAUSE: Duration = Duration::from_secs(2);

/// The name of this program in the trail.
pub(crate) const PROGRAM: &str = "protector-engine";

/// The engine's part of the audit trail.
#[derive(Debug)]
pub(crate) struct Trail {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Observer,
    /// Ends the loop when it wakes.
    pub(crate) stopping: Arc<AtomicBool>,
    pub(crate) wake: Arc<Notify>,
}

impl Trail {
    pub(crate) async fn run(self) {
        loop {
            // What ends after this is told by another engine, or by this one's successor.
            let last = self.stopping.load(Ordering::Relaxed);
            if let Err(error) = self.round().await {
                tracing::warn!(%error, "the audit trail waits for the database");
            }
            if last {
                return;
            }
            tokio::select! {
                () = self.clock.sleep(PAUSE) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    async fn round(&self) -> Result<(), DbError> {
        let Some(local) = self.db.local_site().await? else {
            return Ok(());
        };
        for operation in self.db.take_untold_ends(local.id).await? {
            self.observer.ended(&operation).write();
            self.db.end_was_told(&operation).await?;
        }
        Ok(())
    }
}
