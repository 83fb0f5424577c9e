//! `protector-engine`: executes the operations of its site.

use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use protector_config::ConfigArgs;
use protector_daemon::{Daemon, Prepared, prepare};
use protector_engine::{EngineOptions, start};

/// Executes the disaster-recovery operations of one site.
#[derive(Debug, Parser)]
#[command(name = "protector-engine", version)]
struct Command {
    #[command(flatten)]
    config: ConfigArgs,
}

#[tokio::main]
async fn main() -> ExitCode {
    let daemon = match prepare::<Command>("protector-engine", |command| &command.config) {
        Prepared::Run(daemon) => daemon,
        Prepared::Exit(code) => return code,
    };
    let Daemon {
        config,
        registry,
        clock,
        ids,
        ..
    } = *daemon;
    let name = format!("{}-{}", config.default.host, tail(&ids.uuid().to_string()));
    let options = EngineOptions {
        config,
        registry,
        clock,
        ids: Arc::clone(&ids),
        name,
    };
    let mut terminated = pin!(protector_daemon::terminated());
    let started = tokio::select! {
        // First, so that the signal is heard from the beginning.
        biased;
        () = &mut terminated => return ExitCode::SUCCESS,
        started = start(options) => started,
    };
    let engine = match started {
        Ok(engine) => engine,
        Err(error) => return protector_daemon::refuse("protector-engine", &error),
    };
    tracing::info!("protector-engine has started");
    terminated.await;
    tracing::info!("protector-engine is stopping");
    engine.stop().await;
    ExitCode::SUCCESS
}

fn tail(text: &str) -> &str {
    &text[text.len().saturating_sub(8)..]
}
