//! Only so many calls of a driver to one array or cloud at a time: those that wait for a dead one must not
//! hold up the calls to the other, which is the one that is left.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Clock, DriverConfig, DriverError, ErrorKind, Result};

/// The settings that say whom an instance calls; where it has none of them, all together do.
const ADDRESSES: [&str; 2] = ["url", "auth_url"];

/// The places of a driver's instances, by whom they call.
pub(super) struct PlacesByAddress {
    all: NonZeroUsize,
    known: Mutex<BTreeMap<String, Weak<Places>>>,
}

impl PlacesByAddress {
    pub(super) fn new(all: NonZeroUsize) -> Self {
        Self {
            all,
            known: Mutex::default(),
        }
    }

    /// The places of an instance with these settings, which it shares with all that call the same.
    pub(super) fn of(&self, config: &DriverConfig) -> Arc<Places> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, places| places.strong_count() > 0);
        let address = address(config);
        if let Some(places) = known.get(&address).and_then(Weak::upgrade) {
            return places;
        }
        let places = Arc::new(Places::new(self.all));
        known.insert(address, Arc::downgrade(&places));
        places
    }
}

fn address(config: &DriverConfig) -> String {
    let named = ADDRESSES
        .iter()
        .find_map(|name| config.settings.get(name)?.as_str());
    named.map_or_else(
        || config.settings.to_string(),
        |url| url.trim_end_matches('/').to_lowercase(),
    )
}

/// The places for the calls to one array or cloud.
pub(super) struct Places {
    free: Arc<Semaphore>,
    all: NonZeroUsize,
}

/// A place that a call has, until it is dropped.
pub(super) struct Place(#[expect(dead_code, reason = "holds the place")] OwnedSemaphorePermit);

impl Places {
    fn new(all: NonZeroUsize) -> Self {
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
                    "none of the {} calls that driver `{driver}` may make at once to this address has \
                     ended within {within:?}; nothing was sent",
                    self.all
                ),
            )),
        }
    }
}
