//! What can go wrong while an operation runs: each kind of fault, the steps that it can meet, and
//! what it is at one of them.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use protector_driver_mock::world::{Fault, LinkSettings};
use protector_framework::ErrorKind;
use protector_model::plan::{Action, Plan, Step};
use protector_model::{OperationKind, OperationOptions, planner, request};
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::people::Wish;
use crate::world::{Loss, Trouble, When, Whose, World};

/// Declares the kinds of faults with the words of reports.
macro_rules! faults {
    ($($name:ident = $text:literal,)*) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FaultKind { $($name,)* }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As reports write it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

faults! {
    KillBefore = "killed before",
    KillDuring = "killed during",
    KillAfter = "killed after",
    Fails = "fails for good",
    LastingError = "a call fails for good",
    Quota = "a quota is used up",
    PassingError = "a call fails for a while",
    Unreachable = "a service is not reached",
    Timeout = "a call is not answered",
    LostReply = "a call's answer is lost",
    Delay = "a call is slow",
    Slow = "the step is slow",
    Pause = "paused, and late",
    PeerRequestLost = "a request to the peer is lost",
    PeerAnswerLost = "the peer's answer is lost",
    Partition = "partition",
    HalfPartition = "partition of one way",
    LinkDown = "the arrays' link is down",
    LinkSlow = "the arrays' link is slow",
    OwnSiteDark = "the engine's site is dark",
    OtherSiteDark = "the other site is dark",
    OtherRequest = "another request",
    SameRequest = "the same request again",
    Changes = "changed at both sites",
    ClockAhead = "a clock jumps ahead",
    ClockBack = "a clock is set back",
    StandsStill = "the machine stands still",
}

impl FaultKind {
    /// Whether it can meet a step; if not, why.
    ///
    /// # Errors
    /// Why it makes no sense there.
    pub fn fits(self, step: &Step) -> Result<(), &'static str> {
        match self {
            Self::LastingError
            | Self::Quota
            | Self::PassingError
            | Self::Unreachable
            | Self::Timeout
            | Self::LostReply
            | Self::Delay
            | Self::Pause
                if verbs(step).is_empty() =>
            {
                Err("changes nothing on a cloud or an array")
            }
            Self::PeerRequestLost | Self::PeerAnswerLost if peer_verbs(step).is_empty() => {
                Err("does not call the other Protector")
            }
            Self::LinkDown | Self::LinkSlow if !uses_link(step) => {
                Err("does not use the arrays' link")
            }
            _ => Ok(()),
        }
    }

    /// The fault as it is at this step.
    pub(super) fn at(self, step: &Step, dice: &mut StdRng) -> Option<Trouble> {
        self.fits(step).ok()?;
        let error = |kind| Fault::Error {
            kind,
            message: "by the dice".to_owned(),
        };
        let span = Duration::from_secs(dice.random_range(20..420));
        let mut driver = |fault, times| {
            let verb = verbs(step).choose(dice).map(|verb| (*verb).to_owned())?;
            Some(Trouble::Driver { verb, fault, times })
        };
        Some(match self {
            Self::KillBefore => Trouble::Kill(When::Before),
            Self::KillDuring => Trouble::Kill(When::During(dice.random_range(1..40))),
            Self::KillAfter => Trouble::Kill(When::After),
            Self::Fails => Trouble::Fails,
            Self::LastingError => driver(error(ErrorKind::InvalidRequest), 1)?,
            Self::Quota => driver(error(ErrorKind::QuotaExceeded), 1)?,
            Self::PassingError => driver(error(ErrorKind::Busy), 2)?,
            Self::Unreachable => driver(error(ErrorKind::Unreachable), 4)?,
            Self::Timeout => driver(Fault::Hang, 1)?,
            Self::LostReply => driver(Fault::LostReply, 1)?,
            Self::Delay => driver(Fault::Delay { milliseconds: 700 }, 2)?,
            Self::Slow => Trouble::Slow(span),
            Self::Pause => Trouble::Pause {
                verb: (*verbs(step).choose(dice)?).to_owned(),
            },
            Self::PeerRequestLost => Trouble::Peer(peer_verbs(step).choose(dice)?, Loss::Request),
            Self::PeerAnswerLost => Trouble::Peer(peer_verbs(step).choose(dice)?, Loss::Answer),
            Self::Partition => Trouble::Partition(span),
            Self::HalfPartition => Trouble::HalfPartition(whose(dice), span),
            Self::LinkDown => Trouble::Link(LinkSettings::cut(), span),
            Self::LinkSlow => Trouble::Link(LinkSettings::up().speed(1 << 20), span),
            Self::OwnSiteDark => Trouble::Dark(Whose::Own, span),
            Self::OtherSiteDark => Trouble::Dark(Whose::Others, span),
            Self::OtherRequest => {
                let kinds = [
                    OperationKind::Sync,
                    OperationKind::Cleanup,
                    OperationKind::Delete,
                    OperationKind::Reprotect,
                ];
                Trouble::Asks(*kinds.choose(dice)?, OperationOptions::default())
            }
            Self::SameRequest => Trouble::AsksAgain,
            Self::Changes => Trouble::Changes,
            Self::ClockAhead => Trouble::Clock(whose(dice), wrong_by(span)),
            Self::ClockBack => Trouble::Clock(whose(dice), -wrong_by(span)),
            Self::StandsStill => Trouble::StandsStill(span * 20),
        })
    }
}

