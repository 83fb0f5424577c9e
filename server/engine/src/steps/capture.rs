//! Reads a server into its member's blueprint.

use protector_framework::{Blueprint, ServerId, ServerRef};
use protector_model::document::InstanceVolume;
use protector_model::drift::{VolumeDrift, refreshed, shape};
use protector_model::outputs::Captured;
use protector_model::translate::unmapped;
use protector_model::{Instance, eligibility};

use super::work::Work;
use super::{Output, output};
use crate::failure::StepFailure;

/// Reads a server that joins the group.
pub(super) async fn capture(work: &Work<'_>) -> Output {
    let captured = read(work).await?;
    let refused = eligibility::reasons(&work.document, work.site(), &captured.blueprint);
    if !refused.is_empty() {
        return Err(StepFailure::permanent(
            format!(
                "server `{}` cannot be protected: {}",
                captured.blueprint.name,
                refused.join("; ")
            ),
            "change the server, then add it again",
        ));
    }
    output(&captured)
}

/// Reads a stopped server again. What the group's replication does not hold stops the move here,
/// before authority passes.
pub(super) async fn recapture(work: &Work<'_>) -> Output {
    let mut captured = read(work).await?;
    let member = work.member()?;
    if let Some(known) = &member.blueprint {
        let here = work.copy_on(work.site())?;
        let same_site = member.blueprint_site == work.site();
        if let Err(changed) = keep_slots(known, here, &mut captured) {
            return Err(StepFailure::permanent(
                format!("the volumes of `{}` have changed: {changed}", member.name),
                "remove the member and add it again; until then its recovery points lack a volume",
            ));
        }
        let drift = shape(known, &captured.blueprint, same_site);
        if !drift.is_empty() && !work.run.operation.options.accept_drift {
            return Err(StepFailure::permanent(
                format!(
                    "`{}` is no longer what was protected: {}",
                    member.name,
                    drift.join(", ")
                ),
                "`refresh` the member, or ask again with `accept_drift` to move it as it is now",
            ));
        }
    }
    check_mapped(work, &captured)?;
    output(&captured)
}

fn check_mapped(work: &Work<'_>, captured: &Captured) -> Result<(), StepFailure> {
    let mut member = work.member()?.clone();
    if member.has_parked_copy(work.other()) {
        return Ok(());
    }
    member.blueprint = Some(captured.blueprint.clone());
    member.blueprint_site = work.site();
    let missing: Vec<String> = unmapped(&work.document, &member, work.other())
        .into_iter()
        .map(|m| format!("{:?} {}", m.kind, m.id))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(StepFailure::permanent(
        format!(
            "`{}` uses what is not mapped to the other site: {}",
            member.name,
            missing.join(", ")
        ),
        "complete the resource mappings",
    ))
}

async fn read(work: &Work<'_>) -> Result<Captured, StepFailure> {
    let id: ServerId = work
        .copy_on(work.site())?
        .server_id
        .clone()
        .ok_or_else(|| {
            StepFailure::permanent("the member has no server here", "remove the member")
        })?;
    let cloud = work.compute().await?;
    let blueprint = cloud
        .capture_server(&work.ctx()?, ServerRef::new(&id))
        .await
        .map_err(|e| work.failed(&e))?;
    let storage = work.storage().await?;
    let mut volumes = Vec::new();
    for volume in &blueprint.volumes {
        let found = storage
            .resolve_volume(&work.ctx()?, work.backing(&volume.id).await?)
            .await
            .map_err(|e| work.failed(&e))?;
        volumes.push(InstanceVolume {
            id: volume.id.clone(),
            array_name: found.name,
            serial: found.serial,
        });
    }
    Ok(Captured { blueprint, volumes })
}

/// Brings what was read into the order of the copy's slots.
fn keep_slots(
    known: &Blueprint,
    here: &Instance,
    captured: &mut Captured,
) -> Result<(), VolumeDrift> {
    captured.blueprint = refreshed(known, here, captured.blueprint.clone())?;
    let read = std::mem::take(&mut captured.volumes);
    captured.volumes = captured
        .blueprint
        .volumes
        .iter()
        .filter_map(|spec| read.iter().find(|v| v.id == spec.id).cloned())
        .collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use protector_framework::{FlavorSpec, VolumeSpec};
    use protector_model::InstanceState;

    use super::*;

    fn blueprint(volumes: &[(&str, u64)]) -> Blueprint {
        let specs: Vec<_> = volumes
            .iter()
            .map(|(id, size)| VolumeSpec::new(*id, *size, false))
            .collect();
        let flavor = FlavorSpec::new("m1", 1_u32, 512_u64, 0_u64);
        Blueprint::new("server", "web", flavor, specs, Vec::new())
    }

    fn here(ids: &[&str]) -> Vec<InstanceVolume> {
        ids.iter()
            .map(|id| InstanceVolume {
                id: (*id).into(),
                array_name: format!("volume-{id}").as_str().into(),
                serial: format!("serial-{id}").as_str().into(),
            })
            .collect()
    }

    fn instance(ids: &[&str]) -> Instance {
        Instance {
            state: InstanceState::Production,
            server_id: None,
            ports: Vec::new(),
            volumes: here(ids),
            made: false,
        }
    }

    fn captured(volumes: &[(&str, u64)]) -> Captured {
        let ids: Vec<_> = volumes.iter().map(|(id, _)| *id).collect();
        Captured {
            blueprint: blueprint(volumes),
            volumes: here(&ids),
        }
    }

    #[test]
    fn volumes_keep_their_slots_whatever_order_the_cloud_lists_them_in() {
        let known = blueprint(&[("x", 1), ("y", 2)]);
        let mut now = captured(&[("b", 2), ("a", 1)]);
        keep_slots(&known, &instance(&["a", "b"]), &mut now).unwrap();
        let ids: Vec<_> = now.volumes.iter().map(|v| v.id.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(now.blueprint.volumes[1].size_gib, 2);
    }

    #[test]
    fn a_new_or_grown_volume_is_named() {
        let known = blueprint(&[("x", 1), ("y", 2)]);
        let slots = instance(&["a", "b"]);
        let added = keep_slots(
            &known,
            &slots,
            &mut captured(&[("a", 1), ("b", 2), ("c", 1)]),
        );
        assert!(added.unwrap_err().to_string().contains('c'));
        let grown = keep_slots(&known, &slots, &mut captured(&[("a", 1), ("b", 3)]));
        assert_eq!(grown.unwrap_err().to_string(), "b had 2 GiB and has 3");
    }
}
