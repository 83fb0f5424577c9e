//! What those who watch ask of operations, however they ended and wherever.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use protector_model::{
    Operation, OperationKind, OperationResult, OperationStatus, StepRecord, StepStatus,
};

use super::{World, group, operation, site, start, with_group, world};

type Ends = BTreeMap<(OperationKind, OperationStatus), DateTime<Utc>>;

/// An operation that an engine has run to this end, now.
async fn ended(world: &World, n: u128, status: OperationStatus) -> Operation {
    let db = &world.db;
    let asked = operation(n, OperationKind::Sync);
    db.create_operation(&asked, None, false).await.unwrap();
    let claim = db.claim_operation("one", site(1)).await.unwrap().unwrap();
    let mut operation = claim.operation;
    operation.status = status;
    operation.finished_at = Some(db.now().await.unwrap());
    operation.touch(db.now().await.unwrap());
    db.write_operation(&claim.fence, &operation).await.unwrap();
    operation
}

async fn last_day(world: &World) -> Ends {
    let now = world.db.now().await.unwrap();
    world.db.last_ends(now - TimeDelta::days(1)).await.unwrap()
}

#[tokio::test]
async fn the_last_end_of_each_kind_is_known_however_it_came_and_moves_with_nothing_but_an_end() {
    let world = world().await;
    with_group(&world).await;
    let (db, of) = (&world.db, |status| (OperationKind::Sync, status));
    assert!(last_day(&world).await.is_empty());
    let failed = ended(&world, 1, OperationStatus::CompletedWithErrors).await;
    let at_first = start();
    world.clock.advance(Duration::from_secs(60));
    let cancelled = operation(2, OperationKind::Sync);
    db.create_operation(&cancelled, None, false).await.unwrap();
    db.request_cancel(cancelled.id).await.unwrap();
    let expected: Ends = [
        (of(OperationStatus::CompletedWithErrors), at_first),
        (
            of(OperationStatus::Cancelled),
            at_first + TimeDelta::seconds(60),
        ),
    ]
    .into();
    assert_eq!(last_day(&world).await, expected);

    // What was lost is found out the next day.
    world.clock.advance(Duration::from_secs(2 * 86_400));
    let result = OperationResult::default();
    db.complete_result(&failed, result).await.unwrap();
    assert!(last_day(&world).await.is_empty());
    ended(&world, 3, OperationStatus::Error).await;
    let again: Vec<_> = last_day(&world).await.into_keys().collect();
    assert_eq!(again, [of(OperationStatus::Error)]);
}

#[tokio::test]
async fn an_operation_moves_with_its_steps_and_not_with_its_lease() {
    let world = world().await;
    with_group(&world).await;
    let db = &world.db;
    let moved = async || world.db.last_moves(site(1)).await.unwrap();
    let asked = operation(1, OperationKind::Sync);
    db.create_operation(&asked, None, false).await.unwrap();
    assert!(moved().await.is_empty(), "nobody runs it");
    let claim = db.claim_operation("one", site(1)).await.unwrap().unwrap();
    let taken = moved().await;
    assert!(taken[0].1 < start() + TimeDelta::seconds(1), "{taken:?}");
    assert!(db.last_moves(site(2)).await.unwrap().is_empty());

    world.clock.advance(Duration::from_secs(20));
    let mut step = StepRecord::pending("sync", 0);
    step.status = StepStatus::Running;
    db.write_step(&claim.fence, &step).await.unwrap();
    let at = start() + TimeDelta::seconds(20);
    assert_eq!(moved().await, [(OperationKind::Sync, at)]);
    world.clock.advance(Duration::from_secs(20));
    db.renew(&claim.fence).await.unwrap();
    assert_eq!(moved().await, [(OperationKind::Sync, at)]);
}

#[tokio::test]
async fn of_those_who_tell_of_recovery_points_the_one_who_knows_the_newest_is_believed() {
    let world = world().await;
    with_group(&world).await;
    let at = |seconds| start() + TimeDelta::seconds(seconds);
    let told = async |seconds| {
        world
            .db
            .note_replication(group(), at(seconds))
            .await
            .unwrap();
        let record = world.db.get_group(group()).await.unwrap().unwrap();
        record.last_replication_at.unwrap()
    };
    world.clock.advance(Duration::from_secs(600));
    assert_eq!(told(100).await, at(100));
    assert_eq!(told(50).await, at(100), "a look that began before");
    assert_eq!(told(200).await, at(200));
    // The array's clock was ahead, and is right again.
    assert_eq!(told(7200).await, at(7200));
    assert_eq!(told(300).await, at(300));
}

#[tokio::test]
async fn the_end_of_an_operation_makes_a_look_at_its_group_due() {
    let world = world().await;
    with_group(&world).await;
    let (db, later) = (&world.db, start() + TimeDelta::seconds(50));
    assert!(db.take_look(group(), start(), later).await.unwrap());
    assert!(!db.take_look(group(), start(), later).await.unwrap());
    ended(&world, 1, OperationStatus::Completed).await;
    assert!(db.take_look(group(), start(), later).await.unwrap());
}
