//! One thing is spoiled, and the answer names it, for each purpose with its weight.

mod rows;
mod world;

use std::collections::BTreeSet;

use chrono::TimeDelta;
use protector_framework::{DriverError, ErrorKind, ResourceKind};

use super::*;
use crate::operation::{StepRecord, StepStatus, journal};
use crate::planner;
use crate::request::direction;
use world::{World, ago, now, point};

#[test]
fn nothing_is_found_where_everything_is_ready() {
    for purpose in Purpose::ALL {
        let report = World::new().assess(*purpose);
        assert!(report.ready, "{report:#?}");
        assert_eq!(report.findings, [], "{purpose}");
        assert_eq!(report.achieved_rpo_seconds, Some(120));
        assert_eq!(report.as_of, now());
    }
}

#[test]
fn keypairs_are_looked_at_by_the_site_that_has_the_owners_trust() {
    let world = World::new();
    let (source, target) = (
        world.document.current_primary_site_id,
        world.document.standby_site(),
    );
    let seen = |from| kinds_needed(world.document.members.iter(), target, from);
    assert!(seen(target).contains(&ResourceKind::Keypair));
    assert!(!seen(source).contains(&ResourceKind::Keypair));
    assert!(seen(source).contains(&ResourceKind::Flavor));
    // What was not looked at is no finding.
    let mut world = world;
    world
        .observed
        .target
        .resources
        .remove(&ResourceKind::Keypair);
    assert_eq!(world.assess(Purpose::Planned).findings, []);
}

#[test]
fn each_finding_is_made_of_what_is_spoiled() {
    let mut seen = BTreeSet::new();
    for row in rows::rows() {
        let mut world = World::new();
        (row.spoil)(&mut world);
        for (purpose, weight) in Purpose::ALL.iter().zip(row.weighs) {
            let report = world.assess(*purpose);
            let found = report.findings.iter().find(|f| f.code == row.code);
            let what = format!("{} for {purpose}: {report:#?}", row.code);
            assert_eq!(found.map(|f| f.severity), weight, "{what}");
            if let Some(found) = found {
                assert!(found.message.contains(row.says), "{what}");
                assert!(!found.what_to_do.is_empty(), "{what}");
                assert!(!found.object.kind.is_empty(), "{what}");
            }
            let others: Vec<_> = report
                .findings
                .iter()
                .map(|f| f.code)
                .filter(|code| *code != row.code && !row.besides.contains(code))
                .collect();
            assert_eq!(others, [], "nothing else follows: {what}");
            let blocks = report
                .findings
                .iter()
                .any(|f| f.severity == Severity::Blocker);
            assert_eq!(report.ready, !blocks, "{what}");
        }
        seen.insert(row.code);
    }
    // It takes another Protector's error to have no plan at all.
    seen.insert(FindingCode::NoPlan);
    let all: BTreeSet<_> = FindingCode::ALL.iter().copied().collect();
    let untested: Vec<_> = all.difference(&seen).collect();
    assert!(untested.is_empty(), "no row shows {untested:?}");
}

#[test]
fn accepted_drift_refuses_nothing_but_other_disks_do() {
    let mut world = World::new();
    world.server().flavor.vcpus = 8;
    let report = world.assess(Purpose::Planned);
    let mut options = Purpose::Planned.options();
    assert_eq!(report.refusals(&options).len(), 1);
    options.accept_drift = true;
    assert_eq!(report.refusals(&options), [] as [&Finding; 0]);
    world.server().volumes.pop();
    let report = world.assess(Purpose::Planned);
    let left: Vec<_> = report.refusals(&options).iter().map(|f| f.code).collect();
    assert_eq!(left, [FindingCode::VolumesDrifted]);
}

