//! Pods on one array and on two.

use std::time::Duration;

use serde_json::{Value, json};

use super::{GIB, Lab, MIB};
use crate::LinkState;

impl Lab {
    async fn pod_states(&self, array: &str) -> Vec<(String, String)> {
        let pod = self.get(array, "pods?names=p").await;
        let arrays = pod.item()["arrays"].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        arrays
            .iter()
            .map(|a| (text(&a["name"]), text(&a["status"])))
            .collect()
    }

    async fn stretched(&self, preferred: &str) {
        let body = json!({ "failover_preferences": [{ "name": preferred }] });
        self.post("fa-a", "pods?names=p", body).await.item();
        self.volume("fa-a", "p::v", GIB).await;
        self.control()
            .write_volume("fa-a", "p::v", 0, b"one")
            .unwrap();
        self.post(
            "fa-a",
            "pods/arrays?group_names=p&member_names=fa-b",
            Value::Null,
        )
        .await
        .item();
    }
}

fn states(a: &str, b: &str) -> Vec<(String, String)> {
    vec![
        ("fa-a".to_owned(), a.to_owned()),
        ("fa-b".to_owned(), b.to_owned()),
    ]
}

#[tokio::test]
async fn a_stretched_pod_is_the_same_on_both_arrays() {
    let lab = Lab::new().await;
    lab.stretched("fa-a").await;
    assert_eq!(lab.pod_states("fa-a").await, states("online", "online"));
    let here = lab.get("fa-a", "volumes?names=p::v").await;
    let there = lab.get("fa-b", "volumes?names=p::v").await;
    for member in ["id", "serial", "provisioned"] {
        assert_eq!(here.item()[member], there.item()[member]);
    }
    lab.control()
        .write_volume("fa-b", "p::v", 0, b"two")
        .unwrap();
    assert_eq!(
        lab.control().read_volume("fa-a", "p::v", 0, 3).unwrap(),
        b"two"
    );
    lab.volume("fa-b", "p::w", MIB).await;
    lab.patch("fa-a", "volumes?names=p::w", json!({ "name": "x" }))
        .await
        .item();
    assert_eq!(
        lab.get("fa-b", "volumes?sort=name").await.names(),
        ["p::v", "p::x"]
    );
    let moved = json!({ "pod": { "name": "" } });
    assert_eq!(
        lab.patch("fa-a", "volumes?names=p::v", moved).await.status,
        400
    );
    let destroy = "pods?names=p&destroy_contents=true";
    assert_eq!(
        lab.patch("fa-a", destroy, json!({ "destroyed": true }))
            .await
            .status,
        400
    );
    let copy = json!({ "source": { "name": "p::v" } });
    let copied = lab.post("fa-b", "volumes?names=drf-1", copy).await;
    assert_ne!(copied.item()["serial"], there.item()["serial"]);
    assert_eq!(
        lab.control().read_volume("fa-b", "drf-1", 0, 3).unwrap(),
        b"two"
    );
}

#[tokio::test]
async fn a_new_array_of_a_pod_gets_its_bytes_first() {
    let lab = Lab::new().await;
    lab.control()
        .set_link("fa-a", "fa-b", LinkState::Up, Some(32 * 1024))
        .unwrap();
    lab.control()
        .change_switches(|s| s.resync_delay = Duration::from_millis(500));
    lab.stretched("fa-a").await;
    assert_eq!(lab.pod_states("fa-a").await, states("online", "resyncing"));
    lab.advance(1);
    let pod = lab.get("fa-b", "pods?names=p").await;
    assert_eq!(pod.item()["arrays"][1]["progress"], 0.5);
    lab.advance(1);
    assert_eq!(lab.pod_states("fa-b").await, states("online", "online"));
}

