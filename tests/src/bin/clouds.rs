//! `cargo clouds`: two real OpenStack clouds on this machine, and Protector's main job on them.

use clap::{Parser, Subcommand};
use protector_framework::Clock;
use protector_tests::clouds::failure::Outcome;
use protector_tests::clouds::report::Report;
use protector_tests::clouds::testbed::Testbed;
use protector_tests::clouds::world::World;

/// Two real OpenStack clouds on this machine, and Protector's main job on them.
#[derive(Debug, Parser)]
#[command(name = "cargo clouds", bin_name = "cargo clouds --")]
struct Args {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Installs what is missing and starts both clouds.
    Up,
    /// Stops both clouds.
    Down,
    /// Says what runs.
    Status,
    /// Runs the main job on them.
    Run {
        /// Leaves Protector and all that the run made in place, to look at.
        #[arg(long)]
        keep: bool,
    },
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let report = Report::default();
    if let Err(failure) = work(&report, Args::parse().command).await {
        report.say(&format!("FAILED: {failure}"));
        return std::process::ExitCode::FAILURE;
    }
    std::process::ExitCode::SUCCESS
}

async fn work(report: &Report, what: What) -> Outcome {
    // Another provider may be installed already; then that one serves.
    drop(rustls::crypto::ring::default_provider().install_default());
    let testbed = Testbed::from_env()?;
    match what {
        What::Up => up(report, &testbed).await,
        What::Down => report.step("stop", testbed.down(None)).await.map(|_| ()),
        What::Status => {
            report.say(testbed.status().await?.trim());
            Ok(())
        }
        What::Run { keep: _ } => {
            up(report, &testbed).await?;
            let run = report.clock().now().format("%m%d%H%M%S").to_string();
            World::build(report, &testbed, &run).await?;
            Ok(())
        }
    }
}

async fn up(report: &Report, testbed: &Testbed) -> Outcome {
    report.step("install", testbed.install()).await?;
    report.step("both clouds up", testbed.up(None)).await?;
    Ok(())
}
