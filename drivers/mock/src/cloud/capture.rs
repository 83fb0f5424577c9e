//! A server as a blueprint.

use protector_framework::{
    Blueprint, DriverError, ErrorKind, FlavorSpec, PortSpec, ResourceId, Result, VolumeSpec,
};

use super::state::{FlavorRecord, HeldVolume, ServerRecord};
use super::view::View;

/// What the tags that Protector gives its servers begin with.
const OWN_TAG: &str = "protector-";

impl View<'_> {
    pub(super) fn capture(&self, id: &str) -> Result<Blueprint> {
        let server = self.server(id)?;
        if server.task.is_some() {
            return Err(DriverError::new(
                ErrorKind::Busy,
                format!("server `{id}` is {}", server.status()),
            ));
        }
        let flavor = self
            .state
            .flavors
            .get(&server.flavor)
            .ok_or_else(|| DriverError::not_found(format!("flavor `{}`", server.flavor)))?;
        let spec = FlavorSpec::new(&*flavor.name, flavor.vcpus, flavor.ram_mib, flavor.disk_gib)
            .id(resource(&server.flavor));
        let volumes = server.volumes.iter().map(|held| self.volume_spec(held));
        let ports = server.ports.iter().map(|port| self.port_spec(port));
        let volumes = volumes.collect::<Result<Vec<_>>>()?;
        let ports = ports.collect::<Result<Vec<_>>>()?;
        let own = |tag: &&String| !tag.starts_with(OWN_TAG);
        let tags: Vec<String> = server.tags.iter().filter(own).cloned().collect();
        Ok(Blueprint::new(id, &*server.name, spec, volumes, ports)
            .hostname(server.hostname.clone())
            .keypair(server.keypair.clone())
            .availability_zone(server.zone.clone())
            .metadata(server.metadata.clone())
            .tags(tags)
            .user_data(server.user_data.clone())
            .config_drive(server.config_drive)
            .server_group(server.server_group.as_deref().map(resource))
            .description(server.description.clone())
            .local_disks(local_disks(server, flavor)))
    }

    fn volume_spec(&self, held: &HeldVolume) -> Result<VolumeSpec> {
        let volume = self.volume(&held.id)?;
        let kind = volume.volume_type.as_ref();
        let kind_name = kind
            .and_then(|id| self.state.volume_types.get(id))
            .map(|kind| kind.name.clone());
        Ok(VolumeSpec::new(&*held.id, volume.size_gib, volume.bootable)
            .name(volume.name.clone())
            .volume_type(kind.map(|id| id.as_str().into()))
            .volume_type_name(kind_name)
            .host(self.caller.admin.then(|| volume.pool.clone()))
            .device(held.device.clone())
            .tag(held.tag.clone())
            .delete_on_termination(held.delete_on_termination)
            .image_metadata(volume.image_metadata.clone())
            .metadata(volume.metadata.clone())
            .encrypted(volume.encrypted)
            .multiattach(volume.multiattach)
            .group_id(volume.group.as_deref().map(Into::into)))
    }

    fn port_spec(&self, id: &str) -> Result<PortSpec> {
        let port = self.port(id)?;
        let groups: Vec<_> = port.security_groups.iter().map(|g| resource(g)).collect();
        Ok(PortSpec::new(id, &*port.network, &*port.mac)
            .name(port.name.clone())
            .fixed_ips(port.fixed_ips.clone())
            .security_groups(groups)
            .allowed_address_pairs(port.allowed_address_pairs.clone())
            .port_security_enabled(port.port_security_enabled)
            .vnic_type(port.vnic_type.clone())
            .floating_ip(port.floating_ip.clone())
            .description(port.description.clone())
            .owned_by_server(port.owned_by_server))
    }
}

fn resource(id: &str) -> ResourceId {
    id.into()
}

fn local_disks(server: &ServerRecord, flavor: &FlavorRecord) -> Vec<String> {
    let mut disks = Vec::new();
    if server.image_root {
        disks.push("a root disk made from an image".to_owned());
    }
    if flavor.ephemeral_gib > 0 {
        disks.push(format!("{} GiB of ephemeral disk", flavor.ephemeral_gib));
    }
    if flavor.swap_mib > 0 {
        disks.push(format!("{} MiB of swap", flavor.swap_mib));
    }
    disks
}
