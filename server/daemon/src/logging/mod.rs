use std::fs::{File, OpenOptions};
use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use protector_config::DefaultSection;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

/// The log of a service. What is on its way is written when this is dropped.
#[derive(Debug)]
pub(crate) struct Log {
    file: LogFile,
    filter: reload::Handle<EnvFilter, Registry>,
    _written: WorkerGuard,
}

impl Log {
    /// Logs at level DEBUG from now on, or no longer.
    pub(crate) fn set_debug(&self, debug: bool) {
        if let Err(error) = self.filter.reload(filter(debug)) {
            tracing::error!(%error, "the log level cannot be changed");
        }
    }

    /// Writes to the file of that name from now on; the one that was open may have been moved away.
    pub(crate) fn reopen(&self) {
        if let Err(error) = self.file.reopen() {
            tracing::error!(%error, "the log file cannot be opened anew; the old one is written on");
        }
    }
}

/// A log file that can be opened anew while others write to it.
#[derive(Debug, Clone)]
struct LogFile {
    path: PathBuf,
    open: Arc<Mutex<File>>,
}

impl LogFile {
    fn open(path: PathBuf) -> std::io::Result<Self> {
        let open = Arc::new(Mutex::new(append(&path)?));
        Ok(Self { path, open })
    }

    fn reopen(&self) -> std::io::Result<()> {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = append(&self.path)?;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut file = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let mut file = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        file.flush()
    }
}

fn append(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Our crates at the level that was asked for, others only when something is wrong: what HTTP and
/// TLS libraries say at lower levels holds headers, and headers hold tokens.
fn filter(debug: bool) -> EnvFilter {
    let level = if debug { "debug" } else { "info" };
    let ours = [
        "api",
        "config",
        "control",
        "daemon",
        "db",
        "driver_mock",
        "driver_openstack",
        "driver_pure",
        "engine",
        "framework",
        "migrations",
        "model",
        "peer",
        "reach",
        "readiness",
    ];
    ours.iter()
        .filter_map(|name| format!("protector_{name}={level}").parse().ok())
        .fold(EnvFilter::new("warn"), EnvFilter::add_directive)
}

/// Sends logs to `log_dir` and, where asked, to standard error. What is on its way when the program
/// ends is written when the log is dropped.
pub(crate) fn init(program: &str, section: &DefaultSection) -> Result<Log, String> {
    let path = log_path(program, section);
    let file = LogFile::open(path.clone())
        .map_err(|error| format!("the log file {} cannot be written: {error}", path.display()))?;
    let (writer, written) = tracing_appender::non_blocking(file.clone());
    let (filter, handle) = reload::Layer::new(filter(section.debug));
    let stderr = section.use_stderr.then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_span_events(FmtSpan::NONE)
    });
    let layer: Box<dyn Layer<_> + Send + Sync> = match section.use_json {
        true => Box::new(tracing_subscriber::fmt::layer().json().with_writer(writer)),
        false => Box::new(
            tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .with_writer(writer),
        ),
    };
    Registry::default()
        .with(filter)
        .with(layer)
        .with(stderr)
        .try_init()
        .map_err(|error| format!("logging cannot begin: {error}"))?;
    Ok(Log {
        file,
        filter: handle,
        _written: written,
    })
}

fn log_path(program: &str, section: &DefaultSection) -> PathBuf {
    let name = section
        .log_file
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{program}.log")));
    section.log_dir.join(name)
}
