//! The host's side of the boundary: finds libraries, takes those that are fit, and gives back drivers.
//!
//! Whatever a library does, it holds up one call: each of its functions runs on a thread that is not the
//! program's own, a call is given up at its deadline, and what comes back is checked before it is
//! believed. A thread that does not come back is lost to the instance that it was in the library for, and
//! to no other. A crash alone, a wild pointer in a driver written in C, ends the process.

mod aside;
mod calls;
mod deadline;
mod directory;
mod file;
mod library;
mod load;
mod log;
mod places;
mod rate;
mod remote;
mod secrets;
mod state;
mod threads;

pub use directory::{add_directory, add_file};
#[cfg(test)]
pub(in crate::plugin) use load::load_within;
pub use load::{LoadError, Plugin, load};
pub use state::{LibraryState, library_states};
