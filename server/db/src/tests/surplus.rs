use std::collections::BTreeMap;
use std::time::Duration;

use protector_framework::SecretString;
use protector_model::keeping::Need;
use protector_model::operation::journal;
use protector_model::{
    Action, Actor, GroupDocument, Operation, OperationKind, OperationStatus, Plan, PutMode, Step,
    StepStatus, plan::Phase,
};

use super::rows::cloud;
use super::{World, document, group, operation, site, start, with_group, world};
use crate::{Counts, IdempotencyKey, Item, Page, Surplus};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn days(n: i64) -> chrono::TimeDelta {
    chrono::TimeDelta::days(n)
}

/// A site that has met the other one lately, with a group and these operations, one a day.
async fn with_operations(all: &[Operation]) -> World {
    let world = world().await;
    world.db.insert_site(&cloud(1, "site-a")).await.unwrap();
    world.db.insert_site(&cloud(2, "site-b")).await.unwrap();
    with_group(&world).await;
    for operation in all {
        put(&world, operation).await;
    }
    world.clock.advance(DAY * 100);
    met(&world).await;
    world
}

async fn met(world: &World) {
    let head = world.db.get_group(group()).await.unwrap().unwrap().head;
    world.db.mark_pushed(group(), &head.base()).await.unwrap();
}

async fn put(world: &World, operation: &Operation) {
    let queued = Operation {
        status: OperationStatus::Queued,
        updated_at: operation.created_at,
        ..operation.clone()
    };
    let key = IdempotencyKey {
        project: "p1".into(),
        key: operation.id.to_string(),
        body_hash: "h".to_owned(),
    };
    world
        .db
        .create_operation(&queued, Some(&key), false)
        .await
        .unwrap();
    let ended = Operation {
        updated_at: operation.created_at + chrono::TimeDelta::seconds(1),
        ..operation.clone()
    };
    world.db.update_mirror(&ended).await.unwrap();
}

fn ended(n: u128, kind: OperationKind, status: OperationStatus) -> Operation {
    let at = start() + days(i64::try_from(n).unwrap());
    Operation {
        status,
        created_at: at,
        updated_at: at,
        finished_at: Some(at),
        ..operation(n, kind)
    }
}

fn syncs(n: u128) -> Vec<Operation> {
    let completed = OperationStatus::Completed;
    let all = 1..=n;
    all.map(|n| ended(n, OperationKind::Sync, completed))
        .collect()
}

async fn surplus(world: &World, older_than: i64) -> Surplus {
    let now = start() + days(100);
    world.db.surplus(now - days(older_than)).await.unwrap()
}

fn operations(surplus: &Surplus) -> usize {
    let all = surplus.items.iter();
    all.filter(|item| matches!(item, Item::Operation { .. }))
        .count()
}

async fn total(world: &World) -> BTreeMap<&'static str, u64> {
    world.db.row_counts().await.unwrap()
}

#[tokio::test]
async fn what_is_old_and_not_needed_goes_with_its_journal_turn_and_keys() {
    let world = with_operations(&syncs(10)).await;
    // The newest is the last of its kind, and those of the last 95 days are too young.
    let young = surplus(&world, 95).await;
    assert_eq!(operations(&young), 4, "{young:?}");
    let found = surplus(&world, 1).await;
    assert_eq!(operations(&found), 9);
    assert_eq!(found.kept, BTreeMap::from([(Need::Latest, 1)]));

    let mut would_go = Counts::new();
    for item in &found.items {
        for (table, rows) in world.db.count_surplus(item).await.unwrap() {
            *would_go.entry(table).or_default() += rows;
        }
    }
    let before = total(&world).await;
    let removed = world.db.remove_surplus(&found.items).await.unwrap();
    let after = total(&world).await;
    assert_eq!(after["dr_operations"], 1);
    assert_eq!(after["operation_turns"], 1);
    for (table, rows) in before {
        let gone = rows - after[table];
        assert_eq!(removed.get(table).copied().unwrap_or(0), gone, "{table}");
    }
    assert_eq!(removed["dr_operations"], would_go["dr_operations"]);
    let again = surplus(&world, 1).await;
    assert!(again.items.is_empty(), "{again:?}");
}

