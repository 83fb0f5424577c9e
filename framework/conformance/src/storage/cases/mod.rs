//! The cases, by what they are about.

mod claims;
mod describe;
mod direction;
mod discard;
mod errors;
mod group;
mod loss;
mod manifest;
mod materialize;
mod members;
mod names;
mod overwrite;
mod pin;
mod replicate;
mod schedule;
mod seed;
mod snapshot;
mod sync;
mod together;
mod transfer;
mod volume;

use crate::storage::case::Case;

pub(crate) fn all() -> Vec<Case> {
    [
        claims::cases(),
        describe::cases(),
        volume::cases(),
        group::cases(),
        members::cases(),
        seed::cases(),
        replicate::cases(),
        transfer::cases(),
        schedule::cases(),
        pin::cases(),
        materialize::cases(),
        overwrite::cases(),
        snapshot::cases(),
        discard::cases(),
        manifest::cases(),
        names::cases(),
        loss::cases(),
        direction::cases(),
        together::cases(),
        errors::cases(),
        sync::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
