//! `protector-api`: the REST API of one site.

use std::pin::pin;
use std::process::ExitCode;

use clap::Parser;
use protector_api::{ApiOptions, serve};
use protector_config::ConfigArgs;
use protector_daemon::{Daemon, Prepared, prepare, refuse};

const PROGRAM: &str = "protector-api";

/// Serves the REST API of one site.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version)]
struct Command {
    #[command(flatten)]
    config: ConfigArgs,
}

fn main() -> ExitCode {
    let daemon = match prepare::<Command>(PROGRAM, |command| &command.config) {
        Prepared::Run(daemon) => *daemon,
        Prepared::Exit(code) => return code,
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if daemon.config.api.workers > 0 {
        runtime.worker_threads(daemon.config.api.workers);
    }
    match runtime.enable_all().build() {
        Ok(runtime) => runtime.block_on(run(daemon)),
        Err(error) => refuse(PROGRAM, &error),
    }
}

async fn run(daemon: Daemon<Command>) -> ExitCode {
    let Daemon {
        config,
        registry,
        clock,
        ids,
        log: _log,
        ..
    } = daemon;
    let options = ApiOptions {
        config,
        registry,
        clock,
        ids,
        listener: None,
    };
    let mut terminated = pin!(protector_daemon::terminated());
    let served = tokio::select! {
        // First, so that the signal is heard from the beginning.
        biased;
        () = &mut terminated => return ExitCode::SUCCESS,
        served = serve(options) => served,
    };
    let api = match served {
        Ok(api) => api,
        Err(error) => return refuse(PROGRAM, &error),
    };
    tracing::info!("protector-api has started");
    terminated.await;
    tracing::info!("protector-api is stopping");
    api.stop().await;
    ExitCode::SUCCESS
}
