//! Volumes from their birth to their eradication.

use serde_json::json;

use super::{GIB, Lab, MIB};

#[tokio::test]
async fn a_volume_lives_and_dies() {
    let lab = Lab::new().await;
    let made = lab.volume("fa-a", "Vol-1", GIB).await;
    assert_eq!(made["serial"].as_str().unwrap().len(), 24);
    let found = lab.get("fa-a", "volumes?names=vol-1").await;
    assert_eq!(found.item()["name"], "Vol-1");
    assert_eq!(found.item()["id"], made["id"]);
    let early = lab.delete("fa-a", "volumes?names=Vol-1").await;
    assert!(early.refusal().contains("not destroyed"));
    lab.patch("fa-a", "volumes?names=Vol-1", json!({ "destroyed": true }))
        .await
        .item();
    let twice = lab
        .patch("fa-a", "volumes?names=Vol-1", json!({ "destroyed": true }))
        .await;
    assert_eq!(twice.refusal(), "Volume has been deleted.");
    let taken = lab
        .post("fa-a", "volumes?names=Vol-1", json!({ "provisioned": GIB }))
        .await;
    assert_eq!(taken.refusal(), "Volume already exists.");
    lab.advance(86_399);
    let mut lab = lab;
    lab.log_in_again().await;
    let pending = lab.get("fa-a", "volumes?destroyed=true").await;
    assert_eq!(pending.item()["time_remaining"], 1000);
    assert!(
        lab.get("fa-a", "volumes?destroyed=false")
            .await
            .items()
            .is_empty()
    );
    lab.advance(1);
    assert!(lab.get("fa-a", "volumes").await.items().is_empty());
}

#[tokio::test]
async fn a_name_of_a_destroyed_volume_can_be_told_apart() {
    let lab = Lab::new().await;
    lab.control()
        .change_switches(|s| s.pending_name_text = crate::PendingNameText::Destroyed);
    lab.volume("fa-a", "v", MIB).await;
    lab.patch("fa-a", "volumes?names=v", json!({ "destroyed": true }))
        .await
        .item();
    let taken = lab
        .post("fa-a", "volumes?names=v", json!({ "provisioned": MIB }))
        .await;
    assert_eq!(taken.refusal(), "Volume has been destroyed.");
    lab.patch("fa-a", "volumes?names=v", json!({ "destroyed": false }))
        .await
        .item();
    lab.patch("fa-a", "volumes?names=v", json!({ "destroyed": true }))
        .await
        .item();
    assert_eq!(lab.delete("fa-a", "volumes?names=v").await.status, 200);
    lab.volume("fa-a", "v", MIB).await;
}

#[tokio::test]
async fn an_overwrite_keeps_identity_and_takes_content_and_size() {
    let lab = Lab::new().await;
    let old = lab.volume("fa-a", "old", 2 * GIB).await;
    lab.volume("fa-a", "new", GIB).await;
    lab.control()
        .write_volume("fa-a", "new", 4096, b"fresh")
        .unwrap();
    lab.control().connect_host("fa-a", "old").unwrap();
    let path = "volumes?names=old&overwrite=true";
    let body = json!({ "source": { "name": "new" } });
    let overwritten = lab.post("fa-a", path, body.clone()).await;
    for member in ["id", "serial", "name"] {
        assert_eq!(overwritten.item()[member], old[member]);
    }
    assert_eq!(overwritten.item()["provisioned"], GIB);
    assert_eq!(overwritten.item()["connection_count"], 1);
    assert_eq!(
        lab.control().read_volume("fa-a", "old", 4096, 5).unwrap(),
        b"fresh"
    );
    lab.post(
        "fa-a",
        "volumes?names=big",
        json!({ "provisioned": 3 * GIB }),
    )
    .await
    .item();
    lab.control().change_switches(|s| {
        s.overwrite_size_policy = crate::OverwriteSizePolicy::Reject;
        s.strict_overwrite = true;
    });
    let refused = lab
        .post("fa-a", "volumes?names=big&overwrite=true", body.clone())
        .await;
    assert!(refused.refusal().contains("do not match"));
    let strict = "volumes?names=old&overwrite=true&with_default_protection=false";
    assert!(
        lab.post("fa-a", strict, body)
            .await
            .refusal()
            .contains("overwrite")
    );
}

