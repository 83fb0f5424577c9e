//! The cases, by what they are about.

mod adoption;
mod capture;
mod claims;
mod console;
mod delete;
mod errors;
mod groups;
mod health;
mod locks;
mod parking;
mod ports;
mod power;
mod resources;
mod servers;
mod together;
mod volumes;

use super::case::ComputeCase;

pub(crate) fn all() -> Vec<ComputeCase> {
    [
        claims::cases(),
        health::cases(),
        resources::cases(),
        ports::cases(),
        servers::cases(),
        capture::cases(),
        power::cases(),
        parking::cases(),
        locks::cases(),
        delete::cases(),
        console::cases(),
        volumes::cases(),
        adoption::cases(),
        groups::cases(),
        together::cases(),
        errors::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
