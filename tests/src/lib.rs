//! Whole-system tests: complete sites with their own databases, driven through the public API.

pub mod abuse;
pub mod clouds;
pub mod conformance;
pub mod mariadb;
pub mod plugin;
pub mod sites;
