//! Every verb that changes something, under everything that can happen to a call.

mod groups;
mod points;
mod sync;
mod volumes;

use crate::plague::{Needs, Trial, cases};
use crate::storage::bench::Facility;
use crate::storage::case::{Case, Storage};
use crate::storage::rig::Rig;

/// What makes one verb's trial.
type Staged = Box<dyn Trial<Rig>>;
type Verb = crate::plague::Verb<Storage>;

pub(crate) fn all() -> Vec<Case> {
    let verbs: Vec<Verb> = groups::verbs()
        .into_iter()
        .chain(points::verbs())
        .chain(sync::verbs())
        .chain(volumes::verbs())
        .collect();
    let needs = Needs {
        cut: Facility::Cut,
        hang: Facility::Hang,
    };
    cases(verbs, &needs)
}
