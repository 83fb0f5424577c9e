//! What every plan promises, whatever group it is made for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use protector_framework::{
    ArrayIdentity, Blueprint, EpochId, FixedIp, FlavorSpec, GenericUuid as _, GroupId, MemberId,
    OperationId, PolicyId, PortSpec, ReplicationMode, SiteId, VolumeSpec,
};
use uuid::Uuid;

use super::*;
use crate::actor::Actor;
use crate::document::{Instance, InstanceVolume};
use crate::epoch::Epoch;
use crate::operation::Operation;
use crate::plan::Step;
use crate::policy::{Mapping, Policy, PolicyArray, Retention};
use crate::request::{RequestRefused, check, direction};
use crate::schedule::may_run;
use crate::status::{FailoverType, MemberStatus, OperationStatus};

const A: u128 = 1;
const B: u128 = 2;

fn site(n: u128) -> SiteId {
    SiteId::from_untyped_uuid(Uuid::from_u128(n))
}

fn at() -> DateTime<Utc> {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

/// What the other site keeps of the members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standby {
    Nothing,
    Parked,
    /// Of the first member only.
    One,
}

fn instance(state: InstanceState, volumes: usize, name: &str) -> Instance {
    Instance {
        state,
        server_id: Some(format!("server-{name}-{state:?}").as_str().into()),
        ports: vec![format!("port-{name}-{state:?}").as_str().into()],
        volumes: (0..volumes)
            .map(|slot| InstanceVolume {
                id: format!("{name}-{slot}-{state:?}").as_str().into(),
                array_name: format!("volume-{name}-{slot}").as_str().into(),
                serial: format!("serial-{name}-{slot}").as_str().into(),
            })
            .collect(),
        made: state != InstanceState::Production,
    }
}

fn blueprint(name: &str, volumes: usize) -> Blueprint {
    let volumes = (0..volumes)
        .map(|slot| VolumeSpec::new(format!("{name}-{slot}"), 1_u64, slot == 0))
        .collect::<Vec<_>>();
    let mut port = PortSpec::new(format!("port-{name}"), "net", format!("fa:16:3e:{name}"));
    port.fixed_ips = vec![FixedIp::new("subnet", "10.0.0.5")];
    port.security_groups = vec!["group".into()];
    let flavor = FlavorSpec::new("m1", 1_u32, 512_u64, 0_u64);
    Blueprint::new(format!("server-{name}"), name, flavor, volumes, vec![port])
}

fn member(n: usize, name: &str, runs: u128, volumes: usize, standby: Standby) -> Member {
    let other = if runs == A { B } else { A };
    let mut instances = BTreeMap::new();
    instances.insert(
        site(runs),
        instance(InstanceState::Production, volumes, name),
    );
    if standby == Standby::Parked || (standby == Standby::One && n == 0) {
        instances.insert(site(other), instance(InstanceState::Parked, volumes, name));
    }
    let mut blueprint = blueprint(name, volumes);
    if runs == B {
        // Read on the site where it runs.
        for port in &mut blueprint.ports {
            port.network_id = "net-b".into();
            port.fixed_ips = vec![FixedIp::new("subnet-b", "10.0.0.5")];
            port.security_groups = vec!["group-b".into()];
        }
    }
    Member {
        id: MemberId::from_untyped_uuid(Uuid::from_u128(100 + n as u128)),
        name: name.to_owned(),
        boot_tier: u8::try_from(n % 3 + 1).unwrap(),
        boot_delay: 5,
        probe: (n == 0).then(|| crate::probe::Probe {
            console: "login:".to_owned(),
            timeout: 60,
        }),
        status: MemberStatus::Protected,
        status_reason: None,
        blueprint: Some(blueprint),
        blueprint_site: site(runs),
        instances,
        created_at: at(),
        updated_at: at(),
    }
}

fn policy() -> Policy {
    let array = |n: u128| PolicyArray {
        url: format!("mock:///{n}"),
        identity: ArrayIdentity {
            id: format!("array-{n}").as_str().into(),
            name: format!("array-{n}"),
        },
    };
    Policy {
        id: PolicyId::from_untyped_uuid(Uuid::from_u128(3)),
        driver: "mock".to_owned(),
        arrays: [A, B].map(|n| (site(n), array(n))).into(),
        rpo_minutes: 15,
        replication_interval: None,
        retention: Retention::default(),
        secondary_backend_host: None,
        test_volume_type_id: None,
        created_at: at(),
        updated_at: at(),
    }
}