#[tokio::test]
async fn arrays_that_lose_each_other_agree_on_one() {
    let lab = Lab::new().await;
    lab.stretched("fa-b").await;
    lab.control()
        .set_link("fa-a", "fa-b", LinkState::Down, None)
        .unwrap();
    assert_eq!(lab.pod_states("fa-a").await, states("offline", "unknown"));
    assert_eq!(lab.pod_states("fa-b").await, states("unknown", "online"));
    let pod = lab.get("fa-a", "pods?names=p").await;
    assert!(pod.item()["arrays"][0]["frozen_at"].is_i64());
    lab.control()
        .write_volume("fa-b", "p::v", 0, b"new")
        .unwrap();
    assert_eq!(
        lab.control().read_volume("fa-a", "p::v", 0, 3).unwrap(),
        b"one"
    );
    lab.control()
        .set_link("fa-a", "fa-b", LinkState::Up, None)
        .unwrap();
    assert_eq!(lab.pod_states("fa-a").await, states("online", "online"));
    assert_eq!(
        lab.control().read_volume("fa-a", "p::v", 0, 3).unwrap(),
        b"new"
    );
}

#[tokio::test]
async fn without_preference_the_mediator_decides() {
    let lab = Lab::new().await;
    lab.stretched("fa-a").await;
    lab.patch(
        "fa-a",
        "pods?names=p",
        json!({ "failover_preferences": [] }),
    )
    .await
    .item();
    lab.control().set_mediator("fa-a", false).unwrap();
    lab.control().set_power("fa-a", false).unwrap();
    assert_eq!(lab.pod_states("fa-b").await, states("unknown", "online"));
}

#[tokio::test]
async fn an_array_that_left_keeps_what_makes_its_return_short() {
    let lab = Lab::new().await;
    lab.stretched("fa-a").await;
    let leave = "pods/arrays?group_names=p&member_names=fa-a";
    assert_eq!(lab.delete("fa-b", leave).await.status, 200);
    let pod = lab.get("fa-b", "pods?names=p").await;
    assert_eq!(pod.item()["array_count"], 1);
    let kept = lab.get("fa-a", "pods?names=p.restretch").await;
    assert_eq!(kept.item()["destroyed"], true);
    let root = json!({ "pod": { "name": "" } });
    lab.patch("fa-b", "volumes?names=p::v", root).await.item();
    assert_eq!(lab.get("fa-b", "volumes").await.names(), ["v"]);
    lab.patch("fa-b", "volumes?names=v", json!({ "pod": { "name": "p" } }))
        .await
        .item();
    lab.control()
        .write_volume("fa-b", "p::v", 0, b"two")
        .unwrap();
    lab.post(
        "fa-b",
        "pods/arrays?group_names=p&member_names=fa-a",
        Value::Null,
    )
    .await
    .item();
    assert_eq!(
        lab.control().read_volume("fa-a", "p::v", 0, 3).unwrap(),
        b"two"
    );
    assert_eq!(lab.get("fa-a", "pods?names=p.restretch").await.status, 400);
}

#[tokio::test]
async fn nobody_leaves_a_pod_whose_other_side_is_unknown_unless_forced() {
    let lab = Lab::new().await;
    lab.stretched("fa-b").await;
    lab.control().set_power("fa-a", false).unwrap();
    let leave = "pods/arrays?group_names=p&member_names=fa-a";
    assert_eq!(lab.delete("fa-b", leave).await.status, 400);
    assert_eq!(
        lab.delete("fa-b", &format!("{leave}&with_unknown=true"))
            .await
            .status,
        200
    );
    assert_eq!(
        lab.get("fa-b", "pods?names=p").await.item()["array_count"],
        1
    );
    lab.control().set_power("fa-a", true).unwrap();
    assert_eq!(lab.get("fa-a", "pods").await.names(), ["p.restretch"]);
}

#[tokio::test]
async fn a_volume_moves_only_when_its_groups_are_named() {
    let lab = Lab::new().await;
    lab.replicated_group("pg", &["v"]).await;
    lab.post("fa-a", "pods?names=p", json!({})).await.item();
    let body = json!({ "pod": { "name": "p" } });
    let refused = lab.patch("fa-a", "volumes?names=v", body.clone()).await;
    assert!(
        refused
            .refusal()
            .contains("Cannot move volume in protection groups")
    );
    let path = "volumes?names=v&remove_from_protection_group_names=pg";
    let moved = lab.patch("fa-a", path, body).await;
    assert_eq!(moved.item()["name"], "p::v");
    assert_eq!(moved.item()["pod"]["name"], "p");
    let unknown = json!({ "failover_preferences": [{ "name": "none" }] });
    assert_eq!(
        lab.post("fa-a", "pods?names=q", unknown).await.refusal(),
        "Target array could not be found."
    );
}

