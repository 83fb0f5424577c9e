//! What the project can use.

use std::collections::BTreeSet;

use protector_framework::{GetResource, ResourceKind};

use crate::compute::case::{ComputeCase, Outcome, case, check};
use crate::compute::rig::Rig;
use crate::plague::Stand as _;

/// Every kind of resource.
const KINDS: [ResourceKind; 7] = [
    ResourceKind::Network,
    ResourceKind::Subnet,
    ResourceKind::Flavor,
    ResourceKind::SecurityGroup,
    ResourceKind::Keypair,
    ResourceKind::AvailabilityZone,
    ResourceKind::TestNetwork,
];

/// How many resources of a kind are looked at.
const FEW: usize = 3;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!(
            "resources/listed-are-had",
            "Whatever is listed of a kind is had by its id, with the same kind and name.",
            listed
        ),
        case!(
            "resources/absent",
            "A resource that is not there is NotFound and named, for every kind.",
            absent
        ),
        case!("resources/networks", "The network is listed as a network and as a test network, its subnet with its range.", networks, needs Ports),
        case!("resources/flavors", "The flavor is listed with its processors and memory.", flavors, needs Servers),
        case!("volume-types/groups", "The type of volumes in groups is listed, each type once.", types, needs Groups),
        case!("volume-types/adoption", "The type of adopted volumes is listed, and the pool is one of the back end's.", pools, needs Adoption),
        case!(
            "headroom/told",
            "What the project may still use is told.",
            headroom
        ),
        case!("headroom/none", "Where no quota is left for ports, none is told, and a port is refused for it.", no_more_ports, needs Ports Quota),
        case!("volume-types/may-adopt", "An account that may adopt volumes is told so, or that nobody can tell; no volume comes of it.", may_adopt, needs Adoption),
    ]
}

async fn may_adopt(rig: &Rig) -> Outcome {
    match rig.driver.may_adopt(&rig.ctx()).await {
        Err(error) if error.kind == protector_framework::ErrorKind::Unsupported => Ok(()),
        told => Ok(told?),
    }
}

async fn listed(rig: &Rig) -> Outcome {
    for kind in KINDS {
        let all = rig.driver.list_resources(&rig.ctx(), kind).await?;
        let ids: BTreeSet<_> = all.iter().map(|one| one.id.as_str()).collect();
        check!(ids.len() == all.len(), "a {kind:?} is listed twice");
        for one in all.iter().take(FEW) {
            check!(one.kind == kind, "`{}` is listed as {:?}", one.id, one.kind);
            let request = GetResource::new(kind, &one.id);
            let had = rig.driver.get_resource(&rig.ctx(), request).await?;
            check!(
                (had.kind, &had.id, &had.name) == (kind, &one.id, &one.name),
                "listed is {one:?}, had is {had:?}"
            );
        }
    }
    Ok(())
}

async fn absent(rig: &Rig) -> Outcome {
    for kind in KINDS {
        let nobody = rig.nobody();
        let request = GetResource::new(kind, nobody.as_str());
        let had = rig.driver.get_resource(&rig.ctx(), request).await;
        rig.absent(had, &nobody)?;
    }
    Ok(())
}

async fn networks(rig: &Rig) -> Outcome {
    let network = rig.network().await?;
    for kind in [ResourceKind::Network, ResourceKind::TestNetwork] {
        let all = rig.driver.list_resources(&rig.ctx(), kind).await?;
        check!(
            all.iter().any(|one| one.id == network.id),
            "network `{}` is not listed as {kind:?}",
            network.id
        );
    }
    let request = GetResource::new(ResourceKind::Subnet, &network.subnet);
    let subnet = rig.driver.get_resource(&rig.ctx(), request).await?;
    check!(
        subnet.network_id.as_ref() == Some(&network.id),
        "the subnet tells network {:?}",
        subnet.network_id
    );
    check!(
        subnet.cidr.as_ref().is_some_and(|cidr| cidr.contains('/')),
        "the subnet tells range {:?}",
        subnet.cidr
    );
    Ok(())
}

async fn flavors(rig: &Rig) -> Outcome {
    let flavor = rig.bench.flavor()?;
    let all = rig
        .driver
        .list_resources(&rig.ctx(), ResourceKind::Flavor)
        .await?;
    let found = all.iter().find(|one| one.id == flavor);
    check!(
        found.is_some_and(|one| one.vcpus > Some(0) && one.ram_mib > Some(0)),
        "flavor `{flavor}` is listed as {found:?}"
    );
    Ok(())
}

async fn types(rig: &Rig) -> Outcome {
    let kind = rig.bench.group_type()?;
    let all = rig.driver.list_volume_types(&rig.ctx()).await?;
    let ids: BTreeSet<_> = all.iter().map(|one| one.id.as_str()).collect();
    check!(ids.len() == all.len(), "a volume type is listed twice");
    let found = all.iter().find(|one| one.id == kind.volume_type);
    check!(
        found.is_some_and(|one| !one.name.is_empty()),
        "volume type `{}` is listed as {found:?}",
        kind.volume_type
    );
    Ok(())
}

async fn pools(rig: &Rig) -> Outcome {
    let volume = rig.bench.array_volume("offered").await?;
    let types = rig.driver.list_volume_types(&rig.ctx()).await?;
    check!(
        types.iter().any(|one| one.id == volume.volume_type),
        "volume type `{}` is not listed",
        volume.volume_type
    );
    let pools = rig.driver.list_pools(&rig.ctx()).await?;
    let names: BTreeSet<_> = pools.iter().map(|pool| pool.name.as_str()).collect();
    check!(names.len() == pools.len(), "a pool is listed twice");
    let found = pools.iter().find(|pool| pool.name == volume.host);
    check!(
        found.is_some_and(|pool| !pool.backend_name.is_empty()),
        "pool `{}` is listed as {found:?} of {names:?}",
        volume.host
    );
    Ok(())
}

async fn headroom(rig: &Rig) -> Outcome {
    let told = rig.driver.get_headroom(&rig.ctx()).await?;
    // Without limits nothing is told; that the call works is what there is to see.
    check!(
        told.instances != Some(u64::MAX) && told.volumes != Some(u64::MAX),
        "no limit is a number: {told:?}"
    );
    Ok(())
}

async fn no_more_ports(rig: &Rig) -> Outcome {
    rig.bench.no_more_ports().await?;
    let told = rig.driver.get_headroom(&rig.ctx()).await?.ports;
    check!(told == Some(0), "ports left: {told:?}");
    let request = rig.port_at(&rig.mac(), 0).await?;
    let made = rig.driver.ensure_port(&rig.step("port"), request).await;
    rig.refused(made, &[protector_framework::ErrorKind::QuotaExceeded])?;
    Ok(())
}
