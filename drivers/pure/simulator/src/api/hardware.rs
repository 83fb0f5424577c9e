//! `controllers`, `ports`, `network-interfaces`: two controllers, each with one interface that
//! speaks iSCSI and NVMe/TCP, and one Fibre Channel port.

use serde_json::{Value, json};

use super::{Request, list};
use crate::state::{At, Fabric, Kind, Outcome};

const CONTROLLERS: [&str; 2] = ["CT0", "CT1"];

pub(super) fn controllers(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let all = CONTROLLERS
        .iter()
        .zip(["primary", "secondary"])
        .map(|(name, mode)| {
            json!({
                "name": name,
                "status": "ready",
                "mode": mode,
                "model": "FA-X70R3",
                "type": "array_controller",
                "version": fabric.arrays[at].profile.purity(),
            })
        });
    list::reply(fabric, at, call, Kind::Controller, all.collect())
}

/// The array's own address for data: where a target that serves its volumes would listen.
fn address(fabric: &Fabric, at: At) -> String {
    let address = &fabric.arrays[at].address;
    address
        .rsplit_once(':')
        .map_or(address.as_str(), |(host, _)| host)
        .to_owned()
}

pub(super) fn ports(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let host = address(fabric, at);
    let array = &fabric.arrays[at];
    let prefix = array.serial_prefix.to_lowercase();
    let mut all = Vec::new();
    for (number, controller) in CONTROLLERS.iter().enumerate() {
        let port = |name: &str| {
            json!({
                "name": format!("{controller}.{name}"),
                "iqn": null, "nqn": null, "wwn": null, "portal": null, "failover": null,
            })
        };
        let mut iscsi = port("ETH4");
        iscsi["iqn"] = json!(format!("iqn.2010-06.com.purestorage:flasharray.{prefix}"));
        iscsi["portal"] = json!(format!("{host}:3260"));
        let mut nvme = port("ETH5");
        nvme["nqn"] = json!(format!("nqn.2010-06.com.purestorage:flasharray.{prefix}"));
        nvme["portal"] = json!(format!("{host}:4420"));
        let mut fc = port("FC0");
        fc["wwn"] = json!(format!("52:4A:93:7{number}:{}", colons(&prefix[..8])));
        all.extend([iscsi, nvme, fc]);
    }
    list::reply(fabric, at, call, Kind::Port, all)
}

fn colons(digits: &str) -> String {
    let pairs: Vec<String> = digits
        .to_uppercase()
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair).into_owned())
        .collect();
    pairs.join(":")
}

pub(super) fn network_interfaces(
    fabric: &Fabric,
    at: At,
    call: &Request,
) -> Outcome<Option<Value>> {
    let host = address(fabric, at);
    let mut all = Vec::new();
    for (number, controller) in CONTROLLERS.iter().enumerate() {
        let controller = controller.to_lowercase();
        for (port, services) in [(0, ["management"]), (4, ["iscsi"]), (5, ["nvme-tcp"])] {
            all.push(json!({
                "name": format!("{controller}.eth{port}"),
                "enabled": true,
                "interface_type": "eth",
                "services": services,
                "speed": 25_000_000_000_u64,
                "eth": {
                    "address": host,
                    "gateway": null,
                    "mac_address": format!("24:a9:37:{:02x}:{number:02x}:{port:02x}", at % 256),
                    "mtu": 1500,
                    "netmask": "255.255.255.0",
                    "subinterfaces": [],
                    "subtype": "physical",
                },
                "fc": { "wwn": null },
            }));
        }
    }
    list::reply(fabric, at, call, Kind::NetworkInterface, all)
}
