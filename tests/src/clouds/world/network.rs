//! The tenant's networks, security groups and key: of the same names and ranges on both clouds.

use std::collections::BTreeMap;

use serde_json::json;

use crate::clouds::cloud::Cloud;
use crate::clouds::failure::Outcome;
use crate::clouds::http::text;

/// Ids on one cloud, by name.
#[derive(Debug, Clone, Default)]
pub struct Networks {
    /// Networks.
    pub networks: BTreeMap<String, String>,
    /// Their subnets, by the network's name.
    pub subnets: BTreeMap<String, String>,
    /// Security groups.
    pub security_groups: BTreeMap<String, String>,
}

/// The key of the tenant's user. Its private half was thrown away.
pub const KEYPAIR: &str = "acme-key";
const PUBLIC_KEY: &str = "ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIJ+kO0oXw5mYb7vTTVvC1mYpYh2m1Tq0m2Q7yC5yq3nA acme";

/// Networks with the third byte of their range; the test network has the range of `app`.
const NETWORKS: [(&str, u8); 3] = [("app", 77), ("store", 78), ("test", 77)];

impl Networks {
    /// Makes them.
    pub(super) async fn build(tenant: &Cloud) -> Outcome<Self> {
        let mut all = Self::default();
        let neutron = &tenant.neutron;
        for (name, range) in NETWORKS {
            let body = json!({"network": {"name": name}});
            let network = text(&neutron.post("/networks", &body).await?, "/network/id")?;
            let body = json!({"subnet": {"name": name, "network_id": network, "ip_version": 4,
                "cidr": format!("10.{range}.0.0/24"), "enable_dhcp": false}});
            let subnet = text(&neutron.post("/subnets", &body).await?, "/subnet/id")?;
            all.networks.insert(name.to_owned(), network);
            all.subnets.insert(name.to_owned(), subnet);
        }
        for (name, tcp) in [("web", 443), ("db", 5432)] {
            let body = json!({"security_group": {"name": name}});
            let group = neutron.post("/security-groups", &body).await?;
            let id = text(&group, "/security_group/id")?;
            let rule = json!({"security_group_rule": {"security_group_id": id,
                "direction": "ingress", "protocol": "tcp", "ethertype": "IPv4",
                "port_range_min": tcp, "port_range_max": tcp}});
            neutron.post("/security-group-rules", &rule).await?;
            all.security_groups.insert(name.to_owned(), id);
        }
        let body = json!({"keypair": {"name": KEYPAIR, "type": "ssh", "public_key": PUBLIC_KEY}});
        tenant.nova.post("/os-keypairs", &body).await?;
        Ok(all)
    }
}
