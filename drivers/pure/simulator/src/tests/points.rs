//! Snapshots of groups and of volumes: frozen bytes, names, members, SafeMode.

use std::os::unix::fs::FileExt;

use serde_json::{Value, json};

use super::{GIB, Lab, MIB};
use crate::{Safemode, Switches};

#[tokio::test]
async fn a_point_is_all_members_at_one_moment_and_never_changes() {
    let lab = Lab::with(Switches::default(), true).await;
    lab.replicated_group("pg", &["v", "w"]).await;
    lab.control()
        .write_volume("fa-a", "v", 0, b"first")
        .unwrap();
    lab.send("pg", "s1").await;
    let frozen = lab.control().content_id("fa-a", "pg.s1.v").unwrap();
    lab.control()
        .write_volume("fa-a", "v", 0, b"later")
        .unwrap();
    lab.patch("fa-a", "volumes?names=v", json!({ "name": "renamed" }))
        .await
        .item();
    lab.patch(
        "fa-a",
        "volumes?names=renamed",
        json!({ "provisioned": 2 * GIB }),
    )
    .await
    .item();
    let parts = lab
        .get("fa-a", "volume-snapshots?filter=name%3D'pg.s1.*'&sort=name")
        .await;
    assert_eq!(parts.names(), ["pg.s1.v", "pg.s1.w"]);
    assert_eq!(parts.item()["provisioned"], GIB);
    for (array, name) in [("fa-a", "pg.s1.v"), ("fa-b", "fa-a:pg.s1.v")] {
        assert_eq!(lab.control().content_id(array, name).unwrap(), frozen);
        assert_eq!(
            lab.control().read_volume(array, name, 0, 5).unwrap(),
            b"first"
        );
    }
    let body = json!({ "source": { "name": "fa-a:pg.s1.v" } });
    lab.post(
        "fa-b",
        "volumes?names=copy&with_default_protection=false",
        body,
    )
    .await
    .item();
    let file = std::fs::File::open(lab.pools.path().join("fa-b/copy")).unwrap();
    let mut first = [0; 5];
    file.read_exact_at(&mut first, 0).unwrap();
    assert_eq!(&first, b"first");
    assert_eq!(file.metadata().unwrap().len(), GIB);
    lab.send("pg", "s2").await;
    let names = lab
        .get(
            "fa-b",
            "volume-snapshots?filter=name%3D'fa-a:pg.s2.*'&sort=name",
        )
        .await;
    assert_eq!(names.names(), ["fa-a:pg.s2.renamed", "fa-a:pg.s2.w"]);
}

#[tokio::test]
async fn existing_points_can_follow_a_rename() {
    let lab = Lab::new().await;
    lab.control()
        .change_switches(|s| s.member_names_follow_rename = true);
    lab.replicated_group("pg", &["v"]).await;
    lab.post(
        "fa-a",
        "protection-group-snapshots?source_names=pg",
        json!({ "suffix": "s1" }),
    )
    .await
    .item();
    lab.patch("fa-a", "volumes?names=v", json!({ "name": "w" }))
        .await
        .item();
    assert_eq!(
        lab.get("fa-a", "volume-snapshots").await.names(),
        ["pg.s1.w"]
    );
}

#[tokio::test]
async fn suffixes_count_and_are_taken_once() {
    let lab = Lab::new().await;
    lab.replicated_group("pg", &["v"]).await;
    let path = "protection-group-snapshots?source_names=pg";
    let first = lab.post("fa-a", path, Value::Null).await;
    assert_eq!(first.names(), ["pg.1"]);
    lab.post("fa-a", path, json!({ "suffix": "pf-run1" }))
        .await
        .item();
    let twice = lab.post("fa-a", path, json!({ "suffix": "PF-RUN1" })).await;
    assert!(twice.refusal().contains("already exists"));
    let both = format!("{path}&replicate=true&replicate_now=true");
    assert_eq!(lab.post("fa-a", &both, Value::Null).await.status, 400);
    let newest = lab
        .get(
            "fa-a",
            "protection-group-snapshots?names=pg&sort=name-&limit=1",
        )
        .await;
    assert_eq!(newest.names(), ["pg.pf-run1"]);
    lab.patch(
        "fa-a",
        "protection-group-snapshots?names=pg.1",
        json!({ "destroyed": true }),
    )
    .await
    .item();
    let part = json!({ "source": { "name": "pg.1.v" } });
    let refused = lab.post("fa-a", "volumes?names=c", part).await;
    assert!(refused.refusal().contains("has been destroyed"));
    assert_eq!(
        lab.delete("fa-a", "protection-group-snapshots?names=pg.1")
            .await
            .status,
        200
    );
    let gone = lab
        .post(
            "fa-a",
            "volumes?names=c",
            json!({ "source": { "name": "pg.1.v" } }),
        )
        .await;
    assert_eq!(gone.refusal(), "No such volume or snapshot.");
}

