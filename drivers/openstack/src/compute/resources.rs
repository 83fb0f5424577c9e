//! What the project can use: volume types, pools, quota, and the kinds that are mapped to the
//! other cloud.

use std::collections::BTreeMap;

use protector_framework::{
    DriverError, ErrorKind, GetResource, Headroom, Pool, Resource, ResourceKind, Result, VolumeType,
};
use serde::Deserialize;
use serde_json::Value;

use super::cloud::Cloud;
use super::servers::nova;
use super::volumes::cinder;
use super::wire::{WireBool, absent_as_default};
use crate::session::{Call, Service, Trip};

#[derive(Deserialize)]
struct WireType {
    id: String,
    name: String,
    #[serde(default, deserialize_with = "absent_as_default")]
    extra_specs: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct WirePool {
    name: String,
    #[serde(default)]
    capabilities: WireCapabilities,
}

#[derive(Deserialize, Default)]
struct WireCapabilities {
    #[serde(default, deserialize_with = "absent_as_default")]
    volume_backend_name: String,
    #[serde(default)]
    replication_enabled: WireBool,
    #[serde(default, deserialize_with = "absent_as_default")]
    replication_targets: Vec<String>,
}

#[derive(Deserialize)]
struct WireResource {
    #[serde(default)]
    id: String,
    #[serde(default, deserialize_with = "absent_as_default")]
    name: String,
    #[serde(default)]
    project_id: Option<String>,
    #[serde(default)]
    shared: bool,
    #[serde(default)]
    network_id: Option<String>,
    #[serde(default)]
    cidr: Option<String>,
    #[serde(default, rename = "router:external")]
    external: bool,
    #[serde(default)]
    vcpus: Option<u32>,
    #[serde(default)]
    ram: Option<u64>,
}

#[derive(Deserialize)]
struct WireKeypair {
    keypair: WireName,
}

#[derive(Deserialize)]
struct WireName {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireZone {
    zone_name: String,
    zone_state: WireZoneState,
}

#[derive(Deserialize)]
struct WireZoneState {
    available: bool,
}

impl Cloud {
    /// The types that are public or opened to the project, with extra specs, which only an admin
    /// is shown in full.
    pub(super) async fn volume_types(&self, trip: &Trip) -> Result<Vec<VolumeType>> {
        let found: Vec<WireType> = self
            .service
            .list(trip, cinder(["types"]), "volume_types")
            .await?;
        Ok(found
            .into_iter()
            .map(|kind| VolumeType::new(kind.id, kind.name).extra_specs(kind.extra_specs))
            .collect())
    }

    pub(super) async fn pools(&self, trip: &Trip) -> Result<Vec<Pool>> {
        let call = cinder(["scheduler-stats", "get_pools"]).query("detail", "true");
        let found: Vec<WirePool> = self.service.list(trip, call, "pools").await?;
        Ok(found
            .into_iter()
            .map(|pool| {
                Pool::new(pool.name, pool.capabilities.volume_backend_name)
                    .replication_enabled(pool.capabilities.replication_enabled.0)
                    .replication_targets(pool.capabilities.replication_targets)
            })
            .collect())
    }

    pub(super) async fn headroom(&self, trip: &Trip) -> Result<Headroom> {
        let nova = self.limits(trip, nova(["limits"])).await?;
        let cinder = self.limits(trip, cinder(["limits"])).await?;
        Ok(Headroom::new()
            .instances(left(&nova, "maxTotalInstances", "totalInstancesUsed"))
            .vcpus(left(&nova, "maxTotalCores", "totalCoresUsed"))
            .ram_mib(left(&nova, "maxTotalRAMSize", "totalRAMUsed"))
            .volumes(left(&cinder, "maxTotalVolumes", "totalVolumesUsed"))
            .volume_gib(left(
                &cinder,
                "maxTotalVolumeGigabytes",
                "totalGigabytesUsed",
            ))
            .ports(self.ports_left(trip).await?))
    }

    async fn limits(&self, trip: &Trip, call: Call) -> Result<Value> {
        let limits: Value = self.service.send(trip, call).await?.at("limits")?;
        Ok(limits["absolute"].clone())
    }

