//! A server read into a blueprint, and built again from it.

use std::collections::BTreeMap;

use protector_framework::{
    Blueprint, BootVolume, EnsurePort, EnsureServer, ErrorKind, ServerRef, ServerStatus,
};

use crate::compute::case::{Broken, ComputeCase, Outcome, case, check};
use crate::compute::rig::Rig;
use crate::plague::Stand as _;

/// `#cloud-config` and a comment.
const USER_DATA: &str = "I2Nsb3VkLWNvbmZpZwojIGNvbmZvcm1hbmNlCg==";

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!("capture/tells-what-it-is-made-of", "A blueprint tells what its server was built with.", tells, needs Ports Servers, claims ServerTags),
        case!("capture/round-trip", "A server that is deleted and built again from its blueprint has the same blueprint.", round_trip, needs Ports Servers, claims ServerTags),
        case!("capture/changes-nothing", "Capturing a server changes nothing of it.", changes_nothing, needs Servers, claims ServerTags),
        case!("capture/of-any-state", "A stopped server is captured as it was when it ran.", of_any_state, needs Servers, claims ServerTags),
        case!("capture/while-building", "A server that the cloud is building is captured or Busy.", while_building, needs Servers, claims ServerTags),
    ]
}

/// A running server with all that a blueprint holds and every cloud has.
async fn complete(rig: &Rig) -> Outcome<(EnsureServer, Blueprint)> {
    let port = rig.port(0).await?;
    let root = rig.root("root").await?;
    let data = rig.root("data").await?;
    let tag = rig.tag("web");
    let metadata = BTreeMap::from([("role".to_owned(), "web".to_owned())]);
    let mut request = rig
        .server_from(&tag, &root, &[port.id])?
        .metadata(metadata)
        .tags(vec!["conformance".to_owned()])
        .user_data(USER_DATA.to_owned())
        .description("made by the conformance kit".to_owned());
    request.volumes.push(BootVolume::new(&data));
    let made = rig
        .driver
        .ensure_server(&rig.step("web"), request.clone())
        .await?;
    rig.becomes(&made.id, ServerStatus::Active).await?;
    let blueprint = captured(rig, &made.id).await?;
    Ok((request, blueprint))
}

async fn captured(rig: &Rig, id: &protector_framework::ServerId) -> Outcome<Blueprint> {
    let ctx = rig.ctx();
    let capture = || rig.driver.capture_server(&ctx, ServerRef::new(id));
    rig.patiently(capture).await
}

async fn tells(rig: &Rig) -> Outcome {
    let (asked, told) = complete(rig).await?;
    check!(told.name == asked.name, "its name is `{}`", told.name);
    check!(
        told.metadata == asked.metadata,
        "its metadata are {:?}",
        told.metadata
    );
    check!(
        told.tags.contains(&"conformance".to_owned()),
        "its tags are {:?}",
        told.tags
    );
    check!(
        told.user_data == asked.user_data,
        "its user data are {:?}",
        told.user_data
    );
    check!(
        told.description == asked.description,
        "its description is {:?}",
        told.description
    );
    check!(
        told.flavor.vcpus > 0 && told.flavor.ram_mib > 0,
        "its flavor is {:?}",
        told.flavor
    );
    let asked_volumes: Vec<_> = asked.volumes.iter().map(|v| &v.id).collect();
    let told_volumes: Vec<_> = told.volumes.iter().map(|v| &v.id).collect();
    check!(
        told_volumes == asked_volumes,
        "its volumes were to be {asked_volumes:?}, the root first, and are {told_volumes:?}"
    );
    check!(
        told.volumes[0].bootable && told.volumes[0].size_gib > 0,
        "its root volume is {:?}",
        told.volumes[0]
    );
    check!(
        told.local_disks.is_empty(),
        "it has disks {:?}",
        told.local_disks
    );
    let [port] = &told.ports[..] else {
        return Err(Broken(format!("its ports are {:?}", told.ports)));
    };
    check!(
        port.id == asked.ports[0] && !port.owned_by_server,
        "its port is {port:?}"
    );
    let network = rig.network().await?;
    check!(
        port.network_id == network.id && port.fixed_ips[0].ip_address == network.addresses[0],
        "its port is {port:?}"
    );
    Ok(())
}

async fn round_trip(rig: &Rig) -> Outcome {
    let (_, first) = complete(rig).await?;
    rig.deleted(&first.server_id).await?;
    for volume in &first.volumes {
        rig.freed(&volume.id).await?;
    }
    let mut ports = Vec::new();
    for spec in &first.ports {
        let request = EnsurePort::new(&spec.network_id, spec.mac_address.as_str())
            .fixed_ips(spec.fixed_ips.clone());
        let step = rig.step(&spec.mac_address);
        ports.push(rig.driver.ensure_port(&step, request).await?.id);
    }
    let volumes: Vec<_> = first
        .volumes
        .iter()
        .map(|v| BootVolume::new(&v.id))
        .collect();
    let tag = rig.tag("again");
    let flavor = rig.bench.flavor()?;
    let request = EnsureServer::new(tag.as_str(), first.name.as_str(), flavor, volumes, ports)
        .metadata(first.metadata.clone())
        .tags(first.tags.clone())
        .user_data(first.user_data.clone())
        .description(first.description.clone())
        .config_drive(first.config_drive);
    let made = rig
        .driver
        .ensure_server(&rig.step("again"), request)
        .await?;
    rig.becomes(&made.id, ServerStatus::Active).await?;
    let second = captured(rig, &made.id).await?;
    let compared = |blueprint: &Blueprint| {
        let mut same = blueprint.clone();
        same.server_id = "".into();
        // The key by which it is found is no part of what it is, unless the driver knows it as such.
        same.tags.retain(|tag| tag == "conformance");
        same
    };
    let (first, second) = (compared(&first), compared(&second));
    check!(
        first == second,
        "the first blueprint is {first:?}, that of the server built from it {second:?}"
    );
    Ok(())
}

async fn changes_nothing(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    let before = (rig.server(&guest.id).await?, rig.volume(&guest.root).await?);
    captured(rig, &guest.id).await?;
    let after = (rig.server(&guest.id).await?, rig.volume(&guest.root).await?);
    check!(before == after, "before {before:?}, after {after:?}");
    Ok(())
}

async fn of_any_state(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    let running = captured(rig, &guest.id).await?;
    rig.stopped(&guest).await?;
    let stopped = captured(rig, &guest.id).await?;
    check!(
        running == stopped,
        "running it is {running:?}, stopped {stopped:?}"
    );
    Ok(())
}

async fn while_building(rig: &Rig) -> Outcome {
    let (root, tag) = (rig.root("root").await?, rig.tag("web"));
    let request = rig.server_from(&tag, &root, &[])?;
    let made = rig.driver.ensure_server(&rig.step("web"), request).await?;
    let now = rig
        .driver
        .capture_server(&rig.ctx(), ServerRef::new(&made.id))
        .await;
    if let Err(error) = now {
        rig.refused::<()>(Err(error), &[ErrorKind::Busy])?;
    }
    rig.becomes(&made.id, ServerStatus::Active).await?;
    captured(rig, &made.id).await.map(drop)
}
