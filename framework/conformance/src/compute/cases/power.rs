//! Stopping and starting.

use protector_framework::ServerStatus;

use crate::compute::case::{ComputeCase, Outcome, case, check};
use crate::compute::rig::Rig;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!("power/stop-and-start", "A server is stopped and started, with its volumes.", both, needs Servers, claims ServerTags),
        case!("power/stop-stopped", "Stopping a stopped server is success.", stop_stopped, needs Servers, claims ServerTags),
        case!("power/stop-while-starting", "A server that is being started is off in the end where stopping it succeeds.", stop_while_starting, needs Servers, claims ServerTags),
        case!("power/start-while-stopping", "A server that is being stopped runs in the end where starting it succeeds.", start_while_stopping, needs Servers, claims ServerTags),
        case!("power/start-running", "Starting a running server is success.", start_running, needs Servers, claims ServerTags),
    ]
}

async fn both(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    let now = rig.stopped(&guest).await?;
    let held = |volumes: &[protector_framework::ServerVolume]| {
        volumes.iter().map(|v| v.id.clone()).collect::<Vec<_>>()
    };
    check!(
        held(&now.volumes) == [guest.root.clone()],
        "it holds {:?}",
        now.volumes
    );
    let volume = rig.volume(&guest.root).await?;
    check!(
        volume.servers == [guest.id.clone()],
        "the volume of a stopped server is held by {:?}",
        volume.servers
    );
    let ctx = rig.ctx();
    rig.patiently(|| rig.driver.start_server(&ctx, guest.named()))
        .await?;
    let now = rig.becomes(&guest.id, ServerStatus::Active).await?;
    check!(
        held(&now.volumes) == [guest.root.clone()],
        "it holds {:?}",
        now.volumes
    );
    Ok(())
}

async fn stop_stopped(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    rig.stopped(&guest).await?;
    rig.driver.stop_server(&rig.ctx(), guest.named()).await?;
    let now = rig.server(&guest.id).await?;
    check!(
        now.status == ServerStatus::Stopped,
        "it is {}",
        now.raw_status
    );
    Ok(())
}

async fn start_running(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    rig.driver.start_server(&rig.ctx(), guest.named()).await?;
    let now = rig.server(&guest.id).await?;
    check!(
        now.status == ServerStatus::Active,
        "it is {}",
        now.raw_status
    );
    Ok(())
}

async fn stop_while_starting(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    rig.stopped(&guest).await?;
    let ctx = rig.ctx();
    rig.driver.start_server(&ctx, guest.named()).await?;
    rig.patiently(|| rig.driver.stop_server(&ctx, guest.named()))
        .await?;
    rig.becomes(&guest.id, ServerStatus::Stopped)
        .await
        .map(drop)
}

async fn start_while_stopping(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    let ctx = rig.ctx();
    rig.driver.stop_server(&ctx, guest.named()).await?;
    rig.patiently(|| rig.driver.start_server(&ctx, guest.named()))
        .await?;
    rig.becomes(&guest.id, ServerStatus::Active).await.map(drop)
}