fn group(names: &[&str], runs: u128, volumes: usize, standby: Standby) -> GroupDocument {
    let map = |kind, primary: &str, secondary: &str| Mapping {
        kind,
        primary_id: primary.into(),
        secondary_id: secondary.into(),
    };
    GroupDocument {
        id: GroupId::from_untyped_uuid(Uuid::from_u128(7)),
        epoch: Epoch::first(EpochId::from_untyped_uuid(Uuid::from_u128(1)), site(runs)),
        version: 1,
        name: "shop".to_owned(),
        description: String::new(),
        projects: BTreeMap::new(),
        primary_site_id: site(A),
        secondary_site_id: site(B),
        current_primary_site_id: site(runs),
        replication_type: ReplicationMode::Async,
        volume_types: BTreeMap::new(),
        volume_groups: [A, B]
            .map(|n| (site(n), format!("volumes-{n}").as_str().into()))
            .into(),
        status: match runs {
            A => GroupStatus::Active,
            _ => GroupStatus::FailedOver,
        },
        status_reason: None,
        failover_count: 0,
        members: names
            .iter()
            .enumerate()
            .map(|(n, name)| member(n, name, runs, volumes, standby))
            .collect(),
        policy: Some(policy()),
        mappings: vec![
            map(ResourceKind::Network, "net", "net-b"),
            map(ResourceKind::Subnet, "subnet", "subnet-b"),
            map(ResourceKind::SecurityGroup, "group", "group-b"),
            map(ResourceKind::TestNetwork, "net", "test-b"),
            map(ResourceKind::TestNetwork, "test-a", "net-b"),
        ],
        deleted: false,
        given_up: None,
        created_at: at(),
        updated_at: at(),
        unknown: BTreeMap::new(),
    }
}

/// Groups of every shape.
fn groups() -> Vec<GroupDocument> {
    let mut groups = Vec::new();
    for names in [
        &["web"][..],
        &["web", "db", "app"],
        &["web", "web", "db", "web"],
    ] {
        for volumes in [1, 3] {
            for runs in [A, B] {
                for standby in [Standby::Nothing, Standby::Parked, Standby::One] {
                    groups.push(group(names, runs, volumes, standby));
                }
            }
        }
    }
    groups
}

fn make(document: &GroupDocument, kind: OperationKind, options: &OperationOptions) -> Plan {
    let direction = direction(document, kind, options);
    let test = plan(
        document,
        OperationKind::TestFailover,
        &OperationOptions::default(),
        &self::direction(document, OperationKind::TestFailover, options),
        None,
    );
    plan(document, kind, options, &direction, test.as_ref().ok()).unwrap()
}

fn moves(planned: bool) -> OperationOptions {
    OperationOptions {
        failover_type: Some(match planned {
            true => FailoverType::Planned,
            false => FailoverType::Unplanned,
        }),
        ..OperationOptions::default()
    }
}

fn the_move(document: &GroupDocument) -> OperationKind {
    match document.is_home() {
        true => OperationKind::Failover,
        false => OperationKind::Failback,
    }
}

/// Every plan that can be made of these groups.
fn every_plan() -> Vec<(GroupDocument, Plan)> {
    let mut plans = Vec::new();
    for document in groups() {
        let first = document.members.first().map(|m| m.id);
        let plain = OperationOptions::default;
        let of_one = || OperationOptions {
            member: first,
            ..plain()
        };
        let mut asked = vec![
            (OperationKind::Create, plain()),
            (OperationKind::Delete, plain()),
            (OperationKind::AddMember, of_one()),
            (OperationKind::RemoveMember, of_one()),
            (OperationKind::Sync, plain()),
            (OperationKind::Reprotect, plain()),
            (OperationKind::Cleanup, plain()),
            (OperationKind::Reset, plain()),
            (OperationKind::Quarantine, plain()),
            (the_move(&document), moves(true)),
            (the_move(&document), moves(false)),
        ];
        let removes = OperationOptions {
            auto_cleanup: true,
            ..plain()
        };
        asked.extend([
            (OperationKind::TestFailover, plain()),
            (OperationKind::TestFailover, removes),
            (OperationKind::TestCleanup, plain()),
        ]);
        for (kind, options) in asked {
            plans.push((document.clone(), make(&document, kind, &options)));
        }
        plans.extend(after_others(&document).map(|plan| (document.clone(), plan)));
    }
    plans
}

