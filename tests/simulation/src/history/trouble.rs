//! What goes wrong while an operation runs: a few things, at steps of its plan.

use std::collections::BTreeMap;
use std::time::Duration;

use protector_driver_mock::world::Fault;
use protector_framework::ErrorKind;
use protector_model::plan::{Plan, Step};
use protector_model::{planner, request};
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::people::Wish;
use crate::world::{Loss, Trouble, When, World};

/// Draws up to three troubles.
pub(super) async fn draw(
    world: &World,
    dice: &mut StdRng,
    wish: &Wish,
) -> BTreeMap<String, Trouble> {
    let Some(plan) = plan(world, wish).await else {
        return BTreeMap::new();
    };
    let count = [0, 1, 1, 1, 2, 2, 3].choose(dice).copied().unwrap_or(0);
    (0..count)
        .filter_map(|_| {
            let step = plan.steps.choose(dice)?;
            Some((step.key.clone(), at(step, dice)))
        })
        .collect()
}

/// The plan that the operation will have, as far as it can be told before.
async fn plan(world: &World, wish: &Wish) -> Option<Plan> {
    let document = world.document(world.primary().await).await;
    let direction = request::direction(&document, wish.kind, &wish.options);
    planner::plan(&document, wish.kind, &wish.options, &direction, None).ok()
}

fn at(step: &Step, dice: &mut StdRng) -> Trouble {
    let verbs: Vec<&str> = step
        .calls
        .iter()
        .filter(|call| call.service != "peer")
        .map(|call| call.verb.as_str())
        .collect();
    let verb = verbs.choose(dice).map(|verb| (*verb).to_owned());
    match (dice.random_range(0..10), verb) {
        (0, _) => Trouble::Kill(When::Before),
        (1, _) => Trouble::Kill(When::After),
        (2, _) => Trouble::Fails,
        (3, _) => Trouble::Slow(Duration::from_secs(dice.random_range(1..400))),
        (4, _) => {
            let verb = ["identity", "put_document", "put_mirror", "change_group"].choose(dice);
            let loss = match dice.random_bool(0.5) {
                true => Loss::Request,
                false => Loss::Answer,
            };
            Trouble::Peer(verb.copied().unwrap_or("identity"), loss)
        }
        (_, Some(verb)) => {
            let (fault, times) = fault(dice);
            Trouble::Driver { verb, fault, times }
        }
        (_, None) => Trouble::Kill(When::After),
    }
}

fn fault(dice: &mut StdRng) -> (Fault, u64) {
    let error = |kind| Fault::Error {
        kind,
        message: "by the dice".to_owned(),
    };
    match dice.random_range(0..8) {
        0 => (error(ErrorKind::InvalidRequest), 1),
        1 => (error(ErrorKind::QuotaExceeded), 1),
        2 => (error(ErrorKind::Busy), dice.random_range(1..4)),
        3 => (error(ErrorKind::Unreachable), dice.random_range(1..9)),
        4 => (Fault::Hang, 1),
        5 => (
            Fault::Delay {
                milliseconds: dice.random_range(100..900),
            },
            2,
        ),
        _ => (Fault::LostReply, dice.random_range(1..3)),
    }
}
