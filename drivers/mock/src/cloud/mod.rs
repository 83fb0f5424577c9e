//! The mock cloud.

mod back_end;
mod boot;
mod capture;
mod cidr;
mod driver;
mod groups;
mod held;
mod ports;
mod resources;
mod servers;
mod settle;
mod state;
mod view;
mod volumes;

pub(crate) use boot::Build;
pub(crate) use cidr::Cidr;
pub(crate) use held::{Held, Meta, Whole, compute_file, identity_file, meta_file};
pub use state::Quota;
pub(crate) use state::{
    Attachment, ComputeState, FlavorRecord, HeldVolume, KeypairRecord, LockedBy, NetworkRecord,
    PoolRecord, SecurityGroupRecord, SubnetRecord, VolumeRecord, VolumeState, VolumeTypeRecord,
};
pub(crate) use view::{Caller, View};