fn older(n: u128) -> OperationId {
    OperationId::from_untyped_uuid(Uuid::from_u128(n))
}

/// Plans that follow operations which gave way.
fn after_others(document: &GroupDocument) -> impl Iterator<Item = Plan> + '_ {
    let of = OperationOptions {
        of: Some(older(1)),
        ..OperationOptions::default()
    };
    [
        (the_move(document), moves(false)),
        (OperationKind::Cleanup, OperationOptions::default()),
        (OperationKind::Cleanup, of),
        (OperationKind::Delete, OperationOptions::default()),
    ]
    .into_iter()
    .map(|(kind, options)| {
        let before = Before {
            test: None,
            superseded: &[older(1)],
            leftovers: &[older(1), older(2)],
            ..Before::default()
        };
        let direction = direction(document, kind, &options);
        plan_after(document, kind, &options, &direction, &before).unwrap()
    })
}

fn changes(step: &Step) -> bool {
    !matches!(
        step.action,
        Action::CheckSites { .. }
            | Action::CaptureMember
            | Action::RecaptureMember
            | Action::ChoosePoint
            | Action::VerifyServer { .. }
            | Action::CheckTestNetworks
            | Action::ProbeServer { .. }
            | Action::Delay { .. }
            | Action::AwaitExecutor { .. }
            | Action::ForgetMember
            | Action::ForgetGroup
            | Action::ReadBack
            | Action::Commit { handover: false }
    )
}

#[test]
fn keys_are_unique_and_needs_stand_before() {
    for (_, plan) in every_plan() {
        let mut seen = BTreeSet::new();
        for step in &plan.steps {
            for need in &step.needs {
                assert!(
                    seen.contains(need),
                    "{}: {} needs {need}",
                    plan.operation,
                    step.key
                );
            }
            assert!(
                seen.insert(step.key.clone()),
                "{}: {}",
                plan.operation,
                step.key
            );
        }
        let last = plan.steps.last().unwrap();
        assert!(matches!(last.action, Action::Finish) && last.gathers);
    }
}

#[test]
fn nothing_is_left_to_itself() {
    for (_, plan) in every_plan() {
        let finish = plan.steps.last().unwrap();
        for step in plan.steps.iter().filter(|s| s.key != finish.key) {
            assert!(
                plan.depends_on(finish, &step.key),
                "{}: nobody waits for {}",
                plan.operation,
                step.key
            );
        }
    }
}

#[test]
fn every_step_that_changes_something_says_by_which_calls() {
    for (_, plan) in every_plan() {
        // A verification only gives settings back that were held back, where there are any.
        let verifies = |step: &&Step| matches!(step.action, Action::VerifyServer { .. });
        for step in plan.steps.iter().filter(|step| !verifies(step)) {
            assert_eq!(
                !step.calls.is_empty(),
                changes(step),
                "{}: {}",
                plan.operation,
                step.key
            );
        }
    }
}

#[test]
fn what_can_be_taken_back_says_by_which_calls() {
    for (_, plan) in every_plan() {
        for step in &plan.steps {
            let portless = step.calls.is_empty();
            assert_eq!(
                !step.undo.is_empty(),
                step.action.has_undo() && !portless,
                "{}: {}",
                plan.operation,
                step.key
            );
        }
    }
}

#[test]
fn a_step_that_changes_something_is_not_dropped_in_its_midst_but_for_a_transfer() {
    for (_, plan) in every_plan() {
        for step in &plan.steps {
            let declared = step.action.declaration();
            if declared.is_cancel_safe() && changes(step) {
                assert_eq!(step.action, Action::Replicate, "{}", step.key);
            }
            assert!(!declared.idempotent_by.is_empty());
        }
    }
}

