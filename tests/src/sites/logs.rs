//! What the services log, kept to be searched.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Everything that was logged in this process.
#[derive(Debug, Clone, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

/// What services log at `debug = true`, and more of our own: a secret must not be at any level.
const FILTER: &str = "warn,protector_api=trace,protector_config=trace,protector_control=trace,\
    protector_daemon=trace,protector_db=trace,protector_driver_mock=trace,protector_engine=trace,\
    protector_framework=trace,protector_peer=trace,protector_reach=trace,protector_audit=info";

impl Logs {
    /// Collects from now on what this process logs; a second call returns the same logs.
    pub fn of_process() -> Self {
        static LOGS: std::sync::OnceLock<Logs> = std::sync::OnceLock::new();
        LOGS.get_or_init(|| {
            let logs = Self::default();
            let subscriber = tracing_subscriber::fmt()
                .with_ansi(false)
                .with_env_filter(EnvFilter::new(FILTER))
                .with_writer(logs.clone());
            // Where the program logs already, there is nothing to collect.
            drop(subscriber.try_init());
            logs
        })
        .clone()
    }

    /// All of it.
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