#[test]
fn what_may_pass_is_told_from_what_stays() {
    let error = |kind| Fact::Unknown(Unknown::from(&DriverError::new(kind, "it said")));
    for (kind, code, passing) in [
        (ErrorKind::Unreachable, FindingCode::ArrayUnreachable, true),
        (ErrorKind::Unexpected, FindingCode::ArrayUnreachable, false),
        (ErrorKind::Unauthorized, FindingCode::ArrayRefused, false),
    ] {
        let mut world = World::new();
        world.observed.target.site.array = error(kind);
        let report = world.assess(Purpose::Planned);
        let found = report.findings.iter().find(|f| f.code == code).unwrap();
        assert_eq!(found.passing, passing, "{kind:?}");
    }
}

#[test]
fn a_dark_source_is_one_finding_and_does_not_hide_the_target() {
    let mut world = World::new();
    let dark = || Unknown::because(Cause::Silent, "no answer in time");
    let source = world.source();
    source.site.health = Fact::Unknown(dark());
    source.site.login = Fact::Unknown(dark());
    source.site.array = Fact::Unknown(dark());
    source.link = Fact::Unknown(dark());
    source.sending = Fact::Unknown(dark());
    source.servers = source
        .servers
        .keys()
        .map(|id| (*id, Fact::Unknown(dark())))
        .collect();
    world.observed.target.headroom = Fact::Known(protector_framework::Headroom::new());
    let report = world.assess(Purpose::Unplanned);
    let codes: Vec<_> = report.findings.iter().map(|f| f.code).collect();
    assert_eq!(
        codes,
        [FindingCode::SiteUnreachable, FindingCode::ArrayUnreachable]
    );
    assert!(
        report.ready,
        "an unplanned move needs nothing of the source"
    );
    assert!(!world.assess(Purpose::Planned).ready);
}

#[test]
fn the_loss_is_the_age_of_the_newest_point_of_this_life_that_holds_all() {
    let mut world = World::new();
    let mut partial = point("p3", 30);
    partial.volumes.pop();
    let mut arriving = point("p4", 5);
    arriving.complete = false;
    world.observed.target.points = Fact::Known(vec![point("p2", 120), partial, arriving]);
    let report = world.assess(Purpose::Unplanned);
    assert_eq!(
        report.predicted_rpo_seconds,
        Some(30),
        "what would be started"
    );
    assert_eq!(
        report.achieved_rpo_seconds,
        Some(120),
        "what holds everything"
    );
    assert_eq!(
        world.assess(Purpose::Planned).predicted_rpo_seconds,
        Some(0)
    );

    world.document.epoch.since = Some(ago(60));
    let report = world.assess(Purpose::Unplanned);
    assert_eq!(
        report.achieved_rpo_seconds, None,
        "the older one is of a life before"
    );
}

#[test]
fn a_point_of_the_future_has_no_age_rather_than_a_negative_one() {
    let mut world = World::new();
    world.observed.target.points = Fact::Known(vec![point("p", -10)]);
    let near = world.assess(Purpose::Unplanned);
    assert_eq!(
        near.achieved_rpo_seconds,
        Some(0),
        "no two clocks are the same"
    );
    world.observed.target.points = Fact::Known(vec![point("p", -3600)]);
    let far = world.assess(Purpose::Unplanned);
    assert_eq!(far.achieved_rpo_seconds, None);
    assert_eq!(far.predicted_rpo_seconds, None);
}