#[tokio::test]
async fn a_rename_keeps_everything_but_the_name() {
    let lab = Lab::with(crate::Switches::default(), true).await;
    let made = lab.volume("fa-a", "before", MIB).await;
    lab.control()
        .write_volume("fa-a", "before", 0, b"bytes")
        .unwrap();
    lab.post(
        "fa-a",
        "volume-snapshots?source_names=before",
        json!({ "suffix": "s1" }),
    )
    .await
    .item();
    lab.put(
        "fa-a",
        "volumes/tags/batch?resource_names=before",
        json!([{ "namespace": "protector-dr", "key": "run", "value": "r1", "copyable": false }]),
    )
    .await
    .item();
    let renamed = lab
        .patch("fa-a", "volumes?names=before", json!({ "name": "after" }))
        .await;
    assert_eq!(renamed.item()["id"], made["id"]);
    assert_eq!(lab.get("fa-a", "volumes?names=before").await.status, 400);
    assert_eq!(
        lab.get("fa-a", "volume-snapshots?source_names=after")
            .await
            .names(),
        ["after.s1"]
    );
    let tags = lab
        .get(
            "fa-a",
            "volumes/tags?resource_names=after&namespaces=protector-dr",
        )
        .await;
    assert_eq!(tags.item()["value"], "r1");
    let bytes = std::fs::read(lab.pools.path().join("fa-a/after")).unwrap();
    assert_eq!(&bytes[..5], b"bytes");
    assert_eq!(bytes.len() as u64, MIB);
    let by_id = format!("volumes?ids={}", made["id"].as_str().unwrap());
    assert_eq!(lab.get("fa-a", &by_id).await.names(), ["after"]);
}

#[tokio::test]
async fn sizes_grow_and_shrink_only_when_asked() {
    let lab = Lab::new().await;
    assert_eq!(lab.volume("fa-a", "v", 512).await["provisioned"], MIB);
    let path = "volumes?names=v";
    let grown = lab
        .patch("fa-a", path, json!({ "provisioned": 4 * MIB }))
        .await;
    assert_eq!(grown.item()["provisioned"], 4 * MIB);
    assert_eq!(
        lab.patch("fa-a", path, json!({ "provisioned": 2 * MIB }))
            .await
            .status,
        400
    );
    let cut = "volumes?names=v&truncate=true";
    lab.patch("fa-a", cut, json!({ "provisioned": 2 * MIB }))
        .await
        .item();
    let undo = lab.get("fa-a", "volume-snapshots?destroyed=true").await;
    assert_eq!(undo.item()["provisioned"], 4 * MIB);
    assert_eq!(
        lab.patch("fa-a", path, json!({})).await.refusal(),
        "No attribute specified."
    );
    assert_eq!(
        lab.patch("fa-a", path, json!({ "source": { "name": "v" } }))
            .await
            .refusal(),
        "No attribute specified."
    );
}

#[tokio::test]
async fn limits_and_fullness_are_refused_and_safemode_keeps() {
    let lab = Lab::new().await;
    lab.volume("fa-a", "v", MIB).await;
    lab.control()
        .set_limit("fa-a", crate::LimitKind::Volumes, Some(1))
        .unwrap();
    let body = json!({ "provisioned": MIB });
    let limited = lab.post("fa-a", "volumes?names=w", body.clone()).await;
    assert!(limited.refusal().contains("limit reached"));
    lab.control()
        .set_limit("fa-a", crate::LimitKind::Volumes, None)
        .unwrap();
    lab.control().set_capacity("fa-a", 0).unwrap();
    assert!(
        lab.post("fa-a", "volumes?names=w", body)
            .await
            .refusal()
            .contains("limit reached")
    );
    let safemode = crate::Safemode {
        manual_eradication: Some(crate::ManualEradication::AllDisabled),
        ..crate::Safemode::default()
    };
    lab.control().set_safemode("fa-a", &safemode).unwrap();
    lab.patch("fa-a", "volumes?names=v", json!({ "destroyed": true }))
        .await
        .item();
    let kept = lab.delete("fa-a", "volumes?names=v").await;
    assert_eq!(kept.refusal(), "Eradication is disabled.");
    assert!(kept.body["errors"][0]["context"].is_null());
}

