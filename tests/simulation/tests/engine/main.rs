//! The engine's work, from what people ask for to what is there afterwards.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what goes wrong fails the test"
)]

mod by_hand;
mod by_itself;
mod cancelled;
mod clocks;
mod faults;
mod histories;
mod losses;
mod many;
mod others;
mod overtaken;
mod plans;
mod preempted;
mod readiness;
mod rescue;
mod returns;
mod round_trips;
mod stories;
mod testing;

use protector_model::{Operation, OperationStatus};

/// An operation has come to a good end; otherwise the failure says why.
fn assert_completed(ended: &Operation, context: &str) {
    let (status, error) = (ended.status, &ended.error);
    assert_eq!(status, OperationStatus::Completed, "{context}: {error:#?}");
}
