//! Runs cases, each on a bench of its own.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::{Either, select};
use futures::stream::{self, StreamExt as _};
use protector_framework::{Clock as _, SystemClock};

use crate::case::{Broken, Case, Kit, Outcome};
use crate::report::{Line, Report, Verdict};

/// How a suite runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only cases whose id holds one of these; empty: all.
    pub only: Vec<String>,
    /// How many cases run at once.
    pub at_once: usize,
    /// How long one case may take by the machine's clock.
    pub limit: Duration,
    /// Hears of each case as it ends: a run on a live system takes minutes.
    pub told: Option<fn(&Line)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            at_once: 8,
            limit: Duration::from_secs(600),
            told: None,
        }
    }
}

impl Options {
    fn wants<K: Kit>(&self, case: &Case<K>) -> bool {
        self.only.is_empty()
            || self
                .only
                .iter()
                .any(|text| case.id().contains(text.as_str()))
    }
}

/// What makes the benches of a kit.
#[async_trait]
pub(crate) trait Maker<K: Kit>: Send + Sync {
    /// What is tested.
    fn subject(&self) -> &str;

    /// What every bench can do.
    fn facilities(&self) -> Vec<K::Facility>;

    /// Why benches do not have a facility, where there is more to say than that.
    fn lack(&self, facility: K::Facility) -> Option<String>;

    /// A new bench with the driver on it.
    async fn rig(&self) -> Outcome<K::Rig>;

    /// Whether the driver makes a claim.
    fn claims(&self, rig: &K::Rig, claim: K::Claim) -> bool;

    /// Removes what a case has made, and fails where something stays.
    async fn end(&self, rig: &K::Rig) -> Outcome;
}

/// Runs the cases on benches of this maker.
pub(crate) async fn run<K: Kit>(
    maker: &dyn Maker<K>,
    cases: Vec<Case<K>>,
    options: &Options,
) -> Report {
    let wall = SystemClock::new();
    let wanted: Vec<Case<K>> = cases.into_iter().filter(|c| options.wants(c)).collect();
    let bound = match caught(claimed(maker, &wanted)).await {
        Ok(bound) => bound,
        // Every case will say what is wrong with the bench.
        Err(_) => vec![true; wanted.len()],
    };
    let (bound, free): (Vec<_>, Vec<_>) = wanted.into_iter().zip(bound).partition(|(_, b)| *b);
    let bound: Vec<Case<K>> = bound.into_iter().map(|(case, _)| case).collect();
    let running = bound.iter().map(|case| judged(maker, case, options, &wall));
    let mut cases: Vec<Line> = stream::iter(running)
        .buffer_unordered(options.at_once.max(1))
        .collect()
        .await;
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    Report {
        kind: K::KIND,
        subject: maker.subject().to_owned(),
        cases,
        not_claimed: free.iter().map(|(case, _)| case.id().to_owned()).collect(),
        milliseconds: milliseconds(wall.monotonic()),
    }
}

/// Which of the cases bind the driver, by what it claims.
async fn claimed<K: Kit>(maker: &dyn Maker<K>, cases: &[Case<K>]) -> Outcome<Vec<bool>> {
    let rig = maker.rig().await?;
    let claims = |case: &Case<K>| {
        let mut claimed = case.claimed().iter();
        claimed.all(|claim| maker.claims(&rig, *claim))
    };
    let bound = cases.iter().map(claims).collect();
    if let Err(broken) = maker.end(&rig).await {
        // Nothing was made on it; what is wrong with it every case will say.
        tracing::warn!(%broken, "the first bench could not be put away");
    }
    Ok(bound)
}

async fn judged<K: Kit>(
    maker: &dyn Maker<K>,
    case: &Case<K>,
    options: &Options,
    wall: &SystemClock,
) -> Line {
    let start = wall.monotonic();
    let verdict = verdict(maker, case, options.limit, wall).await;
    let line = Line {
        id: case.id().to_owned(),
        promise: case.promise().to_owned(),
        verdict,
        milliseconds: milliseconds(wall.monotonic() - start),
    };
    if let Some(told) = options.told {
        told(&line);
    }
    line
}

