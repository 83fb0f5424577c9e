//! Stops a server, and puts a copy out of use.

use protector_framework::{
    ComputeDriver, ErrorKind, Server, ServerId, ServerRef, ServerStatus, VolumeRef,
};
use protector_model::InstanceState;
use protector_model::outputs::{Parked, Stopped};
use protector_model::plan::{Action, Step};
use protector_model::seeded::{Bug, is_on};
use serde_json::json;

use super::poll::CLOUD;
use super::work::{Work, found};
use super::{Output, output};
use crate::failure::StepFailure;

/// Locks and stops the source's server. The lock comes first, so that its owner cannot start it
/// again in between.
pub(super) async fn stop(work: &Work<'_>) -> Output {
    let id = server_id(work)?;
    let cloud = work.compute().await?;
    let was_running = remember_running(work, &*cloud, &id).await?;
    let stopped = lock_and_stop(work, &*cloud, &id).await;
    if !is_on(Bug::StopUnproven) {
        stopped?;
    }
    output(&Stopped { was_running })
}

/// Unlocks the server and starts it again if it ran before.
pub(super) async fn undo_stop(work: &Work<'_>) -> Result<(), StepFailure> {
    let id = server_id(work)?;
    let cloud = work.compute().await?;
    let Some(noted) = work.noted() else {
        // The step never came so far as to look: nothing was changed.
        return Ok(());
    };
    let server = found(cloud.get_server(&work.ctx()?, ServerRef::new(&id)).await);
    if server.map_err(|e| work.failed(&e))?.is_none() {
        return Ok(());
    }
    let was_running = noted["was_running"].as_bool().unwrap_or(true);
    if was_running {
        // One that is still being stopped is active until its guest has gone down.
        let server = wait(work, &*cloud, &id, "to be at rest", |s| !s.busy).await?;
        if server.status != ServerStatus::Active {
            cloud
                .start_server(&work.ctx()?, ServerRef::new(&id))
                .await
                .map_err(|e| work.failed(&e))?;
        }
        wait(work, &*cloud, &id, "to run again", |s| {
            s.status == ServerStatus::Active
        })
        .await?;
    }
    cloud
        .unlock_server(&work.ctx()?, ServerRef::new(&id))
        .await
        .map_err(|e| work.failed(&e))
}

/// Locks, stops and disconnects the copy on the step's site.
pub(super) async fn park(work: &Work<'_>) -> Output {
    let copy = work.copy_on(work.site())?;
    let Some(id) = copy.server_id.clone() else {
        return gone(work);
    };
    let cloud = work.compute().await?;
    let server = found(cloud.get_server(&work.ctx()?, ServerRef::new(&id)).await);
    let server = server.map_err(|e| work.failed(&e))?;
    let Some(server) = server.filter(|s| s.status != ServerStatus::Deleted) else {
        return gone(work);
    };
    if copy.state == InstanceState::Incomplete && server.status == ServerStatus::Error {
        return give_up_on(work, &*cloud, &id).await;
    }
    let was_running = remember_running(work, &*cloud, &id).await?;
    lock_and_stop(work, &*cloud, &id).await?;
    disconnect(work, &*cloud, &id).await?;
    output(&Parked {
        was_running,
        gone: false,
    })
}

/// There is nothing to park. A move that was to start it cannot.
fn gone(work: &Work<'_>) -> Output {
    let starts = |s: &Step| s.member == work.run.step.member && s.action == Action::ReviveServer;
    if work.run.plan.steps.iter().any(starts) {
        return Err(StepFailure::permanent(
            "the server that the site kept is gone",
            "once the group runs, `cleanup` the copy; the next move builds it anew",
        ));
    }
    output(&Parked {
        was_running: false,
        gone: true,
    })
}

/// A copy that was being brought up and is in error: it is locked, and stopped where the cloud still
/// can. One whose build never came so far has no guest to stop.
async fn give_up_on(work: &Work<'_>, cloud: &dyn ComputeDriver, id: &ServerId) -> Output {
    let lock = cloud.lock_server(&work.ctx()?, ServerRef::new(id)).await;
    lock.map_err(|e| work.failed(&e))?;
    match cloud.stop_server(&work.ctx()?, ServerRef::new(id)).await {
        Err(error) if error.kind != ErrorKind::Conflict => return Err(work.failed(&error)),
        _ => {}
    }
    let server = cloud.get_server(&work.ctx()?, ServerRef::new(id)).await;
    let server = server.map_err(|e| work.failed(&e))?;
    let off = matches!(server.status, ServerStatus::Stopped | ServerStatus::Shelved);
    for volume in server.volumes.iter().filter(|_| !off) {
        let volume = cloud
            .get_volume(&work.ctx()?, VolumeRef::new(&volume.id))
            .await
            .map_err(|e| work.failed(&e))?;
        if volume.connected {
            return Err(StepFailure::permanent(
                format!(
                    "server {id} is in {} and cannot be stopped; its volumes are connected",
                    server.raw_status
                ),
                "stop it on its cloud: what it writes here is not what the group runs on",
            ));
        }
    }
    output(&Parked {
        was_running: false,
        gone: false,
    })
}