#[test]
fn the_same_request_makes_the_same_plan() {
    for document in groups() {
        let kind = the_move(&document);
        let (one, two) = (
            make(&document, kind, &moves(true)),
            make(&document, kind, &moves(true)),
        );
        assert_eq!(one.hash(), two.hash());
        // A plan is stored and read again.
        let text = serde_json::to_vec(&one).unwrap();
        assert_eq!(serde_json::from_slice::<Plan>(&text).unwrap(), one);
    }
}

#[test]
fn nothing_starts_or_is_overwritten_on_the_target_before_authority_has_passed() {
    for (document, plan) in every_plan() {
        let Some(commit) = plan.commit() else {
            continue;
        };
        let target = document.standby_site();
        assert_eq!(commit.site, target);
        for step in &plan.steps {
            let irreversible = matches!(
                step.action,
                Action::OverwriteVolume { .. }
                    | Action::CreatePorts { .. }
                    | Action::BootServer { .. }
                    | Action::ReviveServer
                    | Action::ParkServer { .. }
                    | Action::SuspendArrayGroup
                    | Action::FillVolumeGroup
                    | Action::UnpinPoint
            );
            assert_eq!(
                irreversible,
                irreversible && plan.depends_on(step, &commit.key),
                "{}",
                step.key
            );
            if plan.depends_on(commit, &step.key) && changes(step) {
                // The group of a standby site takes no points as it is.
                let resumable = matches!(
                    step.action,
                    Action::EnsureArrayGroup
                        | Action::Replicate
                        | Action::SurveySource
                        | Action::HoldArrayGroup
                );
                assert!(step.action.has_undo() || resumable, "{} stays", step.key);
            }
        }
    }
}

#[test]
fn a_move_waits_for_whoever_gave_way_before_it_changes_anything() {
    for document in groups() {
        let plan = after_others(&document).next().unwrap();
        let awaited = format!("await/{}", older(1));
        assert!(plan.step(&awaited).is_some());
        for step in plan.steps.iter().filter(|s| changes(s)) {
            assert!(plan.depends_on(step, &awaited), "{}", step.key);
        }
        let point = plan.step("point").unwrap();
        assert!(!plan.depends_on(point, &awaited), "looking is free");
    }
}

#[test]
fn a_cleanup_takes_back_what_others_have_left() {
    for document in groups() {
        let of = |plan: &Plan| -> Vec<OperationId> {
            let steps = plan.steps.iter();
            steps
                .filter_map(|s| match s.action {
                    Action::TakeBack { operation } => Some(operation),
                    _ => None,
                })
                .collect()
        };
        let plans: Vec<_> = after_others(&document).map(|plan| of(&plan)).collect();
        let (one, two) = (vec![older(1)], vec![older(1), older(2)]);
        assert_eq!(plans, [vec![], two.clone(), one, two]);
    }
}

#[test]
fn an_unplanned_move_never_touches_the_source() {
    for document in groups() {
        let plan = make(&document, the_move(&document), &moves(false));
        let target = document.standby_site();
        for step in &plan.steps {
            assert_eq!(step.site, target, "{}", step.key);
            if let Action::CheckSites { sites } = &step.action {
                assert_eq!(*sites, [target]);
            }
        }
    }
}

/// A group on site B whose first member, or all, did not come up there.
fn partial(copy: Option<Instance>, all: bool) -> GroupDocument {
    let mut document = group(&["web", "db"], B, 2, Standby::Parked);
    let ill = |m: &&mut Member| all || m.name == "web";
    for member in document.members.iter_mut().filter(ill) {
        member.status = MemberStatus::Error;
        match &copy {
            Some(copy) => drop(member.instances.insert(site(B), copy.clone())),
            None => drop(member.instances.remove(&site(B))),
        }
    }
    document
}

