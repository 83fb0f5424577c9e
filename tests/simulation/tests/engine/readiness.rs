//! What would keep a failover from working is known before, and refuses it before anything is
//! changed; who has lost a site is told and not stopped.

use std::time::Duration;

use protector_db::Page;
use protector_driver_mock::world::{LinkSettings, Quota};
use protector_framework::{Clock as _, ServerId, VolumeId};
use protector_model::readiness::{Finding, FindingCode, Purpose, Readiness, Report, Severity};
use protector_model::{GroupStatus, Operation, OperationKind, OperationOptions, OperationStatus};
use protector_simulation::world::{Site, World, planned, simulate, unplanned};

/// The longest that a change may go unseen.
const KNOWN_WITHIN: Duration = Duration::from_secs(60);

async fn server_of(world: &World, member: &str) -> ServerId {
    let member = world.member(&world.a, member).await;
    let copy = member.instance(world.a.id).unwrap();
    copy.server_id.clone().unwrap()
}

fn new_disk(world: &World) -> VolumeId {
    let kind = &world.a.has.volume_type;
    let disk = world.a.tenant.create_volume("new", 1, kind, false).unwrap();
    world.clock.advance(Duration::from_secs(1));
    disk
}

fn quota(site: &Site, instances: u64) {
    let quota = Quota {
        instances: Some(instances),
        ..Quota::default()
    };
    site.cloud.set_quota(&site.has.project, quota).unwrap();
}

/// Lets a site's engine look for as long as a change may go unseen.
async fn watch(world: &World, site: &Site) -> Readiness {
    let watch = world.watch(site);
    let until = world.clock.now() + KNOWN_WITHIN;
    while world.clock.now() < until {
        watch.round().await.unwrap();
        world.clock.sleep(Duration::from_secs(5)).await;
    }
    site.db.readiness(world.group).await.unwrap().unwrap()
}

fn for_planned(readiness: &Readiness) -> &Report {
    readiness.report(Purpose::Planned).unwrap()
}

/// What was found, without what is only good to know.
fn codes(report: &Report) -> Vec<FindingCode> {
    let counts = |f: &&Finding| f.severity != Severity::Info;
    report
        .findings
        .iter()
        .filter(counts)
        .map(|f| f.code)
        .collect()
}

async fn events(site: &Site) -> usize {
    let filters = vec![("action".to_owned(), "protection_group.readiness".to_owned())];
    let page = Page {
        filters,
        ..Page::default()
    };
    site.db.page_audit(&page).await.unwrap().len()
}

/// Asks, and is refused with nothing changed on either site.
async fn refused(world: &World, kind: OperationKind, options: OperationOptions) -> Operation {
    let before = (world.a.look(), world.b.look());
    let running = (world.a.running(), world.b.running());
    let (operation, site) = world.ask(kind, options).await;
    let ended = world.finish(site, operation.id).await;
    assert_eq!(ended.status, OperationStatus::Error, "{:#?}", ended.error);
    assert_eq!((world.a.running(), world.b.running()), running);
    assert_eq!(
        (world.a.look(), world.b.look()),
        before,
        "nothing was changed"
    );
    world.meet().await;
    ended
}

#[test]
fn nothing_is_found_of_a_group_that_is_well_wherever_it_runs() {
    simulate(async {
        let world = World::protected(&["db", "web"], 2).await;
        for site in [&world.a, &world.b] {
            let seen = watch(&world, site).await;
            for report in &seen.reports {
                assert_eq!(codes(report), [], "{report:#?}");
            }
            assert_eq!(events(site).await, 0);
        }
        world.go(OperationKind::Failover, planned()).await;
        let seen = watch(&world, &world.a).await;
        let report = for_planned(&seen);
        assert!(report.ready, "{report:#?}");
        assert!(report.predicted_rto_seconds.is_some());
        assert!(report.rto_learned_from > 0 || seen.seen_from == world.a.id);
    });
}

/// Time goes by while both sites' engines look, as they do.
async fn hours_go_by(world: &World, hours: u64) {
    for _ in 0..hours * 30 {
        for site in [&world.a, &world.b] {
            world.watch(site).round().await.unwrap();
        }
        world.clock.sleep(Duration::from_secs(120)).await;
    }
}

