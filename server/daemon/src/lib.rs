//! What the services of a site share as processes: how they read their command line, where they
//! log, which drivers are linked, how they open the database and tell it that they live, and when they
//! end.
#![deny(missing_docs)]

mod database;
mod heartbeat;
mod logging;
mod start;
mod stop;

pub use database::{DatabaseError, open_database};
pub use heartbeat::heartbeat;
pub use start::{Daemon, Prepared, prepare, refuse};
pub use stop::terminated;
