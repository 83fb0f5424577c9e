//! A whole site goes over: every group of it, or the reason why not.

use std::collections::BTreeSet;

use protector_db::Quotas;
use protector_framework::{GenericUuid as _, GroupId, MemberId, PolicyId};
use protector_model::{FailoverType, GroupDocument};
use uuid::Uuid;

use super::*;
use crate::{SiteFailover, SiteFailoverRequest};

fn request(how: FailoverType) -> SiteFailoverRequest {
    SiteFailoverRequest {
        failover_type: how,
        force: false,
        dry_run: false,
        idempotency_key: None,
    }
}

impl Site {
    async fn fail_over(&self, request: SiteFailoverRequest) -> Result<SiteFailover, Refusal> {
        self.control
            .fail_over_site(actor(), "site-a", request)
            .await
    }
}

/// One more group like the one that is there, of a project of its own, on both sites.
async fn like(world: &World, n: u128, name: &str, project: &str, tier: u8) -> GroupDocument {
    let found = world.a.db.find_group(world.a.project(), "shop").await;
    let mut document = found.unwrap().unwrap().document;
    document.id = GroupId::from_untyped_uuid(Uuid::from_u128(9000 + n));
    document.name = name.to_owned();
    for owner in document.projects.values_mut() {
        *owner = project.into();
    }
    if let Some(policy) = &mut document.policy {
        policy.id = PolicyId::from_untyped_uuid(Uuid::from_u128(9200 + n));
    }
    let member = &mut document.members[0];
    member.id = MemberId::from_untyped_uuid(Uuid::from_u128(9100 + n));
    member.boot_tier = tier;
    put(world, &document).await;
    document
}

async fn put(world: &World, document: &GroupDocument) {
    let bytes = document.to_bytes().unwrap();
    for site in [&world.a, &world.b] {
        site.db.replace_head(None, &bytes, false).await.unwrap();
    }
}

/// The names of the groups of operations, in their order.
async fn names_of(site: &Site, operations: &[Operation]) -> Vec<String> {
    let mut names = Vec::new();
    for operation in operations {
        let record = site.db.get_group(operation.group_id).await.unwrap();
        names.push(record.unwrap().document.name);
    }
    names
}

fn refused_names(done: &SiteFailover) -> Vec<(&str, &str)> {
    let mut names: Vec<_> = done
        .refused
        .iter()
        .map(|one| (one.name.as_str(), one.refusal.code.as_str()))
        .collect();
    names.sort_unstable();
    names
}

/// Three tenants' groups: `shop` of tier 3 is there already.
async fn site_of_many() -> World {
    let (world, _) = World::with_member().await;
    like(&world, 1, "last", "big", 5).await;
    like(&world, 2, "front", "big", 1).await;
    like(&world, 3, "front-too", "big", 1).await;
    like(&world, 4, "database", "small", 1).await;
    world
}

const ORDER: [&str; 5] = ["database", "front", "front-too", "shop", "last"];

#[tokio::test]
async fn every_group_of_a_site_goes_whichever_site_is_asked_and_no_tenants_quota_holds_one_up() {
    for from_b in [false, true] {
        let world = site_of_many().await;
        let none = Quotas {
            running_operations: 0,
            ..Quotas::default()
        };
        let big = "big".into();
        let at = if from_b { &world.b } else { &world.a };
        at.db.set_quotas(&big, &none).await.unwrap();
        let done = at.fail_over(request(FailoverType::Planned)).await.unwrap();
        assert_eq!(refused_names(&done), []);
        assert_eq!(names_of(at, &done.operations).await, ORDER);
        let b = world.b.db.local_site().await.unwrap().unwrap().id;
        for operation in &done.operations {
            assert_eq!(operation.kind, OperationKind::Failover);
            assert_eq!(operation.executor_site_id, b);
            for site in [&world.a, &world.b] {
                let there = site.operation(operation.id).await.unwrap();
                let group = site.db.get_group(there.group_id).await.unwrap().unwrap();
                assert_eq!(group.active_operation, Some(there.id));
            }
        }
        // The engine takes them in the same order, but for two of one project that came at once.
        let mut taken = Vec::new();
        while let Some(claim) = world.b.db.claim_operation("engine", b).await.unwrap() {
            world.clock.advance(Duration::from_millis(1));
            taken.push(claim.operation);
        }
        let mut taken = names_of(&world.b, &taken).await;
        let big = taken.iter().take_while(|name| *name != "shop").count();
        taken[..big].sort();
        assert_eq!(taken, ORDER);
    }
}

#[tokio::test]
async fn what_cannot_go_is_named_and_what_is_elsewhere_is_left_alone() {
    let world = site_of_many().await;
    let mut away = like(&world, 5, "away", "small", 1).await;
    away.version += 1;
    away.current_primary_site_id = away.secondary_site_id;
    away.status = GroupStatus::FailedOver;
    put(&world, &away).await;
    let mut empty = like(&world, 6, "empty", "small", 1).await;
    empty.version += 1;
    empty.members.clear();
    put(&world, &empty).await;
    let busy = world.a.start(OperationKind::Sync, Default::default()).await;
    let busy = busy.unwrap();

    let asked = world.b.fail_over(request(FailoverType::Planned)).await;
    let done = asked.unwrap();
    let started = names_of(&world.b, &done.operations).await;
    assert_eq!(started, ["database", "front", "front-too", "last"]);
    let refused = refused_names(&done);
    assert_eq!(
        refused,
        [
            ("empty", "protector.wrong_state"),
            ("shop", "protector.busy")
        ]
    );
    let shop = done.refused.iter().find(|one| one.name == "shop").unwrap();
    assert_eq!(shop.refusal.active_operation, Some(busy.id));
    assert_eq!(shop.project_id, *world.b.project());
    let untouched = world.b.db.get_group(away.id).await.unwrap().unwrap();
    assert_eq!(untouched.active_operation, None);
}