fn whose(dice: &mut StdRng) -> Whose {
    match dice.random_bool(0.5) {
        true => Whose::Own,
        false => Whose::Others,
    }
}

/// From minutes to hours.
fn wrong_by(span: Duration) -> TimeDelta {
    TimeDelta::from_std(span * 20).unwrap()
}

/// The verbs with which a step changes a cloud or an array.
fn verbs(step: &Step) -> Vec<&str> {
    let calls = step.calls.iter().filter(|call| call.service != "peer");
    calls.map(|call| call.verb.as_str()).collect()
}

/// What a step asks the other Protector.
fn peer_verbs(step: &Step) -> &'static [&'static str] {
    match step.action {
        Action::CheckSites { .. } => &["identity"],
        Action::SurveySource => &["put_mirror"],
        Action::Commit { handover: true } => &["identity", "put_document"],
        Action::Finish => &["change_group"],
        _ => &[],
    }
}

fn uses_link(step: &Step) -> bool {
    matches!(
        step.action,
        Action::CheckSites { .. } | Action::Replicate | Action::EnsureArrayGroup
    )
}

/// What goes wrong at which step.
pub(super) type Troubles = BTreeMap<String, (FaultKind, Trouble)>;

/// Draws up to three faults for an operation.
pub(super) async fn draw(world: &World, dice: &mut StdRng, wish: &Wish) -> Troubles {
    let Some(plan) = plan(world, wish).await else {
        return BTreeMap::new();
    };
    let count = [0, 1, 1, 1, 2, 2, 3].choose(dice).copied().unwrap_or(0);
    (0..count)
        .filter_map(|_| {
            let step = plan.steps.choose(dice)?;
            let fits = |kind: &FaultKind| kind.fits(step).is_ok();
            let kinds: Vec<FaultKind> = FaultKind::ALL.iter().copied().filter(fits).collect();
            let kind = *kinds.choose(dice)?;
            Some((step.key.clone(), (kind, kind.at(step, dice)?)))
        })
        .collect()
}

/// The plan that the operation will have, as far as it can be told before.
pub(super) async fn plan(world: &World, wish: &Wish) -> Option<Plan> {
    let document = world.document(world.primary().await).await;
    let direction = request::direction(&document, wish.kind, &wish.options);
    planner::plan(&document, wish.kind, &wish.options, &direction, None).ok()
}
