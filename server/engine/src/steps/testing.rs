//! Removes what a test failover made. Everything is looked up by the natural keys of the test, so
//! that nothing depends on what its journal happened to note.

use protector_framework::{
    ArrayVolumeName, DiscardVolume, FindPort, FindServer, GenericUuid as _, GetVolume, OperationId,
    PortRef,
};
use protector_model::outputs::{Copied, PortsMade, Progress, read};
use protector_model::plan::Action;
use protector_model::seeded::{Bug, is_on};
use protector_model::translate::server_tag;
use serde::de::DeserializeOwned;

use super::cleaning::remove_server;
use super::copies::release_named;
use super::work::{Work, copy_name, found};
use super::{Output, ports};
use crate::failure::StepFailure;

/// The test: this operation, or the one that is cleaned up.
fn test_of(work: &Work<'_>) -> OperationId {
    work.run.operation.options.test.unwrap_or(work.operation())
}

pub(super) async fn remove_servers(work: &Work<'_>) -> Output {
    let test = test_of(work);
    delete_server(work, test).await?;
    delete_ports(work, test).await?;
    Ok(None)
}

pub(super) async fn delete_server(work: &Work<'_>, test: OperationId) -> Result<(), StepFailure> {
    let member = work.member()?;
    let tag = server_tag(test.into_untyped_uuid(), member.id.into_untyped_uuid());
    let servers = work
        .compute()
        .await?
        .find_servers(&work.ctx()?, FindServer::new(tag))
        .await
        .map_err(|e| work.failed(&e))?;
    for server in servers {
        remove_server(work, &server.id).await?;
    }
    Ok(())
}

pub(super) async fn delete_ports(work: &Work<'_>, test: OperationId) -> Result<(), StepFailure> {
    let cloud = work.compute().await?;
    let is_made = |action: &Action| matches!(action, Action::CreatePorts { test: true });
    let made: Vec<PortsMade> = noted(work, test, is_made).await?;
    for port in made.iter().flat_map(|made| &made.ports) {
        let gone = found(cloud.delete_port(&work.ctx()?, PortRef::new(port)).await);
        gone.map_err(|e| work.failed(&e))?;
    }
    // What was made without being noted is where the mapping says, if that still says where.
    let requests = match ports::requests(work, true, test) {
        Err(_) if !made.is_empty() => Vec::new(),
        requests => requests?,
    };
    for request in requests {
        let find = FindPort::new(&request.network_id, request.mac_address.as_str());
        let port = cloud
            .find_port(&work.ctx()?, find)
            .await
            .map_err(|e| work.failed(&e))?;
        if let Some(port) = port {
            cloud
                .delete_port(&work.ctx()?, PortRef::new(port.id))
                .await
                .map_err(|e| work.failed(&e))?;
        }
    }
    Ok(())
}

pub(super) async fn remove_volumes(work: &Work<'_>) -> Output {
    let test = test_of(work);
    let member = work.member()?;
    let storage = work.storage().await?;
    let is_copy = |action: &Action| matches!(action, Action::CopyVolume { test: true, .. });
    // One that was released but not yet discarded when an engine was stopped is found by its serial
    // alone.
    let noted: Vec<Copied> = noted(work, test, is_copy).await?;
    let slots = member.blueprint.as_ref().map_or(0, |b| b.volumes.len());
    // The member may have lost a volume since.
    let slots = slots.max(noted.len());
    for slot in 0..slots {
        let name = copy_name(test, member.id, slot);
        // Releasing renames the array volume; its serial still finds it.
        for volume in release_named(work, &name).await? {
            discard(work, DiscardVolume::new(volume.name, volume.serial)).await?;
        }
        let name = ArrayVolumeName::from(name);
        let never_adopted = found(
            storage
                .get_volume(&work.ctx()?, GetVolume::new(&name))
                .await,
        );
        let left = match never_adopted.map_err(|e| work.failed(&e))? {
            Some(volume) => Some(volume.serial),
            None => noted
                .iter()
                .find(|copied| copied.name == name)
                .map(|copied| copied.serial.clone()),
        };
        if let Some(serial) = left {
            discard(work, DiscardVolume::new(name, serial)).await?;
        }
    }
    Ok(None)
}

async fn discard(work: &Work<'_>, volume: DiscardVolume) -> Result<(), StepFailure> {
    if is_on(Bug::TestLeft) {
        return Ok(());
    }
    let (storage, ctx) = (work.storage().await?, work.ctx()?);
    let discarded = storage.discard_volume(&ctx, volume).await;
    discarded.map_err(|e| work.failed(&e))
}

/// What the steps of a test noted for this step's member.
async fn noted<T: DeserializeOwned>(
    work: &Work<'_>,
    test: OperationId,
    is: fn(&Action) -> bool,
) -> Result<Vec<T>, StepFailure> {
    let db = &work.steps.db;
    let journal = match test == work.operation() {
        true => work.run.journal.records(),
        false => db.steps(test).await?,
    };
    let plan = match test == work.operation() {
        true => Some(work.run.plan.clone()),
        false => db.plan(test).await?,
    };
    let Some(plan) = plan else {
        return Ok(Vec::new());
    };
    let progress = Progress {
        plan: &plan,
        journal: &journal,
    };
    Ok(progress
        .done()
        .filter(|(step, _)| step.member == work.run.step.member && is(&step.action))
        .filter_map(|(_, output)| read(output))
        .collect())
}