    async fn ports_left(&self, trip: &Trip) -> Result<Option<u64>> {
        let project = self.project(trip).await?;
        let details = ["quotas", &project, "details.json"];
        if let Some(port) = self.port_quota(trip, &details).await? {
            let reserved = port["reserved"].as_u64().unwrap_or_default();
            return Ok(left(&port, "limit", "used").map(|ports| ports.saturating_sub(reserved)));
        }
        // The details are an extension; without it the ports must be counted.
        let limit = self.port_quota(trip, &["quotas", &project]).await?;
        let Some(limit) = limit.and_then(|limit| u64::try_from(limit.as_i64()?).ok()) else {
            return Ok(None);
        };
        let call = Call::get(Service::Network, ["ports"])
            .query("project_id", &project)
            .query("fields", "id");
        let ports: Vec<WireResource> = self.service.list(trip, call, "ports").await?;
        let used = u64::try_from(ports.len()).unwrap_or(u64::MAX);
        Ok(Some(limit.saturating_sub(used)))
    }

    /// `None` where the cloud does not have it or does not show it to this account.
    async fn port_quota(&self, trip: &Trip, path: &[&str]) -> Result<Option<Value>> {
        let call = Call::get(Service::Network, path.iter().copied());
        let reply = match self.service.send(trip, call).await {
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Unauthorized) => {
                return Ok(None);
            }
            other => other?,
        };
        let quota: Value = reply.at("quota")?;
        Ok(quota.get("port").cloned())
    }

    pub(super) async fn resource(&self, trip: &Trip, req: &GetResource) -> Result<Resource> {
        let found = self.find_resources(trip, req.kind, Some(req.id.as_str()));
        found
            .await?
            .into_iter()
            .find(|resource| resource.id == req.id)
            .ok_or_else(|| {
                DriverError::not_found(format!(
                    "{} `{}`, as this project sees it,",
                    title(req.kind),
                    req.id
                ))
                .with_call(listed_by(req.kind))
            })
    }

    pub(super) async fn resources(&self, trip: &Trip, kind: ResourceKind) -> Result<Vec<Resource>> {
        self.find_resources(trip, kind, None).await
    }

    /// The resources of a kind; of one id where that narrows the list.
    async fn find_resources(
        &self,
        trip: &Trip,
        kind: ResourceKind,
        id: Option<&str>,
    ) -> Result<Vec<Resource>> {
        match kind {
            ResourceKind::Network | ResourceKind::TestNetwork => {
                self.networks(trip, kind, id).await
            }
            ResourceKind::Subnet => self.subnets(trip, id).await,
            ResourceKind::SecurityGroup => self.security_groups(trip, id).await,
            ResourceKind::Flavor => self.flavors(trip).await,
            ResourceKind::Keypair => self.keypairs(trip).await,
            ResourceKind::AvailabilityZone => self.zones(trip).await,
        }
    }

    async fn networks(
        &self,
        trip: &Trip,
        kind: ResourceKind,
        id: Option<&str>,
    ) -> Result<Vec<Resource>> {
        let found = self.usable(trip, "networks", id).await?;
        let mut shown = Vec::new();
        for network in found {
            let routed = match (kind, id) {
                (ResourceKind::TestNetwork, Some(_)) => self.routed_to(trip, &network.id).await?,
                _ => Vec::new(),
            };
            shown.push(
                Resource::new(kind, network.id, network.name)
                    .external(network.external)
                    .shared(network.shared)
                    .routed_to(routed),
            );
        }
        Ok(shown)
    }

    /// A subnet can be used where its network can.
    async fn subnets(&self, trip: &Trip, id: Option<&str>) -> Result<Vec<Resource>> {
        let found = self.seen(trip, "subnets", id).await?;
        let one_network = match (id, found.first()) {
            (Some(_), Some(subnet)) => subnet.network_id.as_deref(),
            _ => None,
        };
        let networks = self.usable(trip, "networks", one_network).await?;
        Ok(found
            .into_iter()
            .filter(|subnet| {
                networks
                    .iter()
                    .any(|network| Some(&network.id) == subnet.network_id.as_ref())
            })
            .map(|subnet| {
                let mut resource = Resource::new(ResourceKind::Subnet, subnet.id, subnet.name);
                resource.network_id = subnet.network_id.map(Into::into);
                resource.cidr = subnet.cidr;
                resource
            })
            .collect())
    }

