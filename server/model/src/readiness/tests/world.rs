//! A group for which everything is ready, to spoil one thing at a time.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use protector_framework::{
    ArrayIdentity, ArrayInfo, Blueprint, CloudHealth, EpochId, FixedIp, FlavorSpec,
    GenericUuid as _, GroupId, GroupStatus as SendingGroup, GroupVolume, Headroom, Link, LinkState,
    MemberId, Point, PointVolume, PolicyId, Pool, PortSpec, Reachability, ReplicationMode,
    Resource, ResourceKind, Server, ServerStatus, SiteId, VolumeSpec, VolumeType,
};
use uuid::Uuid;

use super::super::*;
use crate::document::{Instance, InstanceState, InstanceVolume, Member};
use crate::epoch::Epoch;
use crate::policy::{Mapping, Policy, PolicyArray, Retention};
use crate::status::{GroupStatus, MemberStatus};

pub(super) struct World {
    pub(super) document: GroupDocument,
    pub(super) observed: Observed,
    pub(super) standing: Standing,
    pub(super) history: History,
}

pub(super) fn a() -> SiteId {
    SiteId::from_untyped_uuid(Uuid::from_u128(1))
}

pub(super) fn b() -> SiteId {
    SiteId::from_untyped_uuid(Uuid::from_u128(2))
}

pub(super) fn web() -> MemberId {
    MemberId::from_untyped_uuid(Uuid::from_u128(100))
}