#[tokio::test]
async fn what_has_changed_since_it_was_found_stays() {
    let mut all = syncs(3);
    all[0].status = OperationStatus::Error;
    let world = with_operations(&all).await;
    let found = surplus(&world, 1).await;
    assert_eq!(operations(&found), 2);
    let options = all[0].options.clone();
    world
        .db
        .reopen_operation(all[0].id, &options)
        .await
        .unwrap();
    world.db.remove_surplus(&found.items).await.unwrap();
    assert!(world.db.get_operation(all[0].id).await.unwrap().is_some());
    assert!(world.db.get_operation(all[1].id).await.unwrap().is_none());
}

#[tokio::test]
async fn inv5_the_record_of_what_is_left_stays_and_the_moves_after_it() {
    let superseded = ended(1, OperationKind::Failover, OperationStatus::Cancelled);
    let world = with_operations(&[]).await;
    // It had stopped a server when it gave way.
    let queued = Operation {
        status: OperationStatus::Queued,
        ..superseded.clone()
    };
    world
        .db
        .create_operation(&queued, None, false)
        .await
        .unwrap();
    let claim = world.db.claim_operation("one", site(1)).await.unwrap();
    let plan = Plan {
        operation: OperationKind::Failover,
        epoch: None,
        steps: vec![Step {
            key: "stop".to_owned(),
            site: site(1),
            phase: Phase::Checking,
            action: Action::StopServer,
            needs: Vec::new(),
            gathers: false,
            member: None,
            calls: Vec::new(),
            undo: Vec::new(),
        }],
    };
    let mut steps = journal(&plan);
    (steps[0].attempt, steps[0].status) = (1, StepStatus::Done);
    let fence = claim.unwrap().fence;
    world.db.store_plan(&fence, &plan, &steps).await.unwrap();
    let known = world.db.get_operation(superseded.id).await.unwrap();
    let ended_there = Operation {
        updated_at: known.unwrap().updated_at + chrono::TimeDelta::seconds(1),
        ..superseded.clone()
    };
    world.db.update_mirror(&ended_there).await.unwrap();
    for n in [2, 3, 4] {
        let moved = ended(n, OperationKind::Failover, OperationStatus::Completed);
        put(&world, &moved).await;
    }
    world.clock.advance(DAY * 100);
    met(&world).await;
    let later = start() + days(199);
    let found = world.db.surplus(later).await.unwrap();
    assert_eq!(operations(&found), 0, "{found:?}");
    assert_eq!(found.kept[&Need::Owner], 3, "{found:?}");
    assert!(world.db.plan(superseded.id).await.unwrap().is_some());

    // Once it was taken back, nothing asks for any of them but the last move.
    steps[0].status = StepStatus::Undone;
    let cleanup = ended(9, OperationKind::Cleanup, OperationStatus::Queued);
    world
        .db
        .create_operation(&cleanup, None, false)
        .await
        .unwrap();
    let claim = world.db.claim_operation("one", site(1)).await.unwrap();
    let fence = claim.unwrap().fence;
    world
        .db
        .write_step_of(&fence, superseded.id, &steps[0])
        .await
        .unwrap();
    let blocked = world.db.surplus(later).await.unwrap();
    assert_eq!(blocked.kept[&Need::Unfinished], 4, "{blocked:?}");
    let known = world.db.get_operation(cleanup.id).await.unwrap().unwrap();
    let done = Operation {
        status: OperationStatus::Completed,
        updated_at: known.updated_at + chrono::TimeDelta::seconds(1),
        ..known
    };
    world.db.update_mirror(&done).await.unwrap();
    world.clock.advance(DAY);
    met(&world).await;
    let found = world.db.surplus(later).await.unwrap();
    assert_eq!(operations(&found), 3, "{found:?}");
}

#[tokio::test]
async fn what_the_other_site_may_not_know_of_stays_until_it_was_met() {
    let world = with_operations(&[]).await;
    for operation in syncs(2) {
        put(&world, &operation).await;
    }
    // The last meeting was on day 100; the operations are younger.
    world.clock.advance(DAY * 100);
    let sql = "UPDATE metadata_sync SET last_success_at = ?";
    let before = crate::stamp(start());
    world.db.run(sql, [before.into()]).await.unwrap();
    let found = surplus(&world, 1).await;
    assert_eq!(operations(&found), 0);
    assert_eq!(found.kept[&Need::Peer], 2);
    met(&world).await;
    assert_eq!(operations(&surplus(&world, 1).await), 1);
}

