//! The program `protector-api`.

use std::process::ExitCode;

use clap::Parser;
use protector_config::ConfigArgs;
use protector_daemon::{Daemon, Notifier, Prepared, Signals, attend, prepare, refuse};

use crate::serve::{ApiOptions, serve};

const PROGRAM: &str = "protector-api";

/// Serves the REST API of one site.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version)]
struct Command {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Runs `protector-api` with all drivers that are linked: what the `main` of a build of one's own calls.
pub fn main() -> ExitCode {
    let daemon = match prepare::<Command>(PROGRAM, |command| &command.config) {
        Prepared::Run(daemon) => *daemon,
        Prepared::Exit(code) => return code,
    };
    raise_file_limit();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.thread_name("api-worker");
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
        reloader,
        ..
    } = daemon;
    let options = ApiOptions {
        config,
        registry,
        clock: clock.clone(),
        ids,
        listener: None,
    };
    let mut signals = match Signals::hear() {
        Ok(signals) => signals,
        Err(error) => return refuse(PROGRAM, &error),
    };
    let notifier = Notifier::from_environment();
    let served = tokio::select! {
        // First, so that the signal is heard from the beginning.
        biased;
        () = signals.stop() => return ExitCode::SUCCESS,
        served = serve(options) => served,
    };
    let api = match served {
        Ok(api) => api,
        Err(error) => return refuse(PROGRAM, &error),
    };
    tracing::info!("protector-api has started");
    let door = api.own_door();
    attend(&mut signals, &notifier, reloader, clock, &door, || {
        api.reload_policy();
    })
    .await;
    tracing::info!("protector-api is stopping");
    api.stop().await;
    ExitCode::SUCCESS
}

/// A connection is a file; what the system lets this process have is used to the full.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
}
