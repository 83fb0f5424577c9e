//! `driver check`: a conformance kit against a system that is there, in a namespace of its own.

mod compute;
mod identity;
mod settings;
mod storage;
mod volumes;

use std::io::IsTerminal as _;
use std::time::Duration;

use protector_config::Config;
use protector_conformance::{
    Line, Options, Report, compute as compute_kit, identity as identity_kit, storage as storage_kit,
};
use protector_framework::{DriverKind, Ids as _, RandomIds, Registry, SystemClock};

use crate::command::{CheckArgs, Kind};
use crate::failure::Failure;
use crate::output::Output;

use compute::LiveClouds;
use identity::LiveAccounts;
use settings::Settings;
use storage::LiveArrays;

/// How long a look at a live system waits, and at most how often it is asked.
const PAUSE: Duration = Duration::from_millis(500);

/// What every name that is made up begins with.
fn namespace() -> String {
    let mut bytes = [0; 4];
    RandomIds.bytes(&mut bytes);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("protector-check-{hex}")
}

/// Waits no longer than a look at a live system should.
async fn pause(clock: &SystemClock, time: Duration) {
    use protector_framework::Clock as _;
    clock.sleep(time.min(PAUSE)).await;
}

pub(crate) fn check(config: &Config, args: &CheckArgs) -> Result<Output, Failure> {
    show_warnings();
    let registry = &crate::drivers::registry_without_retries(config)?;
    let kinds = kinds(registry, args)?;
    let settings = Settings::read(&args.config)?;
    let kinds: Vec<DriverKind> = match args.kind {
        Some(_) => kinds,
        None => kinds.into_iter().filter(|k| settings.has(*k)).collect(),
    };
    if kinds.is_empty() {
        return Err(Failure::NothingToCheck(args.name.clone()));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let reports = runtime.block_on(async {
        tokio::select! {
            reports = all(registry, args, &settings, &kinds) => reports,
            _ = tokio::signal::ctrl_c() => Err(Failure::CheckInterrupted),
        }
    })?;
    Ok(Output::Checked {
        lines: reports.iter().map(|report| report.table() + "\n").collect(),
        value: serde_json::to_value(&reports)?,
        valid: reports.iter().all(|report| report.is_green(false)),
    })
}

/// The kinds of driver that the name stands for, or the one that is asked for.
fn kinds(registry: &Registry, args: &CheckArgs) -> Result<Vec<DriverKind>, Failure> {
    let drivers = registry.drivers();
    let named = drivers.iter().filter(|driver| driver.name == args.name);
    let wanted = args.kind.map(|kind| match kind {
        Kind::Storage => DriverKind::Storage,
        Kind::Compute => DriverKind::Compute,
        Kind::Identity => DriverKind::Identity,
    });
    let found: Vec<_> = named
        .map(|driver| driver.kind)
        .filter(|kind| wanted.is_none_or(|wanted| *kind == wanted))
        .collect();
    if found.is_empty() {
        return Err(crate::drivers::unknown(registry, &args.name));
    }
    Ok(found)
}

/// What drivers warn of while they are tried, and why a file is not loaded, stands on the standard error.
fn show_warnings() {
    let written = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .try_init();
    // Whoever hears them already goes on to.
    written.unwrap_or_default();
}

/// Shows a person that the run goes on; the report is on the standard output.
#[allow(clippy::print_stderr, reason = "this program talks to people")]
fn tell(line: &Line) {
    eprintln!("{line}");
}

async fn all(
    registry: &Registry,
    args: &CheckArgs,
    settings: &Settings,
    kinds: &[DriverKind],
) -> Result<Vec<Report>, Failure> {
    let options = Options {
        only: args.only.clone(),
        at_once: args.at_once,
        limit: Duration::from_secs(args.limit),
        told: Some(tell),
    };
    let mut reports = Vec::new();
    for kind in kinds {
        reports.push(match kind {
            DriverKind::Storage => {
                let arrays = LiveArrays::new(registry, &args.name, settings.storage()?)?;
                storage_kit::run(&arrays, &options).await
            }
            DriverKind::Compute => {
                let clouds = LiveClouds::new(registry, &args.name, settings.compute()?)?;
                compute_kit::run(&clouds, &options).await
            }
            DriverKind::Identity => {
                let accounts = LiveAccounts::new(registry, &args.name, settings.identity()?)?;
                identity_kit::run(&accounts, &options).await
            }
        });
    }
    Ok(reports)
}
