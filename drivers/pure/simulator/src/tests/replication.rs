//! Groups on their way from one array to the other: targets, transfers, links, retention.

use std::time::Duration;

use serde_json::{Value, json};

use super::{GIB, Lab, MIB};
use crate::LinkState;

/// Bytes that no two blocks share.
fn bytes(seed: u8, blocks: usize) -> Vec<u8> {
    let block = |number: usize| {
        let mut block = vec![seed; 64 * 1024];
        block[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
        block
    };
    (0..blocks).flat_map(block).collect()
}

#[tokio::test]
async fn a_target_is_named_then_let_in() {
    let lab = Lab::new().await;
    lab.control()
        .change_switches(|s| s.propagation_delay = Duration::from_secs(10));
    lab.post("fa-a", "protection-groups?names=pg", Value::Null)
        .await
        .item();
    let path = "protection-groups/targets?group_names=pg&member_names=fa-b";
    assert_eq!(
        lab.post("fa-a", path, Value::Null).await.item()["allowed"],
        false
    );
    assert!(
        lab.post("fa-a", path, Value::Null)
            .await
            .refusal()
            .contains("already includes")
    );
    assert_eq!(
        lab.get("fa-b", "protection-groups?names=fa-a:pg")
            .await
            .status,
        400
    );
    lab.advance(10);
    let inbound = lab.get("fa-b", "protection-groups?names=fa-a:pg").await;
    assert_eq!(inbound.item()["is_local"], false);
    assert_eq!(inbound.item()["source"]["name"], "fa-a");
    let allow = "protection-groups/targets?group_names=fa-a:pg";
    lab.patch("fa-b", allow, json!({ "allowed": true }))
        .await
        .item();
    let twice = lab.patch("fa-b", allow, json!({ "allowed": true })).await;
    assert!(twice.refusal().contains("already allowed on"));
    let seen = "protection-groups/targets?group_names=pg";
    assert_eq!(lab.get("fa-a", seen).await.item()["allowed"], false);
    lab.advance(10);
    assert_eq!(lab.get("fa-a", seen).await.item()["allowed"], true);
    assert_eq!(
        lab.get("fa-a", "protection-groups?names=pg").await.item()["target_count"],
        1
    );
    let own = lab.patch("fa-a", seen, json!({ "allowed": true })).await;
    assert_eq!(own.status, 400);
}

#[tokio::test]
async fn a_point_travels_at_the_speed_of_its_link() {
    let lab = Lab::new().await;
    lab.replicated_group("pg", &["v"]).await;
    lab.control()
        .write_volume("fa-a", "v", 0, &bytes(1, 32))
        .unwrap();
    lab.control()
        .set_link("fa-a", "fa-b", LinkState::Up, Some(64 * 1024))
        .unwrap();
    lab.send("pg", "s1").await;
    let taken = lab.control().now();
    lab.advance(16);
    let half = lab.transfer("pg.s1").await;
    assert_eq!(half["progress"], 0.5);
    assert!(half["completed"].is_null());
    assert_eq!(half["data_transferred"], MIB);
    let listed = lab.get("fa-b", "volume-snapshots?names=fa-a:pg.s1.v").await;
    assert_eq!(listed.item()["provisioned"], GIB);
    let body = json!({ "source": { "name": "fa-a:pg.s1.v" } });
    let early = lab.post("fa-b", "volumes?names=copy", body.clone()).await;
    assert!(early.refusal().contains("not been completely"));
    lab.advance(16);
    let done = lab.transfer("pg.s1").await;
    assert_eq!(done["progress"], 1.0);
    assert_eq!(done["completed"], taken + 32_000);
    let copy = lab.post("fa-b", "volumes?names=copy", body).await;
    assert_eq!(copy.item()["provisioned"], GIB);
    let read = lab
        .control()
        .read_volume("fa-b", "copy", 0, 2 << 20)
        .unwrap();
    assert_eq!(read, bytes(1, 32));
    let point = lab
        .get("fa-b", "protection-group-snapshots?names=fa-a:pg.s1")
        .await;
    assert_eq!(point.item()["created"], taken);
}

#[tokio::test]
async fn a_link_that_is_down_freezes_what_is_on_its_way() {
    let lab = Lab::new().await;
    lab.replicated_group("pg", &["v"]).await;
    lab.control()
        .write_volume("fa-a", "v", 0, &bytes(2, 20))
        .unwrap();
    lab.control()
        .set_link("fa-a", "fa-b", LinkState::Up, Some(64 * 1024))
        .unwrap();
    lab.send("pg", "s1").await;
    lab.advance(5);
    lab.control()
        .set_link("fa-a", "fa-b", LinkState::Down, Some(64 * 1024))
        .unwrap();
    let connection = lab.get("fa-a", "array-connections?names=fa-b").await;
    assert_eq!(connection.item()["status"], "connecting");
    lab.advance(1000);
    assert_eq!(lab.transfer("pg.s1").await["progress"], 0.25);
    lab.control()
        .set_link("fa-a", "fa-b", LinkState::Up, Some(64 * 1024))
        .unwrap();
    lab.advance(14);
    assert!(lab.transfer("pg.s1").await["completed"].is_null());
    lab.advance(1);
    assert_eq!(lab.transfer("pg.s1").await["progress"], 1.0);
}

#[tokio::test]
async fn the_points_of_a_group_go_one_after_the_other() {
    let lab = Lab::new().await;
    lab.replicated_group("pg", &["v"]).await;
    lab.control()
        .set_link("fa-a", "fa-b", LinkState::Up, Some(64 * 1024))
        .unwrap();
    for (suffix, seed) in [("s1", 3), ("s2", 4)] {
        lab.control()
            .write_volume("fa-a", "v", 0, &bytes(seed, 10))
            .unwrap();
        lab.send("pg", suffix).await;
    }
    lab.advance(9);
    let waiting = "protection-group-snapshots/transfer?names=fa-a:pg.s2";
    assert_eq!(lab.get("fa-b", waiting).await.status, 400);
    lab.advance(2);
    assert_eq!(lab.transfer("pg.s1").await["progress"], 1.0);
    assert_eq!(lab.transfer("pg.s2").await["progress"], 0.1);
}

#[tokio::test]
async fn only_what_has_changed_is_sent_and_nothing_twice() {
    let lab = Lab::new().await;
    lab.replicated_group("pg", &["v", "w"]).await;
    lab.control()
        .write_volume("fa-a", "v", 0, &bytes(5, 4))
        .unwrap();
    lab.send("pg", "s1").await;
    assert_eq!(
        lab.transfer("pg.s1").await["data_transferred"],
        4 * 64 * 1024
    );
    lab.control()
        .write_volume("fa-a", "v", 64 * 1024, b"changed")
        .unwrap();
    lab.send("pg", "s2").await;
    assert_eq!(lab.transfer("pg.s2").await["data_transferred"], 64 * 1024);
    // The same bytes in another volume are there already.
    lab.control()
        .write_volume("fa-a", "w", 0, &bytes(5, 4))
        .unwrap();
    lab.send("pg", "s3").await;
    assert_eq!(lab.transfer("pg.s3").await["data_transferred"], 0);
    lab.control().change_switches(|s| s.dedupe = false);
    lab.control()
        .write_volume("fa-a", "w", GIB / 2, &bytes(5, 4))
        .unwrap();
    lab.send("pg", "s4").await;
    assert_eq!(
        lab.transfer("pg.s4").await["data_transferred"],
        4 * 64 * 1024
    );
}

#[tokio::test]
async fn a_target_that_lets_nothing_in_gets_nothing() {
    let lab = Lab::new().await;
    lab.replicated_group("pg", &["v"]).await;
    let allow = "protection-groups/targets?group_names=fa-a:pg";
    lab.patch("fa-b", allow, json!({ "allowed": false }))
        .await
        .item();
    lab.send("pg", "s1").await;
    let point = "protection-group-snapshots/transfer?names=fa-a:pg";
    assert!(lab.get("fa-b", point).await.items().is_empty());
    lab.patch("fa-b", allow, json!({ "allowed": true }))
        .await
        .item();
    let path = "protection-group-snapshots/replica?names=pg.s1&on=fa-b";
    lab.post("fa-a", path, Value::Null).await.item();
    assert_eq!(lab.get("fa-b", point).await.names(), ["fa-a:pg.s1"]);
}

#[tokio::test]
async fn a_schedule_takes_sends_and_ages_on_both_sides() {
    let mut lab = Lab::new().await;
    lab.replicated_group("pg", &["v"]).await;
    let group = "protection-groups?names=pg";
    let retention = json!({
        "source_retention": { "all_for_sec": 600, "per_day": 0, "days": 0 },
        "target_retention": { "all_for_sec": 1200, "per_day": 0, "days": 0 },
    });
    lab.patch("fa-a", group, retention).await.item();
    let seconds = json!({ "replication_schedule": { "frequency": 300, "enabled": true } });
    assert_eq!(lab.patch("fa-a", group, seconds).await.status, 400);
    let schedule = json!({ "replication_schedule": { "frequency": 300_000, "enabled": true } });
    lab.patch("fa-a", group, schedule).await.item();
    lab.post(
        "fa-a",
        "protection-group-snapshots?source_names=pg",
        json!({ "suffix": "kept" }),
    )
    .await
    .item();
    lab.advance(1500);
    let live = "protection-group-snapshots?destroyed=false&sort=created";
    let source = lab.get("fa-a", live).await;
    assert_eq!(source.names(), ["pg.kept", "pg.5", "pg.6"]);
    let target = lab.get("fa-b", live).await;
    assert_eq!(
        target.names(),
        ["fa-a:pg.3", "fa-a:pg.4", "fa-a:pg.5", "fa-a:pg.6"]
    );
    // What is too old is destroyed and can still be recovered, then it is gone.
    assert_eq!(
        lab.get("fa-b", "protection-group-snapshots?destroyed=true")
            .await
            .items()
            .len(),
        2
    );
    let stop = json!({ "replication_schedule": { "enabled": false } });
    lab.patch("fa-a", group, stop).await.item();
    lab.advance(3 * 86_400);
    lab.log_in_again().await;
    // The newest complete one stays: the next transfer is built on it.
    assert_eq!(
        lab.get("fa-b", "protection-group-snapshots").await.names(),
        ["fa-a:pg.6"]
    );
}

#[tokio::test]
async fn it_makes_no_difference_how_often_somebody_looks() {
    let run = async |steps: u64| {
        let lab = Lab::new().await;
        lab.replicated_group("pg", &["v"]).await;
        lab.control()
            .write_volume("fa-a", "v", 0, &bytes(6, 50))
            .unwrap();
        lab.control()
            .set_link("fa-a", "fa-b", LinkState::Up, Some(5000))
            .unwrap();
        let schedule = json!({ "replication_schedule": { "frequency": 300_000, "enabled": true } });
        lab.patch("fa-a", "protection-groups?names=pg", schedule)
            .await
            .item();
        for _ in 0..steps {
            lab.control()
                .advance(Duration::from_millis(3_600_000 / steps));
        }
        let mut lab = lab;
        lab.log_in_again().await;
        let transfers = lab
            .get(
                "fa-b",
                "protection-group-snapshots/transfer?names=fa-a:pg&sort=started",
            )
            .await;
        let parts = transfers
            .items()
            .iter()
            .map(|t| (t["name"].clone(), t["completed"].clone()));
        parts.collect::<Vec<_>>()
    };
    assert_eq!(run(1).await, run(77).await);
}

#[tokio::test]
async fn cinder_finds_the_newest_transfer() {
    let lab = Lab::new().await;
    lab.replicated_group("cinder-group", &["v"]).await;
    for suffix in ["s1", "s2"] {
        lab.advance(1);
        lab.send("cinder-group", suffix).await;
    }
    let path = "protection-group-snapshots/transfer?destroyed=false&filter=progress%3D%221.0%22&names=fa-a%3Acinder-group&sort=started-";
    let transfers = lab.get("fa-b", path).await;
    assert_eq!(
        transfers.names(),
        ["fa-a:cinder-group.s2", "fa-a:cinder-group.s1"]
    );
    let path = "volume-snapshots?filter=name%3D'fa-a%3Acinder-group.s2.*'";
    assert_eq!(
        lab.get("fa-b", path).await.names(),
        ["fa-a:cinder-group.s2.v"]
    );
}

#[tokio::test]
async fn a_renamed_array_gives_its_name_to_all_that_came_from_it() {
    let lab = Lab::new().await;
    lab.replicated_group("pg", &["v"]).await;
    lab.send("pg", "s1").await;
    lab.control().rename_array("fa-a", "fa-new").unwrap();
    assert_eq!(
        lab.get("fa-b", "protection-groups").await.names(),
        ["fa-new:pg"]
    );
    assert_eq!(
        lab.get("fa-b", "protection-group-snapshots").await.names(),
        ["fa-new:pg.s1"]
    );
    assert_eq!(
        lab.get("fa-b", "array-connections").await.names(),
        ["fa-new"]
    );
}

#[tokio::test]
async fn a_full_target_takes_nothing_until_it_has_room() {
    let lab = Lab::new().await;
    lab.replicated_group("pg", &["v"]).await;
    lab.control()
        .write_volume("fa-a", "v", 0, &bytes(7, 2))
        .unwrap();
    lab.control().set_capacity("fa-b", 0).unwrap();
    lab.send("pg", "s1").await;
    let path = "protection-group-snapshots/transfer?names=fa-a:pg";
    assert!(lab.get("fa-b", path).await.items().is_empty());
    lab.control().set_capacity("fa-b", GIB).unwrap();
    assert_eq!(lab.transfer("pg.s1").await["progress"], 1.0);
}

#[tokio::test]
async fn a_source_tells_of_its_transfers_only_where_it_is_switched_on() {
    let lab = Lab::new().await;
    lab.replicated_group("pg", &["v"]).await;
    lab.send("pg", "s1").await;
    let path = "protection-group-snapshots/transfer?names=pg";
    assert!(lab.get("fa-a", path).await.items().is_empty());
    lab.control()
        .change_switches(|s| s.source_lists_transfers = true);
    let told = lab.get("fa-a", path).await;
    assert_eq!(told.item()["name"], "pg.s1");
    assert_eq!(told.item()["progress"], 1.0);
}
