//! Building a server: the tag names it, and the root volume's attachment makes it the only one.

use protector_framework::{BootVolume, EnsureServer, ErrorKind, PortId, ResourceId};
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use super::{Made, nothing_hangs_on_volumes, server};
use crate::testing::{FakeCloud, ctx, token_of};

const SERVERS: &str = "/compute/v2.1/servers";
const DETAIL: &str = "/compute/v2.1/servers/detail";
const ATTACHMENTS: &str = "/volume/v3/tenant/attachments/detail";
const TAG: &str = "protector-0123";

fn ask() -> EnsureServer {
    EnsureServer::new(
        TAG,
        "web",
        "flavor-1",
        [
            BootVolume::new("v1").tag(Some("root".to_owned())),
            BootVolume::new("v2").device(Some("/dev/vdb".to_owned())),
        ],
        [PortId::from("p1"), PortId::from("p2")],
    )
    .hostname(Some("web.example.org".to_owned()))
    .keypair(Some("key".to_owned()))
    .availability_zone(Some("az".to_owned()))
    .metadata([("role".to_owned(), "db".to_owned())])
    .tags(["blue".to_owned()])
    .user_data(Some("aGk=".to_owned()))
    .config_drive(true)
    .server_group(Some(ResourceId::from("group")))
    .description(Some("d".to_owned()))
}

fn ours() -> Value {
    let mut body = server("s1", "BUILD");
    body["tags"] = json!([TAG, "blue"]);
    body
}

/// A cloud on which nothing is built yet.
async fn empty() -> FakeCloud {
    let cloud = FakeCloud::start().await;
    cloud
        .says(
            "GET",
            &format!("{SERVERS}/s1"),
            200,
            json!({"server": ours()}),
        )
        .await;
    cloud
}

#[tokio::test]
async fn one_that_goes_is_not_taken_for_the_one_that_is_asked_for() {
    let goes = |status: &str, task: Value| {
        let mut body = server("s0", status);
        body["tags"] = json!([TAG]);
        body["OS-EXT-STS:task_state"] = task;
        json!({"servers": [body]})
    };
    let cloud = empty().await;
    nothing_hangs_on_volumes(&cloud).await;
    let deleted = goes("DELETED", Value::Null);
    cloud.says("GET", DETAIL, 200, deleted).await;
    cloud
        .says("POST", SERVERS, 202, json!({"server": {"id": "s1"}}))
        .await;
    let made = cloud.trusted().ensure_server(&ctx(), ask()).await.unwrap();
    assert_eq!(made.id.as_str(), "s1");

    let cloud = empty().await;
    let deleting = goes("ACTIVE", json!("deleting"));
    cloud.says("GET", DETAIL, 200, deleting).await;
    let busy = cloud.trusted().ensure_server(&ctx(), ask()).await;
    let busy = busy.unwrap_err();
    assert_eq!(busy.kind, ErrorKind::Busy);
    assert!(busy.remote_call.is_some(), "{busy}");
}

#[tokio::test]
async fn a_server_is_built_as_asked() {
    let cloud = empty().await;
    nothing_hangs_on_volumes(&cloud).await;
    cloud.says("GET", DETAIL, 200, json!({"servers": []})).await;
    cloud
        .says("POST", SERVERS, 202, json!({"server": {"id": "s1"}}))
        .await;
    let made = cloud.trusted().ensure_server(&ctx(), ask()).await.unwrap();
    assert_eq!(made.id.as_str(), "s1");
    let sent = cloud.seen("POST", SERVERS).await;
    assert_eq!(
        token_of(&sent[0]),
        "trust",
        "keypair and volumes are the owner's"
    );
    assert_eq!(sent[0].headers["openstack-api-version"], "compute 2.94");
    assert_eq!(
        sent[0].body_json::<Value>().unwrap(),
        json!({
            "server": {
                "name": "web", "flavorRef": "flavor-1", "hostname": "web.example.org",
                "key_name": "key", "availability_zone": "az", "user_data": "aGk=",
                "config_drive": true, "description": "d", "metadata": {"role": "db"},
                "tags": [TAG, "blue"],
                "networks": [{"port": "p1"}, {"port": "p2"}],
                "block_device_mapping_v2": [
                    {"uuid": "v1", "source_type": "volume", "destination_type": "volume",
                     "boot_index": 0, "delete_on_termination": false, "tag": "root"},
                    {"uuid": "v2", "source_type": "volume", "destination_type": "volume",
                     "boot_index": -1, "delete_on_termination": false, "device_name": "/dev/vdb"},
                ],
            },
            "os:scheduler_hints": {"group": "group"},
        })
    );
}