async fn verdict<K: Kit>(
    maker: &dyn Maker<K>,
    case: &Case<K>,
    limit: Duration,
    wall: &SystemClock,
) -> Verdict {
    let has = maker.facilities();
    let missing = case.facilities().iter().filter(|need| !has.contains(need));
    let missing: Vec<String> = missing
        .map(|need| match maker.lack(*need) {
            Some(why) => format!("{need} ({why})"),
            None => need.to_string(),
        })
        .collect();
    if !missing.is_empty() {
        return Verdict::Skipped(format!("the bench cannot {}", missing.join(" nor ")));
    }
    // A driver may panic when it is dropped, too.
    match caught(tried(maker, case, limit, wall)).await {
        Ok(()) => Verdict::Passed,
        Err(broken) => Verdict::Failed(broken.to_string()),
    }
}

/// Runs a case and puts its bench away, however it went.
async fn tried<K: Kit>(
    maker: &dyn Maker<K>,
    case: &Case<K>,
    limit: Duration,
    wall: &SystemClock,
) -> Outcome {
    let rig = within(limit, wall, maker.rig()).await?;
    let done = within(limit, wall, case.run(&rig)).await;
    let away = within(limit, wall, maker.end(&rig)).await;
    match (done, away) {
        (Err(broken), Err(left)) => Err(Broken(format!("{broken}; and afterwards {left}"))),
        (Ok(()), Err(left)) => Err(Broken(format!("when it was put away: {left}"))),
        (done, Ok(())) => done,
    }
}

async fn within<T>(
    limit: Duration,
    wall: &SystemClock,
    work: impl Future<Output = Outcome<T>> + Send,
) -> Outcome<T> {
    let work = std::pin::pin!(caught(work));
    match select(work, wall.sleep(limit)).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => Err(Broken(format!("not done within {limit:?}"))),
    }
}

/// A driver that is linked panics in the kit's own thread; that is the case's failure alone.
async fn caught<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => Err(Broken(format!("it panicked: {}", said(&*panic)))),
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a word")
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use protector_framework::DriverKind;

    use super::*;

    struct Toy;

    impl Kit for Toy {
        const KIND: DriverKind = DriverKind::Storage;
        type Facility = &'static str;
        type Claim = ();
        type Rig = Rig;
    }

    /// Panics when it is dropped, if it is told to.
    struct Rig {
        explodes: AtomicUsize,
    }

    impl Drop for Rig {
        fn drop(&mut self) {
            assert_eq!(self.explodes.load(Ordering::SeqCst), 0, "in the drop");
        }
    }

    #[derive(Default)]
    struct Counted {
        begun: AtomicUsize,
        ended: AtomicUsize,
    }

    #[async_trait]
    impl Maker<Toy> for Counted {
        fn subject(&self) -> &str {
            "anything"
        }

        fn facilities(&self) -> Vec<&'static str> {
            Vec::new()
        }

        fn lack(&self, _facility: &'static str) -> Option<String> {
            None
        }

        async fn rig(&self) -> Outcome<Rig> {
            self.begun.fetch_add(1, Ordering::SeqCst);
            Ok(Rig {
                explodes: AtomicUsize::new(0),
            })
        }

        fn claims(&self, _rig: &Rig, (): ()) -> bool {
            panic!("asked for its claims")
        }

        async fn end(&self, _rig: &Rig) -> Outcome {
            self.ended.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }

    fn case(id: &str, run: impl Fn(&Rig) + Send + Sync + 'static) -> Case<Toy> {
        Case::new(id, "It is kept.", move |rig| {
            run(rig);
            Box::pin(async { Ok(()) })
        })
    }

    #[tokio::test]
    async fn a_panic_fails_its_case_alone_and_its_bench_is_put_away() {
        let maker = Counted::default();
        let cases = vec![
            case("a/explodes", |_| panic!("in {}", "a verb")),
            case("b/explodes-when-dropped", |rig| {
                rig.explodes.store(1, Ordering::SeqCst);
            }),
            case("c/claimed", |_| {}).claims(&[()]),
            case("d/fine", |_| {}),
        ];
        let report = run(&maker, cases, &Options::default()).await;
        let told: Vec<_> = report.cases.iter().map(|line| &line.verdict).collect();
        assert_eq!(
            told,
            [
                &Verdict::Failed("it panicked: in a verb".to_owned()),
                &Verdict::Failed(
                    "it panicked: assertion `left == right` failed: in the drop\n  left: 1\n right: 0"
                        .to_owned()
                ),
                &Verdict::Passed,
                &Verdict::Passed,
            ]
        );
        // The bench that was asked for the claims is one more.
        let (begun, ended) = (maker.begun.into_inner(), maker.ended.into_inner());
        assert_eq!((begun, ended), (5, 4));
    }
}
