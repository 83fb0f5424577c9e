//! What can be spoiled, and what it is called.

use protector_framework::{
    GenericUuid as _, LinkState, OperationId, Pool, ResourceKind, ServerStatus, VolumeSpec,
};
use uuid::Uuid;

use super::super::FindingCode::*;
use super::super::Severity::{self, *};
use super::super::*;
use super::world::{World, array, b, point, web};
use crate::document::InstanceState;
use crate::status::{GroupStatus, MemberStatus};

/// One thing that is spoiled.
pub(super) struct Row {
    pub(super) code: FindingCode,
    /// What it weighs for a planned move, an unplanned one, and a test.
    pub(super) weighs: [Option<Severity>; 3],
    /// What the message says.
    pub(super) says: &'static str,
    /// What follows from the same cause.
    pub(super) besides: &'static [FindingCode],
    pub(super) spoil: fn(&mut World),
}

const STOPS_ALL: [Option<Severity>; 3] = [Some(Blocker); 3];
const STOPS_PLANNED: [Option<Severity>; 3] = [Some(Blocker), Some(Warning), Some(Warning)];
const STOPS_LEISURE: [Option<Severity>; 3] = [Some(Blocker), Some(Warning), Some(Blocker)];
const STOPS_MOVES: [Option<Severity>; 3] = [Some(Blocker), Some(Blocker), None];
const STOPS_TEST: [Option<Severity>; 3] = [None, None, Some(Blocker)];
const WARNS: [Option<Severity>; 3] = [Some(Warning); 3];
const TELLS: [Option<Severity>; 3] = [Some(Info); 3];

fn row(
    code: FindingCode,
    weighs: [Option<Severity>; 3],
    says: &'static str,
    spoil: fn(&mut World),
) -> Row {
    Row {
        code,
        weighs,
        says,
        besides: &[],
        spoil,
    }
}

fn silent<T>() -> Fact<T> {
    Fact::Unknown(Unknown::because(Cause::Silent, "no answer in time"))
}

fn refused<T>() -> Fact<T> {
    Fact::Unknown(Unknown::because(Cause::Refused, "401 Unauthorized"))
}

fn not_kept<T>() -> Fact<T> {
    Fact::Unknown(Unknown::because(Cause::NotKept, "the token is not stored"))
}

fn without(world: &mut World, kind: ResourceKind, id: &str) {
    match world.observed.target.resources.get_mut(&kind) {
        Some(Fact::Known(all)) => all.retain(|resource| resource.id.as_str() != id),
        other => panic!("{other:?}"),
    }
}

fn unmap(world: &mut World, kind: ResourceKind) {
    world
        .document
        .mappings
        .retain(|mapping| mapping.kind != kind);
}

fn headroom(world: &mut World) -> &mut protector_framework::Headroom {
    match &mut world.observed.target.headroom {
        Fact::Known(headroom) => headroom,
        other => panic!("{other:?}"),
    }
}

fn operation() -> OperationId {
    OperationId::from_untyped_uuid(Uuid::from_u128(9))
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = standing();
    rows.extend(sites());
    rows.extend(source());
    rows.extend(resources());
    rows.extend(room());
    rows.extend(copies());
    rows.extend(points());
    rows
}

fn standing() -> Vec<Row> {
    vec![
        row(NotAllowed, STOPS_ALL, "`creating`", |w| {
            w.document.status = GroupStatus::Creating;
        }),
        row(NotAllowed, STOPS_TEST, "is not cleaned up", |w| {
            w.standing.test = Some(operation());
        }),
        Row {
            besides: &[NoRecoveryPoint],
            ..row(NotAllowed, STOPS_ALL, "no replication policy", |w| {
                w.document.policy = None;
            })
        },
        row(Conflict, STOPS_ALL, "authority", |w| {
            w.standing.conflict = true;
        }),
        row(OperationRunning, STOPS_LEISURE, "sync", |w| {
            let kind = crate::OperationKind::Sync;
            w.standing.running = Some((operation(), kind));
        }),
        row(QuarantineDue, WARNS, "without its consent", |w| {
            w.standing.quarantine_due = true;
        }),
        row(NotMapped, STOPS_ALL, "network net-a of `web`", |w| {
            unmap(w, ResourceKind::Network);
        }),
        row(NotMapped, STOPS_TEST, "test_network net-a", |w| {
            unmap(w, ResourceKind::TestNetwork);
        }),
        row(NotCaptured, [Some(Blocker), None, None], "`web`", |w| {
            w.document.members[0].blueprint = None;
        }),
        row(OutdatedCopy, [Some(Blocker), None, None], "`web`", |w| {
            w.keeps(InstanceState::Incomplete);
        }),
        Row {
            besides: &[NoRecoveryPoint],
            ..row(
                UnfinishedMember,
                [Some(Blocker), None, None],
                "`web`",
                |w| {
                    let copy = w.document.members[0].instances.values_mut();
                    copy.for_each(|copy| copy.state = InstanceState::Incomplete);
                },
            )
        },
    ]
}

