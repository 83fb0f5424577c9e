//! The benches that the storage conformance suite runs on: two mock arrays, two simulated FlashArrays,
//! and two Shelf arrays for a driver in a file.

pub mod mock;
pub mod plugin;
pub mod pure;
