//! Synchronous groups: the procedures on stretched pods.

use protector_framework::{
    DeleteGroup, EnsureGroup, ErrorKind, GroupRef, MaterializeVolume, ReplicationMode,
    StartReplication, SuspendGroup, TransferState,
};
use protector_pure_simulator::{Effect, Fault, LinkState};
use serde_json::json;

use crate::fabric::{A, B, Fabric, GROUP};

fn request(fabric: &Fabric) -> EnsureGroup {
    EnsureGroup::new(GROUP, ReplicationMode::Sync, fabric.identity(B))
}

/// A synchronous group with volume `v`, in sync. Returns the volume's name in the pod.
async fn mirrored(fabric: &Fabric) -> String {
    let driver = fabric.driver(A);
    driver
        .ensure_group(&fabric.ctx(), request(fabric))
        .await
        .unwrap();
    let status = driver
        .set_group_volumes(&fabric.ctx(), fabric.set(&["v"]))
        .await
        .unwrap();
    assert!(status.volumes[0].seeded, "{status:?}");
    status.volumes[0].name.to_string()
}

#[tokio::test]
async fn an_unplanned_move_loses_nothing() {
    let fabric = Fabric::new().await;
    let serial = fabric.volume(A, "v", b"first").await;
    let inside = mirrored(&fabric).await;
    fabric
        .control()
        .write_volume(A, &inside, 0, b"final")
        .unwrap();
    fabric.control().set_power(A, false).unwrap();
    let points = fabric.received(B, A).await;
    let newest = points.iter().rfind(|point| point.complete).unwrap();
    assert_eq!(newest.name.as_str(), "live");
    assert_eq!(newest.volumes[0].serial.as_str(), serial);
    let copy = fabric.copy(B, "live", &serial, "copy").await;
    assert_eq!(copy.name.as_str(), "copy");
    assert_eq!(fabric.read(B, "copy", 5), b"final");
    // The same call finds its volume; another volume of the run comes from the same moment.
    assert_eq!(
        fabric.copy(B, "live", &serial, "copy").await.serial,
        copy.serial
    );
    assert_eq!(
        fabric
            .volumes(B)
            .await
            .iter()
            .filter(|n| !n.contains("::"))
            .count(),
        1
    );
}

#[tokio::test]
async fn a_point_is_on_both_arrays_at_once() {
    let fabric = Fabric::new().await;
    let serial = fabric.volume(A, "v", b"first").await;
    let inside = mirrored(&fabric).await;
    let start = StartReplication::new(GROUP, "p1");
    let told = fabric
        .driver(A)
        .start_replication(&fabric.ctx(), start)
        .await
        .unwrap();
    assert_eq!(told.state, TransferState::Complete);
    fabric
        .control()
        .write_volume(A, &inside, 0, b"later")
        .unwrap();
    fabric.copy(B, "p1", &serial, "copy").await;
    assert_eq!(fabric.read(B, "copy", 5), b"first");
}

#[tokio::test]
async fn an_array_that_lost_the_other_and_does_not_serve_is_not_used() {
    let fabric = Fabric::new().await;
    let serial = fabric.volume(A, "v", b"first").await;
    mirrored(&fabric).await;
    fabric
        .control()
        .set_link(A, B, LinkState::Down, None)
        .unwrap();
    assert!(
        fabric
            .received(B, A)
            .await
            .iter()
            .all(|point| !point.complete)
    );
    let request = MaterializeVolume::new(fabric.replica(A), "live", serial.as_str(), "copy");
    let error = fabric
        .alone(B)
        .materialize_volume(&fabric.step("copy"), request)
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind, ErrorKind::Conflict | ErrorKind::NotFound),
        "{error}"
    );
}

#[tokio::test]
async fn a_volume_of_cinders_own_pod_stays_in_it() {
    let fabric = Fabric::new().await;
    fabric
        .rest(A, "POST", "pods?names=cinder-pod", json!({}))
        .await;
    let serial = fabric.volume(A, "cinder-pod::v", b"x").await;
    let stretch = "pods/arrays?group_names=cinder-pod&member_names=fa-b";
    fabric
        .rest(A, "POST", stretch, serde_json::Value::Null)
        .await;
    let driver = fabric.driver(A);
    driver
        .ensure_group(&fabric.ctx(), request(&fabric))
        .await
        .unwrap();
    let status = driver
        .set_group_volumes(&fabric.ctx(), fabric.set(&["cinder-pod::v"]))
        .await
        .unwrap();
    assert_eq!(status.volumes[0].name.as_str(), "cinder-pod::v");
    assert!(status.volumes[0].seeded);
    driver
        .start_replication(&fabric.ctx(), StartReplication::new(GROUP, "p1"))
        .await
        .unwrap();
    fabric.copy(B, "p1", &serial, "copy").await;
    let local = GroupRef::Local { name: GROUP.into() };
    driver
        .delete_group(&fabric.ctx(), DeleteGroup::new(local))
        .await
        .unwrap();
    assert!(
        fabric
            .volumes(A)
            .await
            .contains(&"cinder-pod::v".to_owned())
    );
}

