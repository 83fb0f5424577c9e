//! What every driver must do, as cases that run against any of them: one kit for each kind of driver.
//!
//! # From a driver's own tests
//!
//! The kits are library code; a driver's crate has this one among its `dev-dependencies`. Its author
//! writes benches: how to get what the driver works on, and how to do to it what a driver cannot.
//! Then one test runs every case:
//!
//! ```no_run
//! use protector_conformance::{Options, storage};
//!
//! # async fn conforms(my_benches: &dyn storage::Benches) {
//! let report = storage::run(my_benches, &Options::default()).await;
//! // `true`: nothing may be skipped either.
//! assert!(report.is_green(true), "{}", report.table());
//! # }
//! ```
//!
//! | kind | the author writes | and calls | a bench is |
//! |---|---|---|---|
//! | storage | [`storage::Benches`], [`storage::Bench`] | [`storage::run`] | two linked arrays |
//! | compute | [`compute::ComputeBenches`], [`compute::ComputeBench`] | [`compute::run`] | one project of a cloud |
//! | identity | [`identity::IdentityBenches`], [`identity::IdentityBench`] | [`identity::run`] | one identity service |
//!
//! The least that a bench must do are its methods without a body. Each further method belongs to a
//! *facility*: what a bench can do it declares in `facilities()`, and the cases that need what it
//! cannot are reported as skipped. So a bench grows: first the driver and a namespace, then what makes
//! volumes or clients, at last what loses connections ([`Cut`]), where most of the cases are.
//!
//! A bench that is a simulator of one's own gives every case a new one and a
//! [`protector_framework::ManualClock`], which [`storage::Bench::tick`] moves on; then hours pass at
//! once and all cases run side by side. A bench on a real system gives every case a namespace and
//! removes in [`storage::Bench::end`] what it made.
//!
//! # What is tried
//!
//! Each case runs on a bench of its own and looks through the driver's contract and the bench alone.
//! Claims are checked both ways: what a driver claims is tested, what it does not claim it must
//! answer with `Unsupported`. Where a bench can lose connections, every verb that changes something
//! loses its connection at each of its remote calls, before and after that took effect, its caller
//! dies there, it is never answered, and it is sent by two at once; and then it must have its effect
//! once.
//!
//! The report is [`Report::table`] for people and serialises for programs. Against a system that is
//! there, without a line of code, `protector-manage driver check` runs the same cases.
#![deny(missing_docs)]

mod case;
pub mod compute;
mod fault;
pub mod identity;
mod plague;
mod pulse;
mod report;
mod runner;
pub mod storage;

pub use case::{Broken, Case as KitCase, Kit};
pub use report::{Line, Report, Verdict};
pub use runner::Options;
pub use storage::{
    Bench, BenchError, Benches, Case, Claim, Cut, Effect, Facility, LinkCondition, NewName, Side,
    cases, run,
};
