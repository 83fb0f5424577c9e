//! A verb that changes something, under everything that can happen to a call: it is sent twice, its
//! connection is lost at each of its remote calls before or after that took effect, its caller dies
//! at each of them, it is never answered, or two instances send it at once. The verb must then have
//! its effect once.

use std::fmt::Display;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{BoxFuture, join};
use protector_framework::{
    CallCtx, Clock, DriverError, ErrorKind, ExposeSecret as _, SecretString,
};

use crate::case::{Broken, Case, Kit, Outcome, check};
use crate::fault::{Cut, Effect};

/// No verb makes more remote calls than this.
const MOST: u64 = 200;

/// What a plague needs of a rig.
#[async_trait]
pub(crate) trait Stand: Send + Sync + 'static {
    /// The driver's trait.
    type Driver: ?Sized + Send + Sync + 'static;

    /// Where verbs are sent, and where remote calls arrive.
    type Place: Copy + Display + Send + Sync + 'static;

    /// How often a call that may be tried again is tried again where nothing has gone wrong.
    const PATIENCE: usize;

    /// How often two instances send a verb at once.
    const ROUNDS: u64;

    /// Everywhere that a verb which is sent to `at` may call.
    fn called(at: Self::Place) -> Vec<Self::Place>;

    /// A new instance, as after a crash.
    fn restarted(&self, at: Self::Place) -> Outcome<Arc<Self::Driver>>;

    /// A call of a step; the same key is the same call.
    fn step(&self, key: &str) -> CallCtx;

    /// The driver's clock.
    fn clock(&self) -> Arc<dyn Clock>;

    /// How long a call that is never answered may take.
    fn deadline(&self) -> Duration;

    /// Counts remote calls from zero, and lets one go wrong.
    async fn arm(&self, at: Self::Place, cut: Option<Cut>) -> Outcome;

    /// How many remote calls have begun since.
    fn calls(&self, at: Self::Place) -> Outcome<u64>;

    /// What no error may hold.
    fn secrets(&self) -> Vec<SecretString>;

    /// Fails where an error holds a secret.
    fn keeps_secrets(&self, error: &DriverError) -> Outcome {
        let told = format!("{error} {error:?}");
        for secret in self.secrets() {
            check!(
                !told.contains(secret.expose_secret()),
                "a secret is in the error of {}",
                error.remote_call.as_deref().unwrap_or("a verb")
            );
        }
        Ok(())
    }

    /// A moment passes.
    async fn pause(&self) -> Outcome;
}

/// One verb and what it must come to.
#[async_trait]
pub(crate) trait Trial<S: Stand>: Send + Sync {
    /// What all rounds share.
    async fn prepare(&mut self, _rig: &S) -> Outcome {
        Ok(())
    }

    /// Something for the verb to work on, in this round.
    async fn stage(&mut self, rig: &S, round: u64) -> Outcome;

    /// Sends the verb; the reply as text, without what may differ between two replies.
    async fn act(&self, rig: &S, driver: &S::Driver, ctx: &CallCtx) -> Result<String, DriverError>;

    /// Checks that the verb has had its effect, once.
    async fn verify(&self, rig: &S) -> Outcome;
}

/// A verb in the table of a kit.
pub(crate) struct Verb<K: Kit>
where
    K::Rig: Stand,
{
    pub(crate) name: &'static str,
    /// Where it is sent.
    pub(crate) at: <K::Rig as Stand>::Place,
    pub(crate) needs: &'static [K::Facility],
    pub(crate) claims: &'static [K::Claim],
    /// Whether two instances may send it at once: not where nothing on the remote side could make
    /// one of two.
    pub(crate) at_once: bool,
    pub(crate) trial: fn() -> Box<dyn Trial<K::Rig>>,
}

/// Everything that can happen to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

/// What a kit calls the facilities that plagues need.
pub(crate) struct Needs<F> {
    pub(crate) cut: F,
    pub(crate) hang: F,
}

