//! Whether the target has what the members need, and room for them.

use std::net::IpAddr;

use protector_framework::{FixedIp, ResourceId, ResourceKind, ServerStatus, SiteId};

use super::finding::{FindingCode, Object};
use super::judge::{ALL, Judge, PLANNED, is_silent};
use super::observed::{CopyFacts, Fact};
use crate::document::{InstanceState, Member};
use crate::translate::test_network;

/// Whether a kind of resource is what its word says, and what to do where one lacks.
fn lacking(kind: ResourceKind) -> (FindingCode, &'static str) {
    match kind {
        ResourceKind::Network | ResourceKind::TestNetwork => {
            (FindingCode::NetworkMissing, "network")
        }
        ResourceKind::Subnet => (FindingCode::SubnetMissing, "subnet"),
        ResourceKind::Flavor => (FindingCode::FlavorMissing, "flavor"),
        ResourceKind::SecurityGroup => (FindingCode::SecurityGroupMissing, "security group"),
        ResourceKind::Keypair => (FindingCode::KeypairMissing, "keypair"),
        ResourceKind::AvailabilityZone => (FindingCode::ZoneMissing, "availability zone"),
    }
}

/// Something of such a kind, as objects are named.
fn object_of(title: &str) -> Object {
    Object::new(&title.replace(' ', "_"))
}