#[test]
fn the_time_is_the_longest_way_through_the_plan_as_this_groups_steps_took_before() {
    let mut world = World::new();
    let assumed = world.assess(Purpose::Unplanned);
    // check 5, point 2, pin 2, copy 5, adopt 15, commit 2, ports 5, boot 45, verify 10
    assert_eq!(assumed.predicted_rto_seconds, Some(91));
    assert_eq!(assumed.rto_learned_from, 0);
    let planned = world.assess(Purpose::Planned).predicted_rto_seconds;
    assert!(planned > assumed.predicted_rto_seconds, "{planned:?}");

    let purpose = Purpose::Unplanned;
    let kind = purpose.kind(&world.document);
    let options = purpose.options();
    let way = direction(&world.document, kind, &options);
    let plan = planner::plan(&world.document, kind, &options, &way, None).unwrap();
    let took = |seconds: i64| -> Vec<StepRecord> {
        let done = |record: StepRecord| StepRecord {
            status: StepStatus::Done,
            started_at: Some(now()),
            finished_at: Some(now() + TimeDelta::seconds(seconds)),
            ..record
        };
        journal(&plan).into_iter().map(done).collect()
    };
    for seconds in [1, 900, 2] {
        world.history.learn(&plan, &took(seconds));
    }
    let learned = world.assess(purpose);
    assert_eq!(
        learned.predicted_rto_seconds,
        Some(18),
        "nine steps, the median of each is 2 s"
    );
    assert_eq!(learned.rto_learned_from, 3);
}

#[test]
fn the_same_findings_are_the_same_verdict_whatever_they_count() {
    let readiness = |world: &World| Readiness {
        seen_from: world.observed.seen_from,
        as_of: world.observed.at,
        reports: Purpose::ALL.iter().map(|p| world.assess(*p)).collect(),
    };
    let mut world = World::new();
    let well = readiness(&world);
    assert_eq!(well.kept().blockers, 0);
    assert!(well.kept().ready && !well.was_in_vain());
    world.observed.target.points = Fact::Known(vec![point("p", 1000)]);
    let late = readiness(&world);
    world.observed.target.points = Fact::Known(vec![point("p", 1060)]);
    let later = readiness(&world);
    assert_ne!(well.verdict(), late.verdict());
    assert_eq!(late.verdict(), later.verdict());
    assert!(late.kept().ready);
    world.server().volumes.pop();
    let drifted = readiness(&world);
    assert!(!drifted.kept().ready);
    assert_eq!(drifted.kept().blockers, 1);
    let ready = drifted.verdict().ready;
    assert_eq!(ready, [Purpose::Unplanned, Purpose::Test], "{ready:?}");
}

#[test]
fn what_a_step_saw_is_told_in_the_result() {
    let mut world = World::new();
    world.observed.target.points = Fact::Known(vec![point("p", 1000)]);
    world
        .document
        .mappings
        .retain(|m| m.primary_id.as_str() != "key-a");
    let report = world.assess(Purpose::Unplanned);
    assert_eq!(report.findings.len(), 2, "one of them is for information");
    let output = serde_json::json!({ "readiness": report });
    let notes = notes(Some(&output));
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("1000 s old"), "{notes:?}");
}

#[test]
fn the_health_of_replication_is_read_from_a_look() {
    let health = |world: &World| {
        let readiness = Readiness {
            seen_from: world.observed.seen_from,
            as_of: world.observed.at,
            reports: vec![world.assess(Purpose::Planned)],
        };
        ReplicationHealth::of(&readiness, Some(15)).unwrap()
    };
    let mut world = World::new();
    let well = health(&world);
    assert!(well.failover_ready);
    assert_eq!((well.link, well.sync), (LinkHealth::Up, SyncHealth::InSync));
    assert_eq!((well.lag_seconds, well.rpo_met), (Some(120), Some(true)));
    world.observed.target.points = Fact::Known(vec![point("p", 1000)]);
    world.observed.peer = Fact::Unknown(Unknown::because(Cause::Silent, "no answer"));
    world.source().site.array = Fact::Unknown(Unknown::because(Cause::Silent, "no answer"));
    let ill = health(&world);
    assert!(!ill.failover_ready);
    assert_eq!(
        (ill.link, ill.sync),
        (LinkHealth::Unknown, SyncHealth::Unreachable)
    );
    assert_eq!((ill.lag_seconds, ill.rpo_met), (Some(1000), Some(false)));
    assert_eq!(ill.findings.len(), 3, "{ill:#?}");
}