/// Every verb under every plague.
pub(crate) fn cases<K: Kit>(verbs: Vec<Verb<K>>, needs: &Needs<K::Facility>) -> Vec<Case<K>>
where
    K::Rig: Stand,
{
    let mut cases = Vec::new();
    for verb in verbs {
        let (trial, at) = (verb.trial, verb.at);
        for plague in PLAGUES {
            if plague == Plague::AtOnce && !verb.at_once {
                continue;
            }
            let id = format!("{}/{}", plague.id(), verb.name);
            let promise = format!("{}: {}.", verb.name, plague.promise());
            let case = Case::<K>::new(id, promise, move |rig| run(trial, at, plague, rig));
            let case = case.needs(verb.needs).claims(verb.claims);
            cases.push(match plague {
                Plague::Twice | Plague::AtOnce => case,
                Plague::LostBefore | Plague::LostAfter | Plague::Crash => case.needs(&[needs.cut]),
                Plague::Hang => case.needs(&[needs.cut, needs.hang]),
            });
        }
    }
    cases
}

fn run<S: Stand>(
    trial: fn() -> Box<dyn Trial<S>>,
    at: S::Place,
    plague: Plague,
    rig: &S,
) -> BoxFuture<'_, Outcome> {
    Box::pin(async move {
        let mut trial = trial();
        trial.prepare(rig).await?;
        let trial = &mut *trial;
        match plague {
            Plague::Twice => twice(trial, at, rig).await,
            Plague::AtOnce => at_once(trial, at, rig).await,
            Plague::LostBefore => cut(trial, at, rig, Effect::LostBefore).await,
            Plague::LostAfter => cut(trial, at, rig, Effect::LostAfter).await,
            Plague::Hang => cut(trial, at, rig, Effect::Hang).await,
            Plague::Crash => crash(trial, at, rig).await,
        }
    })
}

/// Sends the verb until the answer is not that it may be tried again, as every caller does.
async fn patiently<S: Stand>(
    trial: &dyn Trial<S>,
    rig: &S,
    driver: &S::Driver,
    ctx: &CallCtx,
) -> Outcome<String> {
    for _ in 0..S::PATIENCE {
        match trial.act(rig, driver, ctx).await {
            Err(error) if error.is_transient() => rig.pause().await?,
            other => return Ok(other?),
        }
    }
    Ok(trial.act(rig, driver, ctx).await?)
}

async fn twice<S: Stand>(trial: &mut dyn Trial<S>, at: S::Place, rig: &S) -> Outcome {
    trial.stage(rig, 1).await?;
    let ctx = rig.step("twice");
    let driver = rig.restarted(at)?;
    let first = patiently(trial, rig, &driver, &ctx).await?;
    // At once, while the remote side may still be at work.
    let second = patiently(trial, rig, &driver, &ctx).await?;
    check!(
        first == second,
        "the first reply is {first}, the second {second}"
    );
    trial.verify(rig).await?;
    let other = rig.restarted(at)?;
    let third = patiently(trial, rig, &other, &ctx).await?;
    check!(
        first == third,
        "the first reply is {first}, that of another instance {third}"
    );
    trial.verify(rig).await
}

async fn at_once<S: Stand>(trial: &mut dyn Trial<S>, at: S::Place, rig: &S) -> Outcome {
    for round in 1..=S::ROUNDS {
        trial.stage(rig, round).await?;
        let ctx = rig.step(&format!("round-{round}"));
        let (one, other) = (rig.restarted(at)?, rig.restarted(at)?);
        let (first, second) = join(trial.act(rig, &one, &ctx), trial.act(rig, &other, &ctx)).await;
        for reply in [first, second] {
            if let Err(error) = reply {
                check!(
                    error.is_transient(),
                    "one of two calls at once failed with {:?}, which may not be tried again: {error}",
                    error.kind
                );
            }
        }
        patiently(trial, rig, &one, &ctx).await?;
        trial.verify(rig).await?;
    }
    Ok(())
}

