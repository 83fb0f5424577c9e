//! Points of a group go from one array to the other.

use std::time::Duration;

use protector_framework::{
    DeleteGroup, ErrorKind, GetGroup, GetLink, LinkState, ListPoints, PinPoint, ReadManifest,
    StartReplication, SuspendGroup, TransferState, WriteManifest,
};

use super::{GROUP, LinkSettings, MIB, Pair, ctx, local};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_point_arrives_whole_with_every_volume() {
    let pair = Pair::new();
    pair.volumes(&["one", "two"]);
    pair.group(&["one", "two"]).await;
    let sent = pair.send("p1").await;
    assert_eq!(sent.state, TransferState::Complete);
    assert_eq!(sent.bytes_total, Some(sent.bytes_sent));
    assert_eq!(pair.received().await, [("p1".to_owned(), true)]);
    let req = ListPoints::new(pair.replica());
    let points = pair.target.list_points(&ctx(), req).await.unwrap();
    let serials: Vec<_> = points[0].volumes.iter().map(|v| v.serial.clone()).collect();
    assert_eq!(serials, [pair.serial("one"), pair.serial("two")]);
    let group = pair.source.get_group(&ctx(), GetGroup::new(GROUP)).await;
    assert_eq!(group.unwrap().last_complete_at, Some(points[0].taken_at));
}

#[tokio::test]
async fn a_repeated_call_finds_the_first_ones_point() {
    let pair = Pair::new();
    pair.volumes(&["one"]);
    pair.group(&["one"]).await;
    let first = pair.send("p1").await;
    pair.clock.advance(SECOND);
    let second = pair.send("p1").await;
    assert_eq!(first.taken_at, second.taken_at);
    assert_eq!(pair.received().await.len(), 1);
}

#[tokio::test]
async fn progress_follows_the_clock() {
    let pair = Pair::new();
    let link = LinkSettings::up().speed(MIB).lag(SECOND);
    pair.a.link(&pair.b, &link).unwrap();
    pair.volumes(&["one"]);
    pair.a.write("one", 0, &vec![7; 4 * MIB as usize]).unwrap();
    pair.group(&["one"]).await;
    let sent = pair.send("p1").await;
    assert_eq!(sent.state, TransferState::Running);
    assert_eq!((sent.bytes_sent, sent.bytes_total), (0, Some(4 * MIB)));
    assert_eq!(pair.received().await, [("p1".to_owned(), false)]);
    pair.clock.advance(3 * SECOND);
    assert_eq!(pair.transfer("p1").await.bytes_sent, 2 * MIB);
    pair.clock.advance(2 * SECOND);
    // The target itself notices, without any call on the source.
    assert_eq!(pair.received().await, [("p1".to_owned(), true)]);
}

#[tokio::test]
async fn a_second_point_sends_only_what_changed() {
    let pair = Pair::new();
    pair.volumes(&["one"]);
    pair.a.write("one", 0, &vec![7; 4 * MIB as usize]).unwrap();
    pair.group(&["one"]).await;
    pair.send("p1").await;
    pair.a.write("one", 2 * MIB, b"changed").unwrap();
    let sent = pair.send("p2").await;
    assert_eq!(sent.bytes_total, Some(64 * 1024));
}

#[tokio::test]
async fn what_had_not_arrived_when_the_link_was_cut_waits_until_it_is_back() {
    let pair = Pair::new();
    pair.a
        .link(&pair.b, &LinkSettings::up().speed(MIB))
        .unwrap();
    pair.volumes(&["one"]);
    pair.a.write("one", 0, &vec![7; 4 * MIB as usize]).unwrap();
    pair.group(&["one"]).await;
    pair.send("p1").await;
    pair.clock.advance(SECOND);
    pair.a.link(&pair.b, &LinkSettings::cut()).unwrap();
    pair.clock.advance(100 * SECOND);
    let stalled = pair.transfer("p1").await;
    assert_eq!(stalled.state, TransferState::Stalled);
    assert_eq!(stalled.bytes_sent, MIB);
    assert_eq!(pair.received().await, [("p1".to_owned(), false)]);
    for (driver, remote) in [(&pair.source, &pair.b), (&pair.target, &pair.a)] {
        let req = GetLink::new(remote.identity().unwrap());
        let link = driver.get_link(&ctx(), req).await.unwrap();
        assert_eq!(link.state, LinkState::Disconnected);
    }
    pair.b
        .link(&pair.a, &LinkSettings::up().speed(MIB))
        .unwrap();
    pair.clock.advance(2 * SECOND);
    assert_eq!(pair.transfer("p1").await.bytes_sent, 3 * MIB);
    pair.clock.advance(SECOND);
    assert_eq!(pair.received().await, [("p1".to_owned(), true)]);
}

