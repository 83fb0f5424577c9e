//! Generic volume groups.

use protector_framework::{
    EnsureVolumeGroup, ErrorKind, SetVolumeGroupVolumes, VolumeGroupRef, VolumeId, VolumeTypeId,
};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::Made;
use crate::testing::{FakeCloud, ctx, query};

const GROUPS: &str = "/volume/v3/tenant/groups";
const DETAIL: &str = "/volume/v3/tenant/groups/detail";
const TYPES: &str = "/volume/v3/tenant/group_types";
const GROUP: &str = "/volume/v3/tenant/groups/g1";

fn group(id: &str, status: &str, day: u8, volumes: &[&str]) -> Value {
    json!({"id": id, "name": "protector-x", "status": status, "volumes": volumes,
           "created_at": format!("2027-01-0{day}T00:00:00.000000")})
}

fn ask() -> EnsureVolumeGroup {
    EnsureVolumeGroup::new("protector-x", "protector", [VolumeTypeId::from("t1")]).description("d")
}

async fn types(cloud: &FakeCloud) {
    let all = json!({"group_types": [{"id": "gt0", "name": "other"}, {"id": "gt1", "name": "protector"}]});
    cloud.says("GET", TYPES, 200, all).await;
}

#[tokio::test]
async fn a_group_is_made_of_the_type_of_that_name() {
    let cloud = FakeCloud::start().await;
    types(&cloud).await;
    let made = Made::default();
    made.shown(&cloud, DETAIL, "groups", group("g1", "creating", 1, &[]))
        .await;
    let effect = made.clone();
    cloud
        .on("POST", GROUPS)
        .respond_with(move |_: &wiremock::Request| {
            effect.set();
            ResponseTemplate::new(202).set_body_json(json!({"group": {"id": "g1", "name": "n"}}))
        })
        .mount(&cloud.server)
        .await;
    cloud
        .says(
            "GET",
            GROUP,
            200,
            json!({"group": group("g1", "creating", 1, &[])}),
        )
        .await;
    let driver = cloud.compute();
    let first = driver.ensure_volume_group(&ctx(), ask()).await.unwrap();
    assert!(first.id.as_str() == "g1" && !first.available && first.raw_status == "creating");
    let again = driver.ensure_volume_group(&ctx(), ask()).await.unwrap();
    assert_eq!(first, again);
    let sent = cloud.seen("POST", GROUPS).await;
    assert_eq!(sent.len(), 1);
    assert_eq!(
        sent[0].body_json::<Value>().unwrap(),
        json!({"group": {"name": "protector-x", "group_type": "gt1", "volume_types": ["t1"],
                         "description": "d"}})
    );
    let asked = cloud.seen("GET", DETAIL).await;
    assert_eq!(query(&asked[0], "list_volume").as_deref(), Some("true"));
}

#[tokio::test]
async fn a_group_whose_answer_is_lost_is_found_by_its_name() {
    let cloud = FakeCloud::start().await;
    types(&cloud).await;
    let made = Made::default();
    made.shown(&cloud, DETAIL, "groups", group("g1", "available", 1, &[]))
        .await;
    made.by_lost(&cloud, GROUPS).await;
    let found = cloud
        .compute()
        .ensure_volume_group(&ctx(), ask())
        .await
        .unwrap();
    assert!(found.available);
    assert_eq!(cloud.seen("POST", GROUPS).await.len(), 1);
}

#[tokio::test]
async fn the_oldest_is_kept_and_only_empty_twins_go() {
    let cloud = FakeCloud::start().await;
    let mut other = group("g9", "available", 1, &[]);
    other["name"] = json!("theirs");
    let all = json!({"groups": [
        group("g4", "creating", 4, &[]),
        group("g3", "available", 3, &["v1"]),
        group("g2", "available", 2, &[]),
        group("g1", "available", 1, &["v0"]),
        other,
    ]});
    cloud.says("GET", DETAIL, 200, all).await;
    cloud
        .on("POST", "/volume/v3/tenant/groups/g2/action")
        .respond_with(ResponseTemplate::new(202))
        .mount(&cloud.server)
        .await;
    let kept = cloud
        .compute()
        .ensure_volume_group(&ctx(), ask())
        .await
        .unwrap();
    assert_eq!(kept.id.as_str(), "g1");
    assert_eq!(
        cloud.changes().await,
        ["POST /volume/v3/tenant/groups/g2/action"]
    );
    let sent = cloud
        .seen("POST", "/volume/v3/tenant/groups/g2/action")
        .await;
    assert_eq!(
        sent[0].body_json::<Value>().unwrap(),
        json!({"delete": {"delete-volumes": false}})
    );
}

