use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the process is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To end (SIGTERM or SIGINT).
    Stop,
    /// To read its configuration again (SIGHUP).
    Reload,
}

/// Hears the signals of the process from the moment that it is made.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    /// Begins to hear; SIGHUP no longer ends the process.
    ///
    /// # Errors
    /// Where the system does not let it.
    pub fn hear() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    /// Returns with the next one.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.term.recv() => Asked::Stop,
            _ = self.int.recv() => Asked::Stop,
            _ = self.hup.recv() => Asked::Reload,
        }
    }

    /// Returns when the process is asked to end. There is nothing to read again yet.
    pub async fn stop(&mut self) {
        while self.next().await != Asked::Stop {}
    }
}

/// Returns when the process is asked to end (SIGTERM or SIGINT), for a program that has nothing to
/// read again.
pub async fn terminated() {
    let mut ended = match signal(SignalKind::terminate()) {
        Ok(ended) => ended,
        Err(error) => {
            tracing::error!(%error, "SIGTERM cannot be heard; only SIGINT ends the service");
            tokio::signal::ctrl_c().await.unwrap_or_default();
            return;
        }
    };
    tokio::select! {
        _ = ended.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
