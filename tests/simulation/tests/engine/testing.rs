//! Test failovers: at either site, on networks that lead nowhere, with probes, with an end.

use std::time::Duration;

use protector_framework::Clock as _;
use protector_model::operation::{MemberResult, OperationResult};
use protector_model::{
    GroupChange, GroupStatus, Operation, OperationKind, OperationOptions, OperationStatus, Probe,
};
use protector_simulation::world::{Site, Trouble, When, World, planned, simulate};

const SERVERS: [&str; 2] = ["db", "web"];

fn plain() -> OperationOptions {
    OperationOptions::default()
}

/// A group that runs on A, or on B with a point of it on A.
async fn protected(away: bool) -> World {
    let world = World::protected(&SERVERS, 2).await;
    if away {
        world.go(OperationKind::Failover, planned()).await;
        world.go(OperationKind::Sync, plain()).await;
    }
    world
}

/// The site that the group does not run on.
async fn standby(world: &World) -> &Site {
    world.other(world.primary().await)
}

/// Asks for an operation and lets it come to whatever end.
async fn ends(world: &World, kind: OperationKind, options: OperationOptions) -> Operation {
    let (operation, site) = world.ask(kind, options).await;
    let ended = world.finish(site, operation.id).await;
    world.meet().await;
    ended
}

async fn set_probe(world: &World, name: &str, console: &str) {
    let member = world.member(world.primary().await, name).await.id;
    let probe = Probe {
        console: console.to_owned(),
        timeout: 30,
    };
    world
        .change(GroupChange::SetBoot {
            member,
            boot_tier: None,
            boot_delay: None,
            probe: Some(Some(probe)),
        })
        .await;
}

fn probes(result: &OperationResult) -> Vec<(&str, bool, Option<bool>)> {
    let passed = |m: &MemberResult| m.probe.as_ref().map(|probe| probe.passed);
    let members = result.members.iter();
    members
        .map(|m| (m.name.as_str(), m.ok, passed(m)))
        .collect()
}

#[test]
fn a_test_runs_at_either_site_on_that_sites_own_test_network() {
    simulate(async {
        for away in [false, true] {
            let world = protected(away).await;
            let here = standby(&world).await;
            let (before, production) = (here.look(), world.primary().await.running());
            world.go(OperationKind::TestFailover, plain()).await;
            assert_eq!(here.running(), ["db-test", "web-test"], "{away}");
            let ports = here.look().cloud.ports;
            let on_test = |p: &&protector_driver_mock::world::PortEntry| {
                p.network == here.has.test_network && p.mac_address.starts_with("fe:")
            };
            assert_eq!(ports.iter().filter(on_test).count(), 2, "{ports:?}");
            assert_eq!(world.primary().await.running(), production);
            world.go(OperationKind::TestCleanup, plain()).await;
            assert_eq!(here.look(), before);
        }
    });
}

#[test]
fn a_test_network_from_which_production_can_be_reached_is_refused_before_anything_is_made() {
    simulate(async {
        for away in [false, true] {
            let world = protected(away).await;
            let here = standby(&world).await;
            let (cloud, has) = (&here.cloud, &here.has);
            // A router to where nothing of the group runs is told.
            let lab = cloud.add_network("lab", Some(&has.project)).unwrap();
            cloud.route(&has.test_network, &lab).unwrap();
            let told = world.go(OperationKind::TestFailover, plain()).await;
            let notes = told.result.unwrap().notes;
            assert!(notes.iter().any(|n| n.contains(lab.as_str())), "{notes:?}");
            world.go(OperationKind::TestCleanup, plain()).await;

            let before = here.look();
            cloud.route(&has.test_network, &has.network).unwrap();
            let refused = ends(&world, OperationKind::TestFailover, plain()).await;
            assert_eq!(refused.status, OperationStatus::Error);
            let error = refused.error.unwrap();
            assert!(
                error.message.contains("could reach production"),
                "{error:?}"
            );
            assert_eq!(error.step.as_deref(), Some("test-networks"));
            assert_eq!(here.look(), before);
            let record = world.record(here).await;
            assert_eq!(record.test_operation, None, "there is nothing of it");

            let world = protected(away).await;
            let here = standby(&world).await;
            here.cloud.make_external(&here.has.test_network).unwrap();
            let refused = ends(&world, OperationKind::TestFailover, plain()).await;
            let error = refused.error.unwrap();
            assert!(error.message.contains("leads out"), "{error:?}");
        }
    });
}

#[test]
fn a_test_is_removed_when_its_time_is_over_at_either_site() {
    simulate(async {
        for away in [false, true] {
            let world = protected(away).await;
            let here = standby(&world).await;
            let before = here.look();
            let an_hour = OperationOptions {
                expires_in: Some(3600),
                ..plain()
            };
            world.go(OperationKind::TestFailover, an_hour).await;
            world.clock.advance(Duration::from_secs(3000));
            for site in [&world.a, &world.b] {
                world.peers(site).clean_what_is_due().await.unwrap();
                assert!(site.db.unfinished_operations().await.unwrap().is_empty());
            }
            world.clock.advance(Duration::from_secs(601));
            for site in [&world.a, &world.b] {
                world.peers(site).clean_what_is_due().await.unwrap();
            }
            let due = here.db.unfinished_operations().await.unwrap();
            assert_eq!(due.len(), 1, "once, where the copies are");
            assert_eq!(due[0].kind, OperationKind::TestCleanup);
            let ended = world.finish(here, due[0].id).await;
            assert_eq!(ended.status, OperationStatus::Completed);
            world.meet().await;
            assert_eq!(here.look(), before);
            for site in [&world.a, &world.b] {
                assert_eq!(world.record(site).await.test_operation, None);
            }
        }
    });
}