#[tokio::test]
async fn members_come_and_go_with_the_texts_that_clients_know() {
    let lab = Lab::new().await;
    lab.replicated_group("pg", &["v"]).await;
    lab.volume("fa-a", "w", MIB).await;
    let twice = lab
        .post(
            "fa-a",
            "protection-groups/volumes?group_names=pg&member_names=v",
            Value::Null,
        )
        .await;
    assert!(twice.refusal().contains("already belongs to"));
    let absent = lab
        .delete(
            "fa-a",
            "protection-groups/volumes?group_names=pg&member_names=w",
        )
        .await;
    assert!(absent.refusal().contains("could not be found"));
    let none = lab
        .get("fa-a", "protection-groups/volumes?member_names=w")
        .await;
    assert!(none.items().is_empty());
    let empty = lab
        .post(
            "fa-a",
            "protection-groups/volumes?group_names=pg&member_names=",
            Value::Null,
        )
        .await;
    assert!(empty.items().is_empty());
    lab.patch("fa-a", "volumes?names=v", json!({ "destroyed": true }))
        .await
        .item();
    let members = lab
        .get("fa-a", "protection-groups/volumes?group_names=pg")
        .await;
    assert_eq!(members.item()["member"]["destroyed"], true);
}

#[tokio::test]
async fn a_volume_can_be_missing_at_a_point() {
    let lab = Lab::new().await;
    lab.replicated_group("pg", &["v", "w"]).await;
    lab.send("pg", "s1").await;
    lab.control()
        .remove_from_point("fa-b", "fa-a:pg.s1", "w")
        .unwrap();
    let parts = lab
        .get("fa-b", "volume-snapshots?filter=name%3D'fa-a:pg.s1.*'")
        .await;
    assert_eq!(parts.names(), ["fa-a:pg.s1.v"]);
}

#[tokio::test]
async fn a_locked_group_is_not_relaxed() {
    let lab = Lab::new().await;
    lab.replicated_group("pg", &["v"]).await;
    let safemode = Safemode {
        lock_groups: vec!["pg".to_owned()],
        ..Safemode::default()
    };
    lab.control().set_safemode("fa-a", &safemode).unwrap();
    let group = lab.get("fa-a", "protection-groups?names=pg").await;
    assert_eq!(group.item()["retention_lock"], "ratcheted");
    let path = "protection-groups?names=pg";
    let shorter = json!({ "source_retention": { "all_for_sec": 60 } });
    assert_eq!(lab.patch("fa-a", path, shorter).await.status, 400);
    let longer = json!({ "source_retention": { "all_for_sec": 200_000 } });
    lab.patch("fa-a", path, longer).await.item();
    for path in [
        "protection-groups/volumes?group_names=pg&member_names=v",
        "protection-groups/targets?group_names=pg&member_names=fa-b",
    ] {
        assert!(
            lab.delete("fa-a", path)
                .await
                .refusal()
                .contains("SafeMode")
        );
    }
    lab.patch("fa-a", "volumes?names=v", json!({ "destroyed": true }))
        .await
        .item();
    assert_eq!(
        lab.delete("fa-a", "volumes?names=v").await.refusal(),
        "Eradication is disabled."
    );
}