fn sites() -> Vec<Row> {
    vec![
        row(SiteUnreachable, STOPS_PLANNED, "site `here`", |w| {
            w.source().site.health = silent();
        }),
        row(SiteUnreachable, STOPS_ALL, "nova: down for repair", |w| {
            let Fact::Known(health) = &mut w.observed.target.site.health else {
                return;
            };
            health.nova.reachable = false;
            health.nova.detail = "down for repair".to_owned();
        }),
        row(
            CredentialsRefused,
            STOPS_PLANNED,
            "site `here` refuses",
            |w| {
                w.source().site.login = refused();
            },
        ),
        row(CredentialsRefused, STOPS_ALL, "site `there` refuses", |w| {
            w.observed.target.site.project = refused();
        }),
        Row {
            besides: &[NotLearned],
            ..row(CredentialsRefused, STOPS_ALL, "site `there` refuses", |w| {
                let networks = ResourceKind::Network;
                w.observed.target.resources.insert(networks, refused());
            })
        },
        row(CredentialsRefused, STOPS_ALL, "list the pools", |w| {
            w.observed.target.pools = refused();
        }),
        row(TrustBroken, WARNS, "the role is gone", |w| {
            w.observed.target.site.broken_trust = Some("the role is gone".to_owned());
        }),
        row(SecretsMissingHere, STOPS_ALL, "site `there` lacks", |w| {
            w.observed.target.site.array = not_kept();
        }),
        row(SecretsMissingHere, STOPS_PLANNED, "token", |w| {
            w.source().site.health = not_kept();
        }),
        row(ArrayUnreachable, STOPS_ALL, "array of site `there`", |w| {
            w.observed.target.site.array = silent();
        }),
        row(ArrayRefused, STOPS_PLANNED, "401", |w| {
            w.source().site.array = refused();
        }),
        row(ArrayReplaced, STOPS_ALL, "instead of `two`", |w| {
            w.observed.target.site.array = Fact::Known(array("three"));
        }),
        row(LinkDown, STOPS_PLANNED, "is down", |w| {
            w.source().link = Fact::Known(protector_framework::Link::new(LinkState::Disconnected));
        }),
        row(LinkDown, STOPS_PLANNED, "cannot be seen", |w| {
            w.source().link = silent();
        }),
        row(LinkDegraded, WARNS, "some paths", |w| {
            w.source().link = Fact::Known(protector_framework::Link::new(LinkState::Partial));
        }),
        row(PeerUnreachable, STOPS_LEISURE, "site `here`", |w| {
            w.observed.peer = silent();
        }),
        row(PeerOutOfSync, WARNS, "is newer", |w| {
            let Fact::Known(Some(head)) = &mut w.observed.peer else {
                return;
            };
            head.version += 1;
        }),
        row(PeerOutOfSync, STOPS_ALL, "contradicts", |w| {
            let Fact::Known(Some(head)) = &mut w.observed.peer else {
                return;
            };
            head.hash = "other".to_owned();
        }),
        row(PeerOutOfSync, STOPS_LEISURE, "is not there", |w| {
            w.observed.peer = Fact::Known(None);
        }),
    ]
}