pub(super) fn now() -> DateTime<Utc> {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

pub(super) fn ago(seconds: i64) -> DateTime<Utc> {
    now() - TimeDelta::seconds(seconds)
}

fn identity(name: &str) -> ArrayIdentity {
    ArrayIdentity {
        id: format!("id-{name}").as_str().into(),
        name: name.to_owned(),
    }
}

pub(super) fn array(name: &str) -> ArrayInfo {
    ArrayInfo::new(identity(name), "1")
        .capacity_bytes(1000_u64)
        .used_bytes(100_u64)
}

pub(super) fn blueprint() -> Blueprint {
    let kind = |spec: VolumeSpec| spec.volume_type(Some("type-a".into()));
    let volumes = vec![
        kind(VolumeSpec::new("vol-0", 10_u64, true)),
        kind(VolumeSpec::new("vol-1", 20_u64, false)),
    ];
    let port = PortSpec::new("port", "net-a", "fa:16:3e:00:00:01")
        .fixed_ips(vec![FixedIp::new("subnet-a", "10.0.0.5")])
        .security_groups(vec!["group-a".into()]);
    let flavor = FlavorSpec::new("m1", 2_u32, 512_u64, 0_u64).id(Some("flavor-a".into()));
    Blueprint::new("server", "web", flavor, volumes, vec![port])
        .keypair(Some("key-a".to_owned()))
        .availability_zone(Some("zone-a".to_owned()))
}

fn instance(state: InstanceState, server: &str) -> Instance {
    let volume = |slot: usize| InstanceVolume {
        id: match state {
            InstanceState::Production => format!("vol-{slot}").as_str().into(),
            _ => format!("kept-{slot}").as_str().into(),
        },
        array_name: format!("array-vol-{slot}").as_str().into(),
        serial: format!("serial-{slot}").as_str().into(),
    };
    Instance {
        state,
        server_id: Some(server.into()),
        ports: Vec::new(),
        volumes: vec![volume(0), volume(1)],
        made: false,
    }
}

fn mappings() -> Vec<Mapping> {
    [
        (ResourceKind::Network, "net"),
        (ResourceKind::Subnet, "subnet"),
        (ResourceKind::Flavor, "flavor"),
        (ResourceKind::SecurityGroup, "group"),
        (ResourceKind::Keypair, "key"),
        (ResourceKind::AvailabilityZone, "zone"),
    ]
    .map(|(kind, name)| Mapping {
        kind,
        primary_id: format!("{name}-a").as_str().into(),
        secondary_id: format!("{name}-b").as_str().into(),
    })
    .into_iter()
    .chain([Mapping {
        kind: ResourceKind::TestNetwork,
        primary_id: "net-a".into(),
        secondary_id: "net-test".into(),
    }])
    .collect()
}

fn document() -> GroupDocument {
    let member = Member {
        probe: None,
        id: web(),
        name: "web".to_owned(),
        boot_tier: 3,
        boot_delay: 0,
        status: MemberStatus::Protected,
        status_reason: None,
        blueprint: Some(blueprint()),
        blueprint_site: a(),
        instances: [(a(), instance(InstanceState::Production, "server"))].into(),
        created_at: now(),
        updated_at: now(),
    };
    let arrays = [(a(), "one"), (b(), "two")].map(|(site, name)| {
        let array = PolicyArray {
            url: format!("mock:///{name}"),
            identity: identity(name),
        };
        (site, array)
    });
    GroupDocument {
        id: GroupId::from_untyped_uuid(Uuid::from_u128(7)),
        epoch: Epoch::first(EpochId::from_untyped_uuid(Uuid::from_u128(1)), a()),
        version: 3,
        name: "shop".to_owned(),
        description: String::new(),
        projects: [(a(), "project-a".into()), (b(), "project-b".into())].into(),
        primary_site_id: a(),
        secondary_site_id: b(),
        current_primary_site_id: a(),
        replication_type: ReplicationMode::Async,
        volume_types: [(a(), "type-a".into()), (b(), "type-b".into())].into(),
        volume_groups: BTreeMap::new(),
        status: GroupStatus::Active,
        status_reason: None,
        failover_count: 0,
        members: vec![member],
        policy: Some(Policy {
            id: PolicyId::from_untyped_uuid(Uuid::from_u128(8)),
            driver: "mock".to_owned(),
            arrays: arrays.into(),
            rpo_minutes: 15,
            replication_interval: None,
            retention: Retention::default(),
            secondary_backend_host: None,
            test_volume_type_id: None,
            created_at: now(),
            updated_at: now(),
        }),
        mappings: mappings(),
        deleted: false,
        given_up: None,
        created_at: now(),
        updated_at: now(),
        unknown: BTreeMap::new(),
    }
}

fn site(name: &str) -> SiteFacts {
    let up = || Reachability::new(true);
    SiteFacts {
        login: Fact::Known(()),
        project: Fact::Known(()),
        health: Fact::Known(CloudHealth::new(up(), up(), up(), up())),
        array: Fact::Known(array(name)),
        broken_trust: None,
    }
}

/// A complete point of both volumes.
pub(super) fn point(name: &str, seconds_ago: i64) -> Point {
    let volume = |slot: usize| {
        PointVolume::new(format!("array-vol-{slot}"), format!("serial-{slot}"), 1_u64)
    };
    Point::new(name, ago(seconds_ago), true, vec![volume(0), volume(1)])
}

pub(super) fn replicated_type() -> VolumeType {
    let specs = [
        ("replication_enabled", "<is> True"),
        ("replication_type", "<in> async"),
        ("volume_backend_name", "pure"),
    ];
    let specs = specs.map(|(key, value)| (key.to_owned(), value.to_owned()));
    VolumeType::new("type-b", "fast").extra_specs(BTreeMap::from(specs))
}

fn resources() -> BTreeMap<ResourceKind, Fact<Vec<Resource>>> {
    let one = |kind, id: &str| Resource::new(kind, id, id);
    [
        vec![
            one(ResourceKind::Network, "net-b"),
            one(ResourceKind::Network, "net-test"),
        ],
        vec![one(ResourceKind::Subnet, "subnet-b").cidr(Some("10.0.0.0/24".to_owned()))],
        vec![
            one(ResourceKind::Flavor, "flavor-b")
                .vcpus(Some(2))
                .ram_mib(Some(512)),
        ],
        vec![one(ResourceKind::SecurityGroup, "group-b")],
        vec![one(ResourceKind::Keypair, "key-b")],
        vec![one(ResourceKind::AvailabilityZone, "zone-b")],
    ]
    .map(|all| (all[0].kind, Fact::Known(all)))
    .into()
}

impl World {
    pub(super) fn new() -> Self {
        let document = document();
        let bytes = document.to_bytes().unwrap();
        let head = document.head(&bytes);
        let volume = |slot: usize| {
            GroupVolume::new(format!("array-vol-{slot}"), format!("serial-{slot}"), true)
        };
        let sending = SendingGroup::new(
            document.remote_name(),
            identity("two"),
            vec![volume(0), volume(1)],
            true,
        );
        let source = SourceFacts {
            site: site("one"),
            servers: [(web(), Fact::Known(Some(blueprint())))].into(),
            link: Fact::Known(Link::new(LinkState::Connected)),
            sending: Fact::Known(Some(sending)),
        };
        let target = TargetFacts {
            site: site("two"),
            volume_types: Fact::Known(vec![replicated_type()]),
            pools: Fact::Known(vec![Pool::new("b@pure#pool", "pure")]),
            headroom: Fact::Known(
                Headroom::new()
                    .instances(1_u64)
                    .vcpus(2_u64)
                    .ram_mib(512_u64)
                    .volumes(2_u64)
                    .volume_gib(30_u64)
                    .ports(1_u64),
            ),
            resources: resources(),
            points: Fact::Known(vec![point("p1", 400), point("p2", 120)]),
            copies: BTreeMap::new(),
        };
        let observed = Observed {
            at: now(),
            seen_from: b(),
            names: [(a(), "here".to_owned()), (b(), "there".to_owned())].into(),
            source: Some(source),
            target,
            peer: Fact::Known(Some(head.clone())),
        };
        Self {
            document,
            observed,
            standing: Standing {
                head,
                conflict: false,
                running: None,
                test: None,
                quarantine_due: false,
            },
            history: History::default(),
        }
    }

    /// The target keeps a copy of the member.
    pub(super) fn keeps(&mut self, state: InstanceState) {
        let kept = instance(state, "kept");
        self.document.members[0].instances.insert(b(), kept);
        let facts = CopyFacts {
            server: Some(Server::new("kept", "web", ServerStatus::Shelved)),
            ..CopyFacts::default()
        };
        let copies = &mut self.observed.target.copies;
        copies.insert(web(), Fact::Known(facts));
    }

    pub(super) fn source(&mut self) -> &mut SourceFacts {
        self.observed.source.as_mut().unwrap()
    }

    pub(super) fn server(&mut self) -> &mut Blueprint {
        match self.source().servers.get_mut(&web()) {
            Some(Fact::Known(Some(now))) => now,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn copy(&mut self) -> &mut CopyFacts {
        match self.observed.target.copies.get_mut(&web()) {
            Some(Fact::Known(copy)) => copy,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn assess(&self, purpose: Purpose) -> Report {
        let question = Question {
            document: &self.document,
            purpose,
            standing: Some(&self.standing),
            plan: None,
            history: &self.history,
        };
        assess(&question, &self.observed)
    }
}