#[test]
fn a_probe_decides_a_test_and_only_tells_of_a_real_failover() {
    simulate(async {
        let world = protected(false).await;
        set_probe(&world, "db", "login:").await;
        set_probe(&world, "web", "the shop is open").await;
        let test = ends(&world, OperationKind::TestFailover, plain()).await;
        assert_eq!(test.status, OperationStatus::CompletedWithErrors);
        let error = test.error.unwrap();
        assert!(error.message.contains("the shop is open"), "{error:?}");
        let result = test.result.unwrap();
        let expected = [("db", true, Some(true)), ("web", true, Some(false))];
        let mut seen = probes(&result);
        seen.sort_unstable();
        assert_eq!(seen, expected);
        world.go(OperationKind::TestCleanup, plain()).await;

        let real = world.go(OperationKind::Failover, planned()).await;
        let result = real.result.unwrap();
        let mut seen = probes(&result);
        seen.sort_unstable();
        assert_eq!(seen, expected);
        let told = |note: &String| note.contains("`web` runs, but its probe failed");
        assert!(result.notes.iter().any(told), "{:?}", result.notes);
        world
            .assert_settled(GroupStatus::FailedOver, "probed")
            .await;
        assert_eq!(world.b.running(), SERVERS);
        assert!(world.a.running().is_empty(), "parked all the same");
    });
}

#[test]
fn a_test_that_removes_itself_leaves_nothing_also_when_it_did_not_go_well() {
    simulate(async {
        let world = protected(false).await;
        set_probe(&world, "web", "the shop is open").await;
        let before = world.b.look();
        let by_itself = OperationOptions {
            auto_cleanup: true,
            ..plain()
        };
        let test = ends(&world, OperationKind::TestFailover, by_itself).await;
        assert_eq!(test.status, OperationStatus::CompletedWithErrors);
        assert_eq!(world.b.look(), before);
        world.peers(&world.b).clean_what_is_due().await.unwrap();
        for due in world.b.db.unfinished_operations().await.unwrap() {
            world.finish(&world.b, due.id).await;
        }
        world.meet().await;
        for site in [&world.a, &world.b] {
            assert_eq!(world.record(site).await.test_operation, None);
        }
        let again = ends(&world, OperationKind::TestFailover, plain()).await;
        assert_eq!(again.status, OperationStatus::CompletedWithErrors);
        assert_ne!(world.b.look(), before, "it may be asked for again");
    });
}

#[test]
fn a_test_that_is_given_up_while_it_waits_ends_at_once_and_leaves_nothing() {
    simulate(async {
        let world = protected(false).await;
        set_probe(&world, "web", "the shop is open").await;
        let before = world.b.look();
        let (test, site) = world.ask(OperationKind::TestFailover, plain()).await;
        let slow = Trouble::Slow(Duration::from_secs(3600));
        let engine = world.engine(site, [("probe/web".to_owned(), slow)].into());
        let claim = site.db.claim_operation("engine", site.id).await.unwrap();
        let runner = world.runner(site, engine.clone(), 8);
        let asked_at = async {
            while !engine.unmet().is_empty() {
                world.clock.sleep(Duration::from_secs(1)).await;
            }
            site.db.request_cancel(test.id).await.unwrap();
            world.clock.now()
        };
        let (_, asked_at) = tokio::join!(runner.run(claim.unwrap()), asked_at);
        let ended = world.operation(site, test.id).await;
        assert_eq!(ended.status, OperationStatus::Cancelled);
        let took = ended.finished_at.unwrap() - asked_at;
        assert!(took.num_seconds() < 60, "{took}");
        let steps = site.db.steps(test.id).await.unwrap();
        let left = steps.iter().find(|step| step.key == "probe/web").unwrap();
        assert_eq!(left.status, protector_model::StepStatus::Skipped);
        world.meet().await;
        assert_eq!(world.b.look(), before);
    });
}

#[test]
fn an_engine_may_be_killed_at_each_step_of_a_probed_test() {
    simulate(async {
        for key in ["test-networks", "probe/db", "probe/web"] {
            for when in [When::Before, When::After] {
                let world = protected(false).await;
                for name in SERVERS {
                    set_probe(&world, name, "login:").await;
                }
                let before = world.b.look();
                let (test, site) = world.ask(OperationKind::TestFailover, plain()).await;
                let engine = world.engine(site, [(key.to_owned(), Trouble::Kill(when))].into());
                let ended = world.suffer(site, test.id, &engine).await;
                assert_eq!(ended.status, OperationStatus::Completed, "{key} {when:?}");
                world.meet().await;
                world.go(OperationKind::TestCleanup, plain()).await;
                assert_eq!(world.b.look(), before, "{key} {when:?}");
            }
        }
    });
}

#[test]
fn a_test_is_removed_from_the_network_that_it_was_on_whatever_is_mapped_since() {
    simulate(async {
        let world = protected(false).await;
        let here = standby(&world).await;
        let before = here.look();
        world.go(OperationKind::TestFailover, plain()).await;
        let mappings = world.document(&world.a).await.mappings;
        let without = mappings
            .into_iter()
            .filter(|mapping| mapping.kind != protector_framework::ResourceKind::TestNetwork);
        world
            .change(GroupChange::SetMappings {
                mappings: without.collect(),
            })
            .await;
        world.go(OperationKind::TestCleanup, plain()).await;
        assert_eq!(here.look(), before);
    });
}
