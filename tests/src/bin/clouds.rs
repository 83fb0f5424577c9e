//! `cargo clouds`: two real OpenStack clouds on this machine, and Protector's main job on them.

use clap::{Parser, Subcommand};
use protector_framework::Clock;
use protector_tests::clouds::failure::Outcome;
use protector_tests::clouds::report::Report;
use protector_tests::clouds::stage::Stage;
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
        What::Run { keep } => run(report, &testbed, keep).await,
    }
}

async fn up(report: &Report, testbed: &Testbed) -> Outcome {
    report.step("install", testbed.install()).await?;
    report.step("both clouds up", testbed.up(None)).await?;
    Ok(())
}

async fn run(report: &Report, testbed: &Testbed, keep: bool) -> Outcome {
    report.phase("two clouds", up(report, testbed)).await?;
    let name = report.clock().now().format("%m%d%H%M%S").to_string();
    let stage = Stage::build(report, testbed, &name, keep);
    let mut stage = report
        .phase("a tenant, and Protector on both sites", stage)
        .await?;
    let outcome = story(report, &mut stage).await;
    report.summary();
    outcome
}

async fn story(report: &Report, stage: &mut Stage) -> Outcome {
    report.phase("enrolment", stage.enrol()).await?;
    let group = report.phase("protection", stage.protect()).await?;
    let group = &group;
    report
        .phase("planned failover", stage.planned_failover(group))
        .await?;
    report
        .phase("failback", stage.failback(group, "written on site-b"))
        .await?;
    report
        .phase("test failover", stage.test_failover(group))
        .await?;
    report
        .phase("unplanned failover", stage.unplanned_failover(group))
        .await?;
    report.phase("quarantine", stage.quarantine(group)).await?;
    report
        .phase("home after the loss", stage.home_after_loss(group))
        .await?;
    report.phase("cleanup", stage.cleanup(group)).await?;
    report
        .phase("failover under fire", stage.failover_under_fire(group))
        .await?;
    report
        .phase(
            "secrets",
            report.step("no secret is shown", stage.no_secret_is_shown()),
        )
        .await
}