#[test]
fn a_member_that_never_came_up_there_goes_home_from_what_was_kept() {
    let unbuilt = Instance {
        server_id: None,
        ..instance(InstanceState::Incomplete, 2, "web")
    };
    for (copy, all) in [(Some(unbuilt), false), (None, false), (None, true)] {
        for planned in [true, false] {
            let document = partial(copy.clone(), all);
            let plan = make(&document, OperationKind::Failback, &moves(planned));
            let of_web: Vec<&str> = plan
                .steps
                .iter()
                .filter(|s| s.member == Some(document.members[0].id))
                .map(|s| s.key.as_str())
                .collect();
            assert_eq!(of_web, ["revive/web", "verify/web", "probe/web"]);
            let commit = plan.commit().unwrap();
            assert!(plan.depends_on(plan.step("revive/web").unwrap(), &commit.key));
            assert_eq!(plan.step("pin").is_none(), all);
            assert_eq!(plan.step("sync").is_some(), planned && !all);
        }
    }
}

#[test]
fn inv1_a_member_that_may_run_there_is_not_taken_for_one_that_never_did() {
    let built = instance(InstanceState::Incomplete, 2, "web");
    let mut unknown = partial(None, false);
    unknown.members[0].status = MemberStatus::FailingOver;
    for document in [partial(Some(built), false), unknown] {
        let kind = OperationKind::Failback;
        let (home, planned) = (direction(&document, kind, &moves(true)), moves(true));
        let refused = plan(&document, kind, &planned, &home, None);
        assert!(
            matches!(refused, Err(PlanError::Unfinished { .. })),
            "{refused:?}"
        );
        // Without the source its data comes from a point, or it is not recovered.
        let plan = make(&document, kind, &moves(false));
        assert!(plan.step("overwrite/web/0").is_some());
    }
}

#[test]
fn the_only_copy_of_a_member_outlives_its_group_and_its_leaving() {
    let document = partial(None, false);
    for (member, cleaned) in document.members.iter().zip([false, true]) {
        let of_one = OperationOptions {
            member: Some(member.id),
            ..OperationOptions::default()
        };
        let plan = make(&document, OperationKind::RemoveMember, &of_one);
        let discards = |s: &Step| matches!(s.action, Action::DiscardVolumes);
        assert_eq!(plan.steps.iter().any(discards), cleaned, "{}", member.name);
    }
    let plan = make(
        &document,
        OperationKind::Delete,
        &OperationOptions::default(),
    );
    assert!(plan.step("discard-volumes/db").is_some());
    assert!(plan.step("discard-volumes/web").is_none());
}

#[test]
fn a_source_is_stopped_before_its_last_point_and_parked_when_its_successor_runs() {
    for document in groups() {
        let plan = make(&document, the_move(&document), &moves(true));
        let (source, target) = (document.current_primary_site_id, document.standby_site());
        let of = |is: &dyn Fn(&Action) -> bool| -> Vec<&Step> {
            plan.steps.iter().filter(|s| is(&s.action)).collect()
        };
        let stops = of(&|a| matches!(a, Action::StopServer));
        let parks = of(&|a| matches!(a, Action::ParkServer { quarantine: false }));
        assert_eq!(stops.len(), document.members.len());
        assert_eq!(parks.len(), document.members.len());
        let sync = plan.step("sync").unwrap();
        let point = of(&|a| matches!(a, Action::ChoosePoint))[0];
        assert!(plan.depends_on(point, &sync.key));
        for stop in stops {
            assert_eq!(stop.site, source);
            assert!(plan.depends_on(sync, &stop.key));
        }
        for park in parks {
            let verify = plan
                .steps
                .iter()
                .find(|s| {
                    s.member == park.member
                        && matches!(s.action, Action::VerifyServer { test: false })
                })
                .unwrap();
            assert_eq!((park.site, verify.site), (source, target));
            assert!(plan.depends_on(park, &verify.key) && !park.gathers);
        }
    }
}

#[test]
fn tiers_stop_from_the_last_and_start_from_the_first() {
    let document = group(&["web", "db", "app"], A, 1, Standby::Nothing);
    let plan = make(&document, OperationKind::Failover, &moves(true));
    let step = |key: &str| plan.step(key).unwrap();
    assert!(plan.depends_on(step("stop/web"), "stop/db"));
    assert!(plan.depends_on(step("stop/db"), "stop/app"));
    assert!(plan.depends_on(step("boot/db"), "verify/web"));
    assert!(plan.depends_on(step("boot/app"), "verify/db"));
    // A tier that failed does not hold the next one up.
    assert!(step("tier/1").gathers && step("tier/2").gathers);
}

