//! What a Protector driver author needs: the three driver traits, their request and reply types,
//! one error type, and the registry through which the engine finds drivers.
//!
//! A driver is a type that implements [`StorageDriver`], [`ComputeDriver`] or [`IdentityDriver`]
//! and a registration beside it:
//!
//! ```
//! use protector_framework::{ComputeCapabilities, ComputeDriver, DriverConfig, DriverEnv, Result};
//! # use std::sync::Arc;
//! fn build(config: DriverConfig, env: DriverEnv) -> Result<Arc<dyn ComputeDriver>> {
//! #   let _ = (config, env); Err(protector_framework::DriverError::unsupported("example"))
//!     // read the settings, return the driver
//! }
//!
//! protector_framework::register_compute_driver! {
//!     name: "my-cloud",
//!     summary: "Servers, volumes and ports of My Cloud.",
//!     example: r#"{"auth_url": "https://cloud.example/v3"}"#,
//!     schema: || protector_framework::serde_json::json!({"type": "object"}),
//!     capabilities: ComputeCapabilities::none,
//!     build: build,
//! }
//! ```
//!
//! A storage driver can also be a shared library that a site's operator puts beside Protector: see
//! [`plugin`].
//!
//! # The contract of every verb
//!
//! * The same idempotency key means the same effect and the same reply.
//! * "Already so" is success. Deleting what is absent is success.
//! * A call repeated after a lost reply is safe: a verb looks before it acts.
//! * No call lasts minutes. Long work is a `start_*` verb and a `get_*` verb that is polled.
//! * Dropping the future cancels the call on our side; the remote side may still have carried it
//!   out, and the repeated call finds that.
//! * [`ErrorKind::NotFound`] is only for what the caller named as existing.
//!
//! Sizes are bytes unless a field's name says otherwise, times are UTC, durations are seconds.
#![deny(missing_docs)]

mod capability;
mod clock;
mod compute;
mod config;
mod context;
mod error;
mod id;
mod identity;
mod layers;
mod message;
pub mod plugin;
mod registration;
mod registry;
mod storage;
mod verbs;

pub use capability::{ComputeCapabilities, IdentityCapabilities, StorageCapabilities};
pub use clock::{Clock, Hold, Ids, ManualClock, RandomIds, SeededIds, SystemClock};
pub use compute::*;
pub use config::{DriverConfig, DriverEnv};
pub use context::CallCtx;
pub use error::{DriverError, ErrorKind, Result, Retry};
pub use id::*;
pub use identity::*;
pub use layers::LayerSettings;
pub use registration::{
    DriverInfo, DriverKind, DriverOrigin, DriverTrait, Registration, log_targets,
};
pub use registry::{RefusedFile, Registry, RegistryError};
pub use storage::*;

/// Re-exported so that a driver registers with the same copy the registry reads.
pub use inventory;
/// Turns typed identifiers into plain ones and back, where they leave the program.
pub use newtype_uuid::GenericUuid;
/// A string that is wiped when dropped and that neither prints nor serialises.
pub use secrecy::{ExposeSecret, SecretString};
/// Re-exported for registrations.
pub use serde_json;
