//! Holds an operation while it runs, and tells at once when it is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use protector_db::{Db, Fence};
use protector_framework::Clock;

/// The engine's hold on one operation.
///
/// The lease is measured from before each renewal is sent, so that this side always believes it
/// shorter than the database does.
#[derive(Debug)]
pub struct Lease {
    db: Db,
    fence: Fence,
    clock: Arc<dyn Clock>,
    length: Duration,
    renewed_at: AtomicU64,
    given_up: AtomicBool,
}

impl Lease {
    /// Begins to hold an operation that was just claimed.
    pub fn new(db: Db, fence: Fence, clock: Arc<dyn Clock>, length: Duration) -> Self {
        let now = millis(clock.monotonic());
        Self {
            db,
            fence,
            clock,
            length,
            renewed_at: AtomicU64::new(now),
            given_up: AtomicBool::new(false),
        }
    }

    /// What each write is made under.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Renews three times in each lease. Returns when the operation is lost: another engine has it,
    /// or the database has not answered for so long that another one could.
    pub async fn keep(&self) {
        loop {
            self.clock.sleep(self.length / 3).await;
            let sent = self.clock.monotonic();
            match self.db.renew(&self.fence).await {
                Ok(()) => self.renewed_at.store(millis(sent), Ordering::Relaxed),
                Err(protector_db::DbError::Fenced) => {
                    tracing::warn!(operation = %self.fence.operation, "another engine has the operation");
                    return;
                }
                Err(error) if self.left() > Duration::ZERO => {
                    tracing::warn!(%error, "the lease could not be renewed; trying again");
                }
                Err(error) => {
                    tracing::error!(%error, "the lease has run out");
                    return;
                }
            }
        }
    }

    /// How long it lasts without being renewed.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// How much of the lease is left for certain.
    pub fn left(&self) -> Duration {
        let until = Duration::from_millis(self.renewed_at.load(Ordering::Relaxed)) + self.length;
        until.saturating_sub(self.clock.monotonic())
    }

    /// Sends nothing more under it, whatever is left of it.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// Whether there is enough left to send a mutating call: a third of the lease.
    pub fn may_call(&self) -> bool {
        !self.given_up.load(Ordering::Relaxed) && self.left() >= self.length / 3
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
