//! The program `protector-engine`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use protector_config::ConfigArgs;
use protector_daemon::{Daemon, Notifier, Prepared, Signals, attend, prepare, refuse};

use crate::service::{EngineOptions, start};

/// Executes the disaster-recovery operations of one site.
#[derive(Debug, Parser)]
#[command(name = "protector-engine", version)]
struct Command {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Runs `protector-engine` with all drivers that are linked: what the `main` of a build of one's own calls.
#[tokio::main]
pub async fn main() -> ExitCode {
    let daemon = match prepare::<Command>("protector-engine", |command| &command.config) {
        Prepared::Run(daemon) => daemon,
        Prepared::Exit(code) => return code,
    };
    let Daemon {
        config,
        registry,
        clock,
        ids,
        trail,
        reloader,
        ..
    } = *daemon;
    let name = format!("{}-{}", config.default.host, tail(&ids.uuid().to_string()));
    let options = EngineOptions {
        config,
        registry,
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
        name,
        trail,
    };
    let mut signals = match Signals::hear() {
        Ok(signals) => signals,
        Err(error) => return refuse("protector-engine", &error),
    };
    let notifier = Notifier::from_environment();
    let started = tokio::select! {
        // First, so that the signal is heard from the beginning.
        biased;
        () = signals.stop() => return ExitCode::SUCCESS,
        started = start(options) => started,
    };
    let engine = match started {
        Ok(engine) => engine,
        Err(error) => return refuse("protector-engine", &error),
    };
    tracing::info!("protector-engine has started");
    attend(&mut signals, &notifier, reloader, clock, &engine, || {}).await;
    tracing::info!("protector-engine is stopping");
    engine.stop().await;
    ExitCode::SUCCESS
}

fn tail(text: &str) -> &str {
    &text[text.len().saturating_sub(8)..]
}
