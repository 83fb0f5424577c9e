//! Ports: one MAC once on a network.

use protector_framework::{EnsurePort, ErrorKind, FindPort, FixedIp, Port, PortRef, ResourceId};

use crate::compute::case::{Broken, ComputeCase, Outcome, case, check};
use crate::compute::rig::{Cloud, Rig};
use crate::plague::Stand as _;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!("ports/as-asked", "A port is made with the MAC and address that were asked for, on no server, and is found.", as_asked, needs Ports),
        case!("ports/one-of-a-mac", "A port of the MAC that is there is the reply, whatever else is asked for.", one_of_a_mac, needs Ports),
        case!("ports/mac-in-any-case", "A MAC is the same in capitals.", any_case, needs Ports),
        case!("ports/unknown-mac", "A MAC that no port has is not found, and that is no error.", unknown, needs Ports),
        case!("ports/address-taken", "An address that another port has is a Conflict, and no port is made.", address_taken, needs Ports),
        case!("ports/mac-of-another-project", "A MAC that another project's port has is a Conflict, and its port is not shown.", foreign, needs Ports Foreign),
        case!("ports/parts-absent", "A network, a subnet or a security group that is not there is NotFound, and no port is made.", parts_absent, needs Ports),
        case!("ports/delete", "A port that is deleted is gone, and deleting it again is success.", delete, needs Ports),
        case!(
            "ports/delete-absent",
            "Deleting a port that never was is success.",
            delete_absent
        ),
        case!("ports/on-a-server", "A port on a server is the reply too, and tells its server.", on_a_server, needs Ports Servers),
    ]
}

async fn found(rig: &Rig, mac: &str) -> Outcome<Option<Port>> {
    let network = &rig.network().await?.id;
    let request = FindPort::new(network, mac);
    Ok(rig.driver.find_port(&rig.ctx(), request).await?)
}

async fn as_asked(rig: &Rig) -> Outcome {
    let mac = rig.mac();
    let mut request = rig.port_at(&mac, 0).await?;
    let group = rig.network().await?.security_group.clone();
    request.security_groups = group.clone().into_iter().collect();
    let made = rig
        .driver
        .ensure_port(&rig.step("port"), request.clone())
        .await?;
    let seen = found(rig, &mac).await?;
    for port in [Some(&made), seen.as_ref()] {
        let Some(port) = port else {
            return Err(Broken(format!("port {} is not found by its MAC", made.id)));
        };
        check!(port.id == made.id, "found is port {}", port.id);
        check!(port.mac_address == mac, "its MAC is {}", port.mac_address);
        check!(
            port.network_id == request.network_id,
            "its network is {}",
            port.network_id
        );
        check!(
            port.fixed_ips == request.fixed_ips,
            "its addresses are {:?}",
            port.fixed_ips
        );
        check!(
            group
                .as_ref()
                .is_none_or(|group| port.security_groups == [group.clone()]),
            "its groups are {:?}",
            port.security_groups
        );
        check!(port.device_id.is_none(), "it is on {:?}", port.device_id);
    }
    Ok(())
}

async fn one_of_a_mac(rig: &Rig) -> Outcome {
    let mac = rig.mac();
    let request = rig.port_at(&mac, 0).await?;
    let first = rig
        .driver
        .ensure_port(&rig.step("one"), request.clone())
        .await?;
    let other = rig.port_at(&mac, 1).await?.name(rig.port_name("other"));
    let second = rig.driver.ensure_port(&rig.step("two"), other).await?;
    check!(
        first == second,
        "the first reply is {first:?}, the second {second:?}"
    );
    let third = rig
        .restarted(Cloud)?
        .ensure_port(&rig.step("three"), request)
        .await?;
    check!(first == third, "another instance replies {third:?}");
    Ok(())
}

