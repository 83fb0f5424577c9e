//! `shelf-array`: a Shelf to try a driver on.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to people"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use protector_driver_mock::world::MockArray;
use protector_example_array::Shelf;
use protector_framework::{DriverEnv, RandomIds, SystemClock};
use tokio::signal::unix::{SignalKind, signal};

/// Serves a directory of volumes as a Shelf array, until SIGINT or SIGTERM.
#[derive(Debug, Parser)]
#[command(name = "shelf-array", version)]
struct Options {
    /// The directory with the volumes; it is made where it is absent.
    #[arg(long, value_name = "DIR")]
    pool: PathBuf,
    /// What the array is called.
    #[arg(long)]
    name: String,
    /// A file whose first line is the API token.
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("shelf-array: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), String> {
    let token = token(&options.token_file)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let env = DriverEnv {
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
    };
    let array = MockArray::create(&options.pool, &options.name, &token, env.clone());
    let array = array.map_err(|error| error.to_string())?;
    // Nobody connects to a volume behind its back.
    array
        .record_connections()
        .map_err(|error| error.to_string())?;
    let shelf = Shelf::start(array, env, options.listen).await;
    let shelf = shelf.map_err(|error| error.to_string())?;
    println!("{} {}", options.name, shelf.url());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn token(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read the token from {shown}: {error}"))?;
    match text.lines().next().map(str::trim) {
        None | Some("") => Err(format!("{shown} holds no token in its first line")),
        Some(token) => Ok(token.to_owned()),
    }
}
