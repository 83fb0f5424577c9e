//! What every plan promises, whatever group it is made for.

mod asked;
mod cleaning;
mod moves;
mod shape;
mod testing;

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
