//! What an operator writes: `protector.conf` as oslo.config reads it, `policy.yaml` in the
//! language of oslo.policy, and `api-paste.ini`.
//!
//! Every registered option is read and checked at start. A mistake is a [`Problem`] with its file,
//! line, option and reason; all of them are collected into one [`ConfigError`]. Nothing here is
//! async, and nothing prints a secret.
//!
//! ```
//! use protector_config::{Config, Sources};
//!
//! let sources = Sources::from_text("protector.conf", "[api]\nbind_port = 8789\n")?;
//! let config = Config::from_sources(&sources)?;
//! assert_eq!(config.api.bind_port, 8789);
//! # Ok::<(), protector_config::ConfigError>(())
//! ```
#![deny(missing_docs)]

mod args;
mod catalogue;
mod config;
mod database;
mod error;
mod ini;
mod option;
mod paste;
mod policy;
mod resolve;
mod sample;
mod sections;
mod sources;
mod substitute;
mod suggest;
#[cfg(test)]
mod tests;

pub use args::{ConfigArgs, Start, start};
pub use config::Config;
pub use database::{DatabaseEngine, DatabaseUrl};
pub use error::{ConfigError, Place, Problem};
pub use option::{Setting, Value};
pub use paste::Paste;
pub use policy::{
    CheckError, Credentials, Decision, Deprecated, Policy, PolicyRule, PolicyStore, RemoteAnswers,
    RemoteQuestion, RuleDefault, Scope, ServiceIdentity, Target, defaults, sample,
};
pub use sample::config_sample;
pub use sections::*;
pub use sources::{Environment, Sources, environment};