/// Lets each remote call go wrong in turn, wherever it arrives, until the verb makes no further one.
async fn cut<S: Stand>(trial: &mut dyn Trial<S>, at: S::Place, rig: &S, effect: Effect) -> Outcome {
    let mut round = 0;
    let mut struck = 0;
    for place in S::called(at) {
        for nth in 1..=MOST {
            round += 1;
            trial.stage(rig, round).await?;
            let cut = Cut { nth, effect };
            let one = cut_one(trial, at, rig, round, place, cut).await;
            if !one.map_err(|broken| told(place, nth, &broken))? {
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

fn told(place: impl Display, nth: u64, broken: &Broken) -> Broken {
    Broken(format!("at remote call {nth} to the {place}: {broken}"))
}

/// One call with one cut; says whether there was a call for it to strike.
async fn cut_one<S: Stand>(
    trial: &mut dyn Trial<S>,
    at: S::Place,
    rig: &S,
    round: u64,
    place: S::Place,
    cut: Cut,
) -> Outcome<bool> {
    let hangs = cut.effect == Effect::Hang;
    let deadline = rig.deadline();
    let key = format!("round-{round}");
    let mut ctx = rig.step(&key);
    if hangs {
        ctx = ctx.with_deadline(deadline);
    }
    let driver = rig.restarted(at)?;
    let clock = rig.clock();
    rig.arm(place, Some(cut)).await?;
    let start = clock.monotonic();
    let reply = trial.act(rig, &driver, &ctx).await;
    let took = clock.monotonic() - start;
    let struck = rig.calls(place)? >= cut.nth;
    rig.arm(place, None).await?;
    if let Err(error) = &reply {
        check!(
            struck || S::PATIENCE > 0,
            "nothing went wrong, and it failed with {:?}: {error}",
            error.kind
        );
        check!(
            error.is_transient(),
            "it failed with {:?}, which may not be tried again: {error}",
            error.kind
        );
        check!(
            !(hangs && struck) || error.kind == ErrorKind::Timeout,
            "it was to end with Timeout and ended with {:?}: {error}",
            error.kind
        );
        rig.keeps_secrets(error)?;
    }
    // The bench's clock may move in steps.
    check!(
        !hangs || took < 2 * deadline,
        "it took {took:?} with a deadline of {deadline:?}"
    );
    patiently(trial, rig, &driver, &rig.step(&key)).await?;
    trial.verify(rig).await?;
    Ok(struck)
}

/// Lets the caller die after each remote call in turn.
async fn crash<S: Stand>(trial: &mut dyn Trial<S>, at: S::Place, rig: &S) -> Outcome {
    for nth in 1..=MOST {
        trial.stage(rig, nth).await?;
        let ctx = rig.step(&format!("round-{nth}"));
        let died = {
            let driver = rig.restarted(at)?;
            rig.arm(at, None).await?;
            dies_after(trial.act(rig, &driver, &ctx), at, rig, nth).await?
        };
        // What was on its way has arrived.
        rig.arm(at, None).await?;
        let other = rig.restarted(at)?;
        let done = async {
            patiently(trial, rig, &other, &ctx).await?;
            trial.verify(rig).await
        };
        done.await.map_err(|broken| told(at, nth, &broken))?;
        if !died {
            check!(nth > 1, "the verb has made no remote call");
            return Ok(());
        }
    }
    Err(Broken("the verb makes no end of remote calls".to_owned()))
}

/// Runs a call until it has begun its `nth` remote call and would go on, and drops it there. Says
/// whether it got that far.
async fn dies_after<S: Stand>(
    call: impl Future<Output = Result<String, DriverError>> + Send,
    at: S::Place,
    rig: &S,
    nth: u64,
) -> Outcome<bool> {
    let mut call: Pin<Box<_>> = Box::pin(call);
    let ended = std::future::poll_fn(move |cx| {
        // Looked at before the call sees what came back: its caller dies with that unread.
        match rig.calls(at) {
            Err(broken) => return Poll::Ready(Err(broken)),
            Ok(calls) if calls >= nth => return Poll::Ready(Ok(None)),
            Ok(_) => {}
        }
        call.as_mut().poll(cx).map(|reply| Ok(Some(reply)))
    })
    .await?;
    match ended {
        None => Ok(true),
        Some(Err(error)) if S::PATIENCE > 0 && error.is_transient() => Ok(rig.calls(at)? >= nth),
        Some(reply) => {
            reply?;
            // It has ended in the very poll in which it began its last call.
            Ok(rig.calls(at)? >= nth)
        }
    }
}
