//! Whether a member's server is what it should be, before anything of the source is put away.

use protector_framework::{
    ComputeDriver, FindPort, ServerId, ServerRef, ServerStatus, SetDeleteOnTermination,
    SetVolumeProperties,
};
use protector_model::Instance;
use protector_model::outputs::{Adopted, Booted, read};
use protector_model::plan::Action;

use super::quiesce::wait;
use super::work::Work;
use super::{Output, ports};
use crate::failure::StepFailure;

pub(super) async fn verify(work: &Work<'_>, test: bool) -> Output {
    let cloud = work.compute().await?;
    let id = server_id(work, test)?;
    let server = wait(work, &*cloud, &id, "to run", |s| {
        s.status == ServerStatus::Active && !s.busy
    })
    .await?;
    let wanted = volume_ids(work, test)?;
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|id| !server.volumes.iter().any(|v| v.id == **id))
        .map(protector_framework::VolumeId::as_str)
        .collect();
    if !missing.is_empty() {
        return Err(wrong(
            &id,
            &format!("it lacks the volumes {}", missing.join(", ")),
        ));
    }
    check_ports(work, &*cloud, &id, test).await?;
    let built = work.progress().done().any(|(step, _)| {
        step.member == work.run.step.member && matches!(step.action, Action::BootServer { .. })
    });
    if built && !test {
        give_back_the_users_settings(work, &*cloud, &id).await?;
    }
    Ok(None)
}

pub(super) fn server_id(work: &Work<'_>, test: bool) -> Result<ServerId, StepFailure> {
    if !test {
        let copy: &Instance = work.copy_on(work.site())?;
        if let Some(id) = &copy.server_id {
            return Ok(id.clone());
        }
    }
    work.progress()
        .done()
        .find(|(step, _)| {
            step.member == work.run.step.member && matches!(step.action, Action::BootServer { .. })
        })
        .and_then(|(_, output)| read::<Booted>(output))
        .map(|booted| booted.server)
        .ok_or_else(|| StepFailure::permanent("the server was not built", "retry the operation"))
}

fn volume_ids(
    work: &Work<'_>,
    test: bool,
) -> Result<Vec<protector_framework::VolumeId>, StepFailure> {
    if !test {
        let copy = work.copy_on(work.site())?;
        return Ok(copy.volumes.iter().map(|v| v.id.clone()).collect());
    }
    Ok(work
        .progress()
        .done()
        .filter(|(step, _)| {
            step.member == work.run.step.member && matches!(step.action, Action::AdoptVolume { .. })
        })
        .filter_map(|(_, output)| read::<Adopted>(output))
        .map(|adopted| adopted.id)
        .collect())
}

/// A revived server keeps its ports; a built one has those that were made for it.
async fn check_ports(
    work: &Work<'_>,
    cloud: &dyn ComputeDriver,
    id: &ServerId,
    test: bool,
) -> Result<(), StepFailure> {
    let revived = work.progress().done().any(|(step, _)| {
        step.member == work.run.step.member && matches!(step.action, Action::ReviveServer)
    });
    if revived {
        return Ok(());
    }
    for request in ports::requests(work, test, work.operation())? {
        let find = FindPort::new(&request.network_id, request.mac_address.as_str());
        let port = cloud
            .find_port(&work.ctx()?, find)
            .await
            .map_err(|e| work.failed(&e))?;
        let on_server = port.and_then(|p| p.device_id);
        if on_server.as_ref() != Some(id) {
            return Err(wrong(
                id,
                &format!("the port {} is not on it", request.mac_address),
            ));
        }
    }
    Ok(())
}

/// What was held back so that nothing could be lost or made twice: the volumes' names, and what
/// happens to them with their server.
async fn give_back_the_users_settings(
    work: &Work<'_>,
    cloud: &dyn ComputeDriver,
    id: &ServerId,
) -> Result<(), StepFailure> {
    let member = work.member()?;
    let copy = work.copy_on(work.site())?;
    let specs = member.blueprint.iter().flat_map(|b| &b.volumes);
    for (volume, spec) in copy.volumes.iter().zip(specs) {
        if !spec.name.is_empty() {
            let named = SetVolumeProperties::new(&volume.id, spec.bootable)
                .image_metadata(spec.image_metadata.clone())
                .name(Some(spec.name.clone()));
            cloud
                .set_volume_properties(&work.ctx()?, named)
                .await
                .map_err(|e| work.failed(&e))?;
        }
        if spec.delete_on_termination {
            cloud
                .set_delete_on_termination(
                    &work.ctx()?,
                    SetDeleteOnTermination::new(id, &volume.id, true),
                )
                .await
                .map_err(|e| work.failed(&e))?;
        }
    }
    let server = cloud
        .get_server(&work.ctx()?, ServerRef::new(id))
        .await
        .map_err(|e| work.failed(&e))?;
    if server.status == ServerStatus::Active {
        Ok(())
    } else {
        Err(wrong(id, &format!("it is {}", server.raw_status)))
    }
}

fn wrong(id: &ServerId, what: &str) -> StepFailure {
    StepFailure::permanent(
        format!("server {id} is not what it should be: {what}"),
        "look at the server on its cloud, then `retry` the operation",
    )
}
