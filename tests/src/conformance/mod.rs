//! The benches that the conformance kits run on: two mock arrays, two simulated FlashArrays, two Shelf
//! arrays for a driver in a file, and the mock cloud for compute and identity. Real clouds are in
//! `crate::clouds::kits`.

pub mod cloud;
pub mod compute;
pub mod identity;
pub mod mock;
pub mod plugin;
pub mod pure;

#[cfg(test)]
mod sloppy;
