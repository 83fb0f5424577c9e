//! A server as its owner would describe it, without the ids of any one cloud, so that the copy on
//! the other cloud can be compared word for word.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::arrays::name_of;
use super::cloud::Cloud;
use super::failure::{Outcome, ensure, fail};
use super::http::{list, text};

/// A server's description and where its volumes are.
#[derive(Debug, Clone, PartialEq)]
pub struct Portrait {
    /// What must be the same on both clouds.
    pub looks: Value,
    /// The server's id on this cloud.
    pub server_id: String,
    /// Its volumes' ids on this cloud, the root volume first.
    pub volumes: Vec<String>,
}

impl Portrait {
    /// How the array names the server's volumes.
    pub fn array_volumes(&self) -> impl Iterator<Item = String> {
        self.volumes.iter().map(|id| name_of(id))
    }
}

/// Describes the one server of this name; `cloud` must be its project's admin.
///
/// # Errors
/// Where there is not exactly one, or a service fails.
pub async fn portrait(cloud: &Cloud, name: &str) -> Outcome<Portrait> {
    let server = cloud.server(name).await?;
    let id = text(&server, "/id")?;
    let volumes = volumes(cloud, &id).await?;
    let tags: Vec<&Value> = list(&server, "/tags")
        .iter()
        .filter(|tag| !tag.as_str().unwrap_or_default().starts_with("protector-"))
        .collect();
    let looks = json!({
        "name": server["name"],
        "status": server["status"],
        "locked": server["locked"],
        "description": server["description"],
        "hostname": server["OS-EXT-SRV-ATTR:hostname"],
        "metadata": server["metadata"],
        "tags": tags,
        "user_data": server["OS-EXT-SRV-ATTR:user_data"],
        "config_drive": server["config_drive"],
        "flavor": {
            "name": server["flavor"]["original_name"],
            "vcpus": server["flavor"]["vcpus"],
            "ram": server["flavor"]["ram"],
            "disk": server["flavor"]["disk"],
        },
        "ports": ports(cloud, &id).await?,
        "volumes": volumes.iter().map(|(_, looks)| looks).collect::<Vec<_>>(),
    });
    Ok(Portrait {
        looks,
        server_id: id,
        volumes: volumes.into_iter().map(|(id, _)| id).collect(),
    })
}

/// Checks that a copy looks as the original did.
///
/// # Errors
/// With each thing that differs.
pub fn same_looks(copy: &Portrait, original: &Portrait) -> Outcome {
    let mut differences = Vec::new();
    compare("", &copy.looks, &original.looks, &mut differences);
    ensure(differences.is_empty(), || {
        format!(
            "{} is not as it was: {}",
            original.looks["name"],
            differences.join("; ")
        )
    })
}

fn compare(path: &str, now: &Value, then: &Value, differences: &mut Vec<String>) {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            for key in then
                .keys()
                .chain(now.keys().filter(|k| !then.contains_key(*k)))
            {
                let none = Value::Null;
                let (now, then) = (
                    now.get(key).unwrap_or(&none),
                    then.get(key).unwrap_or(&none),
                );
                compare(&format!("{path}/{key}"), now, then, differences);
            }
        }
        (Value::Array(now), Value::Array(then)) if now.len() == then.len() => {
            for (i, (now, then)) in now.iter().zip(then).enumerate() {
                compare(&format!("{path}/{i}"), now, then, differences);
            }
        }
        _ if now == then => {}
        _ => differences.push(format!("{path} is {now}, was {then}")),
    }
}

/// The server's volumes with their descriptions, the root volume first.
async fn volumes(cloud: &Cloud, server: &str) -> Outcome<Vec<(String, Value)>> {
    let body = cloud
        .nova
        .get(&format!("/servers/{server}/os-volume_attachments"))
        .await?;
    let mut attached: Vec<(String, String)> = list(&body, "/volumeAttachments")
        .iter()
        .map(|one| Ok((text(one, "/device")?, text(one, "/volumeId")?)))
        .collect::<Outcome<_>>()?;
    attached.sort();
    let mut all = Vec::new();
    for (device, id) in attached {
        let body = cloud.cinder.get(&format!("/volumes/{id}")).await?;
        let volume = &body["volume"];
        let looks = json!({
            "device": device,
            "size": volume["size"],
            "bootable": volume["bootable"],
            "type": volume["volume_type"],
            "status": volume["status"],
            "image_metadata": volume["volume_image_metadata"],
        });
        all.push((id, looks));
    }
    Ok(all)
}

async fn ports(cloud: &Cloud, server: &str) -> Outcome<Vec<Value>> {
    let networks = names(cloud, "networks").await?;
    let subnets = names(cloud, "subnets").await?;
    let groups = names(cloud, "security-groups").await?;
    let body = cloud
        .neutron
        .get(&format!("/ports?device_id={server}"))
        .await?;
    let mut ports = Vec::new();
    for port in list(&body, "/ports") {
        let mut members: Vec<String> = list(port, "/security_groups")
            .iter()
            .map(|id| name(&groups, id))
            .collect::<Outcome<_>>()?;
        members.sort();
        let ips: Vec<Value> = list(port, "/fixed_ips")
            .iter()
            .map(|ip| {
                let subnet = name(&subnets, &ip["subnet_id"])?;
                Ok(json!({"subnet": subnet, "ip_address": ip["ip_address"]}))
            })
            .collect::<Outcome<_>>()?;
        let pairs: Vec<&Value> = list(port, "/allowed_address_pairs")
            .iter()
            .map(|pair| &pair["ip_address"])
            .collect();
        ports.push(json!({
            "mac_address": port["mac_address"],
            "name": port["name"],
            "network": name(&networks, &port["network_id"])?,
            "fixed_ips": ips,
            "security_groups": members,
            "allowed_address_pairs": pairs,
            "port_security_enabled": port["port_security_enabled"],
            "vnic_type": port["binding:vnic_type"],
            "status": port["status"],
        }));
    }
    ports.sort_by_key(|port| port["mac_address"].to_string());
    Ok(ports)
}

async fn names(cloud: &Cloud, kind: &str) -> Outcome<BTreeMap<String, String>> {
    let body = cloud.neutron.get(&format!("/{kind}")).await?;
    let pointer = format!("/{}", kind.replace('-', "_"));
    list(&body, &pointer)
        .iter()
        .map(|one| Ok((text(one, "/id")?, text(one, "/name")?)))
        .collect()
}

fn name(names: &BTreeMap<String, String>, id: &Value) -> Outcome<String> {
    match names.get(id.as_str().unwrap_or_default()) {
        Some(name) => Ok(name.clone()),
        None => fail(format!("nothing has the id {id}")),
    }
}
