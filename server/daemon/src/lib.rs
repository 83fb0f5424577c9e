//! What the services of a site share as processes: how they read their command line, where they
//! log, which drivers are linked, how they open the database and tell it that they live, what they
//! count, whom they name in the audit trail, what they tell the service manager, and when they read
//! their configuration again or end.
#![deny(missing_docs)]

mod attend;
mod audit;
mod database;
mod heartbeat;
mod logging;
mod metrics;
mod notify;
mod reload;
mod start;
mod stop;
mod trail;

pub use attend::{Alive, attend};
pub use audit::{AuditEvent, Observer, Reason, Stage, Target};

pub use database::{DatabaseError, open_database};
pub use heartbeat::heartbeat;
pub use metrics::{Metrics, MetricsError};
pub use notify::Notifier;
pub use reload::Reloader;
pub use start::{Daemon, Prepared, prepare, refuse};
pub use stop::{Asked, Signals, terminated};
pub use trail::{AuditError, AuditTrail};
