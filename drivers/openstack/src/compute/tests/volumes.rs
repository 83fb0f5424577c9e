//! Volumes as they are.

use protector_framework::{ErrorKind, SetVolumeProperties, VolumeRef, VolumeStatus};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::volume;
use crate::testing::{FakeCloud, ctx, query, token_of};

const VOLUME: &str = "/volume/v3/tenant/volumes/v1";
const ATTACHMENTS: &str = "/volume/v3/tenant/attachments/detail";
const SNAPSHOTS: &str = "/volume/v3/tenant/snapshots";

async fn cloud_with(volume: Value, attachments: Value) -> FakeCloud {
    let cloud = FakeCloud::start().await;
    cloud
        .says("GET", VOLUME, 200, json!({"volume": volume}))
        .await;
    cloud
        .says("GET", ATTACHMENTS, 200, json!({"attachments": attachments}))
        .await;
    let snapshots =
        json!({"snapshots": [{"id": "a", "volume_id": "v1"}, {"id": "b", "volume_id": "v1"}]});
    cloud.says("GET", SNAPSHOTS, 200, snapshots).await;
    cloud
}

#[tokio::test]
async fn a_volume_tells_who_holds_it_and_whether_a_host_is_connected() {
    let attachment = |status: &str, info: Value| json!([{"id": "a1", "status": status, "instance": "s1", "connection_info": info}]);
    let info = json!({"driver_volume_type": "iscsi", "auth_password": "chap"});
    for (status, attachments, connected) in [
        ("available", json!([]), false),
        // A parked server's.
        ("reserved", attachment("reserved", json!({})), false),
        ("reserved", attachment("reserved", json!(null)), false),
        // A stopped server's.
        ("in-use", attachment("attached", info.clone()), true),
        ("attaching", attachment("attaching", json!({})), true),
        ("detaching", attachment("error_detaching", json!({})), true),
        // What an attachment does not tell, the connection does.
        ("reserved", attachment("reserved", info), true),
        // An old client's.
        ("in-use", json!([]), true),
    ] {
        let mut body = volume("v1", "n");
        body["status"] = json!(status);
        let cloud = cloud_with(body, attachments.clone()).await;
        let now = cloud
            .trusted()
            .get_volume(&ctx(), VolumeRef::new("v1"))
            .await
            .unwrap();
        assert_eq!(now.connected, connected, "{status} {attachments}");
        let holder = attachments.get(0).map(|_| "s1");
        assert_eq!(now.servers.first().map(|id| id.as_str()), holder);
        assert_eq!(now.snapshots, 2);
        assert_eq!(now.host.as_deref(), Some("h@b#p"));
        assert_eq!(
            now.volume_type.map(|id| id.to_string()).as_deref(),
            Some("type-1")
        );
        let asked = cloud.seen("GET", ATTACHMENTS).await;
        assert_eq!(query(&asked[0], "volume_id").as_deref(), Some("v1"));
    }
}

#[tokio::test]
async fn the_words_of_cinder_fall_into_the_engines_classes() {
    for (status, class) in [
        ("available", VolumeStatus::Available),
        ("in-use", VolumeStatus::InUse),
        ("reserved", VolumeStatus::Reserved),
        ("managing", VolumeStatus::Busy),
        ("detaching", VolumeStatus::Busy),
        ("error", VolumeStatus::Error),
        ("error_unmanaging", VolumeStatus::Error),
        ("awaiting-transfer", VolumeStatus::Other),
    ] {
        let mut body = volume("v1", "n");
        body["status"] = json!(status);
        let cloud = cloud_with(body, json!([])).await;
        let now = cloud
            .compute()
            .get_volume(&ctx(), VolumeRef::new("v1"))
            .await
            .unwrap();
        assert_eq!((now.status, now.raw_status.as_str()), (class, status));
    }
}

#[tokio::test]
async fn a_type_that_is_told_by_name_is_looked_up() {
    let mut body = volume("v1", "n");
    body.as_object_mut().unwrap().remove("volume_type_id");
    let cloud = cloud_with(body, json!([])).await;
    let types = json!({"volume_types": [{"id": "t0", "name": "x"}, {"id": "t9", "name": "async"}]});
    cloud
        .says("GET", "/volume/v3/tenant/types", 200, types)
        .await;
    let now = cloud
        .compute()
        .get_volume(&ctx(), VolumeRef::new("v1"))
        .await
        .unwrap();
    assert_eq!(now.volume_type.unwrap().as_str(), "t9");
}

#[tokio::test]
async fn a_migrated_volume_tells_what_its_back_end_calls_it() {
    for (told, expected) in [
        (json!("v0"), Some("v0")),
        (json!("v1"), None),
        (json!(null), None),
    ] {
        let mut body = volume("v1", "n");
        body["os-vol-mig-status-attr:name_id"] = told;
        let cloud = cloud_with(body, json!([])).await;
        let now = cloud
            .compute()
            .get_volume(&ctx(), VolumeRef::new("v1"))
            .await
            .unwrap();
        assert_eq!(now.name_id.as_ref().map(|id| id.as_str()), expected);
    }
}

#[tokio::test]
async fn anothers_volume_does_not_exist() {
    let mut body = volume("v1", "n");
    body["os-vol-tenant-attr:tenant_id"] = json!("other");
    let cloud = cloud_with(body, json!([])).await;
    let driver = cloud.compute();
    let error = driver
        .get_volume(&ctx(), VolumeRef::new("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    driver
        .unmanage_volume(&ctx(), VolumeRef::new("v1"))
        .await
        .unwrap();
    let set = SetVolumeProperties::new("v1", false);
    let error = driver.set_volume_properties(&ctx(), set).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(cloud.changes().await.is_empty());
}

#[tokio::test]
async fn only_what_differs_is_set() {
    let mut body = volume("v1", "n");
    body["volume_image_metadata"] = json!({"hw_disk_bus": "virtio", "image_id": "i"});
    let cloud = cloud_with(body, json!([])).await;
    for (verb, at) in [
        ("POST", format!("{VOLUME}/action")),
        ("PUT", VOLUME.to_owned()),
    ] {
        cloud
            .on(verb, &at)
            .respond_with(ResponseTemplate::new(200))
            .mount(&cloud.server)
            .await;
    }
    let driver = cloud.trusted();
    let same = SetVolumeProperties::new("v1", true)
        .image_metadata([("hw_disk_bus".to_owned(), "virtio".to_owned())])
        .name(Some("n".to_owned()));
    driver.set_volume_properties(&ctx(), same).await.unwrap();
    assert!(cloud.changes().await.is_empty());

    let other = SetVolumeProperties::new("v1", false)
        .image_metadata([("hw_firmware_type".to_owned(), "uefi".to_owned())])
        .name(Some("m".to_owned()));
    driver.set_volume_properties(&ctx(), other).await.unwrap();
    let actions = cloud.seen("POST", &format!("{VOLUME}/action")).await;
    assert!(actions.iter().all(|request| token_of(request) == "trust"));
    let bodies: Vec<Value> = actions.iter().map(|one| one.body_json().unwrap()).collect();
    assert_eq!(
        bodies,
        [
            json!({"os-set_bootable": {"bootable": false}}),
            json!({"os-set_image_metadata": {"metadata": {"hw_firmware_type": "uefi"}}}),
        ]
    );
    let renamed = cloud.seen("PUT", VOLUME).await;
    assert_eq!(
        renamed[0].body_json::<Value>().unwrap(),
        json!({"volume": {"name": "m"}})
    );
}
