use std::collections::BTreeMap;

use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;
use protector_control::{MemberChange, MemberView, NewMember};
use protector_framework::{Blueprint, GenericUuid as _, PortSpec, SiteId, VolumeSpec};
use protector_model::{Instance, Probe};
use uuid::Uuid;

use super::common::{MemberStatusWord, Timestamp, instance_state};
use super::operation::OperationView;
use crate::listing::Link;

/// One server of a group.
#[derive(Debug, Object)]
pub(crate) struct Member {
    /// Its id, the same on both sites.
    id: Uuid,
    /// Its group.
    protection_group_id: Uuid,
    /// The server's name.
    name: String,
    /// Its server on the group's primary site.
    primary_server_id: Option<String>,
    /// Its server on the group's secondary site.
    secondary_server_id: Option<String>,
    /// When it starts: tier 1 first, tier 5 last.
    boot_tier: u8,
    /// Seconds to wait after its start before the next tier.
    boot_delay: u32,
    /// How to tell from outside that its server has come up.
    probe: Option<MemberProbe>,
    /// Its status.
    status: MemberStatusWord,
    /// Why it has that status.
    status_reason: Option<String>,
    /// What there is of it on each site.
    instances: Vec<MemberInstance>,
    /// The site whose ids the blueprint holds.
    blueprint_site_id: Uuid,
    /// How to build it again, once its server was read.
    blueprint: Option<MemberBlueprint>,
    /// What of the blueprint a copy that is built on the other site will not have; each entry begins
    /// with the field's name.
    not_carried_over: Vec<String>,
    /// When it was added.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// What there is of a member on one site.
#[derive(Debug, Object)]
pub(crate) struct MemberInstance {
    /// The site.
    site_id: Uuid,
    /// `production`, `parked`, `quarantined` or `incomplete`.
    state: String,
    /// The server.
    server_id: Option<String>,
    /// Its ports.
    port_ids: Vec<String>,
    /// Its volumes, in the blueprint's order.
    volumes: Vec<MemberInstanceVolume>,
}

/// One volume of a member on one site.
#[derive(Debug, Object)]
pub(crate) struct MemberInstanceVolume {
    /// Its id in the site's block storage service.
    id: String,
    /// Its name on the site's array.
    array_name: String,
    /// Its serial on the site's array.
    serial: String,
}

fn instance(site: SiteId, instance: Instance) -> MemberInstance {
    MemberInstance {
        site_id: site.into_untyped_uuid(),
        state: instance_state(instance.state),
        server_id: instance.server_id.map(|id| id.to_string()),
        port_ids: instance.ports.iter().map(ToString::to_string).collect(),
        volumes: instance
            .volumes
            .into_iter()
            .map(|volume| MemberInstanceVolume {
                id: volume.id.to_string(),
                array_name: volume.array_name.to_string(),
                serial: volume.serial.to_string(),
            })
            .collect(),
    }
}

/// All that is needed to build a server again. User data is kept and not shown.
#[derive(Debug, Object)]
pub(crate) struct MemberBlueprint {
    /// The flavor's name.
    flavor: String,
    /// Virtual processors.
    vcpus: u32,
    /// Memory in MiB.
    ram_mib: u64,
    /// Root disk in GiB; 0 for servers that boot from volumes.
    disk_gib: u64,
    /// Its volumes in boot order.
    volumes: Vec<BlueprintVolume>,
    /// Its ports in the order of its interfaces.
    ports: Vec<BlueprintPort>,
    /// The name the guest is given.
    hostname: Option<String>,
    /// The key that was injected.
    keypair: Option<String>,
    /// Its zone.
    availability_zone: Option<String>,
    /// Its metadata.
    metadata: BTreeMap<String, String>,
    /// Its tags.
    tags: Vec<String>,
    /// Whether it has user data.
    has_user_data: bool,
    /// Whether it has a config drive.
    config_drive: bool,
    /// The server group it is in; a copy on the other site is in none.
    server_group: Option<String>,
    /// Its description.
    description: Option<String>,
}

/// A volume of a blueprint.
#[derive(Debug, Object)]
pub(crate) struct BlueprintVolume {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// Its size in GiB.
    size_gib: u64,
    /// Its type.
    volume_type_id: Option<String>,
    /// Whether it can be booted from.
    bootable: bool,
    /// Whether the cloud deletes it with its server.
    delete_on_termination: bool,
    /// The device the guest sees.
    device: Option<String>,
    /// The device's tag.
    tag: Option<String>,
}

/// A port of a blueprint.
#[derive(Debug, Object)]
pub(crate) struct BlueprintPort {
    /// Its id.
    id: String,
    /// Its network.
    network_id: String,
    /// Its MAC.
    mac_address: String,
    /// Its addresses.
    fixed_ips: Vec<BlueprintAddress>,
    /// Its security groups.
    security_groups: Vec<String>,
    /// Its kind of virtual interface.
    vnic_type: Option<String>,
    /// The floating IP on it, which belongs to its site.
    floating_ip: Option<String>,
}

/// An address of a port.
#[derive(Debug, Object)]
pub(crate) struct BlueprintAddress {
    /// The subnet.
    subnet_id: String,
    /// The address.
    ip_address: String,
}

impl From<Blueprint> for MemberBlueprint {
    fn from(blueprint: Blueprint) -> Self {
        Self {
            flavor: blueprint.flavor.name,
            vcpus: blueprint.flavor.vcpus,
            ram_mib: blueprint.flavor.ram_mib,
            disk_gib: blueprint.flavor.disk_gib,
            volumes: blueprint.volumes.into_iter().map(Into::into).collect(),
            ports: blueprint.ports.into_iter().map(Into::into).collect(),
            hostname: blueprint.hostname,
            keypair: blueprint.keypair,
            availability_zone: blueprint.availability_zone,
            metadata: blueprint.metadata,
            tags: blueprint.tags,
            has_user_data: blueprint.user_data.is_some(),
            config_drive: blueprint.config_drive,
            server_group: blueprint.server_group.map(|id| id.to_string()),
            description: blueprint.description,
        }
    }
}

impl From<VolumeSpec> for BlueprintVolume {
    fn from(volume: VolumeSpec) -> Self {
        Self {
            id: volume.id.to_string(),
            name: volume.name,
            size_gib: volume.size_gib,
            volume_type_id: volume.volume_type.map(|id| id.to_string()),
            bootable: volume.bootable,
            delete_on_termination: volume.delete_on_termination,
            device: volume.device,
            tag: volume.tag,
        }
    }
}

impl From<PortSpec> for BlueprintPort {
    fn from(port: PortSpec) -> Self {
        let fixed_ips = port.fixed_ips.into_iter().map(|ip| BlueprintAddress {
            subnet_id: ip.subnet_id.to_string(),
            ip_address: ip.ip_address,
        });
        Self {
            id: port.id.to_string(),
            network_id: port.network_id.to_string(),
            mac_address: port.mac_address,
            fixed_ips: fixed_ips.collect(),
            security_groups: port
                .security_groups
                .iter()
                .map(ToString::to_string)
                .collect(),
            vnic_type: port.vnic_type,
            floating_ip: port.floating_ip,
        }
    }
}

impl From<MemberView> for Member {
    fn from(view: MemberView) -> Self {
        let member = view.member;
        Self {
            id: member.id.into_untyped_uuid(),
            protection_group_id: view.group_id.into_untyped_uuid(),
            name: member.name,
            primary_server_id: view.primary_server_id.map(|id| id.to_string()),
            secondary_server_id: view.secondary_server_id.map(|id| id.to_string()),
            boot_tier: member.boot_tier,
            boot_delay: member.boot_delay,
            probe: member.probe.map(Into::into),
            status: member.status.into(),
            status_reason: member.status_reason,
            instances: member
                .instances
                .into_iter()
                .map(|(site, copy)| instance(site, copy))
                .collect(),
            blueprint_site_id: member.blueprint_site.into_untyped_uuid(),
            blueprint: member.blueprint.map(Into::into),
            not_carried_over: view
                .not_carried_over
                .into_iter()
                .map(|(field, why)| format!("{field}: {why}"))
                .collect(),
            created_at: member.created_at.into(),
            updated_at: member.updated_at.into(),
        }
    }
}

/// One member.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct MemberDocument {
    /// The member.
    pub(crate) member: Member,
    /// The operation that adds it, in the answer to its creation.
    pub(crate) operation: Option<OperationView>,
}