#[tokio::test]
async fn a_group_that_never_came_to_be_is_made_again() {
    let cloud = FakeCloud::start().await;
    types(&cloud).await;
    let dead = json!({"groups": [group("g0", "error", 1, &[]), group("g5", "deleting", 1, &[])]});
    cloud.says("GET", DETAIL, 200, dead).await;
    for id in ["g0", "g5"] {
        cloud
            .on("POST", &format!("{GROUPS}/{id}/action"))
            .respond_with(ResponseTemplate::new(202))
            .mount(&cloud.server)
            .await;
    }
    cloud
        .says(
            "POST",
            GROUPS,
            202,
            json!({"group": {"id": "g1", "name": "n"}}),
        )
        .await;
    cloud
        .says(
            "GET",
            GROUP,
            200,
            json!({"group": group("g1", "creating", 2, &[])}),
        )
        .await;
    let made = cloud
        .compute()
        .ensure_volume_group(&ctx(), ask())
        .await
        .unwrap();
    assert_eq!(made.id.as_str(), "g1");
    assert!(
        cloud
            .seen("POST", &format!("{GROUPS}/g5/action"))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_missing_group_type_says_what_the_administrator_must_do() {
    let cloud = FakeCloud::start().await;
    cloud.says("GET", DETAIL, 200, json!({"groups": []})).await;
    cloud
        .says("GET", TYPES, 200, json!({"group_types": []}))
        .await;
    let error = cloud
        .compute()
        .ensure_volume_group(&ctx(), ask())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(
        error.message.contains("volume group type create protector"),
        "{error}"
    );
}

fn set(volumes: &[&str]) -> SetVolumeGroupVolumes {
    let volumes: Vec<_> = volumes.iter().map(|id| VolumeId::from(*id)).collect();
    SetVolumeGroupVolumes::new("g1", volumes)
}

#[tokio::test]
async fn a_groups_volumes_become_exactly_those() {
    let cloud = FakeCloud::start().await;
    let now = json!({"group": group("g1", "available", 1, &["v1", "v2"])});
    cloud.says("GET", GROUP, 200, now).await;
    cloud
        .on("PUT", GROUP)
        .respond_with(ResponseTemplate::new(202))
        .mount(&cloud.server)
        .await;
    let driver = cloud.compute();
    driver
        .set_volume_group_volumes(&ctx(), set(&["v2", "v1"]))
        .await
        .unwrap();
    assert!(cloud.changes().await.is_empty(), "already so");
    driver
        .set_volume_group_volumes(&ctx(), set(&["v2", "v4", "v3"]))
        .await
        .unwrap();
    driver
        .set_volume_group_volumes(&ctx(), set(&[]))
        .await
        .unwrap();
    let bodies: Vec<Value> = cloud
        .seen("PUT", GROUP)
        .await
        .iter()
        .map(|request| request.body_json().unwrap())
        .collect();
    assert_eq!(
        bodies,
        [
            json!({"group": {"add_volumes": "v3,v4", "remove_volumes": "v1"}}),
            json!({"group": {"remove_volumes": "v1,v2"}}),
        ]
    );
}

#[tokio::test]
async fn a_group_that_changes_is_busy_and_a_wrong_volume_is_refused() {
    for (status, kind) in [
        ("updating", ErrorKind::Busy),
        ("error", ErrorKind::Conflict),
    ] {
        let cloud = FakeCloud::start().await;
        cloud
            .says(
                "GET",
                GROUP,
                200,
                json!({"group": group("g1", status, 1, &[])}),
            )
            .await;
        let error = cloud
            .compute()
            .set_volume_group_volumes(&ctx(), set(&["v1"]))
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind);
        assert!(cloud.changes().await.is_empty());
    }
    let cloud = FakeCloud::start().await;
    cloud
        .says(
            "GET",
            GROUP,
            200,
            json!({"group": group("g1", "available", 1, &[])}),
        )
        .await;
    let refusal = json!({"badRequest": {"message": "volume type is not supported by the group"}});
    cloud.says("PUT", GROUP, 400, refusal).await;
    let error = cloud
        .compute()
        .set_volume_group_volumes(&ctx(), set(&["v1"]))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_seen_in_the_group() {
    let cloud = FakeCloud::start().await;
    let before = json!({"group": group("g1", "available", 1, &[])});
    cloud.says_once("GET", GROUP, 200, before).await;
    let after = json!({"group": group("g1", "updating", 1, &[])});
    cloud.says("GET", GROUP, 200, after).await;
    cloud.loses("PUT", GROUP, || ()).await;
    let now = cloud
        .compute()
        .set_volume_group_volumes(&ctx(), set(&["v1"]))
        .await
        .unwrap();
    assert_eq!(now.raw_status, "updating");
    assert_eq!(cloud.seen("PUT", GROUP).await.len(), 1);
}

#[tokio::test]
async fn only_an_empty_group_is_deleted() {
    let gone = |status: u16| async move {
        let cloud = FakeCloud::start().await;
        cloud
            .says(
                "GET",
                GROUP,
                status,
                json!({"group": group("g1", "available", 1, &[])}),
            )
            .await;
        cloud
            .on("POST", &format!("{GROUP}/action"))
            .respond_with(ResponseTemplate::new(202))
            .mount(&cloud.server)
            .await;
        cloud
            .compute()
            .delete_volume_group(&ctx(), VolumeGroupRef::new("g1"))
            .await
            .unwrap();
        cloud.changes().await.len()
    };
    assert_eq!(gone(200).await, 1);
    assert_eq!(gone(404).await, 0);
    let cloud = FakeCloud::start().await;
    cloud
        .says(
            "GET",
            GROUP,
            200,
            json!({"group": group("g1", "available", 1, &["v1"])}),
        )
        .await;
    let full = cloud
        .compute()
        .delete_volume_group(&ctx(), VolumeGroupRef::new("g1"))
        .await;
    assert_eq!(full.unwrap_err().kind, ErrorKind::Conflict);
    assert!(cloud.changes().await.is_empty());
}