#[tokio::test]
async fn the_schedule_makes_points_and_retention_keeps_the_newest() {
    let pair = Pair::new();
    pair.volumes(&["one"]);
    pair.group(&["one"]).await;
    let scheduled = pair.ensure().interval_seconds(60_u64).keep_points(2_u32);
    let status = pair.source.ensure_group(&ctx(), scheduled).await.unwrap();
    assert!(status.scheduled);
    pair.send("kept").await;
    let pin = PinPoint::new(pair.replica(), "kept", "failover");
    pair.target.pin_point(&ctx(), pin.clone()).await.unwrap();
    for _ in 0..4 {
        pair.clock.advance(61 * SECOND);
        pair.received().await;
    }
    let names = |points: Vec<(String, bool)>| -> Vec<String> {
        points.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(
        names(pair.received().await),
        ["kept", "scheduled-3", "scheduled-4"]
    );
    pair.target.unpin_point(&ctx(), pin).await.unwrap();
    pair.clock.advance(61 * SECOND);
    assert_eq!(names(pair.received().await), ["scheduled-4", "scheduled-5"]);
}

#[tokio::test]
async fn a_new_volume_delays_nobody() {
    let pair = Pair::new();
    pair.volumes(&["one"]);
    pair.group(&["one"]).await;
    pair.send("p1").await;
    pair.a
        .link(&pair.b, &LinkSettings::up().speed(MIB))
        .unwrap();
    pair.volumes(&["big"]);
    pair.a.write("big", 0, &vec![7; 8 * MIB as usize]).unwrap();
    pair.set(&["one", "big"]).await;
    assert_eq!(pair.send("p2").await.state, TransferState::Complete);
    let volumes = |group: protector_framework::GroupStatus| -> Vec<(String, bool)> {
        let shown = |v: protector_framework::GroupVolume| (v.name.to_string(), v.seeded);
        group.volumes.into_iter().map(shown).collect()
    };
    let status = pair.source.get_group(&ctx(), GetGroup::new(GROUP)).await;
    assert_eq!(
        volumes(status.unwrap()),
        [("one".to_owned(), true), ("big".to_owned(), false)]
    );
    pair.clock.advance(8 * SECOND);
    let status = pair.source.get_group(&ctx(), GetGroup::new(GROUP)).await;
    assert!(volumes(status.unwrap()).iter().all(|(_, seeded)| *seeded));
    let sent = pair.send("p3").await;
    assert_eq!(sent.bytes_total, Some(0), "the seed holds everything");
    let points = pair.b.points(&pair.replica()).unwrap();
    let held: Vec<_> = points.iter().map(|point| point.volumes.len()).collect();
    assert_eq!(held, [1, 1, 2]);
}

#[tokio::test]
async fn a_suspended_group_refuses_and_resumes() {
    let pair = Pair::new();
    pair.a
        .link(&pair.b, &LinkSettings::up().speed(MIB))
        .unwrap();
    pair.volumes(&["one"]);
    pair.a.write("one", 0, &vec![7; 4 * MIB as usize]).unwrap();
    pair.group(&["one"]).await;
    pair.send("p1").await;
    pair.clock.advance(SECOND);
    let suspend = SuspendGroup::new(GROUP);
    pair.source.suspend_group(&ctx(), suspend).await.unwrap();
    pair.clock.advance(100 * SECOND);
    assert_eq!(pair.transfer("p1").await.state, TransferState::Stalled);
    assert_eq!(pair.transfer("p1").await.bytes_sent, MIB);
    let refused = pair
        .source
        .start_replication(&ctx(), StartReplication::new(GROUP, "p2"))
        .await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Conflict);
    pair.group(&["one"]).await;
    pair.clock.advance(3 * SECOND);
    assert_eq!(pair.transfer("p1").await.state, TransferState::Complete);
    let absent = SuspendGroup::new("absent");
    pair.source.suspend_group(&ctx(), absent).await.unwrap();
}

#[tokio::test]
async fn a_group_needs_a_link_and_keeps_its_target() {
    let pair = Pair::new();
    let mut stranger = pair.b.identity().unwrap();
    stranger.id = "elsewhere".into();
    let mut req = pair.ensure();
    req.target = stranger;
    let refused = pair.source.ensure_group(&ctx(), req.clone()).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::InvalidRequest);
    pair.group(&[]).await;
    let refused = pair.source.ensure_group(&ctx(), req).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Conflict);
    let mut sync = pair.ensure();
    sync.mode = protector_framework::ReplicationMode::Sync;
    let refused = pair.source.ensure_group(&ctx(), sync).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_group_is_deleted_unless_a_point_is_kept() {
    let pair = Pair::new();
    pair.volumes(&["one"]);
    pair.group(&["one"]).await;
    pair.send("p1").await;
    let pin = PinPoint::new(pair.replica(), "p1", "failover");
    pair.target.pin_point(&ctx(), pin.clone()).await.unwrap();
    let delete = DeleteGroup::new(pair.replica());
    let refused = pair.target.delete_group(&ctx(), delete.clone()).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(pair.received().await.len(), 1);
    pair.source
        .delete_group(&ctx(), DeleteGroup::new(local()))
        .await
        .unwrap();
    assert_eq!(
        pair.received().await.len(),
        1,
        "the target keeps its points"
    );
    pair.target.unpin_point(&ctx(), pin).await.unwrap();
    for _ in 0..2 {
        let delete = delete.clone();
        pair.target.delete_group(&ctx(), delete).await.unwrap();
    }
    assert!(pair.received().await.is_empty());
    assert_eq!(pair.a.volumes().unwrap().len(), 1);
    assert!(pair.a.groups().unwrap().is_empty());
}

#[tokio::test]
async fn a_manifest_goes_with_the_data() {
    let pair = Pair::new();
    pair.group(&[]).await;
    let read = || ReadManifest::new(pair.replica());
    let nothing = pair.target.read_manifest(&ctx(), read()).await.unwrap();
    assert_eq!(nothing, None);
    pair.a.link(&pair.b, &LinkSettings::cut()).unwrap();
    let write = WriteManifest::new(GROUP, "{}");
    pair.source.write_manifest(&ctx(), write).await.unwrap();
    let nothing = pair.target.read_manifest(&ctx(), read()).await.unwrap();
    assert_eq!(nothing, None);
    pair.a.link(&pair.b, &LinkSettings::up()).unwrap();
    let document = pair.target.read_manifest(&ctx(), read()).await.unwrap();
    assert_eq!(document.as_deref(), Some("{}"));
}
