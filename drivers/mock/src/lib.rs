//! Mock drivers, all named `mock`: an array that moves real bytes, a cloud with a real cloud's
//! rules, and its identity service. They serve the lab and the tests; the array also serves real
//! clouds, as the array behind Cinder's file back end.
//!
//! All state is in files, changed under a lock and replaced as a whole, so that any number of
//! processes share an array or a cloud and any of them may be killed at any time.
//!
//! [`world`] makes arrays and clouds, plays their administrators and tenants, cuts links, switches
//! things off and writes the fault scripts ([`world::Script`]) that make calls go wrong.
#![deny(missing_docs)]

mod array;
mod call;
mod cloud;
mod fault;
mod identity;
mod log;
mod place;
mod secret;
mod settings;
mod sparse;
mod store;
pub mod world;

pub use settings::CloudSettings;

#[cfg(test)]
mod tests;
