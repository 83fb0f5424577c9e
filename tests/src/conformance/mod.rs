//! The benches that the storage conformance suite runs on: two mock arrays, and two simulated
//! FlashArrays.

pub mod mock;
pub mod pure;