#[tokio::test]
async fn the_group_of_a_pod_is_called_after_it_on_its_target() {
    let lab = Lab::new().await;
    lab.post("fa-a", "pods?names=cinder-pod", json!({}))
        .await
        .item();
    lab.volume("fa-a", "cinder-pod::v", MIB).await;
    lab.post(
        "fa-a",
        "protection-groups?names=cinder-pod::tri",
        Value::Null,
    )
    .await
    .item();
    lab.post(
        "fa-a",
        "protection-groups/volumes?group_names=cinder-pod::tri&member_names=cinder-pod::v",
        Value::Null,
    )
    .await
    .item();
    lab.post(
        "fa-a",
        "protection-groups/targets?group_names=cinder-pod::tri&member_names=fa-b",
        Value::Null,
    )
    .await
    .item();
    lab.patch(
        "fa-b",
        "protection-groups/targets?group_names=cinder-pod:tri",
        json!({ "allowed": true }),
    )
    .await
    .item();
    lab.send("cinder-pod::tri", "s1").await;
    assert_eq!(
        lab.get("fa-b", "volume-snapshots").await.names(),
        ["cinder-pod:tri.s1.v"]
    );
}

#[tokio::test]
async fn one_pod_follows_another() {
    let lab = Lab::new().await;
    lab.post("fa-a", "pods?names=p", json!({})).await.item();
    lab.volume("fa-a", "p::v", MIB).await;
    lab.post("fa-b", "pods?names=p-dr", json!({})).await.item();
    let link = "pod-replica-links?local_pod_names=p&remote_names=fa-b&remote_pod_names=p-dr";
    assert_eq!(lab.post("fa-a", link, Value::Null).await.status, 400);
    let demote = json!({ "requested_promotion_state": "demoted" });
    lab.patch("fa-b", "pods?names=p-dr&skip_quiesce=true", demote.clone())
        .await
        .item();
    lab.post("fa-a", link, Value::Null).await.item();
    lab.control()
        .write_volume("fa-a", "p::v", 0, b"one")
        .unwrap();
    let seen = lab.get("fa-a", "pod-replica-links?local_pod_names=p").await;
    assert_eq!(seen.item()["status"], "replicating");
    assert_eq!(
        lab.control().read_volume("fa-b", "p-dr::v", 0, 3).unwrap(),
        b"one"
    );
    assert_eq!(
        lab.get("fa-b", "pods?names=p-dr").await.item()["link_target_count"],
        1
    );
    lab.patch("fa-a", "pods?names=p&quiesce=true", demote)
        .await
        .item();
    let promote = json!({ "requested_promotion_state": "promoted" });
    lab.patch("fa-b", "pods?names=p-dr", promote).await.item();
    let turned = lab.get("fa-b", "pod-replica-links").await;
    assert_eq!(turned.item()["direction"], "outbound");
    assert_eq!(
        lab.get("fa-a", "pods?names=p.undo-demote").await.item()["destroyed"],
        true
    );
}

#[tokio::test]
async fn what_others_write_into_a_file_is_on_both_arrays() {
    let lab = Lab::with(crate::Switches::default(), true).await;
    lab.stretched("fa-a").await;
    let file = lab.pools.path().join("fa-a/p::v");
    let file = std::fs::File::options().write(true).open(file).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"written", 0).unwrap();
    let copy = json!({ "source": { "name": "p::v" } });
    lab.post("fa-b", "volumes?names=copy", copy).await.item();
    assert_eq!(
        lab.control().read_volume("fa-b", "copy", 0, 7).unwrap(),
        b"written"
    );
    assert_eq!(
        lab.control().content_id("fa-a", "p::v"),
        lab.control().content_id("fa-b", "copy")
    );
}