#[tokio::test]
async fn a_cloud_gives_the_guests_name_as_far_as_it_can() {
    for (nova, version, hostname) in [
        ("2.87", "compute 2.87", json!(null)),
        ("2.90", "compute 2.90", json!("web")),
        ("2.94", "compute 2.94", json!("web.example.org")),
    ] {
        let cloud = FakeCloud::with_versions(nova, "3.62").await;
        nothing_hangs_on_volumes(&cloud).await;
        cloud.says("GET", DETAIL, 200, json!({"servers": []})).await;
        cloud
            .says("POST", SERVERS, 202, json!({"server": {"id": "s1"}}))
            .await;
        cloud.compute().ensure_server(&ctx(), ask()).await.unwrap();
        let sent = cloud.seen("POST", SERVERS).await;
        assert_eq!(sent[0].headers["openstack-api-version"], version);
        assert_eq!(
            sent[0].body_json::<Value>().unwrap()["server"]["hostname"],
            hostname
        );
    }
}

#[tokio::test]
async fn a_server_with_the_tag_is_the_reply() {
    let cloud = empty().await;
    cloud
        .says("GET", DETAIL, 200, json!({"servers": [ours()]}))
        .await;
    let made = cloud.compute().ensure_server(&ctx(), ask()).await.unwrap();
    assert_eq!(made.id.as_str(), "s1");
    assert!(cloud.changes().await.is_empty());
}

#[tokio::test]
async fn a_server_whose_answer_is_lost_is_found_by_its_tag() {
    let cloud = empty().await;
    nothing_hangs_on_volumes(&cloud).await;
    let made = Made::default();
    made.shown(&cloud, DETAIL, "servers", ours()).await;
    made.by_lost(&cloud, SERVERS).await;
    let driver = cloud.compute();
    let first = driver.ensure_server(&ctx(), ask()).await.unwrap();
    let again = driver.ensure_server(&ctx(), ask()).await.unwrap();
    assert_eq!(first.id, again.id);
    assert_eq!(cloud.seen("POST", SERVERS).await.len(), 1);
}

#[tokio::test]
async fn a_server_that_no_list_shows_yet_is_found_by_its_root_volume() {
    let cloud = empty().await;
    let made = Made::default();
    let held = json!({"id": "a1", "status": "reserved", "instance": "s1"});
    made.shown(&cloud, ATTACHMENTS, "attachments", held).await;
    cloud.says("GET", DETAIL, 200, json!({"servers": []})).await;
    made.by_lost(&cloud, SERVERS).await;
    let found = cloud.compute().ensure_server(&ctx(), ask()).await.unwrap();
    assert_eq!(found.id.as_str(), "s1");
    assert_eq!(cloud.seen("POST", SERVERS).await.len(), 1);
}

