//! Asynchronous groups where arrays and others do not keep still.

use std::time::Duration;

use protector_framework::{
    DeleteGroup, DriverError, EnsureGroup, ErrorKind, GetGroup, GetLink, GetReplication, GroupRef,
    LinkState, ReplicationMode, StartReplication, SuspendGroup, TransferState,
};
use protector_pure_simulator::{Effect, Fault, LinkState as Wire, Profile, Safemode, Switches};
use serde_json::{Value, json};

use crate::fabric::{A, B, Fabric, GROUP};

async fn group_item(fabric: &Fabric) -> Value {
    let path = format!("protection-groups?names={GROUP}");
    fabric.rest(A, "GET", &path, Value::Null).await["items"][0].clone()
}

#[tokio::test]
async fn a_point_on_demand_is_sent_at_once_and_exempt_from_retention() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", b"x").await;
    fabric.protect(A, &["v"]).await;
    fabric.control().clear_calls();
    fabric.send(A, "protector-0f1e-replicate-1").await;
    let calls = fabric.control().calls(A);
    let taken = calls
        .iter()
        .find(|call| call.method == "POST" && call.endpoint() == "protection-group-snapshots")
        .unwrap();
    assert!(
        taken.query.contains("replicate_now=true"),
        "{}",
        taken.query
    );
    assert!(!taken.query.contains("apply_retention"), "{}", taken.query);
    assert_eq!(taken.body, json!({"suffix": "protector-0f1e-replicate-1"}));
}

#[tokio::test]
async fn schedule_is_in_milliseconds_and_at_least_what_the_array_does() {
    let fabric = Fabric::new().await;
    let driver = fabric.driver(A);
    for (seconds, frequency) in [(3600_u64, 3_600_000), (60, 300_000)] {
        let request = fabric
            .ensure(B)
            .interval_seconds(seconds)
            .keep_points(4_u32);
        let status = driver.ensure_group(&fabric.ctx(), request).await.unwrap();
        assert!(status.scheduled);
        let item = group_item(&fabric).await;
        assert_eq!(item["replication_schedule"]["frequency"], frequency);
        assert_eq!(item["replication_schedule"]["enabled"], true);
    }
    let status = driver
        .ensure_group(&fabric.ctx(), fabric.ensure(B))
        .await
        .unwrap();
    assert!(!status.scheduled);
}

#[tokio::test]
async fn ensuring_what_is_so_changes_nothing() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", b"x").await;
    let request = || fabric.ensure(B).interval_seconds(3600).keep_points(4_u32);
    let driver = fabric.driver(A);
    driver.ensure_group(&fabric.ctx(), request()).await.unwrap();
    driver
        .set_group_volumes(&fabric.ctx(), fabric.set(&["v"]))
        .await
        .unwrap();
    fabric.control().clear_calls();
    driver.ensure_group(&fabric.ctx(), request()).await.unwrap();
    driver
        .set_group_volumes(&fabric.ctx(), fabric.set(&["v"]))
        .await
        .unwrap();
    for array in [A, B] {
        let changes: Vec<_> = fabric
            .control()
            .calls(array)
            .into_iter()
            .filter(|call| call.method != "GET")
            .collect();
        assert!(changes.is_empty(), "{changes:?}");
    }
}