#[test]
fn the_way_home_mirrors_the_way_out() {
    for standby in [Standby::Nothing, Standby::Parked] {
        let names = ["web", "db", "app"];
        let out = make(
            &group(&names, A, 2, standby),
            OperationKind::Failover,
            &moves(true),
        );
        let home = make(
            &group(&names, B, 2, standby),
            OperationKind::Failback,
            &moves(true),
        );
        let swapped: Vec<_> = out
            .steps
            .iter()
            .map(|s| {
                let there = if s.site == site(A) { site(B) } else { site(A) };
                (s.key.clone(), there, s.needs.clone(), s.gathers)
            })
            .collect();
        let is: Vec<_> = home
            .steps
            .iter()
            .map(|s| (s.key.clone(), s.site, s.needs.clone(), s.gathers))
            .collect();
        assert_eq!(is, swapped);
    }
}

#[test]
fn a_member_is_overwritten_where_its_copy_is_kept_and_built_where_it_is_not() {
    for document in groups() {
        let plan = make(&document, the_move(&document), &moves(true));
        let target = document.standby_site();
        for member in &document.members {
            let does = |is: &dyn Fn(&Action) -> bool| {
                plan.steps
                    .iter()
                    .filter(|s| s.member == Some(member.id) && is(&s.action))
                    .count()
            };
            let slots = member.blueprint.as_ref().unwrap().volumes.len();
            let kept = member.has_parked_copy(target);
            let (over, anew) = if kept { (slots, 0) } else { (0, slots) };
            assert_eq!(does(&|a| matches!(a, Action::OverwriteVolume { .. })), over);
            assert_eq!(does(&|a| matches!(a, Action::CopyVolume { .. })), anew);
            assert_eq!(
                does(&|a| matches!(a, Action::ReviveServer)),
                usize::from(kept)
            );
            assert_eq!(
                does(&|a| matches!(a, Action::BootServer { .. })),
                usize::from(!kept)
            );
        }
    }
}

