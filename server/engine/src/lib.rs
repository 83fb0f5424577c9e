//! Executes plans. What a step does lives behind [`StepExecutor`]; this crate decides when it runs,
//! journals it, and keeps every other engine from running it at the same time.

mod beat;
mod by_itself;
mod failure;
mod giving_up;
mod journal;
mod lease;
mod losses;
mod measure;
mod peers;
mod program;
mod readiness;
mod runner;
mod running;
mod service;
mod silence;
mod steps;
mod trail;
mod work;

#[cfg(test)]
mod tests;

pub use protector_daemon::Observer;

pub use beat::Beat;
pub use failure::StepFailure;
pub use journal::Journal;
pub use lease::Lease;
pub use peers::{Memory, Peers};
pub use program::main;
pub use readiness::Watch;
pub use runner::{RunEnd, Runner, RunnerOptions, StepExecutor, StepRun};
pub use service::{EngineError, EngineHandle, EngineOptions, start};
pub use steps::Steps;
pub use work::WorkLoop;
