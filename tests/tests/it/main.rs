//! Whole-system tests: two complete sites in this process, used through their REST API; the
//! programs as they are started; and the rules of which crate may use which.

// The lints that spare tests look for `cfg(test)`.
#[cfg(test)]
mod abuse;
#[cfg(test)]
mod crews;
#[cfg(test)]
mod dependencies;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod engines;
#[cfg(test)]
mod main_job;
#[cfg(test)]
mod moods;
#[cfg(test)]
mod operation_resource;
#[cfg(test)]
mod other_site;
#[cfg(test)]
mod plugin_dir;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod pure_clients;
#[cfg(test)]
mod readiness;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod strange;
#[cfg(test)]
mod syncing;
#[cfg(test)]
mod trial;
#[cfg(test)]
mod typed;
#[cfg(test)]
mod watching;
#[cfg(test)]
mod world;
