//! A whole run: clouds up, the story from its beginning to its end, and away again.

use protector_framework::Clock;

use super::failure::{Outcome, fail};
use super::report::Report;
use super::stage::Stage;
use super::testbed::Testbed;

/// Whether the clouds are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// They were up.
    Found,
    /// They were started.
    Started,
    /// They cannot be on this machine, and that was said.
    Skipped,
}

/// Installs what is missing and starts both clouds. Where something cannot be installed, it says why
/// and skips; in CI that is a failure.
///
/// # Errors
/// Where the clouds do not come up.
pub async fn up(report: &Report, testbed: &Testbed) -> Outcome<Presence> {
    if testbed.status().await.is_ok() {
        report.say("both clouds are up");
        return Ok(Presence::Found);
    }
    if let Err(failure) = report.step("install", testbed.install()).await {
        if std::env::var_os("CI").is_some_and(|ci| ci == "true") {
            return fail(format!("in CI nothing is skipped: {failure}"));
        }
        report.say(&format!("skipped: {failure}"));
        return Ok(Presence::Skipped);
    }
    report.step("both clouds up", testbed.up(None)).await?;
    Ok(Presence::Started)
}

/// Runs the main job.
///
/// # Errors
/// What failed; all that was made is then left in place, except for Protector's processes.
pub async fn main_job(report: &Report, testbed: &Testbed, keep: bool) -> Outcome {
    let found = report.phase("two clouds", up(report, testbed)).await?;
    if found == Presence::Skipped {
        return Ok(());
    }
    let after = match (keep, found) {
        (true, _) => After::Keep,
        (false, Presence::Started) => After::CloudsGoDown,
        (false, _) => After::Remove,
    };
    let outcome = on_clouds(report, testbed, after).await;
    if found == Presence::Started && !keep {
        report.phase("clouds down", testbed.down(None)).await?;
    }
    report.summary();
    outcome
}

/// What becomes of what a run has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Keep,
    Remove,
    CloudsGoDown,
}

async fn on_clouds(report: &Report, testbed: &Testbed, after: After) -> Outcome {
    let name = report.clock().now().format("%m%d%H%M%S").to_string();
    let stage = Stage::build(report, testbed, &name, after == After::Keep);
    let mut stage = report
        .phase("a tenant, and Protector on both sites", stage)
        .await?;
    let told = story(report, &mut stage).await;
    match after {
        After::Keep => {
            report.say(&stage.how_to_look());
            told
        }
        After::CloudsGoDown => told,
        After::Remove => {
            // What failed is left to be looked at.
            told?;
            report.phase("away again", stage.remove()).await
        }
    }
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
    let search = report.step("no secret is shown", stage.no_secret_is_shown());
    report.phase("secrets", search).await
}
