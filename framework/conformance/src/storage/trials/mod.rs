//! Every verb that changes something, under everything that can happen to a call: it is sent twice,
//! its connection is lost at each of its remote calls before or after that took effect, its caller
//! dies at each of them, it is never answered, or two instances send it at once. The verb must then
//! have its effect once.

mod groups;
mod points;
mod sync;
mod volumes;

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{BoxFuture, join};
use protector_framework::{CallCtx, DriverError, ErrorKind, StorageDriver};

use crate::storage::bench::{Cut, Effect, Facility, Side};
use crate::storage::case::{Broken, Case, Claim, Outcome, check};
use crate::storage::rig::Rig;

/// No verb makes more remote calls than this.
const MOST: u64 = 200;
/// How long a call that is never answered may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// One verb and what it must come to.
#[async_trait]
trait Trial: Send + Sync {
    /// What all rounds share.
    async fn prepare(&mut self, _rig: &Rig) -> Outcome {
        Ok(())
    }

    /// Something new for the verb to work on, with names of this round.
    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome;

    /// Sends the verb; the reply as text, without what may differ between two replies.
    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError>;

    /// Checks that the verb has had its effect, once.
    async fn verify(&self, rig: &Rig) -> Outcome;
}

/// A verb in the table.
struct Verb {
    name: &'static str,
    /// Where it is sent.
    side: Side,
    needs: &'static [Facility],
    claims: &'static [Claim],
    trial: fn() -> Box<dyn Trial>,
}

/// Everything that can happen to a call.
#[derive(Debug, Clone, Copy)]
enum Plague {
    Twice,
    LostBefore,
    LostAfter,
    Crash,
    Hang,
    AtOnce,
}

const PLAGUES: [Plague; 6] = [
    Plague::Twice,
    Plague::LostBefore,
    Plague::LostAfter,
    Plague::Crash,
    Plague::Hang,
    Plague::AtOnce,
];

impl Plague {
    fn id(self) -> &'static str {
        match self {
            Self::Twice => "twice",
            Self::LostBefore => "lost-before",
            Self::LostAfter => "lost-after",
            Self::Crash => "crash",
            Self::Hang => "hang",
            Self::AtOnce => "at-once",
        }
    }

    fn promise(self) -> &'static str {
        match self {
            Self::Twice => "sent twice, it gives one reply and has one effect",
            Self::LostBefore => {
                "with the connection lost before any one of its remote calls, it fails as one that \
                 may be tried again, and tried again has its effect once"
            }
            Self::LostAfter => {
                "with the reply to any one of its remote calls lost, it fails as one that may be \
                 tried again, and tried again has its effect once"
            }
            Self::Crash => {
                "with its caller dead after any one of its remote calls, another instance brings \
                 it to its end, and it has its effect once"
            }
            Self::Hang => {
                "with any one of its remote calls unanswered, it ends with Timeout by its \
                 deadline, and tried again has its effect once"
            }
            Self::AtOnce => "sent by two instances at once, it has its effect once",
        }
    }

    fn needs(self) -> &'static [Facility] {
        match self {
            Self::Twice | Self::AtOnce => &[],
            Self::LostBefore | Self::LostAfter | Self::Crash => &[Facility::Cut],
            Self::Hang => &[Facility::Cut, Facility::Hang],
        }
    }
}

pub(crate) fn all() -> Vec<Case> {
    let verbs: Vec<Verb> = groups::verbs()
        .into_iter()
        .chain(points::verbs())
        .chain(sync::verbs())
        .chain(volumes::verbs())
        .collect();
    let mut cases = Vec::new();
    for verb in verbs {
        let verb = Arc::new(verb);
        for plague in PLAGUES {
            let id = format!("{}/{}", plague.id(), verb.name);
            let promise = format!("{}: {}.", verb.name, plague.promise());
            let work = Arc::clone(&verb);
            let case = Case::new(id, promise, move |rig| run(Arc::clone(&work), plague, rig))
                .needs(plague.needs())
                .needs(verb.needs)
                .claims(verb.claims);
            cases.push(case);
        }
    }
    cases
}

fn run(verb: Arc<Verb>, plague: Plague, rig: &Rig) -> BoxFuture<'_, Outcome> {
    Box::pin(async move {
        let mut trial = (verb.trial)();
        trial.prepare(rig).await?;
        match plague {
            Plague::Twice => twice(&verb, &mut *trial, rig).await,
            Plague::AtOnce => at_once(&verb, &mut *trial, rig).await,
            Plague::LostBefore => cut(&verb, &mut *trial, rig, Effect::LostBefore).await,
            Plague::LostAfter => cut(&verb, &mut *trial, rig, Effect::LostAfter).await,
            Plague::Hang => cut(&verb, &mut *trial, rig, Effect::Hang).await,
            Plague::Crash => crash(&verb, &mut *trial, rig).await,
        }
    })
}

async fn twice(verb: &Verb, trial: &mut dyn Trial, rig: &Rig) -> Outcome {
    trial.stage(rig, 1).await?;
    let ctx = rig.step("twice");
    let first = trial.act(rig, rig.driver(verb.side), &ctx).await?;
    trial.verify(rig).await?;
    let second = trial.act(rig, rig.driver(verb.side), &ctx).await?;
    check!(
        first == second,
        "the first reply is {first}, the second {second}"
    );
    let third = trial.act(rig, &*rig.restarted(verb.side)?, &ctx).await?;
    check!(
        first == third,
        "the first reply is {first}, that of another instance {third}"
    );
    trial.verify(rig).await
}