fn source() -> Vec<Row> {
    vec![
        row(ServerGone, STOPS_PLANNED, "does not exist", |w| {
            w.source().servers.insert(web(), Fact::Known(None));
        }),
        row(VolumesDrifted, STOPS_PLANNED, "2 of 3 disks", |w| {
            let kind = Some("type-a".into());
            let new = VolumeSpec::new("new", 5_u64, false).volume_type(kind);
            w.server().volumes.push(new);
        }),
        row(
            VolumesDrifted,
            STOPS_PLANNED,
            "they were vol-0, vol-1",
            |w| {
                w.server().volumes.pop();
            },
        ),
        row(
            VolumesDrifted,
            STOPS_PLANNED,
            "had 20 GiB and has 40",
            |w| {
                w.server().volumes[1].size_gib = 40;
            },
        ),
        row(ServerDrifted, STOPS_PLANNED, "its flavor", |w| {
            w.server().flavor.vcpus = 8;
        }),
        row(ServerDrifted, STOPS_PLANNED, "its ports", |w| {
            w.server().ports.clear();
        }),
        row(NotEligible, STOPS_PLANNED, "of type `slow`", |w| {
            w.server().volumes[1].volume_type = Some("slow".into());
        }),
        row(
            NotLearned,
            WARNS,
            "whether `web` is what was protected",
            |w| {
                w.source().servers.insert(web(), silent());
            },
        ),
        row(ReplicationMissing, WARNS, "nothing is replicated", |w| {
            w.source().sending = Fact::Known(None);
        }),
        row(NotLearned, WARNS, "whether the source's array sends", |w| {
            w.source().sending = silent();
        }),
        row(ReplicationSuspended, WARNS, "by itself", |w| {
            if let Fact::Known(Some(group)) = &mut w.source().sending {
                group.scheduled = false;
            }
        }),
        row(NotReplicated, WARNS, "vol-1 of `web`", |w| {
            if let Fact::Known(Some(group)) = &mut w.source().sending {
                group.volumes.pop();
            }
        }),
        row(Seeding, TELLS, "on its way", |w| {
            if let Fact::Known(Some(group)) = &mut w.source().sending {
                group.volumes[1].seeded = false;
            }
        }),
    ]
}

fn resources() -> Vec<Row> {
    vec![
        row(FlavorMissing, STOPS_ALL, "`flavor-b`", |w| {
            without(w, ResourceKind::Flavor, "flavor-b");
        }),
        row(FlavorMissing, STOPS_ALL, "`m1`", |w| {
            unmap(w, ResourceKind::Flavor);
        }),
        row(NetworkMissing, STOPS_MOVES, "`net-b`", |w| {
            without(w, ResourceKind::Network, "net-b");
        }),
        row(NetworkMissing, STOPS_TEST, "`net-test`", |w| {
            without(w, ResourceKind::Network, "net-test");
        }),
        row(SubnetMissing, STOPS_MOVES, "`subnet-b`", |w| {
            without(w, ResourceKind::Subnet, "subnet-b");
        }),
        row(AddressOutside, STOPS_MOVES, "10.0.0.5", |w| {
            let subnets = &mut w.observed.target.resources;
            if let Some(Fact::Known(all)) = subnets.get_mut(&ResourceKind::Subnet) {
                all[0].cidr = Some("10.0.1.0/24".to_owned());
            }
        }),
        row(SecurityGroupMissing, STOPS_ALL, "`group-b`", |w| {
            without(w, ResourceKind::SecurityGroup, "group-b");
        }),
        row(KeypairMissing, STOPS_ALL, "`key-b`", |w| {
            without(w, ResourceKind::Keypair, "key-b");
        }),
        row(ZoneMissing, STOPS_ALL, "`zone-b`", |w| {
            without(w, ResourceKind::AvailabilityZone, "zone-b");
        }),
        row(NotCarriedOver, TELLS, "no key is injected", |w| {
            unmap(w, ResourceKind::Keypair);
        }),
        row(NotLearned, WARNS, "each subnet", |w| {
            let subnets = ResourceKind::Subnet;
            w.observed.target.resources.insert(subnets, silent());
        }),
    ]
}

