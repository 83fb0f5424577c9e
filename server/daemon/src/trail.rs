//! Where the audit trail is written, for whoever must know that it is.

use std::path::PathBuf;

use crate::audit::AuditEvent;
use crate::logging::LogFile;

/// What counts events that could not be written, whoever tried.
pub(crate) const FAILURES: &str = "protector_audit_failures_total";

/// The file of the audit trail. By default there is none, and events go the way of the log.
#[derive(Debug, Clone, Default)]
pub struct AuditTrail(Option<LogFile>);

/// Why an event is not in the trail.
#[derive(Debug, thiserror::Error)]
#[error(
    "the audit trail {path} cannot be written: {reason}; make room there, or let this account write it"
)]
pub struct AuditError {
    path: String,
    reason: String,
}

impl AuditTrail {
    /// The trail in a file that is opened at its end.
    ///
    /// # Errors
    /// Where it cannot be opened, with its name.
    pub fn open(path: PathBuf) -> Result<Self, String> {
        LogFile::open(path).map(|file| Self(Some(file)))
    }

    pub(crate) fn of(file: LogFile) -> Self {
        Self(Some(file))
    }

    /// Writes an event that is on the disk when this returns.
    ///
    /// # Errors
    /// Where it may not be there, or not whole: it is to be written again.
    pub async fn write(&self, event: &AuditEvent) -> Result<(), AuditError> {
        let Some(file) = self.0.clone() else {
            event.write();
            return Ok(());
        };
        let path = file.path().display().to_string();
        let line = event.text();
        // A disk may take its time.
        let written = tokio::task::spawn_blocking(move || file.write_line(&line)).await;
        let reason = match written {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        metrics::counter!(FAILURES).increment(1);
        Err(AuditError { path, reason })
    }
}
