//! The commands on what a site's database holds, as an operator runs them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy does not see that the helpers of a test binary are tests"
)]

mod rows;
mod site;
mod upgrade;