#[tokio::test]
async fn a_snapshot_of_one_volume() {
    let lab = Lab::new().await;
    lab.volume("fa-a", "v", MIB).await;
    lab.control().write_volume("fa-a", "v", 0, b"one").unwrap();
    let path = "volume-snapshots?source_names=v";
    let made = lab
        .post("fa-a", path, json!({ "suffix": "snapshot-1" }))
        .await;
    assert_eq!(made.names(), ["v.snapshot-1"]);
    lab.control().write_volume("fa-a", "v", 0, b"two").unwrap();
    let revert = json!({ "source": { "name": "v.snapshot-1" } });
    lab.post("fa-a", "volumes?names=v&overwrite=true", revert)
        .await
        .item();
    assert_eq!(
        lab.control().read_volume("fa-a", "v", 0, 3).unwrap(),
        b"one"
    );
    for name in ["other", "v.full"] {
        let held = lab.get("fa-a", path).await.names()[0].to_owned();
        let path = format!("volume-snapshots?names={held}");
        lab.patch("fa-a", &path, json!({ "name": name }))
            .await
            .item();
    }
    assert_eq!(lab.get("fa-a", path).await.names(), ["v.full"]);
    lab.patch("fa-a", "volumes?names=v", json!({ "destroyed": true }))
        .await
        .item();
    assert_eq!(lab.get("fa-a", path).await.item()["destroyed"], true);
    lab.patch("fa-a", "volumes?names=v", json!({ "destroyed": false }))
        .await
        .item();
    assert_eq!(lab.get("fa-a", path).await.item()["destroyed"], false);
}

#[tokio::test]
async fn what_is_copied_too_early_is_empty_where_that_is_allowed() {
    let lab = Lab::new().await;
    lab.control().change_switches(|s| {
        s.copy_before_complete = true;
        s.pending_name_text = crate::PendingNameText::Destroyed;
    });
    lab.replicated_group("pg", &["v"]).await;
    lab.control().write_volume("fa-a", "v", 0, b"one").unwrap();
    lab.control()
        .set_link("fa-a", "fa-b", crate::LinkState::Up, Some(1))
        .unwrap();
    lab.send("pg", "s1").await;
    let body = json!({ "source": { "name": "fa-a:pg.s1.v" } });
    lab.post("fa-b", "volumes?names=c", body).await.item();
    assert_eq!(
        lab.control().read_volume("fa-b", "c", 0, 3).unwrap(),
        [0; 3]
    );
    lab.patch(
        "fa-a",
        "protection-groups?names=pg",
        json!({ "destroyed": true }),
    )
    .await
    .item();
    let taken = lab
        .post("fa-a", "protection-groups?names=pg", Value::Null)
        .await;
    assert_eq!(taken.refusal(), "Protection group has been destroyed.");
}

#[tokio::test]
async fn a_snapshot_is_renamed_by_its_suffix_or_by_its_whole_name() {
    let lab = Lab::new().await;
    lab.volume("fa-a", "v", MIB).await;
    lab.post("fa-a", "protection-groups?names=pg", json!(null))
        .await
        .item();
    let members = "protection-groups/volumes?group_names=pg&member_names=v";
    lab.post("fa-a", members, json!(null)).await.item();
    for (path, take, owner) in [
        ("volume-snapshots", "source_names=v", "v"),
        ("protection-group-snapshots", "source_names=pg", "pg"),
    ] {
        let made = format!("{path}?{take}");
        lab.post("fa-a", &made, json!({ "suffix": "a" }))
            .await
            .item();
        for (from, to, is) in [("a", "b".to_owned(), "b"), ("b", format!("{owner}.c"), "c")] {
            let held = format!("{path}?names={owner}.{from}");
            let renamed = lab.patch("fa-a", &held, json!({ "name": to })).await;
            assert_eq!(renamed.item()["name"], format!("{owner}.{is}"));
        }
        let held = format!("{path}?names={owner}.c");
        let given_away = lab.patch("fa-a", &held, json!({ "name": "other.d" })).await;
        assert!(given_away.refusal().contains("another object"));
    }
}