async fn any_case(rig: &Rig) -> Outcome {
    let mac = rig.mac();
    let lower = rig.port_at(&mac, 0).await?;
    let mut upper = lower.clone();
    upper.mac_address = mac.to_uppercase();
    let first = rig.driver.ensure_port(&rig.step("one"), upper).await?;
    check!(
        first.mac_address == mac,
        "it is told as {}",
        first.mac_address
    );
    let second = rig.driver.ensure_port(&rig.step("two"), lower).await?;
    check!(
        first.id == second.id,
        "there are ports {} and {}",
        first.id,
        second.id
    );
    let seen = found(rig, &mac.to_uppercase()).await?;
    check!(
        seen.is_some_and(|port| port.id == first.id),
        "it is not found in capitals"
    );
    Ok(())
}

async fn unknown(rig: &Rig) -> Outcome {
    let seen = found(rig, &rig.mac()).await?;
    check!(seen.is_none(), "found is {seen:?}");
    Ok(())
}

async fn address_taken(rig: &Rig) -> Outcome {
    rig.port(0).await?;
    let mac = rig.mac();
    let request = rig.port_at(&mac, 0).await?;
    let made = rig.driver.ensure_port(&rig.step("second"), request).await;
    rig.refused(made, &[ErrorKind::Conflict])?;
    let seen = found(rig, &mac).await?;
    check!(seen.is_none(), "port {seen:?} was made");
    Ok(())
}

async fn foreign(rig: &Rig) -> Outcome {
    let mac = rig.mac();
    rig.bench.foreign_port(&mac).await?;
    let seen = found(rig, &mac).await?;
    check!(seen.is_none(), "another project's port is shown: {seen:?}");
    let request = rig.port_at(&mac, 0).await?;
    let made = rig.driver.ensure_port(&rig.step("port"), request).await;
    rig.refused(made, &[ErrorKind::Conflict])?;
    Ok(())
}

async fn parts_absent(rig: &Rig) -> Outcome {
    let nobody = rig.nobody();
    let good = rig.port_at(&rig.mac(), 0).await?;
    let network = EnsurePort::new(nobody.as_str(), good.mac_address.as_str());
    let address = good.fixed_ips.first().map(|ip| ip.ip_address.clone());
    let subnet = good.clone().fixed_ips(vec![FixedIp::new(
        nobody.as_str(),
        address.unwrap_or_default(),
    )]);
    let group = good
        .clone()
        .security_groups(vec![ResourceId::from(nobody.as_str())]);
    for (what, request) in [("network", network), ("subnet", subnet), ("group", group)] {
        let made = rig.driver.ensure_port(&rig.step(what), request).await;
        rig.absent(made, &nobody)?;
    }
    let seen = found(rig, &good.mac_address).await?;
    check!(seen.is_none(), "port {seen:?} was made");
    Ok(())
}

async fn delete(rig: &Rig) -> Outcome {
    let port = rig.port(0).await?;
    for _ in 0..2 {
        let request = PortRef::new(&port.id);
        rig.driver.delete_port(&rig.ctx(), request).await?;
        let seen = found(rig, &port.mac_address).await?;
        check!(seen.is_none(), "it is still there: {seen:?}");
    }
    Ok(())
}

async fn delete_absent(rig: &Rig) -> Outcome {
    let request = PortRef::new(rig.nobody());
    Ok(rig.driver.delete_port(&rig.ctx(), request).await?)
}

async fn on_a_server(rig: &Rig) -> Outcome {
    let mac = rig.mac();
    let request = rig.port_at(&mac, 0).await?;
    let port = rig
        .driver
        .ensure_port(&rig.step("port"), request.clone())
        .await?;
    let root = rig.root("root").await?;
    let guest = rig
        .guest_from("web", root, std::slice::from_ref(&port.id))
        .await?;
    let again = rig.driver.ensure_port(&rig.step("again"), request).await?;
    check!(again.id == port.id, "there is a second port {}", again.id);
    check!(
        again.device_id.as_ref() == Some(&guest.id),
        "it is on {:?} and not on server {}",
        again.device_id,
        guest.id
    );
    Ok(())
}
