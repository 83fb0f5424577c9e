//! FlashArrays in memory: several arrays in one process, each with the REST API that their real
//! clients speak.
//!
//! [`Simulator::start`] starts a fabric of arrays, each on a TLS port of its own with its own token
//! and Purity release. They replicate to each other as real ones do: points travel at the speed of
//! their link, stand still while it is down, and can be used when they are complete. Time is the
//! fabric's own ([`Control::advance`]), so that a day of replication takes a moment.
//!
//! [`Control`] is what a real array does not have: it moves time, breaks links, loses answers, fills
//! arrays, writes into volumes and tells which calls came.
#![deny(missing_docs)]

mod api;
mod call;
mod content;
mod control;
mod fault;
mod query;
mod server;
mod simulator;
mod spec;
mod state;
mod world;

pub use call::RecordedCall;
pub use control::{Control, ControlError, LinkState, Safemode, Saved};
pub use fault::{Effect, Fault};
pub use simulator::{ArrayHandle, Simulator};
pub use spec::{
    ArraySpec, FabricSpec, OverwriteSizePolicy, PendingNameText, Profile, StartError, Switches,
};
pub use state::{LimitKind, ManualEradication};

#[cfg(test)]
mod tests;
