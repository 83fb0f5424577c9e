//! The doctor as an operator runs it: each of the troubleshooting cases of the installation guide is
//! broken alone and is found alone.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy does not see that the helpers of a test binary are tests"
)]

mod cloud;
mod clouds;
mod machine;
mod mariadb;
mod stage;