impl Judge<'_> {
    pub(super) fn target(&mut self) {
        self.copies();
        let built = self.built();
        if built.is_empty() {
            return;
        }
        for kind in self.observed.target.resources.keys() {
            self.list(*kind);
        }
        for member in &built {
            self.resources(member);
        }
        self.quota(&built);
        self.back_end();
        self.space();
    }

    pub(super) fn silent(&self) -> bool {
        is_silent(&self.observed.target.site)
    }

    /// A list that could not be read.
    fn list(&mut self, kind: ResourceKind) {
        let Some(Fact::Unknown(unknown)) = self.observed.target.resources.get(&kind) else {
            return;
        };
        if !self.silent() {
            let (_, title) = lacking(kind);
            let object = object_of(title).on(self.target);
            let what = format!("whether the target has each {title}");
            self.not_learned(object, &what, unknown);
        }
    }

    fn resources(&mut self, member: &Member) {
        let Some(blueprint) = &member.blueprint else {
            return;
        };
        let from = member.blueprint_site;
        let mapped = |kind, id: &ResourceId| self.document.mapped(kind, id, from, self.target);
        let by_name = |kind, name: &Option<String>| {
            let name = name.as_ref()?;
            Some((name.clone(), mapped(kind, &name.as_str().into())))
        };
        let mut wanted: Vec<(ResourceKind, ResourceId)> = Vec::new();
        let mut addresses: Vec<(ResourceId, FixedIp)> = Vec::new();
        for port in &blueprint.ports {
            if self.is_test() {
                let network = test_network(self.document, &port.network_id, from, self.target);
                wanted.extend(network.map(|id| (ResourceKind::Network, id)));
            } else {
                let network = mapped(ResourceKind::Network, &port.network_id);
                wanted.extend(network.map(|id| (ResourceKind::Network, id)));
                for ip in &port.fixed_ips {
                    if let Some(subnet) = mapped(ResourceKind::Subnet, &ip.subnet_id) {
                        wanted.push((ResourceKind::Subnet, subnet.clone()));
                        addresses.push((subnet, ip.clone()));
                    }
                }
            }
            for group in &port.security_groups {
                let group = mapped(ResourceKind::SecurityGroup, group);
                wanted.extend(group.map(|id| (ResourceKind::SecurityGroup, id)));
            }
        }
        for (kind, name, without) in [
            (
                ResourceKind::Keypair,
                by_name(ResourceKind::Keypair, &blueprint.keypair),
                "no key is injected",
            ),
            (
                ResourceKind::AvailabilityZone,
                by_name(ResourceKind::AvailabilityZone, &blueprint.availability_zone),
                "the cloud chooses one",
            ),
        ] {
            match name {
                None => {}
                Some((_, Some(id))) => wanted.push((kind, id)),
                Some((name, None)) => {
                    let (_, title) = lacking(kind);
                    let object = object_of(title).name(&*name).of(member.id);
                    self.info(
                        FindingCode::NotCarriedOver,
                        object,
                        format!(
                            "{title} `{name}` of `{}` is not mapped: {without}",
                            member.name
                        ),
                        "map it if it matters",
                    );
                }
            }
        }
        for (kind, id) in wanted {
            self.exists(kind, &id, member);
        }
        self.flavor(member);
        for (subnet, ip) in addresses {
            self.address(&subnet, &ip, member);
        }
    }

    pub(super) fn listed(&self, kind: ResourceKind) -> Option<&Vec<protector_framework::Resource>> {
        self.observed.target.resources.get(&kind)?.known()
    }

    fn exists(&mut self, kind: ResourceKind, id: &ResourceId, member: &Member) {
        let there = self.listed(kind).map(|all| all.iter().any(|r| r.id == *id));
        if there == Some(false) {
            self.missing(kind, Object::new("").id(id), &id.to_string(), member);
        }
    }

    fn missing(&mut self, kind: ResourceKind, object: Object, what: &str, member: &Member) {
        let (code, title) = lacking(kind);
        let at = self.name(self.target);
        let object = Object {
            kind: object_of(title).kind,
            ..object
        };
        self.found(
            ALL,
            code,
            object.on(self.target).of(member.id),
            format!(
                "{title} `{what}`, which `{}` is mapped to, cannot be used by the project on site \
                 `{at}`",
                member.name
            ),
            format!("make it available there, or map another {title}"),
        );
    }

    /// The mapped flavor, or the one of the same name.
    fn flavor(&mut self, member: &Member) {
        let Some(blueprint) = &member.blueprint else {
            return;
        };
        let mapped = self.mapped_flavor(member);
        if let Some(id) = mapped {
            return self.exists(ResourceKind::Flavor, &id, member);
        }
        let name = blueprint.flavor.name.clone();
        let named = self.listed(ResourceKind::Flavor);
        let there = named.map(|all| all.iter().any(|flavor| flavor.name == name));
        if there == Some(false) {
            self.missing(
                ResourceKind::Flavor,
                Object::new("").name(&*name),
                &name,
                member,
            );
        }
    }

    pub(super) fn mapped_flavor(&self, member: &Member) -> Option<ResourceId> {
        let id = member.blueprint.as_ref()?.flavor.id.as_ref()?;
        let from = member.blueprint_site;
        let kind = ResourceKind::Flavor;
        self.document.mapped(kind, id, from, self.target)
    }

    fn address(&mut self, subnet: &ResourceId, ip: &FixedIp, member: &Member) {
        let range = self
            .listed(ResourceKind::Subnet)
            .and_then(|all| all.iter().find(|s| s.id == *subnet))
            .and_then(|found| found.cidr.clone());
        let Some(range) = range else {
            return;
        };
        if within(&range, &ip.ip_address) == Some(false) {
            self.found(
                ALL,
                FindingCode::AddressOutside,
                Object::new("subnet")
                    .id(subnet)
                    .on(self.target)
                    .of(member.id),
                format!(
                    "address {} of `{}` is not in {range} of subnet {subnet}, which its subnet is \
                     mapped to",
                    ip.ip_address, member.name
                ),
                "map the subnet to one with the same range",
            );
        }
    }

    /// What is brought back must be there before anything is stopped for it.
    fn copies(&mut self) {
        let (target, at) = (self.target, self.name(self.target));
        for member in self.overwritten() {
            let object = self.member(member).on(target);
            match self.observed.target.copies.get(&member.id) {
                None | Some(Fact::NotAsked) => {}
                Some(Fact::Unknown(_)) if self.silent() => {}
                Some(Fact::Unknown(unknown)) => {
                    let what = format!("whether site `{at}` still keeps `{}`", member.name);
                    self.found(
                        PLANNED,
                        FindingCode::NotLearned,
                        object,
                        format!("{what} could not be learned: {}", unknown.because),
                        "ask again when the site answers",
                    )
                    .by(unknown);
                }
                Some(Fact::Known(copy)) => self.copy(member, copy, object, &at),
            }
        }
    }

    fn copy(&mut self, member: &Member, copy: &CopyFacts, object: Object, at: &str) {
        let kept = member.instance(self.target);
        let mut gone = Vec::new();
        if copy
            .server
            .as_ref()
            .is_none_or(|server| server.status == ServerStatus::Deleted)
            && let Some(id) = kept.and_then(|kept| kept.server_id.as_ref())
        {
            gone.push(format!("server {id}"));
        }
        gone.extend(copy.gone.iter().map(|id| format!("volume {id}")));
        if !gone.is_empty() {
            self.found(
                PLANNED,
                FindingCode::ParkedCopyGone,
                object.clone(),
                format!(
                    "site `{at}` no longer keeps what was parked there of `{}`: {}",
                    member.name,
                    gone.join(", ")
                ),
                "run `cleanup` on that site, then ask again: the member is then built anew there",
            );
        }
        let runs = copy
            .server
            .as_ref()
            .filter(|s| s.status == ServerStatus::Active);
        if runs.is_some_and(|server| !server.busy) || !copy.connected.is_empty() {
            self.found(
                PLANNED,
                FindingCode::ParkedCopyInUse,
                object.clone(),
                format!("what is kept of `{}` on site `{at}` is in use", member.name),
                "`retry` the move that was to park it; if somebody has started it since, stop it: it is \
                 not overwritten while it is in use",
            )
            .passes(true);
        }
        if kept.is_some_and(|kept| kept.state == InstanceState::Quarantined) {
            self.info(
                FindingCode::DivergedCopy,
                object,
                format!(
                    "what `{}` wrote on site `{at}` after the other site took over is kept as a \
                     snapshot",
                    member.name
                ),
                "remove it with `cleanup` once nobody needs it",
            );
        }
    }
}