/// A list of members.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct MemberList {
    /// The members.
    pub(crate) members: Vec<Member>,
    /// The next page, where there is one.
    pub(crate) links: Option<Vec<Link>>,
    /// How many there are on all pages, where `with_count` asks for it.
    pub(crate) count: Option<u64>,
}

/// How to tell from outside that a server has come up. It is looked at once the server runs, in test
/// and in real failovers: a test in which it fails ends `completed_with_errors`; a real failover is
/// not changed by it, its result says so. Only what the cloud itself tells is looked at: the service
/// connects to no guest.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct MemberProbe {
    /// Text that the server's console shows once it is up, such as `login:`.
    #[oai(validator(min_length = 1, max_length = 255))]
    console: String,
    /// Seconds that it may take; 120 where it is not given.
    #[oai(validator(minimum(value = "1"), maximum(value = "3600")))]
    timeout: Option<u32>,
}

impl From<MemberProbe> for Probe {
    fn from(probe: MemberProbe) -> Self {
        Self {
            console: probe.console,
            timeout: probe.timeout.unwrap_or(protector_model::probe::TIMEOUT),
        }
    }
}

impl From<Probe> for MemberProbe {
    fn from(probe: Probe) -> Self {
        Self {
            console: probe.console,
            timeout: Some(probe.timeout),
        }
    }
}

