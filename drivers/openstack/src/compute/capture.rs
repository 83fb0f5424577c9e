//! Reading a server into a blueprint.

use std::collections::BTreeMap;

use protector_framework::{
    AddressPair, Blueprint, DriverError, ErrorKind, FlavorSpec, PortSpec, Result, ServerId,
    ServerStatus, VolumeSpec,
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::cloud::Cloud;
use super::servers::nova;
use super::wire::{WireBool, WirePort, WireServer, absent_as_default};
use crate::session::Trip;

/// Tags that begin so are Protector's own and belong to one copy of the server.
const OWN_TAGS: &str = "protector-";

#[derive(Deserialize)]
struct WireAnswer {
    server: WireDetail,
}

/// What a blueprint needs beyond a server's state. Nova shows the names with `SRV-ATTR` to admins.
#[derive(Deserialize)]
struct WireDetail {
    #[serde(flatten)]
    server: WireServer,
    #[serde(default, deserialize_with = "absent_as_default")]
    created: String,
    flavor: WireFlavor,
    #[serde(default)]
    image: Value,
    #[serde(default)]
    addresses: Interfaces,
    #[serde(default)]
    key_name: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    config_drive: WireBool,
    #[serde(default)]
    description: Option<String>,
    #[serde(default, deserialize_with = "absent_as_default")]
    server_groups: Vec<String>,
    #[serde(default, rename = "OS-EXT-AZ:availability_zone")]
    zone: Option<String>,
    #[serde(default, rename = "OS-EXT-SRV-ATTR:user_data")]
    user_data: Option<String>,
    #[serde(default, rename = "OS-EXT-SRV-ATTR:hostname")]
    hostname: Option<String>,
    #[serde(default, rename = "OS-EXT-SRV-ATTR:root_device_name")]
    root_device: Option<String>,
}

/// A flavor as a server keeps it, from microversion 2.47 on: its id is not told.
#[derive(Deserialize)]
struct WireFlavor {
    original_name: String,
    vcpus: u32,
    ram: u64,
    disk: u64,
    #[serde(default)]
    ephemeral: u64,
    #[serde(default)]
    swap: Value,
}

/// A volume as Nova holds it; the tag since 2.70, what happens at the end since 2.79.
#[derive(Deserialize)]
struct WireHeld {
    #[serde(rename = "volumeId")]
    volume: String,
    #[serde(default)]
    device: Option<String>,
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    delete_on_termination: bool,
}

/// The MACs of a server's interfaces in Nova's order, which no list of ports has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Interfaces(Vec<String>);

#[derive(Deserialize)]
struct WireAddress {
    #[serde(rename = "OS-EXT-IPS-MAC:mac_addr")]
    mac: String,
}

impl<'de> Deserialize<'de> for Interfaces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> serde::de::Visitor<'de> for InOrder {
            type Value = Interfaces;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("addresses by network")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Interfaces, A::Error> {
                let mut macs = Vec::new();
                while let Some((_, entries)) = map.next_entry::<String, Vec<WireAddress>>()? {
                    for entry in entries {
                        let mac = entry.mac.to_lowercase();
                        if !macs.contains(&mac) {
                            macs.push(mac);
                        }
                    }
                }
                Ok(Interfaces(macs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Cloud {
    pub(super) async fn capture(&self, trip: &Trip, id: &ServerId) -> Result<Blueprint> {
        // The service's account is shown user data and the root device; the owner is not.
        let reply = self
            .service
            .send(trip, nova(["servers", id.as_str()]).needs(2, 47))
            .await?;
        // Not through a generic value: the order of the interfaces would be lost.
        let WireAnswer { server: detail } = reply.json()?;
        self.check_owner(
            trip,
            "server",
            id.as_str(),
            detail.server.tenant_id.as_deref(),
        )
        .await?;
        check_settled(&detail.server)?;
        let volumes = self.captured_volumes(trip, id, &detail).await?;
        let ports = self.captured_ports(trip, id, &detail).await?;
        let flavor = self.captured_flavor(trip, &detail.flavor).await?;
        Ok(blueprint(detail, flavor, volumes, ports))
    }

    async fn captured_flavor(&self, trip: &Trip, wire: &WireFlavor) -> Result<FlavorSpec> {
        let known = self.flavors(trip).await?;
        let mut flavor =
            FlavorSpec::new(wire.original_name.as_str(), wire.vcpus, wire.ram, wire.disk);
        // A flavor that was deleted since has no id any more.
        flavor.id = known
            .into_iter()
            .find(|known| known.name == wire.original_name)
            .map(|known| known.id);
        Ok(flavor)
    }

    async fn captured_volumes(
        &self,
        trip: &Trip,
        id: &ServerId,
        detail: &WireDetail,
    ) -> Result<Vec<VolumeSpec>> {
        let call = nova(["servers", id.as_str(), "os-volume_attachments"]);
        let mut held: Vec<WireHeld> = self.service.list(trip, call, "volumeAttachments").await?;
        let root = detail.root_device.as_deref();
        held.sort_by_key(|entry| boot_order(entry, root));
        let mut volumes = Vec::with_capacity(held.len());
        for entry in held {
            volumes.push(self.captured_volume(trip, entry).await?);
        }
        Ok(volumes)
    }

    async fn captured_volume(&self, trip: &Trip, held: WireHeld) -> Result<VolumeSpec> {
        let wire = self.volume(trip, &held.volume.as_str().into()).await?;
        let volume_type = self.type_of(trip, &wire).await?;
        let mut volume = VolumeSpec::new(held.volume, wire.size, wire.bootable.0)
            .name(wire.name)
            .volume_type_name(wire.volume_type)
            .host(wire.host)
            .device(held.device)
            .tag(held.tag)
            .delete_on_termination(held.delete_on_termination)
            .image_metadata(wire.volume_image_metadata)
            .metadata(wire.metadata)
            .encrypted(wire.encrypted)
            .multiattach(wire.multiattach);
        volume.volume_type = volume_type;
        volume.group_id = wire.group_id.map(Into::into);
        Ok(volume)
    }

    async fn captured_ports(
        &self,
        trip: &Trip,
        id: &ServerId,
        detail: &WireDetail,
    ) -> Result<Vec<PortSpec>> {
        let mut ports = self.ports_of(trip, id).await?;
        let floating = self.floating_ips(trip, &ports).await?;
        let order = &detail.addresses.0;
        // Interfaces without an address are not told; their ports follow in the order of their age.
        ports.sort_by_key(|port| {
            let mac = port.mac_address.to_lowercase();
            order
                .iter()
                .position(|known| *known == mac)
                .unwrap_or(usize::MAX)
        });
        Ok(ports
            .into_iter()
            .map(|port| {
                let outside = floating.get(&port.id).cloned();
                port_spec(port, &detail.created).floating_ip(outside)
            })
            .collect())
    }
}

/// A blueprint of a server that is changing would be of no state at all.
fn check_settled(server: &WireServer) -> Result<()> {
    let refused = match server.state() {
        ServerStatus::Deleted => DriverError::not_found(format!("server {}", server.id)),
        state if server.task_state.is_some() || state == ServerStatus::Building => {
            DriverError::new(
                ErrorKind::Busy,
                format!(
                    "server {} is {}; its blueprint can be read when that is over",
                    server.id,
                    server.words()
                ),
            )
        }
        _ => return Ok(()),
    };
    Err(refused.with_call(format!("GET /servers/{}", server.id)))
}

/// The root first, then as the guest names its devices: `vdb` before `vdaa`.
fn boot_order(held: &WireHeld, root: Option<&str>) -> (bool, usize, String) {
    let device = held.device.clone().unwrap_or_default();
    let is_root = !device.is_empty() && Some(device.as_str()) == root;
    let length = if device.is_empty() {
        usize::MAX
    } else {
        device.len()
    };
    (!is_root, length, device)
}

fn blueprint(
    detail: WireDetail,
    flavor: FlavorSpec,
    volumes: Vec<VolumeSpec>,
    ports: Vec<PortSpec>,
) -> Blueprint {
    let local_disks = local_disks(&detail);
    let server = detail.server;
    let tags: Vec<_> = server
        .tags
        .into_iter()
        .filter(|tag| !tag.starts_with(OWN_TAGS))
        .collect();
    let group = detail.server_groups.into_iter().next();
    let mut blueprint = Blueprint::new(server.id, server.name, flavor, volumes, ports)
        .hostname(given(detail.hostname))
        .keypair(given(detail.key_name))
        .availability_zone(given(detail.zone))
        .metadata(detail.metadata)
        .tags(tags)
        .user_data(given(detail.user_data))
        .config_drive(detail.config_drive.0)
        .description(given(detail.description))
        .local_disks(local_disks);
    blueprint.server_group = group.map(Into::into);
    blueprint
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// The disks that lie on the compute host: no array has them.
fn local_disks(detail: &WireDetail) -> Vec<String> {
    let mut disks = Vec::new();
    if let Some(image) = detail.image["id"].as_str() {
        disks.push(format!("root disk made from image {image}"));
    }
    if detail.flavor.ephemeral > 0 {
        disks.push(format!(
            "ephemeral disk of {} GiB (flavor `{}`)",
            detail.flavor.ephemeral, detail.flavor.original_name
        ));
    }
    // Old clouds say "" for none.
    let swap = detail.flavor.swap.as_u64().unwrap_or_default();
    if swap > 0 {
        disks.push(format!(
            "swap disk of {swap} MiB (flavor `{}`)",
            detail.flavor.original_name
        ));
    }
    disks
}

fn port_spec(port: WirePort, server_created: &str) -> PortSpec {
    let fixed_ips = port.addresses();
    let groups = port.groups();
    let owned = is_made_by_nova(&port, server_created);
    let mac = port.mac_address.to_lowercase();
    let pairs: Vec<_> = port
        .allowed_address_pairs
        .into_iter()
        .map(|pair| {
            // Neutron fills in the port's own MAC where none was given.
            let other = pair
                .mac_address
                .map(|own| own.to_lowercase())
                .filter(|own| *own != mac);
            AddressPair::new(pair.ip_address).mac_address(other)
        })
        .collect();
    PortSpec::new(port.id, port.network_id, mac)
        .name(port.name)
        .fixed_ips(fixed_ips)
        .security_groups(groups)
        .allowed_address_pairs(pairs)
        .port_security_enabled(port.port_security_enabled)
        .vnic_type(port.vnic_type)
        .description(port.description)
        .owned_by_server(owned)
}

/// Nova keeps to itself which ports it made. Those have no name or description and are younger
/// than their server; what fits less is taken for the user's, so that it is never lost.
fn is_made_by_nova(port: &WirePort, server_created: &str) -> bool {
    // Both are UTC in ISO 8601 to the second, so that texts compare as times do.
    port.name.is_empty()
        && port.description.is_empty()
        && !server_created.is_empty()
        && port.created_at.as_str() >= server_created
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_keep_the_order_of_the_answer() {
        let text = r#"{"zebra": [{"OS-EXT-IPS-MAC:mac_addr": "FA:16:3E:00:00:02", "addr": "10.0.0.2"},
                                 {"OS-EXT-IPS-MAC:mac_addr": "fa:16:3e:00:00:02", "addr": "fd00::2"}],
                       "apple": [{"OS-EXT-IPS-MAC:mac_addr": "fa:16:3e:00:00:01"}]}"#;
        let read: Interfaces = serde_json::from_str(text).unwrap();
        assert_eq!(read.0, ["fa:16:3e:00:00:02", "fa:16:3e:00:00:01"]);
    }

    #[test]
    fn the_root_comes_first_and_the_27th_disk_last() {
        let held = |device: &str| WireHeld {
            volume: device.to_owned(),
            device: (!device.is_empty()).then(|| device.to_owned()),
            tag: None,
            delete_on_termination: false,
        };
        let mut all = ["", "/dev/vdaa", "/dev/vda", "/dev/vdc", "/dev/vdb"].map(held);
        all.sort_by_key(|entry| boot_order(entry, Some("/dev/vdb")));
        let order: Vec<_> = all.iter().map(|entry| entry.volume.as_str()).collect();
        assert_eq!(order, ["/dev/vdb", "/dev/vda", "/dev/vdc", "/dev/vdaa", ""]);
    }
}