#[test]
fn inv7_recovery_points_are_seen_while_an_operation_works_or_waits_and_the_rest_is_left_alone() {
    simulate(async {
        let world = World::protected(&["db", "web"], 1).await;
        for site in [&world.a, &world.b] {
            watch(&world, site).await;
        }
        let (operation, site) = world
            .ask(OperationKind::TestFailover, OperationOptions::default())
            .await;
        let asked_at = world.clock.now();
        // What an operation changes on its way is no drift.
        let server = server_of(&world, "web").await;
        world.a.tenant.stop_server(&server).unwrap();
        hours_go_by(&world, 3).await;
        for site in [&world.a, &world.b] {
            let record = world.record(site).await;
            assert_eq!(record.active_operation, Some(operation.id));
            let age = world.clock.now() - record.last_replication_at.unwrap();
            assert!(age.num_minutes() <= 60, "the array replicates: {age}");
            let seen = site.db.readiness(world.group).await.unwrap().unwrap();
            assert!(seen.as_of <= asked_at, "{} {asked_at}", seen.as_of);
        }

        // Nothing arrives any more, and that is seen too.
        let cut = LinkSettings::cut();
        world.a.array.link(&world.b.array, &cut).unwrap();
        hours_go_by(&world, 2).await;
        let record = world.record(&world.a).await;
        let age = world.clock.now() - record.last_replication_at.unwrap();
        assert!(age.num_minutes() >= 100, "{age}");
        let whole = LinkSettings::up();
        world.a.array.link(&world.b.array, &whole).unwrap();

        world.finish(site, operation.id).await;
        let ended_at = world.clock.now();
        world.watch(site).round().await.unwrap();
        let seen = site.db.readiness(world.group).await.unwrap().unwrap();
        assert!(seen.as_of >= ended_at, "its end makes a look due");
    });
}

#[test]
fn another_disk_is_known_within_a_minute_and_refuses_a_planned_move_before_anything_stops() {
    simulate(async {
        let world = World::protected(&["db", "web"], 1).await;
        watch(&world, &world.b).await;
        let (server, disk) = (server_of(&world, "web").await, new_disk(&world));
        world.a.tenant.attach_volume(&server, &disk).unwrap();
        for site in [&world.a, &world.b] {
            let seen = watch(&world, site).await;
            let report = for_planned(&seen);
            assert_eq!(codes(report), [FindingCode::VolumesDrifted], "{report:#?}");
            assert!(report.findings[0].message.contains("1 of 2 disks"));
            assert!(!seen.kept().ready);
            let age = (world.clock.now() - seen.as_of).to_std().unwrap();
            assert!(age <= KNOWN_WITHIN, "{age:?}");
        }
        for accept_drift in [false, true] {
            let options = OperationOptions {
                accept_drift,
                ..planned()
            };
            let ended = refused(&world, OperationKind::Failover, options).await;
            let error = ended.error.unwrap();
            assert_eq!(error.step.as_deref(), Some("check"));
            assert_eq!(error.site_id, Some(world.a.id));
            assert!(error.message.contains(disk.as_str()), "{error:?}");
            assert!(error.message.contains("volumes_drifted"), "{error:?}");
            assert!(error.what_to_do.unwrap().contains("add it again"));
        }
        world.a.tenant.detach_volume(&server, &disk).unwrap();
        let well = watch(&world, &world.b).await;
        assert_eq!(codes(for_planned(&well)), []);
        assert_eq!(events(&world.b).await, 2, "it came, and it went");
        world.go(OperationKind::Failover, planned()).await;
    });
}

#[test]
fn drift_that_a_person_accepts_goes_along_and_is_told() {
    simulate(async {
        let world = World::protected(&["web"], 1).await;
        let web = world.member(&world.a, "web").await;
        let disk = web.instance(world.a.id).unwrap().volumes[0].id.clone();
        world.a.tenant.set_volume_kind(&disk, true, false).unwrap();
        let ended = refused(&world, OperationKind::Failover, planned()).await;
        assert!(ended.error.unwrap().message.contains("is encrypted"));
        let options = OperationOptions {
            accept_drift: true,
            ..planned()
        };
        let moved = world.go(OperationKind::Failover, options).await;
        let notes = moved.result.unwrap().notes;
        assert!(
            notes.iter().any(|n| n.contains("is encrypted")),
            "{notes:?}"
        );
    });
}