#[tokio::test]
async fn arrays_that_tell_each_other_late_are_waited_for() {
    let fabric = Fabric::with(
        Profile::default(),
        Switches {
            propagation_delay: Duration::from_secs(8),
            ..Switches::default()
        },
    )
    .await;
    let driver = fabric.driver(A);
    let mut tries = 0;
    let made = loop {
        tries += 1;
        match fabric
            .going(driver.ensure_group(&fabric.ctx(), fabric.ensure(B)))
            .await
        {
            Err(error) if error.kind == ErrorKind::Busy && tries < 10 => {}
            ended => break ended,
        }
    };
    made.unwrap();
    // With no time to wait the caller is asked to come again.
    let other = EnsureGroup::new("other", ReplicationMode::Async, fabric.identity(B));
    let ctx = fabric.ctx().with_deadline(Duration::from_secs(5));
    let error = fabric
        .going(driver.ensure_group(&ctx, other))
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn a_member_that_somebody_took_out_comes_back() {
    let fabric = Fabric::new().await;
    let serial = fabric.volume(A, "v", b"x").await;
    fabric.volume(A, "w", b"y").await;
    fabric.protect(A, &["v", "w"]).await;
    fabric.send(A, "p1").await;
    let path = format!("protection-groups/volumes?group_names={GROUP}&member_names=v");
    fabric.rest(A, "DELETE", &path, Value::Null).await;
    fabric.send(A, "p2").await;
    let points = fabric.received(B, A).await;
    let last = points.last().unwrap();
    assert_eq!(last.name.as_str(), "p2");
    assert!(
        last.volumes.iter().any(|v| v.serial.as_str() == serial),
        "{last:?}"
    );
    // It was there before, so it needed no seed.
    let seeds = fabric
        .rest(A, "GET", "protection-groups", Value::Null)
        .await;
    assert_eq!(seeds["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_new_member_is_seeded_beside_the_group_and_its_seeds_go() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", b"x").await;
    fabric.volume(A, "w", &vec![9; 512 << 10]).await;
    fabric.protect(A, &["v"]).await;
    fabric.send(A, "p1").await;
    fabric
        .control()
        .set_link(A, B, Wire::Up, Some(32 << 10))
        .unwrap();
    let driver = fabric.driver(A);
    let status = driver
        .set_group_volumes(&fabric.ctx(), fabric.set(&["v", "w"]))
        .await
        .unwrap();
    let seeded = |name: &str| {
        status
            .volumes
            .iter()
            .find(|v| v.name.as_str() == name)
            .unwrap()
            .seeded
    };
    assert!(seeded("v") && !seeded("w"));
    fabric.send(A, "p2").await;
    let points = fabric.received(B, A).await;
    assert_eq!(points.last().unwrap().volumes.len(), 1);
    fabric.clock.advance(Duration::from_secs(60));
    let status = driver
        .get_group(&fabric.ctx(), GetGroup::new(GROUP))
        .await
        .unwrap();
    assert!(status.volumes.iter().all(|v| v.seeded), "{status:?}");
    fabric.send(A, "p3").await;
    assert_eq!(fabric.received(B, A).await.last().unwrap().volumes.len(), 2);
    driver
        .get_group(&fabric.ctx(), GetGroup::new(GROUP))
        .await
        .unwrap();
    let path = format!("protection-group-snapshots?names={GROUP}-seed&destroyed=false");
    let left = fabric.rest(A, "GET", &path, Value::Null).await;
    assert_eq!(left["items"], json!([]));
}

#[tokio::test]
async fn a_renamed_array_is_known_by_its_id() {
    let fabric = Fabric::new().await;
    let serial = fabric.volume(A, "v", b"x").await;
    fabric.protect(A, &["v"]).await;
    fabric.send(A, "p1").await;
    fabric.control().rename_array(A, "fa-new").unwrap();
    // The caller still knows it by its old name.
    let points = fabric.received(B, A).await;
    assert_eq!(points.len(), 1);
    let copy = fabric.copy(B, "p1", &serial, "copy").await;
    assert_eq!(fabric.read(B, copy.name.as_str(), 1), b"x");
    fabric.send(A, "p2").await;
    assert_eq!(fabric.received(B, A).await.len(), 2);
    let link = fabric
        .driver(B)
        .get_link(&fabric.ctx(), GetLink::new(fabric.identity(A)))
        .await
        .unwrap();
    assert_eq!(link.state, LinkState::Connected);
}

#[tokio::test]
async fn a_renamed_volume_is_told_by_its_serial_in_every_point() {
    let fabric = Fabric::new().await;
    let serial = fabric.volume(A, "v", b"x").await;
    fabric.protect(A, &["v"]).await;
    fabric.send(A, "p1").await;
    fabric
        .rest(
            A,
            "PATCH",
            "volumes?names=v",
            json!({"name": "v-unmanaged"}),
        )
        .await;
    let other = fabric.volume(A, "v", b"other").await;
    fabric.clock.advance(Duration::from_secs(10));
    let driver = fabric.driver(A);
    driver
        .set_group_volumes(&fabric.ctx(), fabric.set(&["v", "v-unmanaged"]))
        .await
        .unwrap();
    fabric.send(A, "p2").await;
    fabric.clock.advance(Duration::from_secs(10));
    fabric.send(A, "p3").await;
    let points = fabric.received(B, A).await;
    let named = |point: usize, name: &str| {
        let volumes = &points[point].volumes;
        volumes
            .iter()
            .find(|v| v.name.as_str() == name)
            .map(|v| v.serial.to_string())
    };
    assert_eq!(named(0, "v").as_deref(), Some(serial.as_str()));
    assert_eq!(named(2, "v").as_deref(), Some(other.as_str()));
    assert_eq!(named(2, "v-unmanaged").as_deref(), Some(serial.as_str()));
}

#[tokio::test]
async fn the_wrong_partner_is_refused_before_anything_is_made() {
    let fabric = Fabric::new().await;
    let mut settings = fabric.settings(A);
    settings["partner"] = json!({"url": settings["url"], "verify": settings["verify"]});
    let driver = fabric.build(settings, crate::fabric::TOKEN).unwrap();
    let refused = driver.ensure_group(&fabric.ctx(), fabric.ensure(B)).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::InvalidConfig);
    let alone = fabric
        .alone(A)
        .ensure_group(&fabric.ctx(), fabric.ensure(B))
        .await;
    let error: DriverError = alone.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidConfig);
    assert!(error.message.contains("partner"), "{error}");
    let groups = fabric
        .rest(A, "GET", "protection-groups", Value::Null)
        .await;
    assert_eq!(groups["items"], json!([]));
}

