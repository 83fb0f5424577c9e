//! Whole-system tests: two complete sites in this process, used through their REST API.

// The lints that spare tests look for this.
#[cfg(test)]
mod main_job;
#[cfg(test)]
mod world;
