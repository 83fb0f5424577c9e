//! Two complete sites in one process: each with its own mock cloud and array, database, API and
//! engine. The sites talk over HTTP on loopback, as real ones do, and so do the tests.
//!
//! [`Pair`] builds both; a [`Site`] is switched off and on part by part; a [`Client`] is a user of
//! the API. What is written to volumes and compared is in [`Server`].

mod client;
mod crew;
mod data;
mod logs;
mod pair;
mod process;
mod protection;
mod reply;
mod site;

pub use client::{Client, Refused, Reply, Seen};
pub use crew::{Crew, Part};
pub use data::{Contents, Server};
pub use logs::Logs;
pub use pair::{Env, Pair, Side};
pub use process::Process;
pub use protection::{Group, NewGroup};
pub use reply::{
    GroupView, MemberInstance, MemberView, OperationError, OperationResult, OperationView, Plan,
    PlanStep, SiteSync, SiteView, StepView, SyncStatus,
};
pub use site::{Site, Timing};

pub use crate::clouds::failure::{During, Failure, Outcome, ensure, fail};
