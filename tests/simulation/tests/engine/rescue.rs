//! Unplanned moves wait for nobody: not for a member that takes its time or fails, and not for
//! operations that hang.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use protector_driver_mock::world::{Fault, Rule, Script};
use protector_framework::Clock as _;
use protector_model::{
    GroupStatus, OperationKind, OperationOptions, OperationStatus, StepRecord, StepStatus,
};

use protector_engine::RunnerOptions;
use protector_engine::WorkLoop;
use protector_simulation::world::{Trouble, World, planned, simulate, unplanned};

fn record<'a>(steps: &'a [StepRecord], key: &str) -> &'a StepRecord {
    steps.iter().find(|s| s.key == key).unwrap()
}

#[test]
fn a_member_whose_volumes_take_their_time_holds_nobody_back() {
    simulate(async {
        let world = World::protected(&["app", "db", "web"], 2).await;
        world.a.set_down(true);
        let moved = world
            .ask_at(&world.b, OperationKind::Failover, unplanned())
            .await;
        let troubles = [
            // Of a middle slot, so that the volumes come in another order than the blueprint's.
            (
                "adopt/web/0".to_owned(),
                Trouble::Slow(Duration::from_secs(500)),
            ),
            ("adopt/db/1".to_owned(), Trouble::Fails),
        ];
        let engine = world.engine(&world.b, troubles.into());
        let db = &world.b.db;
        let claim = db.claim_operation("one", world.b.id).await.unwrap();
        let ended = world.runner(&world.b, engine, 8).run(claim.unwrap()).await;
        let steps = db.steps(moved.id).await.unwrap();
        let commit = record(&steps, "commit").finished_at.unwrap();
        let slow = record(&steps, "adopt/web/0").finished_at.unwrap();
        let up = record(&steps, "verify/app").finished_at.unwrap();
        assert!((up - moved.created_at).num_seconds() < 100, "{up}");
        assert!((slow - up).num_seconds() > 300, "{slow}");
        for step in &steps {
            let made = ["ports/", "boot/"].iter().any(|k| step.key.starts_with(k));
            if made && let Some(began) = step.started_at {
                assert!(began >= commit, "INV1: {}", step.key);
            }
        }
        assert!(record(&steps, "ports/web").started_at.unwrap() >= slow);
        assert_eq!(
            record(&steps, "ports/db").status,
            StepStatus::Skipped,
            "nothing is made for a member that cannot start"
        );
        assert_eq!(
            ended,
            protector_engine::RunEnd::Ended(OperationStatus::CompletedWithErrors)
        );
        assert_eq!(world.b.running(), ["app", "web"]);
        let retried = world.retry(&world.b, moved.id).await;
        assert_eq!(
            retried.status,
            OperationStatus::Completed,
            "{:#?}",
            retried.error
        );
        assert_eq!(world.b.running(), ["app", "db", "web"]);
        world.a.set_down(false);
        world.meet().await;
        for open in world.a.db.unfinished_operations().await.unwrap() {
            world.finish(&world.a, open.id).await;
        }
        world.meet().await;
        assert_eq!(
            world.bytes(&world.a).await,
            world.bytes(&world.b).await,
            "each volume in its slot"
        );
        world
            .assert_settled(GroupStatus::FailedOver, "rescued")
            .await;
    });
}

#[test]
fn a_rescue_begins_at_once_although_every_place_is_held_by_what_hangs() {
    simulate(async {
        let world = World::protected(&["db", "web"], 1).await;
        let (older, site) = world.ask(OperationKind::Failover, planned()).await;
        let hangs = Script {
            rules: vec![Rule::new("stop_server", Fault::Hang)],
        };
        world.a.cloud.set_faults(&hangs).unwrap();
        let stopping = Arc::default();
        let work = WorkLoop {
            db: site.db.clone(),
            reach: site.reach.clone(),
            clock: world.clock.clone(),
            ids: world.ids.clone(),
            owner: "only".to_owned(),
            poll_interval: Duration::from_secs(1),
            max_operations: 1,
            runner: RunnerOptions {
                lease: protector_simulation::world::LEASE,
                ..RunnerOptions::default()
            },
            nudge: Arc::default(),
            stopping: Arc::clone(&stopping),
            wake: Arc::default(),
            met: Arc::new(true.into()),
            beat: protector_engine::Beat::new(world.clock.clone()),
        };
        let scenario = async {
            let steps = || site.db.steps(older.id);
            let stops = |steps: &[StepRecord]| {
                steps
                    .iter()
                    .any(|s| s.key == "stop/web" && s.status == StepStatus::Running)
            };
            while !stops(&steps().await.unwrap()) {
                world.clock.sleep(Duration::from_secs(1)).await;
            }
            let forced = OperationOptions {
                force: true,
                ..unplanned()
            };
            let rescue = world
                .ask_at(&world.b, OperationKind::Failover, forced)
                .await;
            while !world.operation(site, rescue.id).await.status.is_final() {
                world.clock.sleep(Duration::from_secs(1)).await;
            }
            stopping.store(true, Ordering::Relaxed);
            world.operation(site, rescue.id).await
        };
        let ((), rescue) = tokio::join!(work.run(), scenario);
        assert_eq!(
            rescue.status,
            OperationStatus::Completed,
            "{:#?}",
            rescue.error
        );
        let waited = rescue.started_at.unwrap() - rescue.created_at;
        assert!(waited.num_seconds() < 10, "{waited}");
    });
}
