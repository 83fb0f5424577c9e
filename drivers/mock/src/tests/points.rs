//! Volumes are made from points, overwritten from them, kept and thrown away.

use std::fs;
use std::time::Duration;

use protector_framework::{
    CallCtx, DiscardVolume, ErrorKind, GenericUuid, GetVolume, Ids, LinkState, MaterializeVolume,
    OperationId, OverwriteVolume, SeededIds, SnapshotVolume, StorageDriver,
};

use super::{GIB, LinkSettings, MIB, Pair, ctx, serial};

fn step(name: &str) -> CallCtx {
    let operation = OperationId::from_untyped_uuid(SeededIds::new(7).uuid());
    ctx().for_step(operation, name, 1)
}

fn copy(pair: &Pair, point: &str, volume: &str, name: &str) -> MaterializeVolume {
    MaterializeVolume::new(pair.replica(), point, pair.serial(volume), name)
}

async fn sent() -> Pair {
    let pair = Pair::new();
    pair.volumes(&["one", "two"]);
    pair.a.write("two", 700 * MIB, b"far away").unwrap();
    pair.group(&["one", "two"]).await;
    pair.send("p1").await;
    pair
}

#[tokio::test]
async fn a_new_volume_holds_the_points_bytes() {
    let pair = sent().await;
    let then = pair.a.hash("two").unwrap();
    pair.a.write("two", 0, b"later").unwrap();
    let req = copy(&pair, "p1", "two", "copy");
    let made = pair.target.materialize_volume(&step("copy"), req).await;
    let made = made.unwrap();
    assert_eq!((made.name.as_str(), made.size_bytes), ("copy", GIB));
    assert!(made.made_by.is_some());
    assert_eq!(pair.b.hash("copy").unwrap(), then);
    assert_eq!(pair.b.read("copy", 700 * MIB, 8).unwrap(), b"far away");
}

async fn run(
    driver: &dyn StorageDriver,
    key: &str,
    req: &MaterializeVolume,
) -> protector_framework::Result<protector_framework::ArrayVolume> {
    driver.materialize_volume(&step(key), req.clone()).await
}

#[tokio::test]
async fn the_same_call_finds_its_volume_also_renamed_and_another_does_not() {
    let pair = sent().await;
    let req = copy(&pair, "p1", "one", "copy");
    let first = run(&*pair.target, "copy", &req).await.unwrap();
    assert_eq!(run(&*pair.target, "copy", &req).await.unwrap(), first);
    let other = run(&*pair.target, "other", &req).await.unwrap_err();
    assert_eq!(other.kind, ErrorKind::AlreadyExists);
    let pool = pair.b.directory();
    fs::rename(pool.join("copy"), pool.join("volume-x-cinder")).unwrap();
    let again = run(&*pair.target, "copy", &req).await.unwrap();
    assert_eq!(again.name.as_str(), "volume-x-cinder");
    assert_eq!(again.serial, first.serial);
}

#[tokio::test]
async fn an_incomplete_or_absent_point_gives_nothing() {
    let pair = sent().await;
    let slow = LinkSettings::up().lag(Duration::from_secs(10));
    pair.a.link(&pair.b, &slow).unwrap();
    pair.send("p2").await;
    for (point, kind) in [("p2", ErrorKind::Conflict), ("p9", ErrorKind::NotFound)] {
        let req = copy(&pair, point, "one", "copy");
        let refused = pair.target.materialize_volume(&ctx(), req).await;
        assert_eq!(refused.unwrap_err().kind, kind);
    }
    let mut req = copy(&pair, "p1", "one", "copy");
    req.source = "no-such-serial".into();
    let refused = pair.target.materialize_volume(&ctx(), req).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::NotFound);
    for name in ["../x", ".x", ""] {
        let req = copy(&pair, "p1", "one", name);
        let refused = pair.target.materialize_volume(&ctx(), req).await;
        assert_eq!(refused.unwrap_err().kind, ErrorKind::InvalidRequest);
    }
}