#[tokio::test]
async fn a_group_of_the_drivers_own_pod_ends_with_its_volumes_in_the_root() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", b"x").await;
    fabric.volume(A, "w", b"y").await;
    mirrored(&fabric).await;
    let driver = fabric.driver(A);
    let names = fabric.volumes(A).await;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let status = driver
        .set_group_volumes(&fabric.ctx(), fabric.set(&names))
        .await
        .unwrap();
    assert_eq!(status.volumes.len(), 2);
    driver
        .suspend_group(&fabric.ctx(), SuspendGroup::new(GROUP))
        .await
        .unwrap();
    let local = GroupRef::Local { name: GROUP.into() };
    for _ in 0..2 {
        driver
            .delete_group(&fabric.ctx(), DeleteGroup::new(local.clone()))
            .await
            .unwrap();
    }
    let calls = fabric.control().calls(A);
    assert!(
        calls
            .iter()
            .all(|call| !call.query.contains("destroy_contents")),
        "a pod that is not empty must be refused"
    );
    assert_eq!(fabric.volumes(A).await, ["v", "w"]);
    assert_eq!(fabric.read(A, "v", 1), b"x");
}

#[tokio::test]
async fn volumes_in_several_places_cannot_have_one_moment() {
    let fabric = Fabric::new().await;
    fabric
        .rest(A, "POST", "pods?names=cinder-pod", json!({}))
        .await;
    fabric.volume(A, "cinder-pod::v", b"x").await;
    fabric.volume(A, "w", b"y").await;
    let driver = fabric.driver(A);
    driver
        .ensure_group(&fabric.ctx(), request(&fabric))
        .await
        .unwrap();
    let error = driver
        .set_group_volumes(&fabric.ctx(), fabric.set(&["cinder-pod::v", "w"]))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidRequest);
    assert!(error.message.contains("cinder-pod"), "{error}");
}

#[tokio::test]
async fn a_pod_that_is_not_the_drivers_own_is_never_stretched() {
    let fabric = Fabric::new().await;
    fabric
        .rest(A, "POST", "pods?names=cinder-pod", json!({}))
        .await;
    fabric.volume(A, "cinder-pod::v", b"x").await;
    let driver = fabric.driver(A);
    driver
        .ensure_group(&fabric.ctx(), request(&fabric))
        .await
        .unwrap();
    fabric.control().clear_calls();
    let error = driver
        .set_group_volumes(&fabric.ctx(), fabric.set(&["cinder-pod::v"]))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.message.contains("`cinder-pod`"), "{error}");
    assert!(error.message.contains("stretch it"), "{error}");
    let calls = fabric.control().calls(A);
    assert!(calls.iter().all(|call| call.endpoint() != "pods/arrays"));
}

#[tokio::test]
async fn already_stretched_counts_only_where_it_is_so() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", b"x").await;
    let driver = fabric.driver(A);
    driver
        .ensure_group(&fabric.ctx(), request(&fabric))
        .await
        .unwrap();
    let other = Effect::error(400, "Pod is already stretched to fa-c.");
    let fault = Fault::once(A, "POST", "pods/arrays", other);
    fabric.control().inject(fault).unwrap();
    let set = || fabric.set(&["v"]);
    let error = driver
        .set_group_volumes(&fabric.ctx(), set())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.message.contains("fa-c"), "{error}");
    driver
        .set_group_volumes(&fabric.ctx(), set())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_pod_stays_on_both_arrays_while_this_one_does_not_serve_it() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", b"x").await;
    fabric.volume(A, "w", b"y").await;
    let inside = mirrored(&fabric).await;
    let control = fabric.control();
    // The first array falls, the other goes on, and the first cannot catch up.
    control.set_power(A, false).unwrap();
    control.set_link(A, B, LinkState::Down, None).unwrap();
    fabric.clock.advance(std::time::Duration::from_secs(60));
    control.write_volume(B, &inside, 0, b"newer").unwrap();
    control.set_power(A, true).unwrap();
    control.clear_calls();
    let driver = fabric.driver(A);
    let local = GroupRef::Local { name: GROUP.into() };
    let deleted = driver
        .delete_group(&fabric.ctx(), DeleteGroup::new(local))
        .await;
    let grown = driver
        .set_group_volumes(&fabric.ctx(), fabric.set(&[&inside, "w"]))
        .await;
    for error in [deleted.unwrap_err(), grown.unwrap_err()] {
        assert!(
            matches!(error.kind, ErrorKind::Conflict | ErrorKind::Busy),
            "{error}"
        );
        assert!(error.message.contains("may be newer"), "{error}");
    }
    let calls = control.calls(A);
    assert!(calls.iter().all(|call| call.endpoint() != "pods/arrays"));
    assert_eq!(fabric.read(B, &inside, 5), b"newer");
}
