//! Many groups of several tenants at once, with few places.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use protector_engine::{RunnerOptions, WorkLoop};
use protector_framework::{Clock as _, GenericUuid as _, Ids as _, OperationId};
use protector_model::operation::Asked;
use protector_model::{Actor, Operation, OperationKind, OperationStatus, request};
use protector_simulation::world::{CALL_DEADLINE, LEASE, World, simulate, unplanned};

/// Places of the engine.
const PLACES: usize = 2;

/// Tenants' groups, each by its tier, in the order in which they are asked for.
const GROUPS: [(&str, u8); 9] = [
    ("big", 3),
    ("big", 3),
    ("big", 3),
    ("big", 3),
    ("big", 1),
    ("big", 1),
    ("small", 3),
    ("tiny", 3),
    ("small", 1),
];

/// Asks for a group's rescue in the name of a tenant.
async fn ask(world: &World, tenant: &str) -> OperationId {
    let record = world.record(&world.b).await;
    let (kind, options) = (OperationKind::Failover, unplanned());
    let direction = request::check(&record.document, kind, &options, None).unwrap();
    let operation = Operation::from(Asked {
        id: OperationId::from_untyped_uuid(world.ids.uuid()),
        group_id: world.group,
        project_id: tenant.into(),
        kind,
        options,
        direction,
        actor: Actor::engine("req-test"),
        at: world.clock.now(),
    });
    let made = world.b.db.create_operation(&operation, None, true).await;
    made.unwrap();
    world.clock.advance(Duration::from_millis(1));
    operation.id
}

fn engine(world: &World, stopping: &Arc<AtomicBool>) -> WorkLoop {
    WorkLoop {
        db: world.b.db.clone(),
        reach: world.b.reach.clone(),
        clock: world.clock.clone(),
        ids: world.ids.clone(),
        owner: "engine".to_owned(),
        poll_interval: Duration::from_secs(1),
        max_operations: PLACES,
        runner: RunnerOptions {
            call_deadline: CALL_DEADLINE,
            lease: LEASE,
            ..RunnerOptions::default()
        },
        nudge: Arc::default(),
        stopping: stopping.clone(),
        wake: Arc::default(),
        met: Arc::new(AtomicBool::new(true)),
        beat: protector_engine::Beat::new(world.clock.clone()),
    }
}

#[test]
fn a_lost_site_comes_up_tier_by_tier_fairly_and_within_the_places_there_are() {
    simulate(async {
        let mut world = World::empty().await;
        let mut groups = Vec::new();
        for (n, (_, tier)) in GROUPS.iter().enumerate() {
            world.another_group(100 * (n as u128 + 1)).await;
            let name = format!("server-{n}");
            let server = world.build_server(&name, 1, n);
            world.add_member(&name, &server, *tier).await;
            groups.push(world.group);
        }
        world.a.set_down(true);
        let mut asked = Vec::new();
        for (group, (tenant, _)) in groups.iter().zip(GROUPS) {
            world.group = *group;
            asked.push(ask(&world, tenant).await);
        }
        let stopping = Arc::new(AtomicBool::new(false));
        let loops = engine(&world, &stopping).run();
        let until_done = async {
            while !world.b.db.unfinished_operations().await.unwrap().is_empty() {
                world.clock.sleep(Duration::from_secs(1)).await;
            }
            stopping.store(true, Ordering::Relaxed);
        };
        tokio::join!(loops, until_done);

        let mut spans: Vec<(DateTime<Utc>, DateTime<Utc>, &str, u8)> = Vec::new();
        for (id, (tenant, tier)) in asked.iter().zip(GROUPS) {
            let ended = world.operation(&world.b, *id).await;
            assert_eq!(
                ended.status,
                OperationStatus::Completed,
                "{:#?}",
                ended.error
            );
            let span = (ended.started_at.unwrap(), ended.finished_at.unwrap());
            spans.push((span.0, span.1, tenant, tier));
        }
        spans.sort_unstable();
        for (begun, ..) in &spans {
            let at_once = spans.iter().filter(|s| s.0 <= *begun && s.1 > *begun);
            assert!(at_once.count() <= PLACES, "{spans:#?}");
        }
        let order: Vec<(u8, &str)> = spans.iter().map(|s| (s.3, s.2)).collect();
        assert!(order.is_sorted_by_key(|(tier, _)| *tier), "{order:?}");
        let first: Vec<&str> = order[..2].iter().map(|(_, tenant)| *tenant).collect();
        assert!(first.contains(&"small"), "of the first tier: {order:?}");
        let others = order[3..7].iter().filter(|(_, tenant)| *tenant != "big");
        assert_eq!(others.count(), 2, "of the rest: {order:?}");
        assert_eq!(world.b.running().len(), GROUPS.len());
    });
}