#[tokio::test]
async fn the_target_needs_nothing_of_a_dead_source() {
    let pair = sent().await;
    let req = copy(&pair, "p1", "one", "copy");
    let content = pair.a.hash("one").unwrap();
    pair.a.set_down(true).unwrap();
    let dead = pair.source.describe(&ctx()).await.unwrap_err();
    assert_eq!(dead.kind, ErrorKind::Unreachable);
    pair.target
        .materialize_volume(&ctx(), req.clone())
        .await
        .unwrap();
    assert_eq!(pair.b.hash("copy").unwrap(), content);
    let link = protector_framework::GetLink::new(pair.a.identity().unwrap());
    let link = pair.target.get_link(&ctx(), link).await.unwrap();
    assert_eq!(link.state, LinkState::Disconnected);
    // Nor when nothing of it is left.
    let replica = pair.replica();
    fs::remove_dir_all(pair.a.directory().parent().unwrap()).unwrap();
    let req = MaterializeVolume::new(replica, "p1", req.source, "second");
    pair.target.materialize_volume(&ctx(), req).await.unwrap();
    assert_eq!(pair.b.hash("second").unwrap(), content);
}

fn overwrite(pair: &Pair, name: &str, serial: &str) -> OverwriteVolume {
    OverwriteVolume::new(pair.replica(), "p1", pair.serial("two"), name, serial)
}

#[tokio::test]
async fn overwriting_keeps_name_and_serial() {
    let pair = sent().await;
    pair.b.create_volume("old", GIB).unwrap();
    pair.b.write("old", 5 * MIB, b"divergent").unwrap();
    let id = serial(&pair.b, "old");
    let req = overwrite(&pair, "old", id.as_str());
    let done = pair.target.overwrite_volume(&ctx(), req.clone()).await;
    assert_eq!(done.unwrap().serial, id);
    assert_eq!(pair.b.hash("old").unwrap(), pair.a.hash("two").unwrap());

    // A crash half way leaves the volume under its other name.
    let pool = pair.b.directory();
    fs::rename(pool.join("old"), pool.join("old.overwriting")).unwrap();
    let done = pair.target.overwrite_volume(&ctx(), req).await.unwrap();
    assert_eq!((done.name.as_str(), &done.serial), ("old", &id));
    assert_eq!(pair.b.volumes().unwrap().len(), 1);

    let wrong = pair
        .target
        .overwrite_volume(&ctx(), overwrite(&pair, "old", "other"))
        .await;
    assert_eq!(wrong.unwrap_err().kind, ErrorKind::Conflict);
    let absent = pair
        .target
        .overwrite_volume(&ctx(), overwrite(&pair, "gone", "x"))
        .await;
    assert_eq!(absent.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_smaller_volume_grows() {
    let pair = sent().await;
    pair.b.create_volume("old", MIB).unwrap();
    let id = serial(&pair.b, "old");
    let req = overwrite(&pair, "old", id.as_str());
    let done = pair.target.overwrite_volume(&ctx(), req).await.unwrap();
    assert_eq!((done.size_bytes, done.serial), (GIB, id));
}

#[tokio::test]
async fn a_snapshot_is_taken_once_and_only_the_right_volume_is_thrown_away() {
    let pair = sent().await;
    let snapshot = || SnapshotVolume::new("one", "before");
    for _ in 0..2 {
        pair.source
            .snapshot_volume(&ctx(), snapshot())
            .await
            .unwrap();
    }
    assert_eq!(pair.a.snapshots("one").unwrap(), ["before"]);
    let wrong = DiscardVolume::new("one", "other");
    let refused = pair.source.discard_volume(&ctx(), wrong).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Conflict);
    let right = DiscardVolume::new("one", pair.serial("one"));
    for _ in 0..2 {
        let right = right.clone();
        pair.source.discard_volume(&ctx(), right).await.unwrap();
    }
    let gone = pair.source.get_volume(&ctx(), GetVolume::new("one")).await;
    assert_eq!(gone.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_volume_that_was_renamed_is_thrown_away_by_its_serial() {
    let pair = sent().await;
    let wanted = DiscardVolume::new("two", pair.serial("two"));
    let pool = pair.a.directory();
    fs::rename(pool.join("two"), pool.join("two-unmanaged")).unwrap();
    for _ in 0..2 {
        pair.source
            .discard_volume(&ctx(), wanted.clone())
            .await
            .unwrap();
    }
    assert!(!pool.join("two-unmanaged").exists() && pool.join("one").exists());
}