fn room() -> Vec<Row> {
    vec![
        row(QuotaShort, STOPS_ALL, "`instances`", |w| {
            headroom(w).instances = Some(0);
        }),
        row(QuotaShort, STOPS_ALL, "2 needed, 1 left, 1 missing", |w| {
            headroom(w).vcpus = Some(1);
        }),
        row(QuotaShort, STOPS_ALL, "512 MiB needed", |w| {
            headroom(w).ram_mib = Some(500);
        }),
        row(QuotaShort, STOPS_ALL, "`volumes`", |w| {
            headroom(w).volumes = Some(1);
        }),
        row(QuotaShort, STOPS_ALL, "30 needed, 29 left", |w| {
            headroom(w).volume_gib = Some(29);
        }),
        row(QuotaShort, STOPS_ALL, "`ports`", |w| {
            headroom(w).ports = Some(0);
        }),
        // The flavor's size there is not known: the source's may not hold.
        row(QuotaShort, WARNS, "`cores`", |w| {
            headroom(w).vcpus = Some(1);
            let flavors = &mut w.observed.target.resources;
            if let Some(Fact::Known(all)) = flavors.get_mut(&ResourceKind::Flavor) {
                all[0].vcpus = None;
            }
        }),
        row(NotLearned, WARNS, "quotas", |w| {
            w.observed.target.headroom = silent();
        }),
        row(VolumeTypeMissing, STOPS_ALL, "type-b", |w| {
            w.observed.target.volume_types = Fact::Known(Vec::new());
        }),
        row(VolumeTypeMissing, STOPS_ALL, "has no volume type", |w| {
            w.document.volume_types.remove(&b());
        }),
        row(
            VolumeTypeNotReplicated,
            [Some(Warning), Some(Warning), None],
            "`fast`",
            |w| {
                if let Fact::Known(types) = &mut w.observed.target.volume_types {
                    types[0].extra_specs.remove("replication_enabled");
                }
            },
        ),
        row(NoPool, STOPS_ALL, "no pool", |w| {
            w.observed.target.pools = Fact::Known(Vec::new());
        }),
        row(NoPool, STOPS_ALL, "several pools fit", |w| {
            if let Fact::Known(pools) = &mut w.observed.target.pools {
                pools.push(Pool::new("b@pure#other", "pure"));
            }
        }),
        row(NotLearned, WARNS, "where volumes can be adopted", |w| {
            w.observed.target.pools = silent();
        }),
        row(ArrayFull, STOPS_ALL, "1000 of 1000 bytes", |w| {
            w.observed.target.site.array = Fact::Known(array("two").used_bytes(1000_u64));
        }),
        row(ArrayTight, WARNS, "950 of 1000 bytes", |w| {
            w.observed.target.site.array = Fact::Known(array("two").used_bytes(950_u64));
        }),
    ]
}

fn copies() -> Vec<Row> {
    const STOPS: [Option<Severity>; 3] = [Some(Blocker), Some(Warning), None];
    vec![
        row(ParkedCopyGone, STOPS, "server kept", |w| {
            w.keeps(InstanceState::Parked);
            w.copy().server = None;
        }),
        row(ParkedCopyGone, STOPS, "volume kept-1", |w| {
            w.keeps(InstanceState::Parked);
            w.copy().gone.push("kept-1".into());
        }),
        row(ParkedCopyInUse, STOPS, "in use", |w| {
            w.keeps(InstanceState::Parked);
            let server = w.copy().server.as_mut().unwrap();
            server.status = ServerStatus::Active;
        }),
        row(
            DivergedCopy,
            [Some(Info), Some(Info), None],
            "snapshot",
            |w| {
                w.keeps(InstanceState::Quarantined);
            },
        ),
        row(NotLearned, STOPS, "still keeps `web`", |w| {
            w.keeps(InstanceState::Parked);
            w.observed.target.copies.insert(web(), silent());
        }),
    ]
}

fn points() -> Vec<Row> {
    const STOPS: [Option<Severity>; 3] = [Some(Warning), Some(Blocker), Some(Blocker)];
    const STOPS_RESCUE: [Option<Severity>; 3] = [Some(Warning), Some(Blocker), Some(Warning)];
    vec![
        row(NoRecoveryPoint, STOPS, "no complete recovery point", |w| {
            w.observed.target.points = Fact::Known(Vec::new());
        }),
        row(NoRecoveryPoint, STOPS_RESCUE, "where it runs now", |w| {
            w.document.epoch.since = Some(super::ago(10));
        }),
        row(
            NoRecoveryPoint,
            [Some(Warning), Some(Warning), Some(Blocker)],
            "no complete",
            |w| {
                w.keeps(InstanceState::Parked);
                w.observed.target.points = Fact::Known(Vec::new());
            },
        ),
        row(RpoExceeded, WARNS, "1000 s old", |w| {
            w.observed.target.points = Fact::Known(vec![point("p", 1000)]);
        }),
        row(RpoUnknown, WARNS, "still to come", |w| {
            w.observed.target.points = Fact::Known(vec![point("p", -3600)]);
        }),
        row(MemberNotInPoint, WARNS, "does not hold `web`", |w| {
            let mut newest = point("p3", 10);
            newest.volumes.pop();
            w.observed.target.points = Fact::Known(vec![point("p2", 120), newest]);
        }),
        row(NotLearned, WARNS, "which recovery points", |w| {
            w.observed.target.points = silent();
        }),
        // A first copy that is on its way is not a lack of the point.
        row(RpoExceeded, [None; 3], "", |w| {
            w.document.members[0].status = MemberStatus::Adding;
        }),
    ]
}
