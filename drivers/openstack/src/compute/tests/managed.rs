//! Adopting array volumes, and never deleting what failed.

use protector_framework::{EnsureManagedVolume, ErrorKind, VolumeRef, VolumeStatus, VolumeTypeId};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::{Made, nothing_hangs_on_volumes, volume};
use crate::testing::{FakeCloud, TENANT, ctx, query, token_of};

const LIST: &str = "/volume/v3/tenant/volumes/detail";
const OFFERS: &str = "/volume/v3/tenant/manageable_volumes/detail";
const MANAGE: &str = "/volume/v3/tenant/manageable_volumes";
const VOLUME: &str = "/volume/v3/tenant/volumes/v1";
const ACTION: &str = "/volume/v3/tenant/volumes/v1/action";

fn ask() -> EnsureManagedVolume {
    EnsureManagedVolume::new(
        "run-1",
        "array-vol",
        "h@b#p",
        VolumeTypeId::from("type-1"),
        true,
    )
    .description("d")
    .metadata([("k".to_owned(), "v".to_owned())])
    .availability_zone(Some("az".to_owned()))
}

fn managing() -> Value {
    let mut body = volume("v1", "run-1");
    body["status"] = json!("managing");
    body
}

async fn offers(cloud: &FakeCloud, entries: Value) {
    let body = json!({"manageable-volumes": entries});
    cloud
        .on("GET", OFFERS)
        .and(wiremock::matchers::query_param("offset", "0"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(&cloud.server)
        .await;
    cloud
        .says("GET", OFFERS, 200, json!({"manageable-volumes": []}))
        .await;
}

fn offer(name: &str) -> Value {
    json!({"reference": {"source-name": name}, "size": 3, "safe_to_manage": true,
           "reason_not_safe": null, "cinder_id": null})
}

#[tokio::test]
async fn an_array_volume_is_adopted_into_the_projects_hands() {
    let cloud = FakeCloud::start().await;
    nothing_hangs_on_volumes(&cloud).await;
    cloud
        .says(
            "GET",
            LIST,
            200,
            json!({"volumes": [volume("x", "run-10")]}),
        )
        .await;
    offers(&cloud, json!([offer("other"), offer("array-vol")])).await;
    cloud
        .says("POST", MANAGE, 202, json!({"volume": managing()}))
        .await;
    let made = cloud
        .trusted()
        .ensure_managed_volume(&ctx(), ask())
        .await
        .unwrap();
    assert_eq!((made.id.as_str(), made.status), ("v1", VolumeStatus::Busy));
    assert_eq!(made.raw_status, "managing");
    let sent = cloud.seen("POST", MANAGE).await;
    // A trust may not manage, and the volume lands in the token's project.
    assert_eq!(token_of(&sent[0]), TENANT);
    assert_eq!(
        sent[0].body_json::<Value>().unwrap(),
        json!({"volume": {
            "host": "h@b#p", "ref": {"source-name": "array-vol", "name": "array-vol"},
            "name": "run-1", "volume_type": "type-1", "bootable": true, "description": "d",
            "metadata": {"k": "v"}, "availability_zone": "az",
        }})
    );
    let asked = cloud.seen("GET", OFFERS).await;
    assert_eq!(query(&asked[0], "host").as_deref(), Some("h@b#p"));
}

#[tokio::test]
async fn what_the_back_end_does_not_show_is_not_even_tried() {
    let mut taken = offer("array-vol");
    taken["safe_to_manage"] = json!(false);
    taken["reason_not_safe"] = json!("already managed");
    taken["cinder_id"] = json!("v9");
    for (entries, kind, says) in [
        (json!([offer("other")]), ErrorKind::NotFound, "array-vol"),
        (json!([]), ErrorKind::NotFound, "h@b#p"),
        (
            json!([taken]),
            ErrorKind::Conflict,
            "already managed (it is volume v9)",
        ),
    ] {
        let cloud = FakeCloud::start().await;
        cloud.says("GET", LIST, 200, json!({"volumes": []})).await;
        offers(&cloud, entries).await;
        let error = cloud
            .compute()
            .ensure_managed_volume(&ctx(), ask())
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(says), "{error}");
        assert!(cloud.changes().await.is_empty());
    }
}

#[tokio::test]
async fn offers_are_read_page_by_page() {
    let cloud = FakeCloud::start().await;
    nothing_hangs_on_volumes(&cloud).await;
    cloud.says("GET", LIST, 200, json!({"volumes": []})).await;
    // Clouds may give fewer than asked for; only an empty page is the end.
    for (offset, name) in [("0", "a"), ("1", "b"), ("2", "array-vol")] {
        let body = json!({"manageable-volumes": [offer(name)]});
        cloud
            .on("GET", OFFERS)
            .and(wiremock::matchers::query_param("offset", offset))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&cloud.server)
            .await;
    }
    cloud
        .says("POST", MANAGE, 202, json!({"volume": managing()}))
        .await;
    cloud
        .compute()
        .ensure_managed_volume(&ctx(), ask())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_adoption_whose_answer_is_lost_is_found_by_its_name() {
    let cloud = FakeCloud::start().await;
    nothing_hangs_on_volumes(&cloud).await;
    let made = Made::default();
    made.shown(&cloud, LIST, "volumes", managing()).await;
    offers(&cloud, json!([offer("array-vol")])).await;
    made.by_lost(&cloud, MANAGE).await;
    let driver = cloud.compute();
    let first = driver.ensure_managed_volume(&ctx(), ask()).await.unwrap();
    let again = driver.ensure_managed_volume(&ctx(), ask()).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(cloud.changes().await, [format!("POST {MANAGE}")]);
}

#[tokio::test]
async fn a_failed_adoption_is_shown_and_left_alone() {
    let cloud = FakeCloud::start().await;
    nothing_hangs_on_volumes(&cloud).await;
    let mut failed = volume("v1", "run-1");
    failed["status"] = json!("error");
    cloud
        .says("GET", LIST, 200, json!({"volumes": [failed]}))
        .await;
    cloud
        .says("GET", VOLUME, 200, json!({"volume": failed}))
        .await;
    let driver = cloud.compute();
    let found = driver.ensure_managed_volume(&ctx(), ask()).await.unwrap();
    assert_eq!(found.status, VolumeStatus::Error);
    let error = driver
        .unmanage_volume(&ctx(), VolumeRef::new("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(
        cloud.changes().await.is_empty(),
        "its deletion can destroy data"
    );
}

#[tokio::test]
async fn of_two_records_the_one_that_works_is_the_reply() {
    let cloud = FakeCloud::start().await;
    nothing_hangs_on_volumes(&cloud).await;
    let mut failed = volume("v0", "run-1");
    failed["status"] = json!("error_managing");
    failed["created_at"] = json!("2026-01-01T00:00:00.000000");
    let both = json!({"volumes": [failed, volume("v1", "run-1")]});
    cloud.says("GET", LIST, 200, both).await;
    let found = cloud
        .compute()
        .ensure_managed_volume(&ctx(), ask())
        .await
        .unwrap();
    assert_eq!(found.id.as_str(), "v1");
}

#[tokio::test]
async fn a_volume_that_is_held_is_not_let_go() {
    let with = |name: &str, value: Value| {
        let mut body = volume("v1", "n");
        body[name] = value;
        body
    };
    let none = json!([]);
    let held = json!([{"id": "a", "status": "reserved", "instance": "s1"}]);
    let snapshots = json!([{"id": "x", "volume_id": "v1"}]);
    for (body, attachments, snapshots, kind, says) in [
        (
            with("status", json!("in-use")),
            held.clone(),
            none.clone(),
            ErrorKind::Conflict,
            "s1",
        ),
        (
            with("status", json!("reserved")),
            held,
            none.clone(),
            ErrorKind::Conflict,
            "s1",
        ),
        (
            with("group_id", json!("g1")),
            none.clone(),
            none.clone(),
            ErrorKind::Conflict,
            "g1",
        ),
        (
            with("size", json!(3)),
            none.clone(),
            snapshots,
            ErrorKind::Conflict,
            "1 snapshots",
        ),
        (
            with("status", json!("managing")),
            none.clone(),
            none.clone(),
            ErrorKind::Busy,
            "managing",
        ),
        (
            with("status", json!("odd")),
            none.clone(),
            none.clone(),
            ErrorKind::Conflict,
            "odd",
        ),
    ] {
        let cloud = FakeCloud::start().await;
        cloud
            .says("GET", VOLUME, 200, json!({"volume": body}))
            .await;
        let at = "/volume/v3/tenant/attachments/detail";
        cloud
            .says("GET", at, 200, json!({"attachments": attachments}))
            .await;
        let at = "/volume/v3/tenant/snapshots";
        cloud
            .says("GET", at, 200, json!({"snapshots": snapshots}))
            .await;
        let error = cloud
            .compute()
            .unmanage_volume(&ctx(), VolumeRef::new("v1"))
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(says), "{says}: {error}");
        assert!(cloud.changes().await.is_empty());
    }
}

#[tokio::test]
async fn a_free_volume_is_let_go_once() {
    let cloud = FakeCloud::start().await;
    nothing_hangs_on_volumes(&cloud).await;
    let free = json!({"volume": volume("v1", "n")});
    cloud.says_once("GET", VOLUME, 200, free).await;
    cloud.says("GET", VOLUME, 404, json!({})).await;
    cloud.loses("POST", ACTION, || ()).await;
    let driver = cloud.trusted();
    driver
        .unmanage_volume(&ctx(), VolumeRef::new("v1"))
        .await
        .unwrap();
    driver
        .unmanage_volume(&ctx(), VolumeRef::new("v1"))
        .await
        .unwrap();
    let sent = cloud.seen("POST", ACTION).await;
    assert_eq!(sent.len(), 1);
    assert_eq!(token_of(&sent[0]), TENANT);
    assert_eq!(
        sent[0].body_json::<Value>().unwrap(),
        json!({"os-unmanage": {}})
    );

    let cloud = FakeCloud::start().await;
    let mut going = volume("v1", "n");
    going["status"] = json!("unmanaging");
    cloud
        .says("GET", VOLUME, 200, json!({"volume": going}))
        .await;
    cloud
        .compute()
        .unmanage_volume(&ctx(), VolumeRef::new("v1"))
        .await
        .unwrap();
    assert!(cloud.changes().await.is_empty());
}

#[tokio::test]
async fn a_release_that_comes_too_late_is_a_conflict() {
    let cloud = FakeCloud::start().await;
    nothing_hangs_on_volumes(&cloud).await;
    cloud
        .says("GET", VOLUME, 200, json!({"volume": volume("v1", "n")}))
        .await;
    let refusal = json!({"badRequest": {"message": "Volume status must be available"}});
    cloud.says("POST", ACTION, 400, refusal).await;
    let error = cloud
        .compute()
        .unmanage_volume(&ctx(), VolumeRef::new("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn whether_it_may_adopt_is_told_by_the_policy_before_the_back_end() {
    let cloud = FakeCloud::start().await;
    let driver = cloud.compute();
    for (status, expected) in [
        (400, None),
        (404, None),
        (403, Some(ErrorKind::Unauthorized)),
        (202, Some(ErrorKind::Unexpected)),
    ] {
        cloud.says_once("POST", MANAGE, status, json!({})).await;
        let told = driver.may_adopt(&ctx()).await;
        assert_eq!(told.err().map(|error| error.kind), expected, "{status}");
    }
    let asked = cloud.seen("POST", MANAGE).await;
    let host = asked[0].body_json::<Value>().unwrap()["volume"]["host"].clone();
    assert!(host.as_str().unwrap().contains("@protector-asks"), "{host}");
}
