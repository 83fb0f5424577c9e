//! Parking: the volumes are let go, the record and the ports are kept.

use protector_framework::{ErrorKind, FindPort, ServerStatus, Volume, VolumeStatus};

use crate::compute::case::{ComputeCase, Outcome, case, check};
use crate::compute::rig::Rig;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!("parking/disconnects", "A parked server's volumes have no host and are kept for it, and its ports stay.", disconnects, needs Ports Servers, claims Shelve ServerTags),
        case!("parking/back", "A server that is unparked runs with its volumes connected.", back, needs Servers, claims Shelve ServerTags),
        case!("parking/running", "A running server is not parked: Conflict.", running, needs Servers, claims Shelve ServerTags),
        case!("parking/parked", "Parking a parked server is success, and so is stopping it.", parked, needs Servers, claims Shelve ServerTags),
        case!("parking/unpark-running", "Unparking a running server is success.", unpark_running, needs Servers, claims Shelve ServerTags),
        case!("parking/wrong-way-back", "A parked server is not started and a stopped one not unparked: Conflict.", wrong_way, needs Servers, claims Shelve ServerTags),
    ]
}

fn is_kept(now: &Volume) -> bool {
    !now.connected && now.status == VolumeStatus::Reserved
}

async fn disconnects(rig: &Rig) -> Outcome {
    let port = rig.port(0).await?;
    let root = rig.root("root").await?;
    let guest = rig
        .guest_from("web", root, std::slice::from_ref(&port.id))
        .await?;
    let now = rig.parked(&guest).await?;
    check!(now.volumes.len() == 1, "it holds {:?}", now.volumes);
    let volume = rig
        .volume_until(&guest.root, "kept without a host", is_kept)
        .await?;
    check!(
        volume.servers == [guest.id.clone()],
        "it is kept for {:?}",
        volume.servers
    );
    let request = FindPort::new(&port.network_id, port.mac_address.as_str());
    let found = rig.driver.find_port(&rig.ctx(), request).await?;
    check!(
        found.as_ref().is_some_and(|found| found.id == port.id),
        "its port is {found:?}"
    );
    Ok(())
}

async fn back(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    rig.parked(&guest).await?;
    let ctx = rig.ctx();
    rig.patiently(|| rig.driver.unpark_server(&ctx, guest.named()))
        .await?;
    rig.becomes(&guest.id, ServerStatus::Active).await?;
    let connected = |now: &Volume| now.connected && now.status == VolumeStatus::InUse;
    rig.volume_until(&guest.root, "connected", connected)
        .await
        .map(drop)
}

async fn running(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    let parked = rig.driver.park_server(&rig.ctx(), guest.named()).await;
    rig.refused(parked, &[ErrorKind::Conflict])?;
    let now = rig.server(&guest.id).await?;
    check!(
        now.status == ServerStatus::Active,
        "it is {}",
        now.raw_status
    );
    Ok(())
}

async fn parked(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    rig.parked(&guest).await?;
    rig.driver.park_server(&rig.ctx(), guest.named()).await?;
    rig.driver.stop_server(&rig.ctx(), guest.named()).await?;
    let now = rig.server(&guest.id).await?;
    check!(
        now.status == ServerStatus::Shelved,
        "it is {}",
        now.raw_status
    );
    Ok(())
}

async fn unpark_running(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    rig.driver.unpark_server(&rig.ctx(), guest.named()).await?;
    let now = rig.server(&guest.id).await?;
    check!(
        now.status == ServerStatus::Active,
        "it is {}",
        now.raw_status
    );
    Ok(())
}

async fn wrong_way(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    rig.stopped(&guest).await?;
    let back = rig.driver.unpark_server(&rig.ctx(), guest.named()).await;
    rig.refused(back, &[ErrorKind::Conflict])?;
    rig.parked(&guest).await?;
    let started = rig.driver.start_server(&rig.ctx(), guest.named()).await;
    rig.refused(started, &[ErrorKind::Conflict])?;
    Ok(())
}