/// Whether an address is in a range; `None` where either makes no sense here.
fn within(range: &str, address: &str) -> Option<bool> {
    let (network, length) = range.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    match (network.parse().ok()?, address.parse().ok()?) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let shift = 32_u32.checked_sub(length)?;
            let cut = |ip: std::net::Ipv4Addr| u32::from(ip).checked_shr(shift).unwrap_or(0);
            Some(cut(network) == cut(address))
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let shift = 128_u32.checked_sub(length)?;
            let cut = |ip: std::net::Ipv6Addr| u128::from(ip).checked_shr(shift).unwrap_or(0);
            Some(cut(network) == cut(address))
        }
        _ => Some(false),
    }
}

/// The kinds of resource that a look at a target needs for these members, of those that can be seen from
/// a site: a keypair belongs to whoever enrolled the project there, and that trust is the target's own.
pub fn kinds_needed<'a>(
    members: impl Iterator<Item = &'a Member>,
    target: SiteId,
    seen_from: SiteId,
) -> Vec<ResourceKind> {
    let mut kinds = std::collections::BTreeSet::new();
    for blueprint in members.filter_map(|member| member.blueprint.as_ref()) {
        kinds.insert(ResourceKind::Flavor);
        if blueprint.keypair.is_some() && target == seen_from {
            kinds.insert(ResourceKind::Keypair);
        }
        if blueprint.availability_zone.is_some() {
            kinds.insert(ResourceKind::AvailabilityZone);
        }
        for port in &blueprint.ports {
            kinds.insert(ResourceKind::Network);
            if !port.fixed_ips.is_empty() {
                kinds.insert(ResourceKind::Subnet);
            }
            if !port.security_groups.is_empty() {
                kinds.insert(ResourceKind::SecurityGroup);
            }
        }
    }
    kinds.into_iter().collect()
}

/// The members whose parked copies a look at a target must see.
pub fn copies_needed(members: &[Member], target: SiteId) -> impl Iterator<Item = &Member> {
    members.iter().filter(move |m| m.has_parked_copy(target))
}
