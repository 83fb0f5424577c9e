//! Names and sizes.

use super::super::names::size::{LARGEST_VOLUME, SMALLEST_VOLUME};
use super::super::names::{NameKind, check, volume_size};

#[test]
fn what_may_be_a_name() {
    let longest = format!("{}a", "v".repeat(62));
    for good in ["v", "a-b", "1-2", "4x", &longest] {
        assert!(check(NameKind::Pod, good).is_ok(), "{good}");
    }
    let too_long = format!("{longest}a");
    for bad in [
        "", "-a", "a-", "123", "a b", "a.b", "a_b", "ä", "a:b", "a*", &too_long,
    ] {
        assert!(check(NameKind::Pod, bad).is_err(), "{bad}");
    }
    assert!(check(NameKind::Volume, "a_b").is_ok());
    assert!(check(NameKind::Volume, "a_").is_err());
    assert!(check(NameKind::Array, &"a".repeat(56)).is_ok());
    assert!(check(NameKind::Array, &"a".repeat(57)).is_err());
    let error = check(NameKind::Host, "a.b").unwrap_err().to_string();
    assert!(error.contains("host") && error.contains("a.b"), "{error}");
}

#[test]
fn a_new_suffix_is_no_number_as_arrays_give_them() {
    assert!(check(NameKind::SnapshotSuffix, "12").is_err());
    assert!(check(NameKind::SnapshotSuffix, "pf-a1b2").is_ok());
}

#[test]
fn sizes_are_sectors_between_a_mebibyte_and_four_pebibytes() {
    assert_eq!(volume_size(512), Ok(SMALLEST_VOLUME));
    assert_eq!(volume_size(1 << 30), Ok(1 << 30));
    assert_eq!(volume_size(LARGEST_VOLUME), Ok(LARGEST_VOLUME));
    assert!(volume_size(LARGEST_VOLUME + 512).is_err());
    assert!(volume_size((1 << 30) + 1).is_err());
}
