//! The Shelf: a little storage array with a REST API of its own, for drivers to be written against.
//!
//! What it keeps is a mock array's directory (`protector-driver-mock`), so that the mock clouds of the
//! lab and the tests attach the very volumes that a driver reaches over HTTP. `README.md` is the
//! vendor's page on the API.
//!
//! Where the mock array's fault script breaks a connection, or the array is switched off, the
//! connection closes without an answer; where a call hangs, it stays open.
#![deny(missing_docs)]

mod answer;
#[cfg(feature = "bench")]
mod bench;
mod groups;
mod listener;
mod request;
mod routes;
mod service;
mod volumes;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protector_driver_mock::world::MockArray;
use protector_framework::{DriverEnv, Registry, RegistryError};
use tokio::net::TcpListener;
use tokio::sync::watch;

#[cfg(feature = "bench")]
pub use bench::ShelfBenches;
use service::Service;

/// Why a Shelf does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// Nothing listens at the address.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// The drivers of this program do not fit together.
    #[error(transparent)]
    Drivers(#[from] RegistryError),
}

/// An array that serves until it is dropped.
#[derive(Debug)]
pub struct Shelf {
    address: SocketAddr,
    traffic: Arc<Traffic>,
    /// Ends the listener and all connections when it is dropped.
    _stop: watch::Sender<()>,
}

/// What has come and gone.
#[derive(Debug, Default)]
struct Traffic(AtomicU64);

impl Traffic {
    fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Shelf {
    /// Serves an array's directory at an address; port 0 takes a free one. `env` is the clock that the
    /// array lives by. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// Where the address cannot be listened on.
    pub async fn start(
        array: MockArray,
        env: DriverEnv,
        listen: SocketAddr,
    ) -> Result<Self, ShelfError> {
        let no_listener = |error| ShelfError::Listen {
            address: listen,
            error,
        };
        let listener = TcpListener::bind(listen).await.map_err(no_listener)?;
        let address = listener.local_addr().map_err(no_listener)?;
        let traffic = Arc::new(Traffic::default());
        let service = Service {
            array,
            registry: Registry::from_linked(env.clone())?,
            ids: env.ids,
            traffic: traffic.clone(),
        };
        let (stop, stopped) = watch::channel(());
        listener::serve(listener, Arc::new(service), stopped);
        Ok(Self {
            address,
            traffic,
            _stop: stop,
        })
    }

    /// What a policy or a driver's settings name it by.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Grows with each request that comes and with each that is done: while it stands, nobody calls
    /// or a call hangs.
    pub fn traffic(&self) -> u64 {
        self.traffic.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
