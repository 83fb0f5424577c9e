//! Containers, serials, connections, copies.

use super::{A, MIB, fabric, volume, write};
use crate::state::{NewVolume, Qos, TakePoint};

#[test]
fn serials_are_never_used_twice() {
    let mut fabric = fabric();
    let mut serials = std::collections::BTreeSet::new();
    for name in ["u", "v", "w"] {
        let id = volume(&mut fabric, A, name);
        let serial = fabric.volume(A, &id).unwrap().serial.clone();
        assert!(
            serial
                .chars()
                .all(|c| c.is_ascii_digit() || ('A'..='F').contains(&c))
        );
        assert!(serials.insert(serial));
        fabric.destroy_volume(A, &id, true).unwrap();
        fabric.eradicate_volume(A, &id).unwrap();
    }
}

#[test]
fn a_volume_group_is_before_the_names_of_its_volumes() {
    let mut fabric = fabric();
    let wanted = NewVolume {
        provisioned: Some(MIB),
        ..NewVolume::default()
    };
    assert!(fabric.create_volume(A, "vg/v", &wanted).is_err());
    fabric.create_volume_group(A, "vg", Qos::default()).unwrap();
    let id = fabric.create_volume(A, "VG/v", &wanted).unwrap();
    assert_eq!(fabric.volume(A, &id).unwrap().name, "vg/v");
    fabric.rename_volume(A, &id, "w").unwrap();
    assert_eq!(fabric.volume(A, &id).unwrap().name, "vg/w");
    assert!(fabric.rename_volume(A, &id, "other/w").is_err());
}

#[test]
fn a_connected_volume_is_not_destroyed() {
    let mut fabric = fabric();
    let id = volume(&mut fabric, A, "v");
    let host = crate::state::Host {
        name: "h".to_owned(),
        ..Default::default()
    };
    let host = fabric.create_host(A, host).unwrap();
    assert_eq!(fabric.connect(A, &host, &id, None).unwrap().lun, 1);
    let refused = fabric.destroy_volume(A, &id, true).unwrap_err();
    assert!(refused.message.contains("existing connections"));
    assert!(fabric.delete_host(A, &host).is_err());
    fabric.disconnect(A, &host, &id).unwrap();
    fabric.destroy_volume(A, &id, true).unwrap();
    fabric.delete_host(A, &host).unwrap();
}

#[test]
fn a_point_outlives_its_volumes() {
    let mut fabric = fabric();
    let id = volume(&mut fabric, A, "v");
    write(&mut fabric, A, &id, 0, 1);
    let group = fabric.create_group(A, "pg").unwrap();
    fabric.add_member(A, &group, &id).unwrap();
    let wanted = TakePoint {
        suffix: Some("s".to_owned()),
        ..TakePoint::default()
    };
    fabric.take_point(A, &group, &wanted).unwrap();
    fabric.destroy_volume(A, &id, true).unwrap();
    fabric.eradicate_volume(A, &id).unwrap();
    let copy = NewVolume {
        source: Some("pg.s.v".to_owned()),
        ..NewVolume::default()
    };
    let copy = fabric.create_volume(A, "v", &copy).unwrap();
    assert_eq!(
        fabric.volume(A, &copy).unwrap().known.data_bytes(),
        crate::content::BLOCK
    );
}