#[tokio::test]
async fn suspending_fences_the_target_where_it_is_reached() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", &vec![5; 512 << 10]).await;
    fabric.protect(A, &["v"]).await;
    fabric
        .control()
        .set_link(A, B, Wire::Up, Some(16 << 10))
        .unwrap();
    let driver = fabric.driver(A);
    let start = StartReplication::new(GROUP, "p1");
    driver
        .start_replication(&fabric.ctx(), start)
        .await
        .unwrap();
    driver
        .suspend_group(&fabric.ctx(), SuspendGroup::new(GROUP))
        .await
        .unwrap();
    fabric.clock.advance(Duration::from_secs(3600));
    let told = driver
        .get_replication(&fabric.ctx(), GetReplication::new(GROUP, "p1"))
        .await
        .unwrap();
    assert_eq!(told.state, TransferState::Stalled);
    // With the target off only the schedule ends, and that is enough.
    driver
        .ensure_group(&fabric.ctx(), fabric.ensure(B))
        .await
        .unwrap();
    fabric.control().set_power(B, false).unwrap();
    fabric
        .going(driver.suspend_group(&fabric.ctx(), SuspendGroup::new(GROUP)))
        .await
        .unwrap();
    let error = driver
        .start_replication(&fabric.ctx(), StartReplication::new(GROUP, "p2"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn a_group_that_is_guarded_keeps_more_and_goes_on() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", b"x").await;
    fabric.volume(A, "w", b"y").await;
    fabric.protect(A, &["v", "w"]).await;
    fabric.send(A, "p1").await;
    let guard = Safemode {
        lock_groups: vec![GROUP.to_owned()],
        ..Safemode::default()
    };
    fabric.control().set_safemode(A, &guard).unwrap();
    let driver = fabric.driver(A);
    driver
        .set_group_volumes(&fabric.ctx(), fabric.set(&["v"]))
        .await
        .unwrap();
    fabric.send(A, "p2").await;
    let status = driver
        .get_group(&fabric.ctx(), GetGroup::new(GROUP))
        .await
        .unwrap();
    assert_eq!(status.volumes.len(), 1);
}

#[tokio::test]
async fn points_beyond_the_kept_number_go() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", b"x").await;
    let driver = fabric.driver(A);
    let request = fabric.ensure(B).keep_points(2_u32);
    driver.ensure_group(&fabric.ctx(), request).await.unwrap();
    driver
        .set_group_volumes(&fabric.ctx(), fabric.set(&["v"]))
        .await
        .unwrap();
    for point in ["p1", "p2", "p3", "p4"] {
        fabric.send(A, point).await;
        fabric.clock.advance(Duration::from_secs(5));
    }
    let points = fabric.received(B, A).await;
    let names: Vec<&str> = points.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["p3", "p4"]);
    let path = format!("protection-group-snapshots?names={GROUP}&destroyed=false");
    let here = fabric.rest(A, "GET", &path, Value::Null).await;
    assert_eq!(here["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_oldest_release_replicates_too() {
    let fabric = Fabric::with("6.1.0".parse().unwrap(), Switches::default()).await;
    let serial = fabric.volume(A, "v", b"x").await;
    fabric.protect(A, &["v"]).await;
    fabric.send(A, "p1").await;
    let copy = fabric.copy(B, "p1", &serial, "copy").await;
    assert_eq!(fabric.read(B, "copy", 1), b"x");
    assert_eq!(copy.made_by.as_deref(), Some(fabric.operation().as_str()));
}

/// The live points of the group at its sender.
async fn own_points(fabric: &Fabric) -> Vec<String> {
    let path = format!("protection-group-snapshots?names={GROUP}&destroyed=false");
    let listed = fabric.rest(A, "GET", &path, Value::Null).await;
    let items = listed["items"].as_array().unwrap().iter();
    items
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_group_that_somebody_else_destroyed_comes_back_with_its_points() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", b"x").await;
    fabric.protect(A, &["v"]).await;
    fabric.send(A, "p1").await;
    let path = format!("protection-groups?names={GROUP}");
    fabric
        .rest(A, "PATCH", &path, json!({"destroyed": true}))
        .await;
    fabric.clock.advance(Duration::from_secs(60));
    fabric.protect(A, &["v"]).await;
    assert_eq!(own_points(&fabric).await, [format!("{GROUP}.p1")]);
    fabric.send(A, "p2").await;
    let points = fabric.received(B, A).await;
    let names: Vec<&str> = points.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["p1", "p2"]);
}

#[tokio::test]
async fn a_deletion_that_was_broken_off_is_no_work_of_somebody_else() {
    let fabric = Fabric::new().await;
    fabric.volume(A, "v", b"x").await;
    fabric.protect(A, &["v"]).await;
    fabric.send(A, "p1").await;
    let cut = Fault::once(A, "DELETE", "volumes/tags", Effect::DropBefore).times(None);
    fabric.control().inject(cut).unwrap();
    let local = GroupRef::Local { name: GROUP.into() };
    let driver = fabric.driver(A);
    let request = DeleteGroup::new(local);
    let ctx = fabric.ctx();
    let deleted = fabric.going(driver.delete_group(&ctx, request)).await;
    assert!(deleted.unwrap_err().is_transient());
    fabric.control().clear_faults();
    fabric.clock.advance(Duration::from_secs(60));
    fabric.protect(A, &["v"]).await;
    assert!(own_points(&fabric).await.is_empty());
}
