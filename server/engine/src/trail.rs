//! Tells the audit trail how operations have ended, whoever has ended them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use protector_daemon::{AuditError, AuditTrail, Observer};
use protector_db::{Db, DbError};
use protector_framework::Clock;
use tokio::sync::Notify;

use crate::measure;

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
    /// Where it is told.
    pub(crate) file: AuditTrail,
    /// Ends the loop when it wakes.
    pub(crate) stopping: Arc<AtomicBool>,
    pub(crate) wake: Arc<Notify>,
}

/// Why an end is not told yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Untold {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    File(#[from] AuditError),
}

impl Trail {
    pub(crate) async fn run(self) {
        loop {
            // What ends after this is told by another engine, or by this one's successor.
            let last = self.stopping.load(Ordering::Relaxed);
            match self.round().await {
                Ok(()) => {}
                Err(Untold::Db(error)) => {
                    tracing::warn!(%error, "the audit trail waits for the database");
                }
                Err(Untold::File(error)) => {
                    tracing::error!(%error, "the ends of operations are told later");
                }
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

    /// Tells what has ended. What cannot be told stays taken for a while; then whichever engine comes
    /// first tries again.
    pub(crate) async fn round(&self) -> Result<(), Untold> {
        let Some(local) = self.db.local_site().await? else {
            return Ok(());
        };
        for operation in self.db.take_untold_ends(local.id).await? {
            self.file.write(&self.observer.ended(&operation)).await?;
            self.db.end_was_told(&operation).await?;
            // Here, where each end comes by once, and not only those of operations that were run.
            measure::operation(&operation);
        }
        Ok(())
    }
}
