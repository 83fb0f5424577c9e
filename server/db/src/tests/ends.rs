//! How an operation has ended is told once, whoever ended it.

use std::time::Duration;

use protector_model::{Operation, OperationKind, OperationOptions, OperationStatus};

use super::{World, open, operation, site, with_group, world};

/// An operation that an engine has run to this end.
async fn ended(world: &World, n: u128, status: OperationStatus) -> Operation {
    let asked = operation(n, OperationKind::Sync);
    let db = &world.db;
    db.create_operation(&asked, None, false).await.unwrap();
    let claim = db.claim_operation("one", site(1)).await.unwrap().unwrap();
    let mut operation = claim.operation;
    operation.status = status;
    db.write_operation(&claim.fence, &operation).await.unwrap();
    operation
}

async fn untold(world: &World) -> Vec<Operation> {
    world.db.take_untold_ends(site(1)).await.unwrap()
}

#[tokio::test]
async fn each_end_is_told_once_however_it_came() {
    let world = world().await;
    with_group(&world).await;
    let db = &world.db;
    assert!(untold(&world).await.is_empty());
    let run = ended(&world, 1, OperationStatus::Completed).await;
    let cancelled = operation(2, OperationKind::Sync);
    db.create_operation(&cancelled, None, false).await.unwrap();
    assert_eq!(
        untold(&world).await.len(),
        1,
        "what has not ended is not told"
    );
    db.request_cancel(cancelled.id).await.unwrap();
    let older = operation(3, OperationKind::Sync);
    db.create_operation(&older, None, false).await.unwrap();
    let newer = operation(4, OperationKind::Failover);
    db.create_operation(&newer, None, true).await.unwrap();

    world.clock.advance(Duration::from_secs(61));
    let mut ids: Vec<_> = untold(&world).await.iter().map(|one| one.id).collect();
    ids.sort();
    // The first was taken and not told.
    assert_eq!(ids, [run.id, cancelled.id, older.id]);
    assert!(untold(&world).await.is_empty(), "they are taken");
    let elsewhere = db.take_untold_ends(site(2)).await.unwrap();
    assert!(elsewhere.is_empty(), "the executor's site tells");
    for id in ids {
        let told = db.get_operation(id).await.unwrap().unwrap();
        db.end_was_told(&told).await.unwrap();
    }
    world.clock.advance(Duration::from_secs(3600));
    assert!(untold(&world).await.is_empty());
}

#[tokio::test]
async fn of_two_tellers_one_takes_an_end_and_a_retry_has_an_end_of_its_own() {
    let world = world().await;
    with_group(&world).await;
    let failed = ended(&world, 1, OperationStatus::Error).await;
    let other = open(&world.dir, &world.url, &world.clock, 2).await;
    let (a, b) = tokio::join!(
        world.db.take_untold_ends(site(1)),
        other.take_untold_ends(site(1))
    );
    assert_eq!(a.unwrap().len() + b.unwrap().len(), 1);
    world.db.end_was_told(&failed).await.unwrap();

    let options = OperationOptions::default();
    let db = &world.db;
    db.reopen_operation(failed.id, &options).await.unwrap();
    assert!(untold(&world).await.is_empty());
    let claim = db.claim_operation("one", site(1)).await.unwrap().unwrap();
    let mut operation = claim.operation;
    operation.status = OperationStatus::Completed;
    db.write_operation(&claim.fence, &operation).await.unwrap();
    let again = untold(&world).await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].attempt, failed.attempt + 1);
}

#[tokio::test]
async fn an_end_is_told_although_no_engine_ran_for_weeks() {
    let world = world().await;
    with_group(&world).await;
    let run = ended(&world, 1, OperationStatus::Completed).await;
    world.clock.advance(Duration::from_secs(29 * 86_400));
    let late: Vec<_> = untold(&world).await.iter().map(|one| one.id).collect();
    assert_eq!(late, [run.id]);
}
