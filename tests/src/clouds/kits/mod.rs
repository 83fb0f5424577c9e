//! The conformance kits on a real OpenStack cloud: the drivers `openstack` for compute and identity.
//!
//! One project on site-a is made for it; every case has a front of its own (`clouds::front`) through
//! which its driver calls, so that the calls of one case are counted and lost alone.

mod compute;
mod ground;
mod identity;

use std::sync::Arc;
use std::time::Duration;

use protector_conformance::compute::ComputeCase;
use protector_conformance::{
    Line, Options, Report as Findings, Verdict, compute as compute_kit, identity as identity_kit,
};

use super::arrays::{Arrays, MockArrays};
use super::failure::{Outcome, ensure};
use super::front::Counted;
use super::report::Report;
use super::testbed::{Side, Testbed};
use super::world::{Cast, Part, Secrets, Site};
use compute::CloudBenches;
use ground::Ground;
use identity::KeystoneBenches;

/// How long one case may take.
const LIMIT: Duration = Duration::from_secs(400);

/// The verbs whose every remote call is cut: those that cost the cloud little. Of the others, which
/// build servers, each call that changes something is.
const CHEAP: [&str; 5] = [
    "/ensure-port",
    "/delete-port",
    "lock-server",
    "/set-volume-properties",
    "/set-delete-on-termination",
];

/// What happens to calls, as cases are named by it.
const PLAGUES: [&str; 6] = [
    "twice/",
    "lost-before/",
    "lost-after/",
    "crash/",
    "hang/",
    "at-once/",
];

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// What a verb does, without what can happen to its calls; of identity every case.
    Short,
    /// Every case.
    Long,
}

/// Runs both kits.
///
/// # Errors
/// Where a promise was broken.
pub async fn run(
    report: &Report,
    testbed: &Testbed,
    run: &str,
    secrets: &Secrets,
    length: Length,
    keep: bool,
) -> Outcome {
    let arrays: Arc<dyn Arrays> = Arc::new(MockArrays::link(testbed, secrets)?);
    let part = Part {
        run: format!("{run}kits"),
        secrets: secrets.clone(),
        cast: Cast::ONE,
        arrays,
    };
    let site = Site::build(testbed, Side::A, &part);
    let site = report
        .step("a project on site-a for the kits", site)
        .await?;
    let ground = Arc::new(Ground::new(testbed, site.clone(), &part.secrets).await?);
    let found = report.phase("kits", both(report, &ground, length)).await;
    if !keep {
        let removal = site.remove(report, testbed);
        report.step("the project with all it has", removal).await?;
    }
    found
}

async fn both(report: &Report, ground: &Arc<Ground>, length: Length) -> Outcome {
    let options = options();
    let mut failed = 0;
    let mut tell = |found: Findings| {
        report.say(&found.table());
        failed += found.failed();
    };
    let benches = KeystoneBenches::new(ground);
    let identity = async { Ok(identity_kit::run(&benches, &options).await) };
    tell(report.step("identity", identity).await?);
    let Parted { left, dear, others } = Parted::of(length);
    let benches = CloudBenches::new(ground, Counted::All);
    let compute = async { Ok(compute_kit::run(&benches, &only(others)).await) };
    let mut found = report.step("compute", compute).await?;
    found.cases.extend(left.into_iter().map(|case| Line {
        id: case.id().to_owned(),
        promise: case.promise().to_owned(),
        verdict: Verdict::Skipped("left to --suite kits-long".to_owned()),
        milliseconds: 0,
    }));
    tell(found);
    // No name at all would mean every case.
    if !dear.is_empty() {
        let benches = CloudBenches::new(ground, Counted::Changes);
        let compute = async { Ok(compute_kit::run(&benches, &only(dear)).await) };
        let what = "compute, what can happen to verbs that take their time";
        tell(report.step(what, compute).await?);
    }
    ensure(failed == 0, || {
        format!("{failed} cases of the kits have failed")
    })
}

#[allow(clippy::print_stdout, reason = "this program talks to people")]
fn options() -> Options {
    Options {
        limit: LIMIT,
        told: Some(|line| println!("        {line}")),
        ..Options::default()
    }
}

/// Exactly these cases.
fn only(cases: Vec<ComputeCase>) -> Options {
    Options {
        only: cases.iter().map(|case| case.id().to_owned()).collect(),
        ..options()
    }
}

/// The cases of the compute kit.
struct Parted {
    /// Those that are not tried.
    left: Vec<ComputeCase>,
    /// Those of which only calls that change something are cut.
    dear: Vec<ComputeCase>,
    others: Vec<ComputeCase>,
}

impl Parted {
    fn of(length: Length) -> Self {
        let is_plague =
            |case: &ComputeCase| PLAGUES.iter().any(|plague| case.id().starts_with(plague));
        let is_dear = |case: &ComputeCase| !CHEAP.iter().any(|verb| case.id().ends_with(verb));
        let (plagues, mut others): (Vec<_>, Vec<_>) =
            compute_kit::cases().into_iter().partition(is_plague);
        if length == Length::Short {
            return Self {
                left: plagues,
                dear: Vec::new(),
                others,
            };
        }
        let (dear, cheap) = plagues.into_iter().partition(is_dear);
        others.extend::<Vec<_>>(cheap);
        Self {
            left: Vec::new(),
            dear,
            others,
        }
    }
}
