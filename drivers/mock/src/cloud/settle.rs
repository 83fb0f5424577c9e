//! What a cloud has finished since somebody last looked.

use chrono::{DateTime, Utc};
use protector_framework::{DriverError, Result};

use super::back_end;
use super::state::{
    ComputeState, GroupState, PoolRecord, ServerState, TaskKind, VolumeRecord, VolumeState,
};

/// Brings the cloud to `now`.
pub(super) fn settle(state: &mut ComputeState, now: DateTime<Utc>) {
    for id in due_volumes(state, now) {
        settle_volume(state, &id);
    }
    for group in state.groups.values_mut() {
        match group.state {
            GroupState::Creating { until } | GroupState::Updating { until } if until <= now => {
                group.state = GroupState::Available;
            }
            _ => {}
        }
    }
    let due: Vec<(String, TaskKind)> = state
        .servers
        .iter()
        .filter_map(|(id, server)| server.task.map(|task| (id, task)))
        .filter(|(_, task)| task.until <= now)
        .map(|(id, task)| (id.clone(), task.kind))
        .collect();
    for (id, task) in due {
        settle_server(state, &id, task);
    }
}

fn due_volumes(state: &ComputeState, now: DateTime<Utc>) -> Vec<String> {
    let due = |volume: &VolumeRecord| match &volume.state {
        VolumeState::Creating { until }
        | VolumeState::Managing { until, .. }
        | VolumeState::Unmanaging { until }
        | VolumeState::Deleting { until } => *until <= now,
        VolumeState::Ready | VolumeState::Error | VolumeState::ErrorUnmanaging => false,
    };
    state
        .volumes
        .iter()
        .filter(|(_, volume)| due(volume))
        .map(|(id, _)| id.clone())
        .collect()
}

fn settle_volume(state: &mut ComputeState, id: &str) {
    let Some(volume) = state.volumes.get(id).cloned() else {
        return;
    };
    let array = state.pools.get(&volume.pool).map(|pool| &pool.array);
    let done = array
        .ok_or_else(|| DriverError::not_found(format!("pool `{}`", volume.pool)))
        .and_then(|array| match &volume.state {
            VolumeState::Creating { .. } => back_end::create(array, id, volume.size_gib),
            VolumeState::Managing { source, .. } => back_end::adopt(array, source, id),
            VolumeState::Unmanaging { .. } => back_end::release(array, id),
            VolumeState::Deleting { .. } => back_end::delete(array, id),
            VolumeState::Ready | VolumeState::Error | VolumeState::ErrorUnmanaging => Ok(()),
        });
    let failed = done.is_err();
    if let Err(error) = done {
        tracing::warn!(volume = id, %error, "the back end failed");
    }
    let goes = matches!(
        volume.state,
        VolumeState::Unmanaging { .. } | VolumeState::Deleting { .. }
    );
    if goes && !failed {
        state.volumes.remove(id);
    } else if let Some(record) = state.volumes.get_mut(id) {
        record.state = match record.state {
            VolumeState::Unmanaging { .. } => VolumeState::ErrorUnmanaging,
            _ if failed => VolumeState::Error,
            _ => VolumeState::Ready,
        };
    }
}

fn settle_server(state: &mut ComputeState, id: &str, task: TaskKind) {
    let done = match task {
        TaskKind::Spawning | TaskKind::Unshelving => {
            connect(state, id).map(|()| Some(ServerState::Active))
        }
        TaskKind::PoweringOn => Ok(Some(ServerState::Active)),
        TaskKind::PoweringOff => Ok(Some(ServerState::Shutoff)),
        TaskKind::Shelving => {
            disconnect(state, id);
            Ok(Some(ServerState::ShelvedOffloaded))
        }
        TaskKind::Deleting => {
            delete(state, id);
            Ok(None)
        }
    };
    let Some(server) = state.servers.get_mut(id) else {
        return;
    };
    server.task = None;
    match done {
        Ok(Some(now)) => server.state = now,
        Ok(None) => {}
        Err(error) => {
            server.state = ServerState::Error;
            server.fault = Some(error.message);
        }
    }
}

/// Connects the server's host to all its volumes, or to none.
fn connect(state: &mut ComputeState, id: &str) -> Result<()> {
    let volumes = volumes_of(state, id);
    for volume in &volumes {
        let result =
            pool_of(state, volume).and_then(|pool| back_end::connect(&pool.array, volume, id));
        if let Err(error) = result {
            disconnect(state, id);
            return Err(error);
        }
        set_connected(state, volume, id, true);
    }
    Ok(())
}

/// Disconnects the server's host; the volumes stay reserved for the server.
fn disconnect(state: &mut ComputeState, id: &str) {
    for volume in volumes_of(state, id) {
        let result =
            pool_of(state, &volume).and_then(|pool| back_end::disconnect(&pool.array, &volume, id));
        if let Err(error) = result {
            tracing::warn!(volume, server = id, %error, "could not disconnect");
        }
        set_connected(state, &volume, id, false);
    }
}

fn delete(state: &mut ComputeState, id: &str) {
    disconnect(state, id);
    let Some(server) = state.servers.remove(id) else {
        return;
    };
    for held in &server.volumes {
        let Some(volume) = state.volumes.get_mut(&held.id) else {
            continue;
        };
        volume.attachments.retain(|a| a.server != id);
        // Cinder refuses to delete what is in a group or has snapshots; Nova goes on without.
        let refused = volume.group.is_some() || !volume.snapshots.is_empty();
        if held.delete_on_termination && volume.attachments.is_empty() && !refused {
            volume.state = VolumeState::Deleting {
                until: DateTime::<Utc>::MIN_UTC,
            };
            settle_volume(state, &held.id);
        }
    }
    state
        .ports
        .retain(|_, port| !(port.owned_by_server && port.server.as_deref() == Some(id)));
    for port in state.ports.values_mut() {
        if port.server.as_deref() == Some(id) {
            port.server = None;
        }
    }
}

fn volumes_of(state: &ComputeState, id: &str) -> Vec<String> {
    let volumes = state.servers.get(id).map(|server| &server.volumes);
    volumes
        .into_iter()
        .flatten()
        .map(|held| held.id.clone())
        .collect()
}

fn pool_of<'a>(state: &'a ComputeState, volume: &str) -> Result<&'a PoolRecord> {
    let missing = || DriverError::not_found(format!("volume `{volume}`"));
    let record = state.volumes.get(volume).ok_or_else(missing)?;
    state.pools.get(&record.pool).ok_or_else(missing)
}

fn set_connected(state: &mut ComputeState, volume: &str, server: &str, connected: bool) {
    let Some(volume) = state.volumes.get_mut(volume) else {
        return;
    };
    for attachment in &mut volume.attachments {
        if attachment.server == server {
            attachment.connected = connected;
        }
    }
}
