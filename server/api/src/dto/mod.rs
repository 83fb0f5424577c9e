//! What the API shows and takes. Nothing here decides anything.

mod action;
mod common;
mod group;
mod health;
mod loss;
mod mapping;
mod member;
mod operation;
mod peer;
mod plan;
mod policy;
mod readiness;
mod site;
mod site_failover;
mod sync;
mod tenant;

pub(crate) use action::*;
pub(crate) use group::*;
pub(crate) use health::*;
pub(crate) use loss::*;
pub(crate) use mapping::*;
pub(crate) use member::*;
pub(crate) use operation::*;
pub(crate) use peer::*;
pub(crate) use plan::*;
pub(crate) use policy::*;
pub(crate) use readiness::*;
pub(crate) use site::*;
pub(crate) use site_failover::*;
pub(crate) use sync::*;
pub(crate) use tenant::*;