/// A server to protect.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct CreateMember {
    /// The server on the site that the group runs on.
    #[oai(validator(min_length = 1, max_length = 64))]
    server_id: String,
    /// When it starts: tier 1 first, tier 5 last; 3 where it is not given.
    #[oai(validator(minimum(value = "1"), maximum(value = "5")))]
    boot_tier: Option<u8>,
    /// Seconds to wait after its start before the next tier; 0 where it is not given.
    #[oai(validator(minimum(value = "0"), maximum(value = "3600")))]
    boot_delay: Option<u32>,
    /// How to tell from outside that it has come up.
    probe: Option<MemberProbe>,
}

impl From<CreateMember> for NewMember {
    fn from(member: CreateMember) -> Self {
        Self {
            server_id: member.server_id.into(),
            boot_tier: member.boot_tier,
            boot_delay: member.boot_delay,
            probe: member.probe.map(Into::into),
        }
    }
}

/// The body that adds a member.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct CreateMemberBody {
    /// The member.
    pub(crate) member: CreateMember,
}

/// What is to change of a member; fields that are left out stay.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct UpdateMember {
    /// Its new tier, 1 to 5.
    #[oai(validator(minimum(value = "1"), maximum(value = "5")))]
    boot_tier: Option<u8>,
    /// Its new delay in seconds.
    #[oai(validator(minimum(value = "0"), maximum(value = "3600")))]
    boot_delay: Option<u32>,
    /// Its new probe; `null` takes it away.
    probe: MaybeUndefined<MemberProbe>,
}

impl From<UpdateMember> for MemberChange {
    fn from(member: UpdateMember) -> Self {
        Self {
            boot_tier: member.boot_tier,
            boot_delay: member.boot_delay,
            probe: match member.probe {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(probe) => Some(Some(probe.into())),
            },
        }
    }
}

/// One action on a member. `null` is the same as an empty object.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct MemberActionBody {
    /// Reads its server again.
    refresh: MaybeUndefined<RefreshOptions>,
}

/// `refresh` has no options.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct RefreshOptions {}

impl MemberActionBody {
    /// Whether the one action there is was named.
    pub(crate) fn refreshes(&self) -> bool {
        !self.refresh.is_undefined()
    }
}

/// The body that changes a member.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct UpdateMemberBody {
    /// The member.
    pub(crate) member: UpdateMember,
}
