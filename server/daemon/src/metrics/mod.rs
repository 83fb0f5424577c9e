//! What Prometheus reads: what this process has counted, and what the site's database holds, on an
//! address of its own. Nobody is asked who they are there, so it names ids and nothing else.

mod exposition;
mod listener;
mod recorder;
mod site;

use std::net::SocketAddr;
use std::sync::Arc;

use protector_db::Db;
use protector_framework::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use listener::Source;

/// Why metrics cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The address is not free, or not this machine's.
    #[error("cannot show metrics on {address}: {reason}; see [metrics]")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        reason: String,
    },
    /// Another recorder counts in this process.
    #[error("metrics cannot be counted: {0}")]
    Recorder(String),
}

/// Where metrics are shown. They no longer are when this is dropped.
#[derive(Debug)]
pub struct Metrics {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Metrics {
    /// Counts from now on in this process, and shows that and what the database holds at
    /// `http://HOST:PORT/metrics`. Without a port there are none, and nothing is counted.
    ///
    /// # Errors
    /// Where the address is taken.
    pub async fn show(
        host: &str,
        port: Option<u16>,
        db: Db,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>, MetricsError> {
        let Some(port) = port else {
            return Ok(None);
        };
        let counted = recorder::install()?;
        let refused = |error: std::io::Error| MetricsError::Listen {
            address: match host.contains(':') {
                true => format!("[{host}]:{port}"),
                false => format!("{host}:{port}"),
            },
            reason: error.to_string(),
        };
        let listener = TcpListener::bind((host, port)).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        tracing::info!(%address, "metrics are shown");
        let mut tasks = JoinSet::new();
        tasks.spawn(recorder::keep_up(counted.clone(), clock.clone()));
        tasks.spawn(listener::run(listener, Source { counted, db, clock }));
        Ok(Some(Self {
            address,
            _tasks: tasks,
        }))
    }

    /// Where they are shown.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}
