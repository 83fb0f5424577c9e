use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use protector_framework::ManualClock;
use protector_model::plan::{Action, Phase};
use protector_model::{
    OperationKind, OperationOptions, OperationStatus, Plan, Step, StepRecord, StepStatus,
};

use super::{World, open, operation, site, start, with_group, world};
use crate::{Created, DbError, IdempotencyKey};

fn plan(status: StepStatus) -> (Plan, Vec<StepRecord>) {
    let step = Step {
        key: "commit".to_owned(),
        site: site(1),
        phase: Phase::Committing,
        action: Action::Commit { handover: true },
        needs: Vec::new(),
        gathers: false,
        member: None,
        calls: Vec::new(),
        undo: Vec::new(),
    };
    let plan = Plan {
        operation: OperationKind::Failover,
        epoch: None,
        steps: vec![step],
    };
    let mut steps = protector_model::operation::journal(&plan);
    steps[0].status = status;
    (plan, steps)
}

async fn queued(world: &World, n: u128, kind: OperationKind) {
    assert_eq!(
        world
            .db
            .create_operation(&operation(n, kind), None, false)
            .await
            .unwrap(),
        Created::New
    );
}

#[tokio::test]
async fn a_standing_test_is_not_forgotten_by_another_ones_end() {
    let world = world().await;
    with_group(&world).await;
    let end = async |mut asked: protector_model::Operation, status, stands| {
        world
            .db
            .create_operation(&asked, None, false)
            .await
            .unwrap();
        let site = asked.executor_site_id;
        let claim = world.db.claim_operation("e", site).await.unwrap().unwrap();
        asked.status = status;
        asked.test_stands = stands;
        world
            .db
            .write_operation(&claim.fence, &asked)
            .await
            .unwrap();
        let group = world.db.get_group(asked.group_id).await.unwrap().unwrap();
        group.test_operation
    };
    let first = operation(1, OperationKind::TestFailover);
    let none = end(first.clone(), OperationStatus::Error, false).await;
    assert_eq!(none, None, "nothing was made");
    let second = operation(2, OperationKind::TestFailover);
    let stands = end(second.clone(), OperationStatus::Completed, true).await;
    assert_eq!(stands, Some(second.id));
    let again = world.db.reopen_operation(first.id, &first.options).await;
    assert!(again.unwrap_err().to_string().contains("stands"));
    let mut cleanup = operation(3, OperationKind::TestCleanup);
    cleanup.options.test = Some(first.id);
    let stands = end(cleanup.clone(), OperationStatus::Completed, false).await;
    assert_eq!(stands, Some(second.id), "the clean-up was of another one");
    cleanup.id = operation(4, OperationKind::TestCleanup).id;
    cleanup.options.test = Some(second.id);
    assert_eq!(end(cleanup, OperationStatus::Completed, false).await, None);
}

