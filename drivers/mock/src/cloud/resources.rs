//! What a project can use: types, pools, networks and the like, and how much of it.

use protector_framework::{
    DriverError, GetResource, Headroom, Pool, Resource, ResourceKind, Result, VolumeType,
};

use super::state::ComputeState;
use super::view::View;

impl View<'_> {
    pub(super) fn volume_types(&self) -> Vec<VolumeType> {
        self.state
            .volume_types
            .iter()
            .map(|(id, kind)| {
                let shown = VolumeType::new(&**id, &*kind.name);
                if self.caller.admin {
                    shown.extra_specs(kind.extra_specs.clone())
                } else {
                    shown
                }
            })
            .collect()
    }

    pub(super) fn pools(&self) -> Result<Vec<Pool>> {
        self.need_admin("list pools")?;
        Ok(self
            .state
            .pools
            .iter()
            .map(|(name, pool)| {
                Pool::new(&**name, &*pool.backend_name)
                    .replication_enabled(true)
                    .replication_targets(pool.replication_targets.clone())
            })
            .collect())
    }

    pub(crate) fn headroom(&self) -> Headroom {
        let state = &*self.state;
        let quota = state.quotas.get(&self.caller.project).cloned();
        let quota = quota.unwrap_or_default();
        let servers = || state.servers.values().filter(|s| self.is_mine(&s.project));
        let volumes = || state.volumes.values().filter(|v| self.is_mine(&v.project));
        let flavors = || servers().filter_map(|server| state.flavors.get(&server.flavor));
        let left = |limit: Option<u64>, used: u64| limit.map(|limit| limit.saturating_sub(used));
        let ports = state.ports.values().filter(|p| self.is_mine(&p.project));
        Headroom::new()
            .instances(left(quota.instances, servers().count() as u64))
            .vcpus(left(
                quota.vcpus,
                flavors().map(|f| u64::from(f.vcpus)).sum(),
            ))
            .ram_mib(left(quota.ram_mib, flavors().map(|f| f.ram_mib).sum()))
            .volumes(left(quota.volumes, volumes().count() as u64))
            .volume_gib(left(quota.volume_gib, volumes().map(|v| v.size_gib).sum()))
            .ports(left(quota.ports, ports.count() as u64))
    }

    pub(super) fn resource(&self, req: &GetResource) -> Result<Resource> {
        let mut found = self
            .resources(req.kind)
            .into_iter()
            .find(|resource| resource.id == req.id)
            .ok_or_else(|| DriverError::not_found(format!("{:?} `{}`", req.kind, req.id)))?;
        if req.kind == ResourceKind::TestNetwork
            && let Some(network) = self.state.networks.get(req.id.as_str())
        {
            found.routed_to = network
                .routed_to
                .iter()
                .map(|id| id.as_str().into())
                .collect();
        }
        Ok(found)
    }

    pub(super) fn resources(&self, kind: ResourceKind) -> Vec<Resource> {
        let state: &ComputeState = self.state;
        let new = |id: &str, name: &str| Resource::new(kind, id, name);
        let usable = |owner: &Option<String>| owner.as_ref().is_none_or(|p| self.is_mine(p));
        match kind {
            ResourceKind::Network | ResourceKind::TestNetwork => state
                .networks
                .iter()
                .filter(|(_, network)| usable(&network.project))
                .map(|(id, network)| {
                    new(id, &network.name)
                        .external(network.external)
                        .shared(network.project.is_none())
                })
                .collect(),
            ResourceKind::Subnet => state
                .subnets
                .iter()
                .filter(|(_, subnet)| {
                    state
                        .networks
                        .get(&subnet.network)
                        .is_some_and(|network| usable(&network.project))
                })
                .map(|(id, subnet)| {
                    let network: protector_framework::ResourceId = subnet.network.as_str().into();
                    new(id, &subnet.name)
                        .network_id(network)
                        .cidr(subnet.cidr.clone())
                })
                .collect(),
            ResourceKind::Flavor => state
                .flavors
                .iter()
                .map(|(id, flavor)| {
                    new(id, &flavor.name)
                        .vcpus(flavor.vcpus)
                        .ram_mib(flavor.ram_mib)
                })
                .collect(),
            ResourceKind::SecurityGroup => state
                .security_groups
                .iter()
                .filter(|(_, group)| self.is_mine(&group.project))
                .map(|(id, group)| new(id, &group.name))
                .collect(),
            ResourceKind::Keypair => state
                .keypairs
                .iter()
                .filter(|key| key.user == self.caller.user)
                .map(|key| new(&key.name, &key.name))
                .collect(),
            ResourceKind::AvailabilityZone => {
                state.zones.iter().map(|zone| new(zone, zone)).collect()
            }
        }
    }
}
