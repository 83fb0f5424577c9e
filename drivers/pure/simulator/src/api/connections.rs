//! `connections`: which host sees which volume, and under which number.

use serde_json::{Value, json};

use super::list::reference;
use super::{Request, body, items, list, nothing};
use crate::state::{At, Connection, Fabric, Outcome};

pub(super) fn get(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let hosts = host_ids(fabric, at, &call.elements("host_names"))?;
    let volumes = volume_ids(fabric, at, &call.elements("volume_names"))?;
    let wanted = |connection: &&Connection| {
        (hosts.is_empty() || hosts.contains(&connection.host))
            && (volumes.is_empty() || volumes.contains(&connection.volume))
            // There are no host groups, so nothing is connected through one.
            && call.elements("host_group_names").is_empty()
    };
    let connections = fabric.arrays[at].connections.iter().filter(wanted);
    let all = connections
        .map(|connection| item(fabric, at, call, connection))
        .collect();
    list::page(fabric, at, call, all)
}

pub(super) fn post(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let lun = body::size(&call.body, "lun")?
        .map(|lun| u32::try_from(lun).map_err(|_| body::invalid("lun")))
        .transpose()?;
    let mut made = Vec::new();
    for (host, volume) in pairs(fabric, at, call)? {
        let connection = fabric.connect(at, &host, &volume, lun)?;
        made.push(item(fabric, at, call, &connection));
    }
    items(made)
}

pub(super) fn delete(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    for (host, volume) in pairs(fabric, at, call)? {
        fabric.disconnect(at, &host, &volume)?;
    }
    nothing()
}

/// Every named host with every named volume.
fn pairs(fabric: &Fabric, at: At, call: &Request) -> Outcome<Vec<(String, String)>> {
    let hosts = host_ids(fabric, at, &call.required("host_names")?)?;
    let volumes = volume_ids(fabric, at, &call.required("volume_names")?)?;
    let pairs = hosts
        .iter()
        .flat_map(|host| volumes.iter().map(|volume| (host.clone(), volume.clone())));
    Ok(pairs.collect())
}

fn host_ids(fabric: &Fabric, at: At, names: &[String]) -> Outcome<Vec<String>> {
    names.iter().map(|name| fabric.host_id(at, name)).collect()
}

fn volume_ids(fabric: &Fabric, at: At, names: &[String]) -> Outcome<Vec<String>> {
    names
        .iter()
        .map(|name| fabric.volume_id(at, name))
        .collect()
}

/// A host that speaks NVMe sees a namespace where others see a logical unit; arrays before 2.27
/// call both a logical unit.
fn item(fabric: &Fabric, at: At, call: &Request, connection: &Connection) -> Value {
    let host = fabric.arrays[at].hosts.get(&connection.host);
    let volume = fabric.volume(at, &connection.volume);
    let is_nvme = host.is_some_and(|host| !host.nqns.is_empty()) && call.minor >= 27;
    let mut item = json!({
        "host": reference(host.map(|host| host.id.as_str()), host.map(|host| host.name.as_str())),
        "host_group": reference(None, None),
        "lun": (!is_nvme).then_some(connection.lun),
        "volume": reference(Some(&connection.volume), volume.map(|volume| volume.name.as_str())),
        "protocol_endpoint": reference(None, None),
    });
    if call.minor >= 27 {
        item["nsid"] = json!(is_nvme.then_some(connection.lun));
    }
    item
}
