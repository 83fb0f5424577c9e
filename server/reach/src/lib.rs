//! How a process reaches a site: its cloud, its arrays and its Protector.
//!
//! [`Reach`] builds drivers from what the database holds of a site and keeps them, so that their
//! sessions are used again; [`HttpRemote`] speaks to the other site's Protector. [`Probe`] and
//! [`Keystone`] tell an operator what answers where.
#![deny(missing_docs)]

mod arrays;
mod cache;
mod error;
mod examine;
mod http;
mod keystone;
mod probe;
mod reach;
mod reply;
mod settings;
mod trust;
mod within;

#[cfg(test)]
mod tests;

pub use arrays::ArrayTrust;
pub use error::ReachError;
pub use examine::Examined;
pub use http::HttpRemote;
pub use keystone::{Found, Keystone};
pub use probe::{Answer, Probe};
pub use reach::{Reach, peer_site, peer_sites};
pub use settings::{SiteSecrets, policy_owner, secret_name, site_owner};
pub use within::within;