#[test]
fn too_small_a_quota_refuses_a_planned_move_and_a_test_but_is_only_told_to_who_has_lost_a_site() {
    simulate(async {
        let world = World::protected(&["db", "web"], 1).await;
        quota(&world.b, 1);
        let seen = watch(&world, &world.a).await;
        let report = for_planned(&seen);
        assert_eq!(codes(report), [FindingCode::QuotaShort]);
        assert!(
            report.findings[0]
                .message
                .contains("2 needed, 1 left, 1 missing")
        );
        for (kind, options) in [
            (OperationKind::Failover, planned()),
            (OperationKind::TestFailover, OperationOptions::default()),
        ] {
            let ended = refused(&world, kind, options).await;
            let error = ended.error.unwrap();
            assert!(error.message.contains("`instances`"), "{error:?}");
            assert_eq!(error.site_id, Some(world.b.id));
        }
        let (operation, site) = world.ask(OperationKind::Failover, unplanned()).await;
        let ended = world.finish(site, operation.id).await;
        assert_eq!(ended.status, OperationStatus::CompletedWithErrors);
        assert_eq!(world.b.running().len(), 1, "what fits is brought up");
        let notes = ended.result.unwrap().notes;
        assert!(notes.iter().any(|n| n.contains("`instances`")), "{notes:?}");
    });
}

#[test]
fn a_full_array_is_found_before_the_source_is_stopped() {
    simulate(async {
        let world = World::protected(&["web"], 1).await;
        world.b.array.fill().unwrap();
        let seen = watch(&world, &world.b).await;
        assert_eq!(codes(for_planned(&seen)), [FindingCode::ArrayFull]);
        refused(&world, OperationKind::Failover, planned()).await;
    });
}

#[test]
fn a_silent_stop_of_replication_is_seen_by_the_age_of_the_newest_point() {
    simulate(async {
        let world = World::protected(&["web"], 1).await;
        let cut = LinkSettings::cut();
        world.a.array.link(&world.b.array, &cut).unwrap();
        world.clock.advance(Duration::from_secs(2 * 3600));
        let seen = watch(&world, &world.b).await;
        let report = for_planned(&seen);
        assert!(
            codes(report).contains(&FindingCode::RpoExceeded),
            "{report:#?}"
        );
        assert!(
            codes(report).contains(&FindingCode::LinkDown),
            "{report:#?}"
        );
        assert!(report.achieved_rpo_seconds.unwrap() >= 2 * 3600);
        let rescue = seen.report(Purpose::Unplanned).unwrap();
        assert!(rescue.ready, "{rescue:#?}");
        assert_eq!(rescue.predicted_rpo_seconds, report.achieved_rpo_seconds);
    });
}

#[test]
fn a_dark_site_is_one_event_and_keeps_nothing_from_being_seen_of_the_other() {
    simulate(async {
        let world = World::protected(&["web"], 1).await;
        watch(&world, &world.b).await;
        world.a.cloud.set_down(true).unwrap();
        world.a.array.set_down(true).unwrap();
        world.a.wire.cut(true);
        let began = world.clock.now();
        let mut looks = std::collections::BTreeSet::new();
        while world.clock.now() - began < chrono::TimeDelta::minutes(10) {
            let seen = watch(&world, &world.b).await;
            looks.insert(seen.as_of);
            assert!(!for_planned(&seen).ready);
            let rescue = seen.report(Purpose::Unplanned).unwrap();
            assert!(rescue.ready, "{rescue:#?}");
            assert!(rescue.achieved_rpo_seconds.is_some());
        }
        assert!(looks.len() >= 10, "at least one look a minute");
        assert_eq!(events(&world.b).await, 1, "one event, not one a look");
    });
}

#[test]
fn a_group_that_an_operation_works_on_is_not_looked_at() {
    simulate(async {
        let world = World::protected(&["web"], 1).await;
        let before = watch(&world, &world.b).await;
        let (operation, site) = world.ask(OperationKind::Failover, planned()).await;
        let during = watch(&world, &world.b).await;
        assert_eq!(
            during.as_of, before.as_of,
            "the last look is shown with its age"
        );
        world.finish(site, operation.id).await;
        world.meet().await;
        let after = watch(&world, &world.b).await;
        assert!(after.as_of > before.as_of);
        assert_eq!(for_planned(&after).source_site_id, world.b.id);
        world.assert_settled(GroupStatus::FailedOver, "moved").await;
    });
}