#[test]
fn what_is_left_of_a_copy_is_removed_before_one_is_made_anew() {
    for document in groups() {
        let target = document.standby_site();
        let kept = |m: &&Member| m.has_parked_copy(target);
        let Some(member) = document.members.iter().find(kept) else {
            continue;
        };
        for planned in [true, false] {
            let (kind, options) = (the_move(&document), moves(planned));
            let before = Before {
                removed: &[member.id],
                ..Before::default()
            };
            let direction = direction(&document, kind, &options);
            let plan = plan_after(&document, kind, &options, &direction, &before).unwrap();
            let mut its = plan.steps.iter().filter(|s| s.member == Some(member.id));
            let gone = its.find(|s| s.action == Action::DiscardVolumes).unwrap();
            for step in its {
                match step.action {
                    Action::CopyVolume { .. } => assert!(plan.depends_on(step, &gone.key)),
                    Action::OverwriteVolume { .. } | Action::ReviveServer => {
                        panic!("{} starts what is gone", step.key)
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn what_is_overwritten_is_in_no_point_that_is_taken_after_authority_has_passed() {
    for (_, plan) in every_plan() {
        let over = |s: &&Step| matches!(s.action, Action::OverwriteVolume { .. });
        let Some(commit) = plan
            .commit()
            .filter(|_| plan.steps.iter().any(|s| over(&s)))
        else {
            continue;
        };
        let held = |s: &&Step| s.action == Action::HoldArrayGroup && s.site == commit.site;
        let held = plan.steps.iter().find(held).unwrap();
        assert!(plan.depends_on(commit, &held.key));
    }
}

#[test]
fn no_test_stands_among_the_servers_of_production() {
    for mut document in groups() {
        for mapping in &mut document.mappings {
            if mapping.kind == ResourceKind::TestNetwork {
                mapping.primary_id = "net".into();
                mapping.secondary_id = "net-b".into();
            }
        }
        let plain = OperationOptions::default();
        let kind = OperationKind::TestFailover;
        let direction = direction(&document, kind, &plain);
        let refused = plan(&document, kind, &plain, &direction, None);
        assert!(
            matches!(refused, Err(PlanError::TestOnProduction { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn a_probe_holds_up_nothing_but_the_end() {
    for (_, plan) in every_plan() {
        let probes = plan.steps.iter();
        let probes = probes.filter(|s| matches!(s.action, Action::ProbeServer { .. }));
        for probe in probes {
            for step in plan.steps.iter().filter(|s| plan.depends_on(s, &probe.key)) {
                let cleans = matches!(
                    step.action,
                    Action::Finish
                        | Action::RemoveTestServers
                        | Action::RemoveTestVolumes
                        | Action::UnpinPoint
                );
                assert!(cleans, "{} waits for {}", step.key, probe.key);
            }
        }
    }
}

#[test]
fn a_test_stays_on_the_standby_site_and_all_it_makes_is_removed() {
    for document in groups() {
        let test = make(
            &document,
            OperationKind::TestFailover,
            &OperationOptions::default(),
        );
        let clean = make(
            &document,
            OperationKind::TestCleanup,
            &OperationOptions::default(),
        );
        assert!(test.commit().is_none() && clean.commit().is_none());
        for step in test.steps.iter().chain(&clean.steps) {
            assert_eq!(step.site, document.standby_site(), "{}", step.key);
            let allowed = match &step.action {
                Action::CopyVolume { test, .. }
                | Action::AdoptVolume { test, .. }
                | Action::CreatePorts { test }
                | Action::BootServer { test }
                | Action::VerifyServer { test }
                | Action::ProbeServer { test } => *test,
                Action::CheckSites { sites } => *sites == [document.standby_site()],
                Action::CheckTestNetworks
                | Action::ChoosePoint
                | Action::PinPoint
                | Action::UnpinPoint
                | Action::Delay { .. }
                | Action::RemoveTestServers
                | Action::RemoveTestVolumes
                | Action::Finish => true,
                _ => false,
            };
            assert!(allowed, "{}", step.key);
        }
        let members = |plan: &Plan, is: &dyn Fn(&Action) -> bool| -> BTreeSet<_> {
            plan.steps
                .iter()
                .filter(|s| is(&s.action))
                .filter_map(|s| s.member)
                .collect()
        };
        let booted = members(&test, &|a| matches!(a, Action::BootServer { .. }));
        assert_eq!(
            booted,
            members(&clean, &|a| matches!(a, Action::RemoveTestServers))
        );
        assert_eq!(
            booted,
            members(&clean, &|a| matches!(a, Action::RemoveTestVolumes))
        );
    }
}

#[test]
fn a_cleanup_never_names_the_copy_in_production() {
    for document in groups() {
        for kind in [OperationKind::Cleanup, OperationKind::Delete] {
            let plan = make(&document, kind, &OperationOptions::default());
            for step in plan.steps.iter().filter(|s| s.member.is_some()) {
                assert_eq!(step.site, document.standby_site(), "{kind}: {}", step.key);
            }
        }
        let here = OperationOptions {
            site: Some(document.current_primary_site_id),
            ..OperationOptions::default()
        };
        let plan = make(&document, OperationKind::Cleanup, &here);
        assert!(
            plan.steps.iter().all(|s| s.member.is_none()),
            "nothing to remove"
        );
    }
}

#[test]
fn a_cleanup_keeps_the_copy_of_a_member_that_runs_nowhere() {
    let mut document = group(&["lost", "well"], A, 1, Standby::Parked);
    let lost = document.members[0].instances.get_mut(&site(A)).unwrap();
    lost.state = InstanceState::Parked;
    let plan = make(
        &document,
        OperationKind::Cleanup,
        &OperationOptions::default(),
    );
    let cleaned: BTreeSet<MemberId> = plan.steps.iter().filter_map(|s| s.member).collect();
    assert_eq!(cleaned, BTreeSet::from([document.members[1].id]), "INV2");
}

#[test]
fn nothing_leaves_a_group_while_a_test_of_it_stands() {
    let document = group(&["app"], A, 1, Standby::Nothing);
    for (kind, member) in [
        (OperationKind::Delete, None),
        (OperationKind::RemoveMember, Some(document.members[0].id)),
    ] {
        let options = OperationOptions {
            member,
            ..OperationOptions::default()
        };
        let refused = check(&document, kind, &options, Some(older(1)));
        assert_eq!(refused, Err(RequestRefused::TestThere(older(1))), "INV5");
        assert!(check(&document, kind, &options, None).is_ok());
    }
}

#[test]
fn what_only_the_primary_may_do_ends_when_authority_has_moved_on() {
    for kind in [OperationKind::RemoveMember, OperationKind::Reprotect] {
        let document = group(&["app"], A, 1, Standby::Parked);
        let options = OperationOptions {
            member: (kind == OperationKind::RemoveMember).then_some(document.members[0].id),
            ..OperationOptions::default()
        };
        let plan = make(&document, kind, &options);
        let operation = under_way(&document, kind, options);
        let moved = group(&["app"], B, 1, Standby::Parked);
        for step in &plan.steps {
            assert!(may_run(&document, &operation, &plan, step), "{}", step.key);
            let goes_on = may_run(&moved, &operation, &plan, step);
            let only_ends = matches!(step.action, Action::Finish | Action::UnpinPoint);
            assert_eq!(goes_on, only_ends, "INV1: {kind} {}", step.key);
        }
    }
}

fn under_way(
    document: &GroupDocument,
    kind: OperationKind,
    options: OperationOptions,
) -> Operation {
    let way = direction(document, kind, &options);
    Operation {
        id: older(7),
        group_id: document.id,
        project_id: "project".into(),
        kind,
        options,
        status: OperationStatus::Running,
        phase: String::new(),
        progress: 0,
        source_site_id: way.source,
        target_site_id: way.target,
        executor_site_id: way.executor,
        steps_completed: 0,
        steps_failed: 0,
        was_running: None,
        test_stands: false,
        error: None,
        result: None,
        actor: Actor::engine("req-test"),
        attempt: 1,
        created_at: at(),
        updated_at: at(),
        started_at: None,
        finished_at: None,
    }
}

#[test]
fn a_server_goes_before_its_volumes_and_they_are_let_go_before_they_are_destroyed() {
    let document = group(&["web"], A, 2, Standby::Parked);
    let plan = make(
        &document,
        OperationKind::Cleanup,
        &OperationOptions::default(),
    );
    let keys: Vec<_> = plan.steps.iter().map(|s| s.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "check",
            "delete-server/web",
            "release-volumes/web",
            "delete-ports/web",
            "discard-volumes/web",
            "finish"
        ]
    );
    for pair in plan.steps.windows(2) {
        assert!(plan.depends_on(&pair[1], &pair[0].key));
    }
}

#[test]
fn what_is_not_mapped_or_never_captured_is_named() {
    let mut document = group(&["web", "db"], A, 1, Standby::Nothing);
    document.mappings.retain(|m| m.kind != ResourceKind::Subnet);
    let options = moves(true);
    let way = direction(&document, OperationKind::Failover, &options);
    let ask = |document: &GroupDocument, options: &OperationOptions| {
        plan(document, OperationKind::Failover, options, &way, None)
    };
    let error = ask(&document, &options).unwrap_err();
    let PlanError::Unmapped(missing) = &error else {
        panic!("{error}")
    };
    assert_eq!(missing.len(), 2);
    assert!(error.to_string().contains("subnet"), "{error}");

    let mut document = group(&["web", "db"], A, 1, Standby::Nothing);
    document.members[1].blueprint = None;
    assert_eq!(
        ask(&document, &options).unwrap_err(),
        PlanError::NotCaptured("db".to_owned())
    );
    // Without the source, the others are not held up for it.
    let plan = ask(&document, &moves(false)).unwrap();
    assert!(plan.step("boot/web").is_some() && plan.step("boot/db").is_none());
}

#[test]
fn twins_are_told_apart_by_their_ids() {
    let document = group(&["web", "web"], A, 1, Standby::Nothing);
    let plan = make(&document, OperationKind::Failover, &moves(true));
    let boots: Vec<_> = plan
        .steps
        .iter()
        .filter(|s| matches!(s.action, Action::BootServer { .. }))
        .map(|s| s.key.clone())
        .collect();
    assert_eq!(boots.len(), 2);
    assert!(
        boots.iter().all(|key| key.starts_with("boot/web~")),
        "{boots:?}"
    );
}
