//! The wall clock of a site is wrong: what was said by it is neither believed nor waited for.

use std::time::Duration;

use chrono::TimeDelta;
use protector_model::{GroupStatus, OperationKind, OperationOptions, OperationStatus};

use protector_simulation::world::{Trouble, When, World, planned, simulate, unplanned};

use super::assert_completed;

const SERVERS: [&str; 2] = ["db", "web"];

#[test]
fn inv2_a_group_that_was_moved_by_a_clock_that_was_ahead_asks_before_old_data_is_started() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        world.b.clock.set(TimeDelta::hours(2));
        world.go(OperationKind::Failover, planned()).await;
        world.b.clock.set(TimeDelta::zero());
        world.b.set_down(true);
        let asked = world
            .ask_at(&world.a, OperationKind::Failback, unplanned())
            .await;
        let ended = world.finish(&world.a, asked.id).await;
        assert_eq!(ended.status, OperationStatus::Error);
        let error = ended.error.unwrap();
        assert!(error.message.contains("still to come"), "{error:#?}");
        let advice = error.what_to_do.unwrap();
        assert!(advice.contains("accept_loss"), "{advice}");
        assert!(world.a.running().is_empty(), "nothing was started");
        let accepting = OperationOptions {
            accept_loss: true,
            ..unplanned()
        };
        let asked = world
            .ask_at(&world.a, OperationKind::Failback, accepting)
            .await;
        let ended = world.finish(&world.a, asked.id).await;
        assert_completed(&ended, "a person has said so");
        assert_eq!(world.a.running(), SERVERS);
    });
}

#[test]
fn inv2_points_of_a_life_before_do_not_count_although_the_clock_was_set_back() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        world.write(&world.a, "web", 0, "of the first life").await;
        world
            .go(OperationKind::Sync, OperationOptions::default())
            .await;
        world.clock.advance(Duration::from_secs(3600));
        world.go(OperationKind::Failover, planned()).await;
        world.clock.advance(Duration::from_secs(3600));
        world.write(&world.b, "web", 0, "written away").await;
        // It comes home to a clock of before all that.
        world.a.clock.set(TimeDelta::hours(-5));
        world.go(OperationKind::Failback, planned()).await;
        world.a.set_down(true);
        let accepting = OperationOptions {
            accept_loss: true,
            ..unplanned()
        };
        let away = world
            .ask_at(&world.b, OperationKind::Failover, accepting)
            .await;
        assert_completed(&world.finish(&world.b, away.id).await, "away again");
        assert!(world.reads(&world.b, "web", 0, "written away").await);
    });
}

#[test]
fn an_engine_that_died_before_its_clock_was_set_back_holds_nothing_for_hours() {
    simulate(async {
        let world = World::protected(&SERVERS, 1).await;
        world.b.clock.set(TimeDelta::hours(3));
        let (moved, site) = world.ask(OperationKind::Failover, planned()).await;
        let kill = [("point".to_owned(), Trouble::Kill(When::Before))];
        let engine = world.engine(site, kill.into());
        world.run_until_death(site, &engine).await;
        world.b.clock.set(TimeDelta::zero());
        assert_completed(&world.finish(site, moved.id).await, "another engine");
        world.meet().await;
        world
            .assert_settled(GroupStatus::FailedOver, "set back")
            .await;
    });
}
