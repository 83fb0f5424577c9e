//! schemathesis on two running sites: every call of the published document, in ways that its
//! authors did not think of.

mod config;
mod stage;

pub use config::{Caller, config};
pub use stage::Stage;
