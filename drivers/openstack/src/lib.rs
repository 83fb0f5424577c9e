//! OpenStack as Protector sees it: the drivers `openstack` for identity (Keystone) and compute
//! (Nova, Neutron, Cinder), registered with the framework when this crate is linked.
#![deny(missing_docs)]

mod compute;
mod identity;
mod session;
mod settings;
#[cfg(test)]
mod testing;

pub use settings::Settings;
