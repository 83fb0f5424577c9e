//! Runs cases, each on a bench of its own.

use std::time::Duration;

use futures::future::{Either, select};
use futures::stream::{self, StreamExt as _};
use protector_framework::{Clock as _, StorageCapabilities, SystemClock};

use crate::bench::Benches;
use crate::case::{Case, Outcome};
use crate::report::{Line, Report, Verdict};
use crate::rig::Rig;

/// How the suite runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only cases whose id holds one of these; empty: all.
    pub only: Vec<String>,
    /// How many cases run at once.
    pub at_once: usize,
    /// How long one case may take by the machine's clock.
    pub limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            at_once: 8,
            limit: Duration::from_secs(600),
        }
    }
}

impl Options {
    fn wants(&self, case: &Case) -> bool {
        self.only.is_empty()
            || self
                .only
                .iter()
                .any(|text| case.id().contains(text.as_str()))
    }
}

/// Runs the suite on benches of this maker.
pub async fn run(benches: &dyn Benches, options: &Options) -> Report {
    let wall = SystemClock::new();
    let wanted: Vec<Case> = crate::cases()
        .into_iter()
        .filter(|c| options.wants(c))
        .collect();
    let claimed = claimed(benches).await;
    let (bound, free): (Vec<Case>, Vec<Case>) = match &claimed {
        Ok(can) => wanted
            .into_iter()
            .partition(|case| case.claimed().iter().all(|claim| claim.is_made(can))),
        // Every case will say what is wrong with the bench.
        Err(_) => (wanted, Vec::new()),
    };
    let running = bound
        .iter()
        .map(|case| judged(benches, case, options, &wall));
    let mut cases: Vec<Line> = stream::iter(running)
        .buffer_unordered(options.at_once.max(1))
        .collect()
        .await;
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    Report {
        subject: benches.name().to_owned(),
        cases,
        not_claimed: free.iter().map(|case| case.id().to_owned()).collect(),
        milliseconds: milliseconds(wall.monotonic()),
    }
}

async fn claimed(benches: &dyn Benches) -> Outcome<StorageCapabilities> {
    Ok(Rig::new(benches).await?.can())
}

async fn judged(benches: &dyn Benches, case: &Case, options: &Options, wall: &SystemClock) -> Line {
    let start = wall.monotonic();
    let verdict = verdict(benches, case, options.limit, wall).await;
    tracing::debug!(case = case.id(), ?verdict, "a case has ended");
    Line {
        id: case.id().to_owned(),
        promise: case.promise().to_owned(),
        verdict,
        milliseconds: milliseconds(wall.monotonic() - start),
    }
}

async fn verdict(
    benches: &dyn Benches,
    case: &Case,
    limit: Duration,
    wall: &SystemClock,
) -> Verdict {
    let has = benches.facilities();
    let missing = case.facilities().iter().filter(|need| !has.contains(need));
    let missing: Vec<String> = missing.map(ToString::to_string).collect();
    if !missing.is_empty() {
        return Verdict::Skipped(format!("the bench cannot {}", missing.join(" nor ")));
    }
    let work = std::pin::pin!(async {
        let rig = Rig::new(benches).await?;
        case.run(&rig).await
    });
    match select(work, wall.sleep(limit)).await {
        Either::Left((Ok(()), _)) => Verdict::Passed,
        Either::Left((Err(broken), _)) => Verdict::Failed(broken.to_string()),
        Either::Right(_) => Verdict::Failed(format!("not done within {limit:?}")),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
