//! The arrays' rules as data, without HTTP.

mod properties;
mod volumes;

use std::sync::Arc;

use protector_framework::SeededIds;

use super::{Array, At, Fabric, NewVolume};
use crate::content::{Key, Store};
use crate::spec::{Profile, Switches};

pub(super) const A: At = 0;
pub(super) const B: At = 1;
pub(super) const MIB: u64 = 1 << 20;

/// Two joined arrays, `a` and `b`, at time 0.
pub(super) fn fabric() -> Fabric {
    let mut fabric = Fabric::new(Arc::new(SeededIds::new(1)), Switches::default(), 0);
    for name in ["a", "b"] {
        let id = fabric.new_id();
        let store = Store::open(None).unwrap();
        let array = Array::new(id, name.to_owned(), Profile::default(), store);
        fabric.arrays.push(array);
    }
    fabric.connect_all();
    fabric
}

pub(super) fn volume(fabric: &mut Fabric, at: At, name: &str) -> String {
    let wanted = NewVolume {
        provisioned: Some(16 * MIB),
        ..NewVolume::default()
    };
    fabric.create_volume(at, name, &wanted).unwrap()
}

/// Writes one block with this content.
pub(super) fn write(fabric: &mut Fabric, at: At, id: &str, block: u64, content: u8) {
    let key = Key::Volume(fabric.volume(at, id).unwrap().name.clone());
    let offset = block * crate::content::BLOCK;
    fabric.arrays[at]
        .store
        .write(&key, offset, &[content; 16])
        .unwrap();
    fabric.look_at(at, id).unwrap();
}

/// A group on `a` that `b` lets in.
pub(super) fn replicated_group(fabric: &mut Fabric, members: &[&str]) -> String {
    let group = fabric.create_group(A, "pg").unwrap();
    for member in members {
        fabric.add_member(A, &group, member).unwrap();
    }
    fabric.add_target(A, &group, B).unwrap();
    fabric.settle(fabric.now);
    let inbound = fabric.group_id(B, "a:pg").unwrap();
    fabric.allow(B, &inbound, true).unwrap();
    fabric.settle(fabric.now);
    group
}
