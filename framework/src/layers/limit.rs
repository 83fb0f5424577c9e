//! Only so many calls of one driver at a time.

use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Clock, DriverError, ErrorKind, Result};

/// The places for the calls of one driver.
pub(super) struct Places {
    free: Arc<Semaphore>,
    all: NonZeroUsize,
}

/// A place that a call has, until it is dropped.
pub(super) struct Place(#[expect(dead_code, reason = "holds the place")] OwnedSemaphorePermit);

impl Places {
    pub(super) fn new(all: NonZeroUsize) -> Self {
        let free = Semaphore::new(all.get().min(Semaphore::MAX_PERMITS));
        Self {
            free: Arc::new(free),
            all,
        }
    }

    /// Waits for a place; whoever came first gets the next one.
    ///
    /// # Errors
    /// `Busy` where none is free in time: nothing has been sent.
    pub(super) async fn enter(
        &self,
        clock: &dyn Clock,
        driver: &str,
        within: Duration,
    ) -> Result<Place> {
        let place = pin!(self.free.clone().acquire_owned());
        match select(place, pin!(clock.sleep(within))).await {
            Either::Left((Ok(place), _)) => Ok(Place(place)),
            // The other error, a closed semaphore, never happens: nobody closes it.
            Either::Left((Err(_), _)) | Either::Right(_) => Err(DriverError::new(
                ErrorKind::Busy,
                format!(
                    "none of the {} calls that driver `{driver}` may make at once has ended within \
                     {within:?}; nothing was sent",
                    self.all
                ),
            )),
        }
    }
}
