//! Two sites in one process: the production engine, store and peer code of both, with mock clouds
//! and arrays, on a clock that moves only while nothing else does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a library of tests: what goes wrong here fails the test"
)]

pub mod history;
pub mod round_trips;
pub mod world;
