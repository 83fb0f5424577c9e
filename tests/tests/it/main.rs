//! Whole-system tests: two complete sites in this process, used through their REST API.

mod main_job;
mod world;
