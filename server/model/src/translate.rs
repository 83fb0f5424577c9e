//! A blueprint as the other site would write it.

use protector_framework::{
    AddressPair, FixedIp, PortSpec, ResourceId, ResourceKind, SiteId, VolumeSpec,
};
use uuid::Uuid;

use crate::document::{GroupDocument, Member};
use crate::planner::Unmapped;

/// What a server must be on the target site. Flavor and keypair may still be a matter of names.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated {
    /// The server's name.
    pub name: String,
    /// The mapped flavor; `None`: the one of the same name.
    pub flavor: Option<ResourceId>,
    /// The flavor's name at the source.
    pub flavor_name: String,
    /// The mapped keypair; `None`: no key is injected.
    pub keypair: Option<ResourceId>,
    /// The mapped zone; `None`: the cloud chooses.
    pub availability_zone: Option<ResourceId>,
    /// The ports.
    pub ports: Vec<TranslatedPort>,
    /// The volumes, as the source wrote them.
    pub volumes: Vec<VolumeSpec>,
}

/// A port on the target site.
#[derive(Debug, Clone, PartialEq)]
pub struct TranslatedPort {
    /// The network.
    pub network_id: ResourceId,
    /// The MAC.
    pub mac_address: String,
    /// The addresses.
    pub fixed_ips: Vec<FixedIp>,
    /// The security groups.
    pub security_groups: Vec<ResourceId>,
    /// Further addresses.
    pub allowed_address_pairs: Vec<AddressPair>,
    /// What does not depend on the site.
    pub spec: PortSpec,
}

/// The resources of a member that have no counterpart on `target`.
pub fn unmapped(document: &GroupDocument, member: &Member, target: SiteId) -> Vec<Unmapped> {
    let Some(blueprint) = &member.blueprint else {
        return Vec::new();
    };
    let from = member.blueprint_site;
    let mut wanted: Vec<(ResourceKind, &ResourceId)> = Vec::new();
    for port in &blueprint.ports {
        wanted.push((ResourceKind::Network, &port.network_id));
        wanted.extend(
            port.fixed_ips
                .iter()
                .map(|ip| (ResourceKind::Subnet, &ip.subnet_id)),
        );
        wanted.extend(
            port.security_groups
                .iter()
                .map(|id| (ResourceKind::SecurityGroup, id)),
        );
    }
    let mut missing: Vec<Unmapped> = wanted
        .into_iter()
        .filter(|(kind, id)| document.mapped(*kind, id, from, target).is_none())
        .map(|(kind, id)| Unmapped {
            member: member.name.clone(),
            kind,
            id: id.clone(),
        })
        .collect();
    missing.dedup();
    missing
}

/// A member's blueprint in the ids of `target`; `None` where something has no counterpart.
pub fn translate(document: &GroupDocument, member: &Member, target: SiteId) -> Option<Translated> {
    let blueprint = member.blueprint.as_ref()?;
    let from = member.blueprint_site;
    let map = |kind, id: &ResourceId| document.mapped(kind, id, from, target);
    let by_name = |kind, name: &Option<String>| {
        name.as_ref()
            .and_then(|name| map(kind, &ResourceId::from(name.as_str())))
    };
    let mut ports = Vec::new();
    for port in &blueprint.ports {
        let mut fixed_ips = Vec::new();
        for ip in &port.fixed_ips {
            let subnet = map(ResourceKind::Subnet, &ip.subnet_id)?;
            fixed_ips.push(FixedIp::new(subnet, ip.ip_address.clone()));
        }
        let groups = port
            .security_groups
            .iter()
            .map(|id| map(ResourceKind::SecurityGroup, id));
        ports.push(TranslatedPort {
            network_id: map(ResourceKind::Network, &port.network_id)?,
            mac_address: port.mac_address.clone(),
            fixed_ips,
            security_groups: groups.collect::<Option<_>>()?,
            allowed_address_pairs: port.allowed_address_pairs.clone(),
            spec: port.clone(),
        });
    }
    Some(Translated {
        name: blueprint.name.clone(),
        flavor: blueprint
            .flavor
            .id
            .as_ref()
            .and_then(|id| map(ResourceKind::Flavor, id)),
        flavor_name: blueprint.flavor.name.clone(),
        keypair: by_name(ResourceKind::Keypair, &blueprint.keypair),
        availability_zone: by_name(ResourceKind::AvailabilityZone, &blueprint.availability_zone),
        ports,
        volumes: blueprint.volumes.clone(),
    })
}

/// The network that test servers of a production network are put on. Each site has mappings of its
/// own: for a test at the secondary site they name the primary's production network and the
/// secondary's test network; for one at the primary site it is the other way round.
pub fn test_network(
    document: &GroupDocument,
    network: &ResourceId,
    from: SiteId,
    target: SiteId,
) -> Option<ResourceId> {
    let tests = || {
        document
            .mappings
            .iter()
            .filter(|m| m.kind == ResourceKind::TestNetwork)
    };
    let home = document.primary_site_id;
    let at_home = document.mapped(ResourceKind::Network, network, from, home);
    if target == home {
        // `secondary_id` names the production network there, `primary_id` the test network here.
        let away = document.other_site(home);
        let there = document.mapped(ResourceKind::Network, network, from, away)?;
        return tests()
            .find(|m| m.secondary_id == there)
            .map(|m| m.primary_id.clone());
    }
    let at_home = at_home?;
    tests()
        .find(|m| m.primary_id == at_home)
        .map(|m| m.secondary_id.clone())
}

/// Whether a network of a site is one that servers of the group run on there, now or after a move:
/// no test may be put on it.
pub fn is_of_production(document: &GroupDocument, network: &ResourceId, site: SiteId) -> bool {
    let home = site == document.primary_site_id;
    let mapped = document.mappings.iter().any(|m| {
        let there = if home { &m.primary_id } else { &m.secondary_id };
        m.kind == ResourceKind::Network && there == network
    });
    let captured = document.members.iter().any(|member| {
        let ports = member.blueprint.iter().flat_map(|b| &b.ports);
        member.blueprint_site == site && ports.into_iter().any(|p| p.network_id == *network)
    });
    mapped || captured
}

/// The MAC of a test clone's port: locally administered and the same each time it is asked for.
pub fn test_mac(operation: Uuid, original: &str) -> String {
    let derived = Uuid::new_v5(&operation, original.as_bytes());
    let b = derived.as_bytes();
    format!(
        "fe:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}",
        b[0], b[1], b[2], b[3], b[4]
    )
}

/// The tag that finds a member's server again: 42 characters.
pub fn server_tag(operation: Uuid, member: Uuid) -> String {
    format!(
        "protector-{}",
        Uuid::new_v5(&operation, member.as_bytes()).simple()
    )
}
