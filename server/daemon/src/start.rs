use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;

use protector_config::{Config, ConfigArgs, Start, environment};
use protector_framework::{Clock, DriverEnv, Ids, RandomIds, Registry, SystemClock};

use crate::logging;
use crate::reload::Reloader;
use crate::trail::AuditTrail;

/// All that a service starts with.
#[derive(Debug)]
pub struct Daemon<C> {
    /// The command line.
    pub command: C,
    /// The configuration, checked.
    pub config: Config,
    /// The drivers that are linked, and those of the operator's directory.
    pub registry: Registry,
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
    /// The machine's randomness.
    pub ids: Arc<dyn Ids>,
    /// The audit trail, for events that must be there.
    pub trail: AuditTrail,
    /// Reads the configuration again, and writes what was logged last when it is dropped.
    pub reloader: Reloader,
}

/// Whether a service runs.
#[derive(Debug)]
pub enum Prepared<C> {
    /// It does.
    Run(Box<Daemon<C>>),
    /// All was said; the program ends.
    Exit(ExitCode),
}

/// Reads command line and configuration, begins to log and gathers the drivers. What is wrong is
/// said in one line each on standard error.
pub fn prepare<C: clap::Parser>(
    program: &str,
    config: impl FnOnce(&C) -> &ConfigArgs,
) -> Prepared<C> {
    let command =
        match protector_config::start::<C>(program, std::env::args_os().collect(), environment()) {
            Start::Run(command) => command,
            Start::Exit {
                output,
                errors,
                code,
            } => {
                tell(std::io::stdout(), &output);
                tell(std::io::stderr(), &errors);
                return Prepared::Exit(ExitCode::from(code));
            }
        };
    let args = config(&command).clone();
    let loaded = args
        .load(program, environment())
        .and_then(|config| config.check_service().map(|()| config));
    let config = match loaded {
        Ok(config) => config,
        Err(error) => return Prepared::Exit(refuse(program, &error)),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let log = match logging::init(program, &config.default, &clock) {
        Ok(log) => log,
        Err(reason) => return Prepared::Exit(refuse(program, &reason)),
    };
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    // Whichever library asks first would otherwise decide.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::debug!("a TLS provider is installed already");
    }
    let ids: Arc<dyn Ids> = Arc::new(RandomIds);
    let env = DriverEnv {
        clock: clock.clone(),
        ids: ids.clone(),
    };
    match protector_drivers::gather(
        env,
        config.drivers.plugin_dir.as_deref(),
        &config.drivers.layers,
    ) {
        Ok(registry) => Prepared::Run(Box::new(Daemon {
            command,
            trail: log.trail(),
            reloader: Reloader {
                program: program.to_owned(),
                args,
                config: config.clone(),
                log,
            },
            config,
            registry,
            clock,
            ids,
        })),
        Err(error) => Prepared::Exit(refuse(program, &error)),
    }
}

/// Says why a service does not run, a line for each reason.
pub fn refuse(program: &str, error: &dyn Display) -> ExitCode {
    let lines: String = error
        .to_string()
        .lines()
        .map(|line| format!("{program}: error: {line}\n"))
        .collect();
    tell(std::io::stderr(), &lines);
    tracing::error!(%error, "not started");
    ExitCode::FAILURE
}

/// A closed terminal is no reason to fail.
fn tell(mut to: impl std::io::Write, text: &str) {
    to.write_all(text.as_bytes()).unwrap_or_default();
    to.flush().unwrap_or_default();
}