async fn at_once(verb: &Verb, trial: &mut dyn Trial, rig: &Rig) -> Outcome {
    for round in 1..=4 {
        trial.stage(rig, round).await?;
        let ctx = rig.step(&format!("round-{round}"));
        let (one, other) = (rig.restarted(verb.side)?, rig.restarted(verb.side)?);
        let (first, second) =
            join(trial.act(rig, &*one, &ctx), trial.act(rig, &*other, &ctx)).await;
        for reply in [first, second] {
            if let Err(error) = reply {
                check!(
                    error.is_transient(),
                    "one of two calls at once failed with {:?}, which may not be tried again: {error}",
                    error.kind
                );
            }
        }
        trial.act(rig, &*one, &ctx).await?;
        trial.verify(rig).await?;
    }
    Ok(())
}

/// Lets each remote call go wrong in turn, on either array, until the verb makes no further one.
async fn cut(verb: &Verb, trial: &mut dyn Trial, rig: &Rig, effect: Effect) -> Outcome {
    let mut round = 0;
    let mut struck = 0;
    for side in [verb.side, verb.side.other()] {
        for nth in 1..=MOST {
            round += 1;
            trial.stage(rig, round).await?;
            if !cut_one(verb, trial, rig, side, Cut { nth, effect }, round)
                .await
                .map_err(|broken| at(side, nth, &broken))?
            {
                break;
            }
            struck += 1;
        }
    }
    check!(
        struck > 0,
        "the verb has made no remote call that could go wrong"
    );
    check!(struck < MOST, "the verb makes no end of remote calls");
    Ok(())
}

fn at(side: Side, nth: u64, broken: &Broken) -> Broken {
    Broken(format!("at remote call {nth} to the {side:?}: {broken}"))
}

/// One call with one cut; says whether there was a call for it to strike.
async fn cut_one(
    verb: &Verb,
    trial: &mut dyn Trial,
    rig: &Rig,
    side: Side,
    cut: Cut,
    round: u64,
) -> Outcome<bool> {
    let hangs = cut.effect == Effect::Hang;
    let mut ctx = rig.step(&format!("round-{round}"));
    if hangs {
        ctx = ctx.with_deadline(DEADLINE);
    }
    let driver = rig.restarted(verb.side)?;
    let clock = rig.bench.clock();
    rig.bench.arm(side, Some(cut)).await?;
    let start = clock.monotonic();
    let reply = trial.act(rig, &*driver, &ctx).await;
    let took = clock.monotonic() - start;
    let struck = rig.bench.calls(side)? >= cut.nth;
    rig.bench.arm(side, None).await?;
    if let Err(error) = &reply {
        check!(
            struck,
            "nothing went wrong, and it failed with {:?}: {error}",
            error.kind
        );
        check!(
            error.is_transient(),
            "it failed with {:?}, which may not be tried again: {error}",
            error.kind
        );
        check!(
            !hangs || error.kind == ErrorKind::Timeout,
            "it was to end with Timeout and ended with {:?}: {error}",
            error.kind
        );
        rig.keeps_secrets(error)?;
    }
    // The bench's clock may move in steps.
    check!(
        !hangs || took < 2 * DEADLINE,
        "it took {took:?} with a deadline of {DEADLINE:?}"
    );
    let again = rig.step(&format!("round-{round}"));
    trial.act(rig, &*driver, &again).await?;
    trial.verify(rig).await?;
    Ok(struck)
}

/// Lets the caller die after each remote call in turn.
async fn crash(verb: &Verb, trial: &mut dyn Trial, rig: &Rig) -> Outcome {
    for round in 1..=MOST {
        trial.stage(rig, round).await?;
        let ctx = rig.step(&format!("round-{round}"));
        let died = {
            let driver = rig.restarted(verb.side)?;
            rig.bench.arm(verb.side, None).await?;
            dies_after(trial.act(rig, &*driver, &ctx), rig, verb.side, round).await?
        };
        let other = rig.restarted(verb.side)?;
        let done = async {
            trial.act(rig, &*other, &ctx).await?;
            trial.verify(rig).await
        };
        done.await.map_err(|broken| at(verb.side, round, &broken))?;
        if !died {
            check!(round > 1, "the verb has made no remote call");
            return Ok(());
        }
    }
    Err(Broken("the verb makes no end of remote calls".to_owned()))
}

/// Runs a call until it has begun its `nth` remote call and would go on, and drops it there. Says
/// whether it got that far.
async fn dies_after(
    call: impl Future<Output = Result<String, DriverError>> + Send,
    rig: &Rig,
    side: Side,
    nth: u64,
) -> Outcome<bool> {
    let mut call: Pin<Box<_>> = Box::pin(call);
    let ended = std::future::poll_fn(move |cx| {
        // Looked at before the call sees what came back: its caller dies with that unread.
        match rig.bench.calls(side) {
            Err(error) => return Poll::Ready(Err(Broken::from(error))),
            Ok(calls) if calls >= nth => return Poll::Ready(Ok(None)),
            Ok(_) => {}
        }
        call.as_mut().poll(cx).map(|reply| Ok(Some(reply)))
    })
    .await?;
    match ended {
        None => Ok(true),
        Some(reply) => {
            reply?;
            // It has ended in the very poll in which it began its last call.
            Ok(rig.bench.calls(side)? >= nth)
        }
    }
}
