use tokio::signal::unix::{SignalKind, signal};

/// Returns when the process is asked to end (SIGTERM or SIGINT).
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
