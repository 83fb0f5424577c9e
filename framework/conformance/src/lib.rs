//! What every storage driver must do, as cases that run against any of them.
//!
//! The suite is library code. A driver's author writes a [`Benches`]: how to get two linked arrays
//! and how to do to them what a driver cannot, and runs all cases from the driver's own tests:
//!
//! ```no_run
//! # use protector_conformance::{Benches, Options};
//! # async fn conforms(benches: &dyn Benches) {
//! let report = protector_conformance::run(benches, &Options::default()).await;
//! assert!(report.is_green(true), "{}", report.table());
//! # }
//! ```
//!
//! Each case runs on a bench of its own and looks through the driver's contract and the bench alone.
//! What a bench cannot do it does not declare, and the cases that need it are reported as skipped.
//! Claims are checked both ways: what a driver claims is tested, what it does not claim it must
//! answer with `Unsupported`.
#![deny(missing_docs)]

mod bench;
mod case;
mod cases;
mod driven;
mod report;
mod rig;
mod runner;
mod trials;

pub use bench::{Bench, BenchError, Benches, Cut, Effect, Facility, LinkCondition, NewName, Side};
pub use case::{Broken, Case, Claim};
pub use report::{Line, Report, Verdict};
pub use runner::{Options, run};

/// Every case of the suite.
pub fn cases() -> Vec<Case> {
    // The long ones first, so that none of them is alone at the end.
    let mut all = trials::all();
    all.extend(cases::all());
    all
}