#[tokio::test]
async fn a_group_has_one_operation_at_a_time() {
    let world = world().await;
    with_group(&world).await;
    let first = operation(1, OperationKind::Sync);
    queued(&world, 1, OperationKind::Sync).await;
    let second = operation(2, OperationKind::Sync);
    let refused = world.db.create_operation(&second, None, false).await;
    assert!(matches!(refused, Err(DbError::Busy(id)) if id == first.id));
    world.db.request_cancel(first.id).await.unwrap();
    world
        .db
        .create_operation(&second, None, false)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_same_request_finds_its_operation_and_another_one_is_refused() {
    let world = world().await;
    with_group(&world).await;
    let key = |hash: &str| IdempotencyKey {
        project: "p1".into(),
        key: "k".to_owned(),
        body_hash: hash.to_owned(),
    };
    let first = operation(1, OperationKind::Sync);
    world
        .db
        .create_operation(&first, Some(&key("a")), false)
        .await
        .unwrap();
    let again = operation(2, OperationKind::Sync);
    let found = world
        .db
        .create_operation(&again, Some(&key("a")), false)
        .await
        .unwrap();
    assert!(matches!(found, Created::Existing(op) if op.id == first.id));
    let other = world
        .db
        .create_operation(&again, Some(&key("b")), false)
        .await;
    assert!(matches!(other, Err(DbError::IdempotencyMismatch)));
    world.clock.advance(Duration::from_secs(25 * 3600));
    world.db.request_cancel(first.id).await.unwrap();
    let later = world
        .db
        .create_operation(&again, Some(&key("b")), false)
        .await
        .unwrap();
    assert_eq!(later, Created::New);
}

#[tokio::test]
async fn of_two_engines_one_takes_the_operation() {
    let world = world().await;
    with_group(&world).await;
    queued(&world, 1, OperationKind::Sync).await;
    let other = open(&world.dir, &world.url, &world.clock, 2).await;
    let (a, b) = tokio::join!(
        world.db.claim_operation("one", site(1)),
        other.claim_operation("two", site(1))
    );
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(a.is_some() != b.is_some());
    assert!(!a.or(b).unwrap().unclean);
}

#[tokio::test]
async fn an_engine_that_was_overtaken_cannot_write_any_more() {
    let world = world().await;
    with_group(&world).await;
    queued(&world, 1, OperationKind::Sync).await;
    let first = world
        .db
        .claim_operation("one", site(1))
        .await
        .unwrap()
        .unwrap();
    assert!(
        world
            .db
            .claim_operation("two", site(1))
            .await
            .unwrap()
            .is_none()
    );
    world.clock.advance(Duration::from_secs(20));
    world.db.renew(&first.fence).await.unwrap();
    world.clock.advance(Duration::from_secs(20));
    assert!(
        world
            .db
            .claim_operation("two", site(1))
            .await
            .unwrap()
            .is_none(),
        "it was renewed"
    );
    world.clock.advance(Duration::from_secs(20));
    let second = world
        .db
        .claim_operation("two", site(1))
        .await
        .unwrap()
        .unwrap();
    assert!(second.unclean);
    assert!(second.fence.number > first.fence.number);

    let (plan, steps) = plan(StepStatus::Pending);
    let fenced = |r: Result<(), DbError>| assert!(matches!(r, Err(DbError::Fenced)), "{r:?}");
    fenced(world.db.renew(&first.fence).await);
    fenced(world.db.store_plan(&first.fence, &plan, &steps).await);
    fenced(world.db.write_step(&first.fence, &steps[0]).await);
    fenced(
        world
            .db
            .write_operation(&first.fence, &first.operation)
            .await,
    );
    fenced(world.db.release(&first.fence).await);
    world
        .db
        .store_plan(&second.fence, &plan, &steps)
        .await
        .unwrap();
    assert_eq!(
        world.db.plan(second.operation.id).await.unwrap(),
        Some(plan)
    );
}

#[tokio::test]
async fn a_lease_of_before_the_clock_was_set_back_keeps_nobody_out() {
    let world = world().await;
    with_group(&world).await;
    queued(&world, 1, OperationKind::Sync).await;
    let hour_ahead = Arc::new(ManualClock::new(start() + TimeDelta::hours(1)));
    let ahead = open(&world.dir, &world.url, &hour_ahead, 2).await;
    let first = ahead.claim_operation("one", site(1)).await.unwrap();
    assert!(first.is_some());
    // It was right within the lease's length: its engine lives.
    let little = Arc::new(ManualClock::new(start() + TimeDelta::minutes(60)));
    let right = open(&world.dir, &world.url, &little, 3).await;
    let held = right.claim_operation("two", site(1)).await.unwrap();
    assert!(held.is_none());
    let second = world.db.claim_operation("two", site(1)).await.unwrap();
    assert!(second.unwrap().unclean);
}

#[tokio::test]
async fn what_touches_the_copies_waits_until_they_are_quarantined() {
    let world = world().await;
    world
        .db
        .insert_site(&super::rows::cloud(1, "site-a"))
        .await
        .unwrap();
    with_group(&world).await;
    queued(&world, 1, OperationKind::Quarantine).await;
    let ask = async |n, kind| {
        let asked = operation(n, kind);
        world.db.create_operation(&asked, None, false).await
    };
    for kind in [
        OperationKind::Cleanup,
        OperationKind::Delete,
        OperationKind::Quarantine,
    ] {
        let refused = ask(2, kind).await;
        assert!(matches!(refused, Err(DbError::Busy(_))), "{refused:?}");
    }
    assert!(matches!(
        ask(3, OperationKind::Sync).await,
        Ok(Created::New)
    ));
}

#[tokio::test]
async fn a_graceful_stop_hands_the_operation_over_at_once() {
    let world = world().await;
    with_group(&world).await;
    queued(&world, 1, OperationKind::Sync).await;
    let first = world
        .db
        .claim_operation("one", site(1))
        .await
        .unwrap()
        .unwrap();
    world.db.release(&first.fence).await.unwrap();
    let second = world
        .db
        .claim_operation("two", site(1))
        .await
        .unwrap()
        .unwrap();
    assert!(!second.unclean);
}

#[tokio::test]
async fn an_unplanned_failover_takes_the_place_until_the_commit_point() {
    for (status, gives_way) in [(StepStatus::Pending, true), (StepStatus::Running, false)] {
        let world = world().await;
        with_group(&world).await;
        queued(&world, 1, OperationKind::Failover).await;
        let older = world
            .db
            .claim_operation("one", site(1))
            .await
            .unwrap()
            .unwrap();
        let (plan, steps) = plan(status);
        world
            .db
            .store_plan(&older.fence, &plan, &steps)
            .await
            .unwrap();
        let newer = operation(2, OperationKind::Failover);
        let outcome = world.db.create_operation(&newer, None, true).await;
        assert_eq!(outcome.is_ok(), gives_way, "{outcome:?}");
        if gives_way {
            let ended = world
                .db
                .get_operation(older.operation.id)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(ended.status, OperationStatus::Cancelled);
            assert!(ended.error.unwrap().message.contains(&newer.id.to_string()));
            assert!(matches!(
                world.db.renew(&older.fence).await,
                Err(DbError::Fenced)
            ));
        }
    }
}

/// The group's document as the commit of an operation leaves it.
async fn moved_by(world: &World, operation: &protector_model::Operation) {
    let record = world
        .db
        .get_group(operation.group_id)
        .await
        .unwrap()
        .unwrap();
    let mut next = record.document.next_version(record.document.updated_at);
    let epoch = protector_model::schedule::epoch_of(operation.id);
    next.epoch = next.epoch.next(epoch, operation.target_site_id);
    next.current_primary_site_id = operation.target_site_id;
    let bytes = next.to_bytes().unwrap();
    world
        .db
        .write_local(&record.head.base(), &bytes, None, false)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_retry_begins_what_failed_again_and_keeps_what_was_done() {
    let world = world().await;
    with_group(&world).await;
    queued(&world, 1, OperationKind::Failover).await;
    let claim = world
        .db
        .claim_operation("one", site(1))
        .await
        .unwrap()
        .unwrap();
    let (plan, mut steps) = plan(StepStatus::Done);
    steps.push(StepRecord {
        status: StepStatus::Failed,
        ..StepRecord::pending("boot/a", 1)
    });
    world
        .db
        .store_plan(&claim.fence, &plan, &steps)
        .await
        .unwrap();
    let ended = protector_model::Operation {
        status: OperationStatus::CompletedWithErrors,
        ..claim.operation.clone()
    };
    world
        .db
        .write_operation(&claim.fence, &ended)
        .await
        .unwrap();
    let options = OperationOptions::default();
    // The group is not in the epoch that the operation began: its plan would harm what runs now.
    assert!(matches!(
        world.db.reopen_operation(ended.id, &options).await,
        Err(DbError::Refused(_))
    ));
    moved_by(&world, &ended).await;
    let reopened = world.db.reopen_operation(ended.id, &options).await.unwrap();
    assert_eq!(
        (reopened.status, reopened.attempt),
        (OperationStatus::Queued, 2)
    );
    let statuses: Vec<_> = world
        .db
        .steps(ended.id)
        .await
        .unwrap()
        .iter()
        .map(|s| s.status)
        .collect();
    assert_eq!(statuses, [StepStatus::Done, StepStatus::Pending]);
    assert!(world.db.reopen_operation(ended.id, &options).await.is_err());
}

#[tokio::test]
async fn a_mirror_takes_the_place_and_older_news_is_ignored() {
    let world = world().await;
    with_group(&world).await;
    let mut mirror = operation(1, OperationKind::Failover);
    mirror.executor_site_id = site(2);
    world
        .db
        .create_operation(&mirror, None, false)
        .await
        .unwrap();
    assert!(
        world
            .db
            .claim_operation("one", site(1))
            .await
            .unwrap()
            .is_none()
    );
    let busy = world
        .db
        .create_operation(&operation(2, OperationKind::Sync), None, false)
        .await;
    assert!(matches!(busy, Err(DbError::Busy(_))));
    let mut done = mirror.clone();
    done.status = OperationStatus::Completed;
    done.updated_at += chrono::TimeDelta::seconds(9);
    world.db.update_mirror(&done).await.unwrap();
    mirror.updated_at += chrono::TimeDelta::seconds(5);
    world.db.update_mirror(&mirror).await.unwrap();
    let held = world.db.get_operation(mirror.id).await.unwrap().unwrap();
    assert_eq!(held.status, OperationStatus::Completed);
    queued(&world, 2, OperationKind::Sync).await;
}

#[tokio::test]
async fn an_unplanned_move_of_the_other_site_takes_the_place_when_it_is_heard_of() {
    let world = world().await;
    with_group(&world).await;
    queued(&world, 1, OperationKind::Sync).await;
    let older = world.db.claim_operation("one", site(1)).await.unwrap();
    let older = older.unwrap();
    let mut rescue = operation(2, OperationKind::Failover);
    rescue.executor_site_id = site(2);
    rescue.status = OperationStatus::Running;
    let mut other = operation(3, OperationKind::Sync);
    other.executor_site_id = site(2);
    world.db.update_mirror(&other).await.unwrap();
    let holder = async || {
        let record = world.db.get_group(older.operation.group_id).await;
        record.unwrap().unwrap().active_operation
    };
    assert_eq!(holder().await, Some(older.operation.id), "not for a sync");
    rescue.options.failover_type = Some(protector_model::FailoverType::Unplanned);
    world.db.update_mirror(&rescue).await.unwrap();
    assert_eq!(holder().await, Some(rescue.id));
    let ended = world.db.get_operation(older.operation.id).await;
    assert!(ended.unwrap().unwrap().is_superseded_by(rescue.id));
    let lost = world.db.renew(&older.fence).await;
    assert!(matches!(lost, Err(DbError::Fenced)), "{lost:?}");
}

#[tokio::test]
async fn what_gave_way_here_does_not_run_again_by_old_news_of_its_executor() {
    let world = world().await;
    with_group(&world).await;
    let mut mirror = operation(1, OperationKind::Sync);
    mirror.executor_site_id = site(2);
    world.db.update_mirror(&mirror).await.unwrap();
    let rescue = operation(2, OperationKind::Failover);
    world
        .db
        .create_operation(&rescue, None, true)
        .await
        .unwrap();
    mirror.status = OperationStatus::Running;
    mirror.updated_at += chrono::TimeDelta::hours(1);
    world.db.update_mirror(&mirror).await.unwrap();
    let held = world.db.get_operation(mirror.id).await.unwrap().unwrap();
    assert!(held.is_superseded_by(rescue.id), "{held:?}");
    let record = world.db.get_group(mirror.group_id).await.unwrap();
    assert_eq!(record.unwrap().active_operation, Some(rescue.id));
}
