//! Ports.

use std::collections::{BTreeMap, BTreeSet};

use protector_framework::{
    DriverError, EnsurePort, ErrorKind, Port, PortId, ResourceId, Result, ServerId,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::cloud::Cloud;
use super::wire::WirePort;
use crate::session::{Call, Service, Trip};

#[derive(Deserialize)]
struct WireFloatingIp {
    floating_ip_address: String,
    #[serde(default)]
    port_id: Option<String>,
}

/// A port, as far as it may be a router's.
#[derive(Deserialize)]
struct WireRouted {
    network_id: String,
    #[serde(default)]
    device_id: String,
    #[serde(default)]
    device_owner: String,
}

impl WireRouted {
    /// Plain, distributed and highly available routers have interfaces of different names.
    fn is_interface(&self) -> bool {
        self.device_owner.starts_with("network:router_interface")
            || self.device_owner == "network:ha_router_replicated_interface"
    }
}

impl Cloud {
    pub(super) async fn make_port(&self, trip: &Trip, req: &EnsurePort) -> Result<Port> {
        let look = || async move {
            self.port_with_mac(trip, &req.network_id, &req.mac_address)
                .await
        };
        if let Some(port) = look().await? {
            return Ok(port.into());
        }
        match self.create_port(trip, req).await {
            Ok(port) => Ok(port.into()),
            Err(error) => self.find_after(error, look).await.map(Port::from),
        }
    }

    async fn create_port(&self, trip: &Trip, req: &EnsurePort) -> Result<WirePort> {
        let early = trip.leaving_time_to_look(&*self.env.clock);
        // A MAC and an address of one's choice on a network that is only shared with the project
        // are an admin's to give.
        let call = Call::post(Service::Network, ["ports"], body(req));
        match self.service.send(&early, call).await {
            Ok(reply) => reply.at("port"),
            Err(error) => Err(in_contract(error)),
        }
    }

    /// The project's port with this MAC on this network. A MAC is unique on its network.
    pub(super) async fn port_with_mac(
        &self,
        trip: &Trip,
        network: &ResourceId,
        mac: &str,
    ) -> Result<Option<WirePort>> {
        let project = self.project(trip).await?;
        let mac = mac.to_lowercase();
        let call = Call::get(Service::Network, ["ports"])
            .query("network_id", network.as_str())
            .query("mac_address", &mac);
        let ports: Vec<WirePort> = self.tenant().list(trip, call, "ports").await?;
        Ok(ports.into_iter().find(|port| {
            port.network_id == network.as_str()
                && port.mac_address.eq_ignore_ascii_case(&mac)
                && port.project_id.as_deref().is_none_or(|id| id == project)
        }))
    }

    /// The networks that routers join this one to, those that a router has its gateway on with them.
    pub(super) async fn routed_to(&self, trip: &Trip, network: &str) -> Result<Vec<ResourceId>> {
        let here = self.ports_by(trip, "network_id", network).await?;
        let mut reached = BTreeSet::new();
        for router in here.into_iter().filter(WireRouted::is_interface) {
            let beyond = self.ports_by(trip, "device_id", &router.device_id).await?;
            reached.extend(beyond.into_iter().map(|port| port.network_id));
        }
        reached.remove(network);
        Ok(reached.into_iter().map(Into::into).collect())
    }

    async fn ports_by(&self, trip: &Trip, field: &str, value: &str) -> Result<Vec<WireRouted>> {
        let call = Call::get(Service::Network, ["ports"]).query(field, value);
        self.service.list(trip, call, "ports").await
    }

    pub(super) async fn drop_port(&self, trip: &Trip, id: &PortId) -> Result<()> {
        let path = ["ports", id.as_str()];
        let reply = match self
            .tenant()
            .send(trip, Call::get(Service::Network, path))
            .await
        {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let port: WirePort = reply.at("port")?;
        self.check_owner(trip, "port", id.as_str(), port.project_id.as_deref())
            .await?;
        let call = Call::delete(Service::Network, path);
        match self.tenant().send(trip, call).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    /// The ports of a server, oldest first.
    pub(super) async fn ports_of(&self, trip: &Trip, server: &ServerId) -> Result<Vec<WirePort>> {
        let call = Call::get(Service::Network, ["ports"]).query("device_id", server.as_str());
        let mut ports: Vec<WirePort> = self.service.list(trip, call, "ports").await?;
        ports.retain(|port| port.device_id == server.as_str());
        ports.sort_by(|a, b| (&a.created_at, &a.id).cmp(&(&b.created_at, &b.id)));
        Ok(ports)
    }

    /// The floating address of each port that has one. Clouds without routers have none at all.
    pub(super) async fn floating_ips(
        &self,
        trip: &Trip,
        ports: &[WirePort],
    ) -> Result<BTreeMap<String, String>> {
        if ports.is_empty() {
            return Ok(BTreeMap::new());
        }
        let call = ports.iter().fold(
            Call::get(Service::Network, ["floatingips"]),
            |call, port| call.query("port_id", &port.id),
        );
        let found: Vec<WireFloatingIp> = match self.service.list(trip, call, "floatingips").await {
            Err(error) if error.kind == ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        Ok(found
            .into_iter()
            .filter_map(|ip| Some((ip.port_id?, ip.floating_ip_address)))
            .collect())
    }
}

fn body(req: &EnsurePort) -> Value {
    let mut port = Map::new();
    let mut put = |name: &str, value: Value| port.insert(name.to_owned(), value);
    put("network_id", json!(req.network_id.as_str()));
    put("mac_address", json!(req.mac_address.to_lowercase()));
    put("name", json!(req.name));
    if !req.fixed_ips.is_empty() {
        put("fixed_ips", fixed_ips(req));
    }
    if !req.security_groups.is_empty() {
        let ids: Vec<_> = req.security_groups.iter().map(|id| id.as_str()).collect();
        put("security_groups", json!(ids));
    }
    if !req.allowed_address_pairs.is_empty() {
        put("allowed_address_pairs", address_pairs(req));
    }
    if let Some(on) = req.port_security_enabled {
        put("port_security_enabled", json!(on));
    }
    if let Some(kind) = req.vnic_type.as_ref().filter(|kind| !kind.is_empty()) {
        put("binding:vnic_type", json!(kind));
    }
    if !req.description.is_empty() {
        put("description", json!(req.description));
    }
    json!({"port": port})
}

fn fixed_ips(req: &EnsurePort) -> Value {
    let address = |ip: &protector_framework::FixedIp| {
        let mut entry = json!({"subnet_id": ip.subnet_id.as_str()});
        // Without an address the cloud picks one of the subnet.
        if !ip.ip_address.is_empty() {
            entry["ip_address"] = json!(ip.ip_address);
        }
        entry
    };
    req.fixed_ips.iter().map(address).collect()
}

fn address_pairs(req: &EnsurePort) -> Value {
    let pair = |pair: &protector_framework::AddressPair| {
        let mut entry = json!({"ip_address": pair.ip_address});
        if let Some(mac) = &pair.mac_address {
            entry["mac_address"] = json!(mac);
        }
        entry
    };
    req.allowed_address_pairs.iter().map(pair).collect()
}

/// A subnet without a free address is a capacity, not somebody else's port.
fn in_contract(mut error: DriverError) -> DriverError {
    if error.kind == ErrorKind::Conflict && error.message.contains("IpAddressGenerationFailure") {
        error.kind = ErrorKind::QuotaExceeded;
    }
    error
}
