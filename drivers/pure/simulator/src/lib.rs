//! FlashArrays in memory: several arrays in one process, each with the REST API that their real
//! clients speak.
#![deny(missing_docs)]

pub mod query;
