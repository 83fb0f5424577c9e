//! Which array volume backs a Cinder volume.

use protector_framework::{ErrorKind, ResolveVolume, Result};
use serde_json::{Value, json};

use crate::fabric::{A, Fabric};

const ID: &str = "11111111-0000-4000-8000-000000000001";

fn cinder() -> String {
    format!("volume-{ID}-cinder")
}

async fn resolve(fabric: &Fabric) -> Result<String> {
    let told = fabric
        .alone(A)
        .resolve_volume(&fabric.ctx(), ResolveVolume::new(ID))
        .await?;
    Ok(told.name.to_string())
}

#[tokio::test]
async fn a_volume_is_found_in_the_root_a_pod_or_a_volume_group() {
    for (make, place) in [
        (None, String::new()),
        (Some("pods?names=cinder-pod"), "cinder-pod::".to_owned()),
        (Some("volume-groups?names=vg"), "vg/".to_owned()),
    ] {
        let fabric = Fabric::new().await;
        if let Some(make) = make {
            fabric.rest(A, "POST", make, json!({})).await;
        }
        let name = format!("{place}{}", cinder());
        fabric.volume(A, &name, b"x").await;
        assert_eq!(resolve(&fabric).await.unwrap(), name);
    }
}

#[tokio::test]
async fn what_cannot_be_proven_is_refused() {
    let fabric = Fabric::new().await;
    assert_eq!(
        resolve(&fabric).await.unwrap_err().kind,
        ErrorKind::NotFound
    );
    // Names that only hold it.
    for name in [format!("x{}", cinder()), format!("{}-unmanaged", cinder())] {
        fabric.volume(A, &name, b"x").await;
    }
    assert_eq!(
        resolve(&fabric).await.unwrap_err().kind,
        ErrorKind::NotFound
    );
    fabric.volume(A, &cinder(), b"x").await;
    resolve(&fabric).await.unwrap();
    // Two that have it.
    fabric.rest(A, "POST", "pods?names=pod", json!({})).await;
    fabric.volume(A, &format!("pod::{}", cinder()), b"x").await;
    let error = resolve(&fabric).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(
        error.message.contains(&format!("pod::{}", cinder())),
        "{error}"
    );
}

#[tokio::test]
async fn a_migrated_volume_is_found_by_the_id_that_names_it() {
    let fabric = Fabric::new().await;
    // What the migration left behind, and what it made.
    fabric.volume(A, &cinder(), b"old").await;
    let name_id = "22222222-0000-4000-8000-000000000002";
    let now = format!("volume-{name_id}-cinder");
    fabric.volume(A, &now, b"new").await;
    let ask = async |name_id: &str| {
        let request = ResolveVolume::new(ID).name_id(Some(name_id.into()));
        fabric.alone(A).resolve_volume(&fabric.ctx(), request).await
    };
    assert_eq!(ask(name_id).await.unwrap().name.as_str(), now);
    let error = ask("33333333-0000-4000-8000-000000000003")
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.message.contains(ID), "{error}");
}

#[tokio::test]
async fn a_destroyed_volume_backs_nothing() {
    let fabric = Fabric::new().await;
    fabric.volume(A, &cinder(), b"x").await;
    let path = format!("volumes?names={}", cinder());
    fabric
        .rest(A, "PATCH", &path, json!({"destroyed": true}))
        .await;
    assert_eq!(
        resolve(&fabric).await.unwrap_err().kind,
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn another_projects_volume_is_refused() {
    let fabric = Fabric::new().await;
    fabric.volume(A, &cinder(), b"x").await;
    let ask = async |project: &str| {
        let request = ResolveVolume::new(ID).project_id(Some(project.into()));
        fabric.alone(A).resolve_volume(&fabric.ctx(), request).await
    };
    // Cinder before 2025.2 notes nothing.
    ask("aaaaaaaa000040008000000000000001").await.unwrap();
    let tag = json!([{
        "namespace": "openstack-integration.purestorage.com",
        "key": "ProjectId",
        "value": "aaaaaaaa000040008000000000000001",
        "copyable": false,
    }]);
    let path = format!("volumes/tags/batch?resource_names={}", cinder());
    fabric.rest(A, "PUT", &path, tag).await;
    ask("aaaaaaaa-0000-4000-8000-000000000001").await.unwrap();
    let error = ask("bbbbbbbb000040008000000000000001").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert_ne!(
        fabric.rest(A, "GET", "volumes", Value::Null).await,
        Value::Null
    );
}

#[tokio::test]
async fn a_volume_that_cinder_manages_again_is_not_discarded() {
    let fabric = Fabric::new().await;
    let serial = fabric.volume(A, "copy", b"x").await;
    let cinders = "volume-22222222-0000-4000-8000-000000000002-cinder";
    let rename = async |from: &str, to: &str| {
        let path = format!("volumes?names={from}");
        fabric.rest(A, "PATCH", &path, json!({"name": to})).await;
    };
    let discard = async || {
        let request = protector_framework::DiscardVolume::new("copy", serial.as_str());
        let driver = fabric.driver(A);
        driver.discard_volume(&fabric.ctx(), request).await
    };
    rename("copy", cinders).await;
    let error = discard().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.message.contains(cinders), "{error}");
    assert_eq!(fabric.volumes(A).await, [cinders]);
    // Let go by Cinder, it is known by its serial.
    rename(cinders, "copy-unmanaged").await;
    discard().await.unwrap();
    assert!(fabric.volumes(A).await.is_empty());
}
