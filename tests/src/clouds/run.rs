//! A whole run: clouds up, each story from its beginning to its end, and away again. The conformance
//! kits are one of them, without Protector.

use std::sync::Arc;

use protector_framework::Clock;

use super::arrays::PureArrays;
use super::deployment::Programs;
use super::failure::{Outcome, fail};
use super::kits::Length;
use super::report::Report;
use super::stage::Stage;
use super::suite::Suite;
use super::testbed::Testbed;
use super::world::Secrets;

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
/// and skips; in CI that is a failure. Clouds that are up and have other arrays than they should are
/// given the right ones.
///
/// # Errors
/// Where the clouds do not come up.
pub async fn up(report: &Report, testbed: &Testbed) -> Outcome<Presence> {
    let found = testbed.status().await.is_ok();
    if !found && let Err(failure) = report.step("install", testbed.install()).await {
        if std::env::var_os("CI").is_some_and(|ci| ci == "true") {
            return fail(format!("in CI nothing is skipped: {failure}"));
        }
        report.say(&format!("skipped: {failure}"));
        return Ok(Presence::Skipped);
    }
    let what = match found {
        true => "both clouds were up; the arrays behind them",
        false => "both clouds up",
    };
    report.step(what, testbed.up(None)).await?;
    Ok(match found {
        true => Presence::Found,
        false => Presence::Started,
    })
}

/// Runs the stories one after the other on the same clouds.
///
/// # Errors
/// What failed; all that was made is then left in place, except for processes.
pub async fn stories(report: &Report, testbed: &Testbed, suites: &[Suite], keep: bool) -> Outcome {
    let run = report.clock().now().format("%m%d%H%M%S").to_string();
    let secrets = Secrets::of_run(&run);
    // The arrays come first: block storage that does not find its array when it starts says nothing
    // and goes on without it.
    let wanted = [Suite::Pure, Suite::Guide];
    let pure = match wanted.iter().any(|suite| suites.contains(suite)) {
        true => Some(Arc::new(simulated(report, testbed, &run, &secrets).await?)),
        false => None,
    };
    let clouds = match &pure {
        Some(arrays) => testbed.with_arrays(arrays),
        None => testbed.clone(),
    };
    let presence = report.phase("two clouds", up(report, &clouds)).await?;
    if presence == Presence::Skipped {
        return Ok(());
    }
    let after = match (keep, presence) {
        (true, _) => After::Keep,
        (false, Presence::Started) => After::CloudsGoDown,
        (false, _) => After::Remove,
    };
    let outcome = async {
        for suite in suites {
            let length = match suite {
                Suite::Kits => Some(Length::Short),
                Suite::KitsLong => Some(Length::Long),
                _ => None,
            };
            if let Some(length) = length {
                super::kits::run(report, &clouds, &run, &secrets, length, keep).await?;
                continue;
            }
            let what = format!("{}: Protector's programs", suite.name());
            let build = Programs::build(suite.profile());
            let programs = report.phase(&what, build).await?;
            if let (Suite::Guide, Some(arrays)) = (suite, &pure) {
                let walk = super::guide::walk(report, &clouds, &programs, arrays, &run, &secrets);
                walk.await?;
                continue;
            }
            let part = suite.part(&clouds, &run, &secrets, pure.as_ref())?;
            let last = suites.last() == Some(suite);
            let built = Stage::build(report, &clouds, &programs, &part, keep && last);
            let what = format!("{}: a tenant, and Protector on both sites", suite.name());
            let stage = report.phase(&what, built).await?;
            told(report, *suite, stage, after, last).await?;
        }
        Ok(())
    }
    .await;
    match after {
        After::Keep => wait_if_needed(report, pure.as_deref()).await?,
        After::CloudsGoDown => report
            .phase("clouds down", testbed.down(None))
            .await
            .map(|_| ())?,
        After::Remove if pure.is_some() => {
            let without = testbed.up(None);
            let what = "both clouds without the FlashArrays, as they were";
            report.step(what, without).await?;
        }
        After::Remove => {}
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

async fn simulated(
    report: &Report,
    testbed: &Testbed,
    run: &str,
    secrets: &Secrets,
) -> Outcome<PureArrays> {
    let directory = testbed.protector_home().join(format!("{run}arrays"));
    let start = PureArrays::start(testbed, secrets, &directory);
    report.step("two simulated FlashArrays", start).await
}

async fn told(
    report: &Report,
    suite: Suite,
    mut stage: Stage,
    after: After,
    last: bool,
) -> Outcome {
    let told = suite.tell(report, &mut stage).await;
    if after == After::Keep && (last || told.is_err()) {
        if let Err(failure) = &told {
            report.say(&format!("FAILED: {failure}"));
        }
        report.say(&stage.how_to_look());
        return told;
    }
    // What failed is left to be looked at.
    told?;
    stage.end().await?;
    match after {
        After::Remove => report.phase("away again", stage.remove()).await,
        After::Keep | After::CloudsGoDown => Ok(()),
    }
}

/// The simulated arrays live in this process.
async fn wait_if_needed(report: &Report, pure: Option<&PureArrays>) -> Outcome {
    if pure.is_some() {
        report.say("the FlashArrays are there until Ctrl-C");
        tokio::signal::ctrl_c().await?;
    }
    Ok(())
}