#[tokio::test]
async fn a_refusal_is_told_as_what_it_is() {
    for (status, text, kind) in [
        (
            400,
            "Invalid volume: volume 'v1' status must be 'available'. Currently in 'in-use'",
            ErrorKind::Conflict,
        ),
        (
            400,
            "Block Device Mapping is Invalid: failed to get volume v1.",
            ErrorKind::NotFound,
        ),
        (400, "Invalid key_name provided.", ErrorKind::NotFound),
        (
            400,
            "Flavor flavor-1 could not be found.",
            ErrorKind::NotFound,
        ),
        (
            400,
            "Invalid input for field/attribute name",
            ErrorKind::InvalidRequest,
        ),
        (403, "Quota exceeded for cores", ErrorKind::QuotaExceeded),
        (409, "Port p1 is still in use.", ErrorKind::Conflict),
    ] {
        let cloud = empty().await;
        nothing_hangs_on_volumes(&cloud).await;
        cloud.says("GET", DETAIL, 200, json!({"servers": []})).await;
        cloud
            .says("POST", SERVERS, status, json!({"x": {"message": text}}))
            .await;
        let error = cloud
            .compute()
            .ensure_server(&ctx(), ask())
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{text}");
        assert_eq!(cloud.seen("POST", SERVERS).await.len(), 1);
    }
    let none = EnsureServer::new(TAG, "web", "f", [], []);
    let error = FakeCloud::start()
        .await
        .compute()
        .ensure_server(&ctx(), none)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidRequest);
}

/// A volume that is reserved for server `dead`, until the reservation is dropped.
async fn reserved(cloud: &FakeCloud, dropped: &Made) {
    let gone = dropped.clone();
    cloud
        .on("GET", ATTACHMENTS)
        .respond_with(move |request: &Request| {
            let of_root = request
                .url
                .query()
                .is_some_and(|query| query.contains("volume_id=v1"));
            let all = if of_root && !gone.is() {
                json!([{"id": "a1", "status": "reserved", "instance": "dead"},
                       {"id": "a2", "status": "attached", "instance": "dead"}])
            } else {
                json!([])
            };
            ResponseTemplate::new(200).set_body_json(json!({"attachments": all}))
        })
        .mount(&cloud.server)
        .await;
    let effect = dropped.clone();
    cloud
        .on("DELETE", "/volume/v3/tenant/attachments/a1")
        .respond_with(move |_: &Request| {
            effect.set();
            ResponseTemplate::new(200).set_body_json(json!({"attachments": []}))
        })
        .mount(&cloud.server)
        .await;
}

#[tokio::test]
async fn a_reservation_for_a_server_that_is_gone_is_dropped() {
    let cloud = empty().await;
    let dropped = Made::default();
    reserved(&cloud, &dropped).await;
    cloud
        .says("GET", &format!("{SERVERS}/dead"), 404, json!({}))
        .await;
    cloud.says("GET", DETAIL, 200, json!({"servers": []})).await;
    cloud
        .says("POST", SERVERS, 202, json!({"server": {"id": "s1"}}))
        .await;
    cloud.compute().ensure_server(&ctx(), ask()).await.unwrap();
    // What is attached stays, whatever its server.
    assert_eq!(
        cloud.changes().await,
        [
            "DELETE /volume/v3/tenant/attachments/a1",
            "POST /compute/v2.1/servers"
        ]
    );
    assert!(
        !cloud.clock.waits().is_empty(),
        "not before it was looked at twice"
    );
}

#[tokio::test]
async fn a_reservation_for_a_server_that_appears_is_kept() {
    let cloud = empty().await;
    reserved(&cloud, &Made::default()).await;
    // Nova reserves the volume a moment before it shows the server.
    cloud
        .says_once("GET", &format!("{SERVERS}/dead"), 404, json!({}))
        .await;
    let late = json!({"server": server("dead", "BUILD")});
    cloud
        .says("GET", &format!("{SERVERS}/dead"), 200, late)
        .await;
    cloud.says("GET", DETAIL, 200, json!({"servers": []})).await;
    let refusal = json!({"badRequest": {"message": "status must be 'available'"}});
    cloud.says("POST", SERVERS, 400, refusal).await;
    let error = cloud
        .compute()
        .ensure_server(&ctx(), ask())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert_eq!(cloud.changes().await, ["POST /compute/v2.1/servers"]);
}
