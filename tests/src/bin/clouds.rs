//! `cargo clouds`: two real OpenStack clouds on this machine, and Protector's main job on them.

use clap::{Parser, Subcommand};
use protector_tests::clouds::failure::Outcome;
use protector_tests::clouds::report::Report;
use protector_tests::clouds::run::{Presence, stories, up};
use protector_tests::clouds::suite::Suite;
use protector_tests::clouds::testbed::Testbed;

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
    /// Runs the main job on them. Clouds that were not up are stopped afterwards.
    Run {
        /// Leaves the clouds, Protector and all that the run made in place, to look at.
        #[arg(long)]
        keep: bool,
        /// Only this story; without it, all of them.
        #[arg(long, value_enum)]
        suite: Option<Suite>,
    },
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    // Another provider may be installed already; then that one serves.
    drop(rustls::crypto::ring::default_provider().install_default());
    let report = Report::default();
    // The alias ends with `--`, and people write another one, as they do with `cargo run`.
    let words = std::env::args().enumerate();
    let args =
        Args::parse_from(words.filter_map(|(n, word)| (n != 1 || word != "--").then_some(word)));
    let outcome = tokio::select! {
        outcome = work(&report, args.command) => outcome,
        _ = tokio::signal::ctrl_c() => protector_tests::clouds::failure::fail("interrupted"),
    };
    if let Err(failure) = outcome {
        report.say(&format!("FAILED: {failure}"));
        return std::process::ExitCode::FAILURE;
    }
    std::process::ExitCode::SUCCESS
}

async fn work(report: &Report, what: What) -> Outcome {
    let testbed = Testbed::from_env()?;
    let _lock = match what {
        What::Status => None,
        What::Up | What::Down | What::Run { .. } => Some(testbed.lock()?),
    };
    match what {
        What::Up => match up(report, &testbed).await? {
            Presence::Skipped => Ok(()),
            Presence::Found | Presence::Started => {
                report.say("up; `cargo clouds status` says what runs");
                Ok(())
            }
        },
        What::Down => report.step("stop", testbed.down(None)).await.map(|_| ()),
        What::Status => {
            report.say(testbed.status().await?.trim());
            Ok(())
        }
        What::Run { keep, suite } => match suite {
            Some(suite) => stories(report, &testbed, &[suite], keep).await,
            None => stories(report, &testbed, &Suite::ALL, keep).await,
        },
    }
}
