//! `cargo conformance`: what every driver must do, tried on the drivers of this repository.
#![allow(clippy::print_stdout, reason = "this program talks to people")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use protector_conformance::{Options, Report, compute, identity, storage};
use protector_tests::conformance::compute::MockCloudBenches;
use protector_tests::conformance::identity::MockAccountsBenches;
use protector_tests::conformance::mock::MockBenches;
use protector_tests::conformance::plugin::plugin_benches;
use protector_tests::conformance::pure::PureBenches;
use protector_tests::sites::Outcome;

/// What every driver must do, tried on the drivers of this repository; the OpenStack drivers are tried
/// on real clouds, by `cargo clouds -- run --suite kits`.
#[derive(Debug, Parser)]
#[command(name = "cargo conformance", bin_name = "cargo conformance --")]
struct Args {
    /// The drivers; without any, and without a file: all.
    drivers: Vec<Driver>,
    /// The storage driver in this file, on two Shelf arrays (examples/array); may be given several
    /// times.
    #[arg(long, value_name = "FILE")]
    plugin: Vec<PathBuf>,
    /// Only cases whose id holds this text; may be given several times.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Writes the report to this file as JSON as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How many cases run at once.
    #[arg(long, default_value_t = Options::default().at_once)]
    at_once: usize,
    /// How many seconds one case may take.
    #[arg(long, value_name = "SECONDS", default_value_t = Options::default().limit.as_secs())]
    limit: u64,
    /// Lists the cases with their promises and runs none.
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Driver {
    /// The mock array.
    Mock,
    /// FlashArray, on two simulated ones.
    Pure,
    /// The mock cloud's servers, ports and volumes.
    MockCompute,
    /// The mock cloud's identity service.
    MockIdentity,
}

impl Driver {
    async fn tried(self, options: &Options) -> Report {
        match self {
            Self::Mock => storage::run(&MockBenches, options).await,
            Self::Pure => storage::run(&PureBenches, options).await,
            Self::MockCompute => compute::run(&MockCloudBenches, options).await,
            Self::MockIdentity => identity::run(&MockAccountsBenches, options).await,
        }
    }
}

/// Every case with its kind, its id and its promise.
fn listed() -> Vec<(&'static str, String, String)> {
    let storage = storage::cases().into_iter();
    let storage = storage.map(|c| ("storage", c.id().to_owned(), c.promise().to_owned()));
    let compute = compute::cases().into_iter();
    let compute = compute.map(|c| ("compute", c.id().to_owned(), c.promise().to_owned()));
    let identity = identity::cases().into_iter();
    let identity = identity.map(|c| ("identity", c.id().to_owned(), c.promise().to_owned()));
    storage.chain(compute).chain(identity).collect()
}

#[tokio::main]
async fn main() -> ExitCode {
    // Another provider may be installed already; then that one serves.
    drop(rustls::crypto::ring::default_provider().install_default());
    // The alias ends with `--`, and people write another one, as they do with `cargo run`.
    let words = std::env::args().enumerate();
    let args =
        Args::parse_from(words.filter_map(|(n, word)| (n != 1 || word != "--").then_some(word)));
    if args.list {
        for (kind, id, promise) in listed() {
            println!("{kind:8} {id:45} {promise}");
        }
        return ExitCode::SUCCESS;
    }
    let reports = match all(&args).await {
        Ok(reports) => reports,
        Err(failure) => {
            println!("FAILED: {failure}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(file) = &args.json
        && let Err(error) = write(file, &reports)
    {
        println!("cannot write {}: {error}", file.display());
        return ExitCode::FAILURE;
    }
    // In the gate nothing may go untested.
    let strict = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    let green = !reports.is_empty() && reports.iter().all(|report| report.is_green(strict));
    println!("{}", sum(&reports));
    if green {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn all(args: &Args) -> Outcome<Vec<Report>> {
    let drivers = match &args.drivers[..] {
        [] if args.plugin.is_empty() => Driver::value_variants(),
        named => named,
    };
    let options = Options {
        only: args.only.clone(),
        at_once: args.at_once,
        limit: Duration::from_secs(args.limit),
        told: None,
    };
    let files = args.plugin.iter().map(|file| plugin_benches(file));
    let files = files.collect::<Outcome<Vec<_>>>()?;
    let mut reports = Vec::new();
    for driver in drivers {
        reports.push(shown(driver.tried(&options).await));
    }
    for benches in &files {
        reports.push(shown(storage::run(benches, &options).await));
    }
    Ok(reports)
}

fn shown(report: Report) -> Report {
    println!("{}", report.table());
    report
}

fn write(file: &PathBuf, reports: &[Report]) -> std::io::Result<()> {
    let text = serde_json::to_string_pretty(reports)?;
    std::fs::write(file, text + "\n")
}

/// The sums over all drivers, alone on the last line.
fn sum(reports: &[Report]) -> String {
    let of = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    format!(
        "{} passed, {} failed, {} skipped",
        of(Report::passed),
        of(Report::failed),
        of(Report::skipped)
    )
}
