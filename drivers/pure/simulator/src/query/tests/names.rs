//! Names: syntax, composition, equality.

use proptest::prelude::*;

use super::super::names::{
    CaseName, GroupHome, GroupMemberName, GroupName, GroupSnapshotName, LARGEST_VOLUME, NameKind,
    SMALLEST_VOLUME, SourceName, VolumeName, VolumeSnapshotName, check, volume_size,
};

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
fn a_new_suffix_is_not_a_number_though_arrays_give_numbers() {
    assert!(check(NameKind::SnapshotSuffix, "12").is_err());
    assert!(check(NameKind::SnapshotSuffix, "pf-a1b2").is_ok());
    assert!(VolumeSnapshotName::parse("vol.12").is_ok());
    assert!(GroupSnapshotName::parse("fa-a:pg.12").is_ok());
}

#[test]
fn sizes_are_sectors_between_a_mebibyte_and_four_pebibytes() {
    assert_eq!(volume_size(512), Ok(SMALLEST_VOLUME));
    assert_eq!(volume_size(1 << 30), Ok(1 << 30));
    assert_eq!(volume_size(LARGEST_VOLUME), Ok(LARGEST_VOLUME));
    assert!(volume_size(LARGEST_VOLUME + 512).is_err());
    assert!(volume_size((1 << 30) + 1).is_err());
}

#[test]
fn volumes_wherever_they_are() {
    let name = VolumeName::parse("realm::pod::vol").unwrap();
    assert_eq!(name.realm.as_deref(), Some("realm"));
    assert_eq!(name.pod.as_deref(), Some("pod"));
    assert_eq!(&*name.base, "vol");
    let name = VolumeName::parse("vg/vol").unwrap();
    assert_eq!(name.volume_group.as_deref(), Some("vg"));
    assert_eq!(name.pod, None);
    let left_behind = VolumeName::parse("pod.undo-demote.2::vol").unwrap();
    assert_eq!(left_behind.pod.as_deref(), Some("pod.undo-demote.2"));
    for bad in [
        "",
        "::vol",
        "vg/",
        "/vol",
        "a/b/c",
        "p::",
        "A:vol",
        "a::b::c::d",
        "vol*",
        "vol.s",
    ] {
        assert!(VolumeName::parse(bad).is_err(), "{bad}");
    }
    assert!(VolumeName::at_root("vol").is_ok());
    assert!(VolumeName::at_root("p::vol").is_err());
}

#[test]
fn groups_here_and_there() {
    let local = GroupName::parse("pg").unwrap();
    assert!(local.is_local());
    assert_eq!(local.on_target("fa-a").to_string(), "fa-a:pg");
    let of_pod = GroupName::parse("cinder-pod::cinder-trisync").unwrap();
    assert!(of_pod.is_local());
    // The pod's name with one colon, whatever the array is called.
    assert_eq!(
        of_pod.on_target("fa-a").to_string(),
        "cinder-pod:cinder-trisync"
    );
    let remote = GroupName::parse("fa-a:pg").unwrap();
    assert_eq!(remote.home, GroupHome::Remote("FA-A".into()));
    assert!(!remote.is_local());
    assert_eq!(remote.on_target("fa-c"), remote);
    for bad in ["", ":pg", "a:", "a:b:c", "p::a:b", "pg.s", "vg/pg"] {
        assert!(GroupName::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn snapshots_of_groups_name_members_without_their_pod() {
    let point = GroupSnapshotName::parse("pod::pg.s1").unwrap();
    let volume = VolumeName::parse("pod::vol").unwrap();
    assert_eq!(point.member(&volume).to_string(), "pod::pg.s1.vol");
    let point = GroupSnapshotName::parse("fa-a:pg.s1").unwrap();
    let volume = VolumeName::parse("vg/vol").unwrap();
    let member = point.member(&volume);
    assert_eq!(member.to_string(), "fa-a:pg.s1.vg/vol");
    assert_eq!(GroupMemberName::parse("FA-A:PG.S1.VG/VOL").unwrap(), member);
}

#[test]
fn the_dots_tell_what_a_volume_is_copied_from() {
    assert!(matches!(
        SourceName::parse("p::vol"),
        Ok(SourceName::Volume(_))
    ));
    assert!(matches!(
        SourceName::parse("p.restretch::vol"),
        Ok(SourceName::Volume(_))
    ));
    assert!(matches!(
        SourceName::parse("vg/vol.snapshot-1"),
        Ok(SourceName::VolumeSnapshot(_))
    ));
    assert!(matches!(
        SourceName::parse("fa-a:pg.s.vol"),
        Ok(SourceName::GroupMember(_))
    ));
    assert!(SourceName::parse("fa-a:pg.s.vol.x").is_err());
    assert!(SourceName::parse("fa-a:pg.s").is_err());
}

#[test]
fn a_snapshot_is_renamed_by_suffix_or_by_whole_name() {
    let old = VolumeSnapshotName::parse("vol.old").unwrap();
    assert_eq!(old.renamed("new").unwrap().to_string(), "vol.new");
    assert_eq!(old.renamed("VOL.new").unwrap(), old.renamed("new").unwrap());
    assert!(old.renamed("other.new").is_err());
    assert!(old.renamed("a b").is_err());
    let old = GroupSnapshotName::parse("pg.old").unwrap();
    assert_eq!(old.renamed("new").unwrap().to_string(), "pg.new");
    assert_eq!(old.renamed("pg.new").unwrap().to_string(), "pg.new");
    assert!(old.renamed("other.new").is_err());
}

#[test]
fn case_is_kept_and_does_not_matter() {
    let name = VolumeName::parse("Pod::Vol").unwrap();
    assert_eq!(name.to_string(), "Pod::Vol");
    assert_eq!(name, VolumeName::parse("pOD::vOL").unwrap());
    assert_ne!(name, VolumeName::parse("Vol").unwrap());
    let mut set = std::collections::HashSet::new();
    set.insert(CaseName::from("A"));
    assert!(set.contains(&CaseName::from("a")));
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        text in "([a-z][a-z0-9]{0,5}::){0,2}([a-z][a-z0-9-]{0,5}[a-z0-9]/)?[A-Za-z][A-Za-z0-9_]{0,8}[a-z](\\.[a-z0-9]{1,6}){0,2}"
    ) {
        // Everything of this shape is a source but a member whose group stands in a volume group.
        if let Ok(name) = SourceName::parse(&text) {
            prop_assert_eq!(name.to_string(), text.clone());
            prop_assert_eq!(SourceName::parse(&text.to_uppercase()).unwrap(), name);
        } else {
            prop_assert!(text.matches('.').count() == 2);
        }
    }

    #[test]
    fn any_text_is_refused_or_a_name_that_is_written_the_same(text in "(.{0,30}|[a-c:./0-9-]{0,12})") {
        if let Ok(name) = SourceName::parse(&text) {
            prop_assert_eq!(name.to_string(), text.clone());
        }
        if let Ok(name) = GroupSnapshotName::parse(&text) {
            prop_assert_eq!(name.to_string(), text.clone());
        }
        if let Ok(name) = GroupName::parse(&text) {
            prop_assert_eq!(name.to_string(), text);
        }
    }
}