fn server_id(work: &Work<'_>) -> Result<ServerId, StepFailure> {
    let copy = work.copy_on(work.site())?;
    copy.server_id.clone().ok_or_else(|| {
        StepFailure::permanent(
            "the member has no server here",
            "run `cleanup`, then ask again",
        )
    })
}

/// Whether the server ran when the step first looked.
async fn remember_running(
    work: &Work<'_>,
    cloud: &dyn ComputeDriver,
    id: &ServerId,
) -> Result<bool, StepFailure> {
    if let Some(noted) = work.noted().and_then(|n| n["was_running"].as_bool()) {
        return Ok(noted);
    }
    let server = cloud
        .get_server(&work.ctx()?, ServerRef::new(id))
        .await
        .map_err(|e| work.failed(&e))?;
    let running = server.status == ServerStatus::Active;
    work.note(json!({ "was_running": running })).await?;
    Ok(running)
}

async fn lock_and_stop(
    work: &Work<'_>,
    cloud: &dyn ComputeDriver,
    id: &ServerId,
) -> Result<(), StepFailure> {
    cloud
        .lock_server(&work.ctx()?, ServerRef::new(id))
        .await
        .map_err(|e| work.failed(&e))?;
    let server = wait(work, cloud, id, "to be at rest", |s| !s.busy).await?;
    if matches!(server.status, ServerStatus::Stopped | ServerStatus::Shelved) {
        return Ok(());
    }
    cloud
        .stop_server(&work.ctx()?, ServerRef::new(id))
        .await
        .map_err(|e| work.failed(&e))?;
    wait(work, cloud, id, "to stop", |s| {
        matches!(s.status, ServerStatus::Stopped | ServerStatus::Shelved) && !s.busy
    })
    .await
    .map(drop)
}

/// Shelves a stopped server, where the cloud can, and sees that no volume of it is connected. A copy
/// that stays connected is not parked: the array could not overwrite it, and its host could write.
pub(super) async fn disconnect(
    work: &Work<'_>,
    cloud: &dyn ComputeDriver,
    id: &ServerId,
) -> Result<(), StepFailure> {
    let shelves = cloud.capabilities().shelve;
    if shelves {
        cloud
            .park_server(&work.ctx()?, ServerRef::new(id))
            .await
            .map_err(|e| work.failed(&e))?;
    }
    let server = wait(work, cloud, id, "to be put away", |s| {
        !s.busy && (s.status == ServerStatus::Shelved || !shelves)
    })
    .await?;
    for volume in &server.volumes {
        let mut poll = work.poll(format!("volume {} to be disconnected", volume.id), CLOUD);
        loop {
            let now = cloud
                .get_volume(&work.ctx()?, VolumeRef::new(&volume.id))
                .await
                .map_err(|e| work.failed(&e))?;
            if !now.connected {
                break;
            }
            if !shelves {
                return Err(StepFailure::permanent(
                    format!(
                        "volume {} stays connected: this cloud cannot shelve a stopped server",
                        volume.id
                    ),
                    "run `cleanup` on the site once the group runs well on the other one",
                ));
            }
            poll.pause(&now.raw_status).await?;
        }
    }
    Ok(())
}

/// Waits until a server is as wanted; one that ends in error fails the step.
pub(super) async fn wait(
    work: &Work<'_>,
    cloud: &dyn ComputeDriver,
    id: &ServerId,
    what: &str,
    is: impl Fn(&Server) -> bool,
) -> Result<Server, StepFailure> {
    let mut poll = work.poll(format!("server {id} {what}"), CLOUD);
    loop {
        let server = cloud
            .get_server(&work.ctx()?, ServerRef::new(id))
            .await
            .map_err(|e| work.failed(&e))?;
        if is(&server) {
            return Ok(server);
        }
        if server.status == ServerStatus::Error && !server.busy {
            return Err(StepFailure::permanent(
                format!(
                    "server `{}` ({id}) is in state ERROR: {}",
                    server.name,
                    server.fault.as_deref().unwrap_or("no reason is given")
                ),
                "repair the server on its cloud, then `retry` the operation",
            ));
        }
        poll.pause(&server.raw_status).await?;
    }
}
