//! Ports: one MAC once on a network, one address once.

use std::collections::BTreeSet;
use std::net::IpAddr;

use protector_framework::{DriverError, EnsurePort, ErrorKind, FindPort, FixedIp, Port, Result};

use super::boot::check_quota;
use super::cidr::Cidr;
use super::state::PortRecord;
use super::view::{View, invalid};

impl View<'_> {
    pub(crate) fn ensure_port(&mut self, req: &EnsurePort) -> Result<Port> {
        let mac = mac(&req.mac_address)?;
        let network = req.network_id.as_str();
        if let Some((id, port)) = self.port_with(network, &mac) {
            if self.is_mine(&port.project) {
                return Ok(shown(id, port));
            }
            return Err(DriverError::conflict(format!(
                "MAC {mac} is taken on network `{network}`"
            )));
        }
        let id = self.create_port(req, mac, false)?;
        Ok(shown(&id, self.port(&id)?))
    }

    /// Makes a port; `owned` is one that goes with its server.
    pub(crate) fn create_port(
        &mut self,
        req: &EnsurePort,
        mac: String,
        owned: bool,
    ) -> Result<String> {
        let network = req.network_id.as_str();
        self.check_network(network)?;
        check_quota("ports", self.headroom().ports, 1)?;
        let fixed_ips = if req.fixed_ips.is_empty() {
            self.allocate(network)?
        } else {
            for fixed in &req.fixed_ips {
                self.check_address(network, fixed)?;
            }
            req.fixed_ips.clone()
        };
        let record = PortRecord {
            project: self.caller.project.clone(),
            made: self.state.next(),
            network: network.to_owned(),
            mac,
            name: req.name.clone(),
            fixed_ips,
            security_groups: self.security_groups_for(req)?,
            allowed_address_pairs: req.allowed_address_pairs.clone(),
            port_security_enabled: req.port_security_enabled.unwrap_or(true),
            vnic_type: req.vnic_type.clone().unwrap_or_else(|| "normal".to_owned()),
            description: req.description.clone(),
            server: None,
            owned_by_server: owned,
            floating_ip: None,
        };
        let id = self.new_id();
        self.state.ports.insert(id.clone(), record);
        Ok(id)
    }

    pub(crate) fn show_port(&self, id: &str) -> Result<Port> {
        Ok(shown(id, self.port(id)?))
    }

    pub(crate) fn find_port(&self, req: &FindPort) -> Result<Option<Port>> {
        let mac = mac(&req.mac_address)?;
        Ok(self
            .port_with(req.network_id.as_str(), &mac)
            .filter(|(_, port)| self.is_mine(&port.project))
            .map(|(id, port)| shown(id, port)))
    }

    pub(crate) fn delete_port(&mut self, id: &str) -> Result<()> {
        match self.port(id) {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            other => drop(other?),
        }
        self.state.ports.remove(id);
        for server in self.state.servers.values_mut() {
            server.ports.retain(|port| port != id);
        }
        Ok(())
    }

    /// A MAC that nobody has.
    pub(crate) fn new_mac(&self) -> String {
        loop {
            let mut bytes = [0; 3];
            self.ids.bytes(&mut bytes);
            let [a, b, c] = bytes;
            let mac = format!("fa:16:3e:{a:02x}:{b:02x}:{c:02x}");
            if self.state.ports.values().all(|port| port.mac != mac) {
                return mac;
            }
        }
    }

    fn port_with(&self, network: &str, mac: &str) -> Option<(&String, &PortRecord)> {
        self.state
            .ports
            .iter()
            .find(|(_, port)| port.network == network && port.mac == mac)
    }

    fn check_network(&self, id: &str) -> Result<()> {
        self.state
            .networks
            .get(id)
            .filter(|network| network.project.as_ref().is_none_or(|p| self.is_mine(p)))
            .map(drop)
            .ok_or_else(|| DriverError::not_found(format!("network `{id}`")))
    }

    fn check_address(&self, network: &str, fixed: &FixedIp) -> Result<()> {
        let subnet = self
            .state
            .subnets
            .get(fixed.subnet_id.as_str())
            .filter(|subnet| subnet.network == network)
            .ok_or_else(|| {
                DriverError::not_found(format!(
                    "subnet `{}` of network `{network}`",
                    fixed.subnet_id
                ))
            })?;
        let address: IpAddr = fixed
            .ip_address
            .parse()
            .map_err(|_| invalid(format!("`{}` is no address", fixed.ip_address)))?;
        if !Cidr::parse(&subnet.cidr).is_some_and(|cidr| cidr.contains(address)) {
            return Err(invalid(format!(
                "{address} is not in {} of subnet `{}`",
                subnet.cidr, fixed.subnet_id
            )));
        }
        if self.taken(network).contains(&address) {
            return Err(DriverError::conflict(format!(
                "address {address} is taken on network `{network}`"
            )));
        }
        Ok(())
    }

    /// The first free address of the network's first subnet, where it has one.
    fn allocate(&self, network: &str) -> Result<Vec<FixedIp>> {
        let mut subnets = self.state.subnets.iter();
        let Some((id, subnet)) = subnets.find(|(_, subnet)| subnet.network == network) else {
            return Ok(Vec::new());
        };
        let taken = self.taken(network);
        let free = Cidr::parse(&subnet.cidr)
            .and_then(|cidr| cidr.usable().find(|address| !taken.contains(address)))
            .ok_or_else(|| {
                DriverError::new(
                    ErrorKind::QuotaExceeded,
                    format!("no address is left in subnet `{id}`"),
                )
            })?;
        Ok(vec![FixedIp::new(id.as_str(), free.to_string())])
    }

    fn taken(&self, network: &str) -> BTreeSet<IpAddr> {
        self.state
            .ports
            .values()
            .filter(|port| port.network == network)
            .flat_map(|port| &port.fixed_ips)
            .filter_map(|fixed| fixed.ip_address.parse().ok())
            .collect()
    }

    fn security_groups_for(&self, req: &EnsurePort) -> Result<Vec<String>> {
        let groups = &self.state.security_groups;
        if req.security_groups.is_empty() {
            let own = groups
                .iter()
                .filter(|(_, group)| group.name == "default" && self.is_mine(&group.project));
            let secure = req.port_security_enabled != Some(false);
            return Ok(own.filter(|_| secure).map(|(id, _)| id.clone()).collect());
        }
        if req.port_security_enabled == Some(false) {
            return Err(invalid(
                "a port without port security has no security groups",
            ));
        }
        req.security_groups
            .iter()
            .map(|id| {
                groups
                    .get(id.as_str())
                    .filter(|group| self.is_mine(&group.project))
                    .map(|_| id.to_string())
                    .ok_or_else(|| DriverError::not_found(format!("security group `{id}`")))
            })
            .collect()
    }
}

/// A MAC as the cloud writes it.
pub(crate) fn mac(text: &str) -> Result<String> {
    let text = text.trim().to_lowercase().replace('-', ":");
    let parts: Vec<_> = text.split(':').collect();
    let good = parts.len() == 6
        && parts
            .iter()
            .all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()));
    if good {
        Ok(text)
    } else {
        Err(invalid(format!("`{text}` is no MAC address")))
    }
}

fn shown(id: &str, port: &PortRecord) -> Port {
    let groups: Vec<_> = port
        .security_groups
        .iter()
        .map(|g| g.as_str().into())
        .collect();
    Port::new(id, &*port.network, &*port.mac)
        .fixed_ips(port.fixed_ips.clone())
        .security_groups(groups)
        .device_id(port.server.as_deref().map(Into::into))
}
