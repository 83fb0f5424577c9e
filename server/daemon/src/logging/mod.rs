//! Where services log, and in which form.

mod context;
mod file;
mod form;
mod said;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use protector_config::DefaultSection;
use protector_framework::{Clock, log_targets};
use tracing::Metadata;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::audit;
use crate::trail::{self, AuditTrail};
use context::Contexts;
use form::{Form, Kind};

pub(crate) use file::LogFile;

/// The file of the audit trail, which all services of a node share.
const AUDIT_FILE: &str = "protector-audit.log";

/// The log of a service. What is on its way is written when this is dropped.
#[derive(Debug)]
pub(crate) struct Log {
    files: [LogFile; 2],
    filter: reload::Handle<EnvFilter, Registry>,
    _written: [WorkerGuard; 2],
}

impl Log {
    /// The file of the audit trail.
    pub(crate) fn trail(&self) -> AuditTrail {
        let [_, trail] = &self.files;
        AuditTrail::of(trail.clone())
    }

    /// Logs at level DEBUG from now on, or no longer.
    pub(crate) fn set_debug(&self, debug: bool) {
        if let Err(error) = self.filter.reload(filter(debug)) {
            tracing::error!(%error, "the log level cannot be changed");
        }
    }

    /// Writes to the files of these names from now on; those that were open may have been moved away.
    pub(crate) fn reopen(&self) {
        for file in &self.files {
            file.reopen();
        }
    }
}

/// Our crates and the drivers at the level that was asked for, others only when something is wrong: what HTTP and
/// TLS libraries say at lower levels holds headers, and headers hold tokens.
fn filter(debug: bool) -> EnvFilter {
    let level = if debug { "debug" } else { "info" };
    let ours = [
        "api",
        "config",
        "control",
        "daemon",
        "db",
        "engine",
        "framework",
        "migrations",
        "model",
        "peer",
        // Of the drivers that are loaded from files.
        "plugin",
        "reach",
        "readiness",
    ];
    let ours = ours.iter().map(|name| format!("protector_{name}"));
    let drivers = log_targets().into_iter().map(str::to_owned);
    ours.chain(drivers)
        .map(|target| format!("{target}={level}"))
        .chain([format!("{}=info", audit::TARGET)])
        .filter_map(|directive| directive.parse().ok())
        .fold(EnvFilter::new("warn"), EnvFilter::add_directive)
}

/// Sends logs and the audit trail to `log_dir` and, where asked, logs to standard error too. What is
/// on its way when the program ends is written when the log is dropped.
pub(crate) fn init(
    program: &str,
    section: &DefaultSection,
    clock: &Arc<dyn Clock>,
) -> Result<Log, String> {
    let file = LogFile::open(log_path(program, section))?;
    let trail = LogFile::open(section.log_dir.join(AUDIT_FILE))?;
    let (writer, written) = tracing_appender::non_blocking(file.clone());
    // An event of the trail is waited for rather than lost.
    let (trail_writer, trail_written): (NonBlocking, _) = NonBlockingBuilder::default()
        .lossy(false)
        .finish(Told(trail.clone()));
    let (filter, handle) = reload::Layer::new(filter(section.debug));
    let form = |kind| Form {
        kind,
        clock: clock.clone(),
        host: section.host.clone(),
    };
    let kind = match section.use_json {
        true => Kind::Json,
        false => Kind::Line,
    };
    let stderr = section.use_stderr.then(|| {
        tracing_subscriber::fmt::layer()
            .event_format(form(kind))
            .with_writer(std::io::stderr)
            .with_filter(no_audit())
    });
    Registry::default()
        .with(filter)
        .with(Contexts)
        .with(
            tracing_subscriber::fmt::layer()
                .event_format(form(kind))
                .with_writer(writer)
                .with_filter(no_audit()),
        )
        .with(
            tracing_subscriber::fmt::layer()
                .event_format(form(Kind::Bare))
                .with_writer(trail_writer)
                .with_filter(filter_fn(|event| event.target() == audit::TARGET)),
        )
        .with(stderr)
        .try_init()
        .map_err(|error| format!("logging cannot begin: {error}"))?;
    log_panics();
    Ok(Log {
        files: [file, trail],
        filter: handle,
        _written: [written, trail_written],
    })
}

/// The trail, as those write to it who do not wait: what is lost is told.
struct Told(LogFile);

impl Told {
    fn told<T>(done: std::io::Result<T>) -> std::io::Result<T> {
        if let Err(error) = &done {
            metrics::counter!(trail::FAILURES).increment(1);
            tracing::error!(%error, "an event of the audit trail is lost");
        }
        done
    }
}

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Self::told(self.0.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Self::told(self.0.flush())
    }
}

/// The trail has a file of its own.
fn no_audit() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    filter_fn(|event| event.target() != audit::TARGET)
}

/// A panic is told in the log, where it belongs to a request or an operation, besides on standard error.
fn log_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, "a panic: {message}");
        before(panic);
    }));
}

fn log_path(program: &str, section: &DefaultSection) -> PathBuf {
    let name = section
        .log_file
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{program}.log")));
    section.log_dir.join(name)
}
