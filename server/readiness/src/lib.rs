//! The facts that readiness is judged by: one look at both sites with verbs that change nothing.
//! The API asks it for a user, the engine for its cycle, and the engine's check for an operation.
#![deny(missing_docs)]

mod ask;
mod clouds;
mod look;

pub use look::{Heads, Look, Scope, history, standing};
