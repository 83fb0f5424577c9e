use std::fs::OpenOptions;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use protector_config::DefaultSection;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

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
        "engine",
        "framework",
        "migrations",
        "model",
        "peer",
        "reach",
    ];
    ours.iter()
        .filter_map(|name| format!("protector_{name}={level}").parse().ok())
        .fold(EnvFilter::new("warn"), EnvFilter::add_directive)
}

/// Sends logs to `log_dir` and, where asked, to standard error. What is on its way when the program
/// ends is written when the guard is dropped.
pub(crate) fn init(program: &str, section: &DefaultSection) -> Result<WorkerGuard, String> {
    let path = log_path(program, section);
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|error| format!("the log file {} cannot be written: {error}", path.display()))?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let stderr = section.use_stderr.then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_span_events(FmtSpan::NONE)
    });
    let file: Box<dyn Layer<_> + Send + Sync> = match section.use_json {
        true => Box::new(tracing_subscriber::fmt::layer().json().with_writer(writer)),
        false => Box::new(
            tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .with_writer(writer),
        ),
    };
    Registry::default()
        .with(file)
        .with(stderr)
        .with(filter(section.debug))
        .try_init()
        .map_err(|error| format!("logging cannot begin: {error}"))?;
    Ok(guard)
}

fn log_path(program: &str, section: &DefaultSection) -> PathBuf {
    let name = section
        .log_file
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{program}.log")));
    section.log_dir.join(name)
}