#[tokio::test]
async fn lists_come_in_pages_that_tokens_lead_through() {
    let lab = Lab::new().await;
    lab.control().change_switches(|s| s.page_size = 10);
    for number in 0..25 {
        lab.volume("fa-a", &format!("v{number:02}"), MIB).await;
    }
    let mut seen = Vec::new();
    let mut path = "volumes".to_owned();
    loop {
        let page = lab.get("fa-a", &path).await;
        seen.extend(page.names().iter().map(|name| (*name).to_owned()));
        assert!(page.items().len() <= 10);
        if page.body["more_items_remaining"] == false {
            break;
        }
        path = format!(
            "volumes?continuation_token={}",
            page.body["continuation_token"].as_str().unwrap()
        );
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25);
    let sorted = lab
        .get("fa-a", "volumes?sort=name-&offset=20&total_item_count=true")
        .await;
    assert_eq!(sorted.names(), ["v04", "v03", "v02", "v01", "v00"]);
    assert_eq!(sorted.body["total_item_count"], 25);
    let filtered = lab.get("fa-a", "volumes?filter=name%3D'V1*'").await;
    assert_eq!(filtered.items().len(), 10);
}

#[tokio::test]
async fn a_call_over_several_objects_stops_midway_or_does_nothing() {
    for (switch, left) in [(false, vec!["v", "w"]), (true, vec!["w"])] {
        let lab = Lab::new().await;
        lab.control().change_switches(|s| s.all_or_nothing = switch);
        lab.volume("fa-a", "w", MIB).await;
        let both = lab
            .post("fa-a", "volumes?names=v,w", json!({ "provisioned": MIB }))
            .await;
        assert_eq!(both.refusal(), "Volume already exists.");
        assert_eq!(lab.get("fa-a", "volumes?sort=name").await.names(), left);
    }
}

#[tokio::test]
async fn what_nobody_knows_of_overwriting_and_demoting_is_a_switch() {
    let lab = Lab::new().await;
    lab.volume("fa-a", "v", MIB).await;
    lab.volume("fa-a", "w", MIB).await;
    lab.control().connect_host("fa-a", "v").unwrap();
    let demote = json!({ "requested_promotion_state": "demoted" });
    lab.control().change_switches(|s| {
        s.demote_connected = false;
        s.overwrite_keeps_undo = true;
    });
    let refused = lab.patch("fa-a", "volumes?names=v", demote.clone()).await;
    assert!(refused.refusal().contains("existing connections"));
    lab.control().change_switches(|s| s.demote_connected = true);
    let demoted = lab.patch("fa-a", "volumes?names=v", demote).await;
    assert_eq!(demoted.item()["promotion_status"], "demoted");
    let over = json!({ "source": { "name": "v" } });
    lab.post("fa-a", "volumes?names=w&overwrite=true", over)
        .await
        .item();
    let undo = lab.get("fa-a", "volume-snapshots").await;
    assert_eq!(undo.item()["name"], "w.1");
    assert_eq!(undo.item()["destroyed"], true);
}

#[tokio::test]
async fn a_saved_fabric_is_come_back_to_as_often_as_is_wanted() {
    let lab = Lab::new().await;
    lab.volume("fa-a", "v", MIB).await;
    lab.control().write_volume("fa-a", "v", 0, b"kept").unwrap();
    let (saved, then) = (lab.control().save().unwrap(), lab.control().now());
    for _ in 0..2 {
        lab.volume("fa-a", "new", MIB).await;
        lab.control().write_volume("fa-a", "v", 0, b"lost").unwrap();
        lab.advance(60);
        lab.control().restore(&saved);
        assert_eq!(lab.control().now(), then);
        assert_eq!(lab.get("fa-a", "volumes").await.names(), ["v"]);
        let held = lab.control().read_volume("fa-a", "v", 0, 4).unwrap();
        assert_eq!(held, b"kept");
    }
    let files = Lab::with(crate::Switches::default(), true).await;
    assert!(files.control().save().is_err());
}
