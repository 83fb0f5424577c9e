//! The servers to protect, built on site-a by the tenant with the real `openstack` client.

use std::path::Path;

use futures::future::try_join_all;
use serde_json::{Value, json};
use tokio::process::Command;

use super::World;
use super::cast::Plan;
use super::network::KEYPAIR;
use super::types::FLAVOR;
use crate::clouds::arrays::{Arrays, name_of, write_pattern};
use crate::clouds::command;
use crate::clouds::failure::Outcome;
use crate::clouds::http::text;
use crate::clouds::report::Report;
use crate::clouds::testbed::Side;

const ROOT_GIB: u64 = 2;
const DATA_GIB: u64 = 1;

/// Makes all of them, with data on their volumes.
pub(super) async fn build(report: &Report, world: &World, arrays: &dyn Arrays) -> Outcome {
    let plans = world.cast.plans();
    let [(_, servers), (_, ports), (_, volumes), _] = world.cast.counts();
    let what = format!("{volumes} volumes with data, {ports} ports on site-a");
    let parts = plans.iter().map(|plan| parts(report, world, arrays, plan));
    let parts = report.step(&what, try_join_all(parts)).await?;
    let user_data = world.dir.join("user-data");
    std::fs::write(&user_data, "#cloud-config\nruncmd: [ [ acme-start ] ]\n")?;
    let what = format!("{servers} servers by the openstack client on site-a");
    let all = plans.iter().zip(&parts);
    let all = all.map(|(plan, parts)| create(world, plan, parts, &user_data));
    report.step(&what, try_join_all(all)).await.map(|_| ())
}

struct Parts {
    volumes: Vec<String>,
    ports: Vec<String>,
}

async fn parts(report: &Report, world: &World, arrays: &dyn Arrays, plan: &Plan) -> Outcome<Parts> {
    let site = &world.a;
    let mut volumes = Vec::new();
    for (role, size) in [("root", ROOT_GIB), ("data", DATA_GIB)] {
        let body = json!({"volume": {"name": format!("{}-{role}", plan.name), "size": size,
            "volume_type": site.types.replicated}});
        let made = site.tenant.cinder.post("/volumes", &body).await?;
        volumes.push(text(&made, "/volume/id")?);
    }
    for (slot, id) in volumes.iter().enumerate() {
        site.tenant.volume_becomes(report, id, "available").await?;
        let seed = format!("{} volume {slot} at first", plan.name);
        write_pattern(arrays, Side::A, &name_of(id), &seed)?;
    }
    let action = format!("/volumes/{}/action", volumes[0]);
    for body in [
        json!({"os-set_bootable": {"bootable": true}}),
        json!({"os-set_image_metadata": {"metadata": {"hw_disk_bus": "virtio"}}}),
    ] {
        site.tenant.cinder.post(&action, &body).await?;
    }
    let mut ports = Vec::new();
    for network in plan.networks {
        let body = json!({"port": port(world, plan, network)});
        let made = site.tenant.neutron.post("/ports", &body).await?;
        ports.push(text(&made, "/port/id")?);
    }
    Ok(Parts { volumes, ports })
}

fn port(world: &World, plan: &Plan, network: &str) -> Value {
    let networks = &world.a.networks;
    let range = if network == "store" { 78 } else { 77 };
    let groups: Vec<&String> = plan
        .security_groups
        .iter()
        .filter_map(|name| networks.security_groups.get(*name))
        .collect();
    let pairs: Vec<Value> = plan
        .shared_address
        .filter(|_| network == "app")
        .map(|ip| json!({"ip_address": ip}))
        .into_iter()
        .collect();
    json!({
        "name": format!("{}-{network}", plan.name),
        "network_id": networks.networks.get(network),
        "mac_address": format!("fa:16:3e:{range}:00:{}", plan.number),
        "fixed_ips": [{
            "subnet_id": networks.subnets.get(network),
            "ip_address": format!("10.{range}.0.{}", plan.number),
        }],
        "security_groups": groups,
        "allowed_address_pairs": pairs,
    })
}

async fn create(world: &World, plan: &Plan, parts: &Parts, user_data: &Path) -> Outcome {
    let mut command = Command::new(world.testbed.program("openstack"));
    command
        .env("OS_CLIENT_CONFIG_FILE", world.clouds_yaml())
        .args(["--os-cloud", "site-a", "--os-compute-api-version", "2.87"])
        .args(["server", "create", "--wait", "--flavor", FLAVOR])
        .args(["--volume", &parts.volumes[0], "--block-device"])
        .arg(format!(
            "uuid={},source_type=volume,destination_type=volume,boot_index=-1",
            parts.volumes[1]
        ));
    for port in &parts.ports {
        command.args(["--port", port]);
    }
    command
        .args(["--key-name", KEYPAIR, "--user-data"])
        .arg(user_data)
        .args(["--property", "owner=acme", "--property"])
        .arg(format!("role={}", plan.name))
        .args(["--tag", "acme", "--description"])
        .arg(format!("The {} of acme", plan.name))
        .arg(plan.name);
    command::run(&mut command).await.map(|_| ())
}
