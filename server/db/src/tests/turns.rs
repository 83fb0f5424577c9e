//! Which operation is taken when many wait.

use std::collections::BTreeMap;
use std::time::Duration;

use protector_framework::{GenericUuid as _, GroupId, MemberId, PolicyId, ServerId};
use protector_model::{
    FailoverType, GroupChange, GroupDocument, Operation, OperationKind, OperationOptions,
    OperationStatus, Policy,
};
use uuid::Uuid;

use super::{World, document, open, operation, policy, site, start, world};
use crate::{Claim, Db};

/// A group of a project whose members start in these tiers, and an operation that waits for it.
async fn queued(world: &World, n: u128, project: &str, tiers: &[u8], how: FailoverType) {
    let mut group = GroupDocument {
        id: GroupId::from_untyped_uuid(Uuid::from_u128(1000 + n)),
        name: format!("group-{n}"),
        projects: [(site(1), project.into()), (site(2), project.into())].into(),
        policy: Some(Policy {
            id: PolicyId::from_untyped_uuid(Uuid::from_u128(2000 + n)),
            ..policy()
        }),
        ..document("shop")
    };
    for (at, tier) in tiers.iter().enumerate() {
        let member = GroupChange::AddMember {
            member: MemberId::from_untyped_uuid(Uuid::from_u128(n * 100 + at as u128)),
            name: format!("server-{at}"),
            server_id: ServerId::from(format!("server-{n}-{at}")),
            boot_tier: *tier,
            boot_delay: 0,
            probe: None,
        };
        group = member.apply(&group, start()).unwrap();
    }
    let mode = protector_model::PutMode::Push;
    let bytes = group.to_bytes().unwrap();
    let secrets = BTreeMap::new();
    let received = world
        .db
        .receive_document(site(9), mode, None, &bytes, &secrets);
    received.await.unwrap();
    let waits = Operation {
        group_id: group.id,
        project_id: project.into(),
        options: OperationOptions {
            failover_type: Some(how),
            ..OperationOptions::default()
        },
        created_at: start() + chrono::TimeDelta::seconds(i64::try_from(n).unwrap()),
        ..operation(n, OperationKind::Failover)
    };
    world
        .db
        .create_operation(&waits, None, false)
        .await
        .unwrap();
}

async fn ended(db: &Db, claim: Claim) {
    let ended = Operation {
        status: OperationStatus::Completed,
        ..claim.operation
    };
    db.write_operation(&claim.fence, &ended).await.unwrap();
}

/// Engines of one site take what waits, each with this many places; the oldest at work ends first.
async fn taken(world: &World, engines: &[&Db], places: usize) -> Vec<Operation> {
    let (mut taken, mut at_work) = (Vec::new(), Vec::new());
    for turn in 0.. {
        world.clock.advance(Duration::from_millis(10));
        let db = engines[turn % engines.len()];
        if at_work.len() == places * engines.len() {
            let (db, claim): (&Db, Claim) = at_work.remove(0);
            ended(db, claim).await;
        }
        let owner = format!("engine-{}", turn % engines.len());
        let Some(claim) = db.claim_operation(&owner, site(1)).await.unwrap() else {
            break;
        };
        taken.push(claim.operation.clone());
        at_work.push((db, claim));
    }
    taken
}

#[tokio::test]
async fn a_tenant_with_many_groups_does_not_starve_another_whatever_engines_there_are() {
    for (engines, places) in [(1, 1), (1, 4), (2, 2)] {
        let world = world().await;
        for n in 1..=24 {
            queued(&world, n, "big", &[3], FailoverType::Planned).await;
        }
        queued(&world, 25, "small", &[3], FailoverType::Planned).await;
        queued(&world, 26, "small", &[3], FailoverType::Planned).await;
        queued(&world, 27, "tiny", &[3], FailoverType::Planned).await;
        let other = open(&world.dir, &world.url, &world.clock, 2).await;
        let dbs = [&world.db, &other];
        let taken = taken(&world, &dbs[..engines], places).await;
        assert_eq!(taken.len(), 27, "each is taken once");
        let first: Vec<&str> = taken[..6].iter().map(|o| o.project_id.as_str()).collect();
        let few = first.iter().filter(|project| **project != "big").count();
        assert_eq!(few, 3, "{engines} engines of {places}: {first:?}");
    }
}

#[tokio::test]
async fn groups_begin_tier_by_tier_and_a_group_counts_by_its_first_member() {
    let world = world().await;
    queued(&world, 1, "a", &[5], FailoverType::Unplanned).await;
    queued(&world, 2, "a", &[4, 2], FailoverType::Unplanned).await;
    queued(&world, 3, "b", &[1, 5], FailoverType::Unplanned).await;
    queued(&world, 4, "b", &[], FailoverType::Unplanned).await;
    queued(&world, 5, "a", &[2, 2], FailoverType::Unplanned).await;
    let taken = taken(&world, &[&world.db], 1).await;
    let order: Vec<u128> = taken
        .iter()
        .map(|o| o.id.into_untyped_uuid().as_u128())
        .collect();
    assert_eq!(order, [3, 2, 5, 4, 1]);
}

#[tokio::test]
async fn what_may_not_wait_is_found_among_what_may() {
    let world = world().await;
    queued(&world, 1, "a", &[1], FailoverType::Planned).await;
    queued(&world, 2, "a", &[5], FailoverType::Unplanned).await;
    let urgent = world.db.claim_urgent_operation("one", site(1)).await;
    let urgent = urgent.unwrap().unwrap().operation;
    assert!(urgent.is_urgent());
    let none = world.db.claim_urgent_operation("one", site(1)).await;
    assert!(none.unwrap().is_none());
    let other = world.db.claim_ordinary_operation("one", site(1)).await;
    assert!(!other.unwrap().unwrap().operation.is_urgent());
}

#[tokio::test]
async fn an_operation_from_before_there_were_turns_is_taken_all_the_same() {
    let world = world().await;
    queued(&world, 1, "a", &[1], FailoverType::Unplanned).await;
    world
        .db
        .run("DELETE FROM operation_turns", [])
        .await
        .unwrap();
    let claim = world.db.claim_urgent_operation("one", site(1)).await;
    assert!(claim.unwrap().is_some());
}

#[tokio::test]
async fn what_an_engine_left_half_done_goes_on_before_anything_new() {
    let world = world().await;
    queued(&world, 1, "a", &[5], FailoverType::Planned).await;
    let left = world.db.claim_operation("one", site(1)).await;
    let left = left.unwrap().unwrap().operation.id;
    queued(&world, 2, "b", &[1], FailoverType::Planned).await;
    world.clock.advance(Duration::from_secs(31));
    let claim = world.db.claim_operation("two", site(1)).await;
    let claim = claim.unwrap().unwrap();
    assert_eq!(claim.operation.id, left);
    assert!(claim.unclean);
}
