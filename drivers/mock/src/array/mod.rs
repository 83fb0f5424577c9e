//! The mock array.

mod driver;
mod files;
mod groups;
mod open;
mod points;
mod settle;
mod state;
mod take;

pub(crate) use driver::{cinder_name, identity};
pub(crate) use files::{Files, VolumeFile, remove};
pub(crate) use open::{Held, Open};
pub(crate) use state::{ArrayState, LinkRecord};