#[tokio::test]
async fn of_a_deleted_group_only_the_document_stays() {
    let world = with_operations(&syncs(2)).await;
    let token = SecretString::from("token");
    let owner = format!("policy/{}", group());
    world.db.put_secret(&owner, "x", &token).await.unwrap();
    let gone = GroupDocument {
        deleted: true,
        version: 2,
        ..document("shop")
    };
    let bytes = gone.to_bytes().unwrap();
    let received = world
        .db
        .receive_document(site(9), PutMode::Push, None, &bytes, &BTreeMap::new())
        .await
        .unwrap();
    assert_eq!(received.verdict, protector_model::Verdict::Store);
    world.clock.advance(DAY);
    met(&world).await;
    let later = start() + days(200);
    let found = world.db.surplus(later).await.unwrap();
    world.db.remove_surplus(&found.items).await.unwrap();
    let rows = total(&world).await;
    for table in [
        "dr_operations",
        "idempotency_keys",
        "secrets",
        "group_summaries",
    ] {
        assert_eq!(rows[table], 0, "{table}");
    }
    let tombstone = world.db.get_group(group()).await.unwrap().unwrap();
    assert!(tombstone.document.deleted, "a returning site learns it");
}

#[tokio::test]
async fn secrets_of_nobody_and_services_that_are_gone_go_and_the_others_stay() {
    let world = with_operations(&[]).await;
    let db = &world.db;
    let value = SecretString::from("value");
    let known = format!("site/{}", site(1));
    let lost = format!("site/{}", site(7));
    let trust = format!("trust/{}/p1", site(1));
    for owner in [&known, &lost, &trust, &format!("policy/{}", group())] {
        db.put_secret(owner, "password", &value).await.unwrap();
    }
    db.heartbeat("protector-engine", "old").await.unwrap();
    world.clock.advance(DAY * 10);
    db.heartbeat("protector-engine", "new").await.unwrap();
    let before = start() + days(105);
    let found = db.surplus(before).await.unwrap();
    // The archive says whose it was and nothing that is sealed.
    let mut archive = String::new();
    for item in &found.items {
        for row in db.surplus_rows(item).await.unwrap() {
            archive.push_str(&format!("{row}\n"));
        }
    }
    assert!(archive.contains(&lost), "{archive}");
    assert!(archive.contains("\"table\":\"services\""), "{archive}");
    assert!(!archive.contains("v1.0001."), "{archive}");
    db.remove_surplus(&found.items).await.unwrap();
    assert!(db.get_secret(&lost, "password").await.unwrap().is_none());
    assert!(db.get_secret(&trust, "password").await.unwrap().is_none());
    assert!(db.get_secret(&known, "password").await.unwrap().is_some());
    let services = db.list_services().await.unwrap();
    assert_eq!(services.len(), 1);
    assert_eq!(services[0].host, "new");
}

#[tokio::test]
async fn audit_events_go_only_when_they_are_asked_for_by_their_age() {
    let world = with_operations(&[]).await;
    let db = &world.db;
    let (actor, detail) = (Actor::engine("req-1"), serde_json::json!({"was": "told"}));
    db.audit("site.delete", "site-a", &actor, &detail)
        .await
        .unwrap();
    world.clock.advance(DAY * 10);
    db.audit("site.delete", "site-b", &actor, &detail)
        .await
        .unwrap();
    let all = db.surplus(start() + days(1000)).await.unwrap();
    assert!(all.items.is_empty(), "{all:?}");

    let old = db.old_audit(start() + days(105)).await.unwrap();
    assert_eq!(old.len(), 1);
    let archived = db.surplus_rows(&old[0]).await.unwrap();
    assert_eq!(archived[0]["table"], "audit_events");
    assert_eq!(archived[0]["row"]["object"], "site-a");
    assert_eq!(db.remove_surplus(&old).await.unwrap()["audit_events"], 1);
    let stays = db.page_audit(&Page::default()).await.unwrap();
    assert_eq!(stays.len(), 1);
    assert_eq!(stays[0].object, "site-b");
}

#[tokio::test]
async fn an_operation_is_archived_as_it_is() {
    let world = with_operations(&syncs(2)).await;
    let found = surplus(&world, 1).await;
    let rows = world.db.surplus_rows(&found.items[0]).await.unwrap();
    let tables: Vec<_> = rows.iter().map(|row| row["table"].clone()).collect();
    assert_eq!(
        tables,
        ["dr_operations", "operation_turns", "idempotency_keys"]
    );
    let body = rows[0]["row"]["body"].as_str().unwrap();
    let read: Operation = serde_json::from_str(body).unwrap();
    assert_eq!(read.status, OperationStatus::Completed);
    assert_eq!(rows[0]["row"]["status"], "completed");
}