#[tokio::test]
async fn the_same_key_is_the_same_failover_of_the_whole_site_also_after_it() {
    let world = site_of_many().await;
    let keyed = || SiteFailoverRequest {
        idempotency_key: Some("the-flood".to_owned()),
        ..request(FailoverType::Planned)
    };
    let busy = world.a.start(OperationKind::Sync, Default::default()).await;
    let busy = busy.unwrap();
    let first = world.a.fail_over(keyed()).await.unwrap();
    assert_eq!(refused_names(&first), [("shop", "protector.busy")]);
    let ids = |done: &SiteFailover| -> BTreeSet<OperationId> {
        done.operations.iter().map(|o| o.id).collect()
    };
    // What was refused then is tried again; the rest is found, on either site.
    world.finish(busy.id).await;
    let second = world.b.fail_over(keyed()).await.unwrap();
    assert_eq!(second.operations.len(), 5);
    assert!(ids(&second).is_superset(&ids(&first)));
    // A group that has arrived is no reason to send it back or to leave it out.
    let mut moved = like(&world, 2, "front", "big", 1).await;
    moved.version += 1;
    moved.current_primary_site_id = moved.secondary_site_id;
    moved.status = GroupStatus::FailedOver;
    put(&world, &moved).await;
    let third = world.a.fail_over(keyed()).await.unwrap();
    assert_eq!(ids(&third), ids(&second));
    assert_eq!(refused_names(&third), []);
    let other = SiteFailoverRequest {
        force: true,
        ..keyed()
    };
    let other = world.b.fail_over(other).await;
    assert_eq!(
        refused(other),
        code(409, "protector.idempotency_key_reused")
    );
}

#[tokio::test]
async fn a_lost_site_is_left_without_a_call_to_it() {
    let world = site_of_many().await;
    let older = world
        .b
        .start(OperationKind::TestFailover, Default::default());
    let older = older.await.unwrap();
    world.a.cloud.set_down(true).unwrap();
    let before = world.b.way.sent();
    let done = world.b.fail_over(request(FailoverType::Unplanned)).await;
    let done = done.unwrap();
    assert_eq!(world.b.way.sent(), before, "its Protector is not asked");
    assert_eq!(refused_names(&done), []);
    assert_eq!(names_of(&world.b, &done.operations).await, ORDER);
    let ended = world.b.operation(older.id).await.unwrap();
    assert_eq!(ended.status, OperationStatus::Cancelled, "it gives way");
}

#[tokio::test]
async fn a_site_that_answers_is_left_alone_without_force() {
    for from_b in [false, true] {
        let world = site_of_many().await;
        let at = if from_b { &world.b } else { &world.a };
        let done = at.fail_over(request(FailoverType::Unplanned)).await;
        let done = done.unwrap();
        assert!(done.operations.is_empty());
        let named = refused_names(&done);
        assert_eq!(named.len(), ORDER.len());
        let reachable = "protector.source_reachable";
        assert!(
            named.iter().all(|(_, code)| *code == reachable),
            "{named:?}"
        );
        let forced = SiteFailoverRequest {
            force: true,
            ..request(FailoverType::Unplanned)
        };
        let done = at.fail_over(forced).await.unwrap();
        assert_eq!(names_of(at, &done.operations).await, ORDER);
    }
}

#[tokio::test]
async fn a_planned_failover_without_the_other_protector_says_so_for_each_group() {
    let world = site_of_many().await;
    world.b.way.cut(true);
    let done = world.b.fail_over(request(FailoverType::Planned)).await;
    let done = done.unwrap();
    let named = refused_names(&done);
    assert_eq!(named.len(), ORDER.len());
    let away = "protector.peer_unreachable";
    assert!(named.iter().all(|(_, code)| *code == away), "{named:?}");
    assert!(world.b.db.unfinished_operations().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_dry_run_of_a_site_shows_each_groups_plan_and_writes_nothing() {
    let world = site_of_many().await;
    let shown = SiteFailoverRequest {
        dry_run: true,
        ..request(FailoverType::Unplanned)
    };
    let done = world.b.fail_over(shown).await.unwrap();
    assert!(done.operations.is_empty());
    let mut all: Vec<&str> = done.plans.iter().map(|plan| plan.name.as_str()).collect();
    all.extend(done.refused.iter().map(|one| one.name.as_str()));
    all.sort_unstable();
    let mut order = ORDER;
    order.sort_unstable();
    assert_eq!(all, order);
    for site in [&world.a, &world.b] {
        assert!(site.db.unfinished_operations().await.unwrap().is_empty());
    }
}
