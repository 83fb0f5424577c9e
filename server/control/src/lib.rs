//! What users and the other site may ask for: the application logic behind the API. It knows no
//! HTTP, and it only reads clouds and arrays; what changes one is an operation that an engine runs.
//!
//! [`Services`] is all of it as traits; [`Control`] is the one that works.
#![deny(missing_docs)]
#![allow(
    clippy::result_large_err,
    reason = "a refusal is shown whole and is never on a hot path"
)]

mod answers;
mod change;
mod check;
mod control;
mod convert;
mod eligibility;
mod endpoints;
mod groups;
mod health;
mod holder;
mod mappings;
mod members;
mod operations;
mod paging;
mod points;
mod policy;
mod readiness;
mod refusal;
mod registry;
mod services;
mod sites;
mod syncing;
mod tenants;
mod trusts;
mod view;
mod volume_types;

#[cfg(test)]
mod tests;

pub use control::{Control, ControlOptions};
pub use refusal::{Refusal, Result};
pub use services::*;