    async fn security_groups(&self, trip: &Trip, id: Option<&str>) -> Result<Vec<Resource>> {
        let found = self.usable(trip, "security-groups", id).await?;
        Ok(found
            .into_iter()
            .map(|group| Resource::new(ResourceKind::SecurityGroup, group.id, group.name))
            .collect())
    }

    /// What the account is shown and the project owns or shares.
    async fn usable(&self, trip: &Trip, list: &str, id: Option<&str>) -> Result<Vec<WireResource>> {
        let mut found = self.seen(trip, list, id).await?;
        if !self.has_trust() {
            // An admin is shown everybody's.
            let project = self.project(trip).await?;
            found.retain(|entry| {
                entry.shared || entry.project_id.as_deref().is_none_or(|id| id == project)
            });
        }
        Ok(found)
    }

    async fn seen(&self, trip: &Trip, list: &str, id: Option<&str>) -> Result<Vec<WireResource>> {
        let mut call = Call::get(Service::Network, [list]);
        if let Some(id) = id {
            call = call.query("id", id);
        }
        self.tenant()
            .list(trip, call, &list.replace('-', "_"))
            .await
    }

    /// The flavors that are public or opened to the project; a name is given to one only.
    pub(super) async fn flavors(&self, trip: &Trip) -> Result<Vec<Resource>> {
        let found: Vec<WireResource> = self
            .tenant()
            .list(trip, nova(["flavors", "detail"]), "flavors")
            .await?;
        Ok(found
            .into_iter()
            .map(|flavor| {
                Resource::new(ResourceKind::Flavor, flavor.id, flavor.name)
                    .vcpus(flavor.vcpus)
                    .ram_mib(flavor.ram)
            })
            .collect())
    }

    /// The keypairs of whoever will be the creator of servers: the trustor, or the service.
    async fn keypairs(&self, trip: &Trip) -> Result<Vec<Resource>> {
        let found: Vec<WireKeypair> = self
            .tenant()
            .list(trip, nova(["os-keypairs"]), "keypairs")
            .await?;
        Ok(found
            .into_iter()
            .map(|entry| by_name(ResourceKind::Keypair, &entry.keypair.name))
            .collect())
    }

    async fn zones(&self, trip: &Trip) -> Result<Vec<Resource>> {
        let found: Vec<WireZone> = self
            .tenant()
            .list(trip, nova(["os-availability-zone"]), "availabilityZoneInfo")
            .await?;
        Ok(found
            .into_iter()
            .filter(|zone| zone.zone_state.available)
            .map(|zone| by_name(ResourceKind::AvailabilityZone, &zone.zone_name))
            .collect())
    }
}

/// A resource that has no id beside its name.
fn by_name(kind: ResourceKind, name: &str) -> Resource {
    Resource::new(kind, name, name)
}

/// What is left of a limit; `-1` is no limit.
fn left(limits: &Value, limit: &str, used: &str) -> Option<u64> {
    let limit = u64::try_from(limits[limit].as_i64()?).ok()?;
    Some(limit.saturating_sub(limits[used].as_u64().unwrap_or_default()))
}

/// The call that lists a kind.
fn listed_by(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Network | ResourceKind::TestNetwork => "GET /networks",
        ResourceKind::Subnet => "GET /subnets",
        ResourceKind::Flavor => "GET /flavors/detail",
        ResourceKind::SecurityGroup => "GET /security-groups",
        ResourceKind::Keypair => "GET /os-keypairs",
        ResourceKind::AvailabilityZone => "GET /os-availability-zone",
    }
}

fn title(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Network => "network",
        ResourceKind::Subnet => "subnet",
        ResourceKind::Flavor => "flavor",
        ResourceKind::SecurityGroup => "security group",
        ResourceKind::Keypair => "keypair",
        ResourceKind::AvailabilityZone => "availability zone",
        ResourceKind::TestNetwork => "test network",
    }
}
