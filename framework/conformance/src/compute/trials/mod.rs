//! Every verb that changes something, under everything that can happen to a call.

mod groups;
mod ports;
mod servers;
mod states;
mod volumes;

use super::bench::ComputeFacility;
use super::case::{Compute, ComputeCase};
use crate::plague::{Needs, Verb, cases};

pub(crate) fn all() -> Vec<ComputeCase> {
    let verbs: Vec<Verb<Compute>> = servers::verbs()
        .into_iter()
        .chain(states::verbs())
        .chain(volumes::verbs())
        .chain(groups::verbs())
        .chain(ports::verbs())
        .collect();
    let needs = Needs {
        cut: ComputeFacility::Cut,
        hang: ComputeFacility::Hang,
    };
    cases(verbs, &needs)
}
