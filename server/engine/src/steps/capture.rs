//! Reads a server into its member's blueprint.

use protector_framework::{Blueprint, ServerId, ServerRef};
use protector_model::Instance;
use protector_model::document::InstanceVolume;
use protector_model::outputs::Captured;
use protector_model::translate::unmapped;

use super::work::Work;
use super::{Output, output};
use crate::failure::StepFailure;

/// Reads a server that joins the group.
pub(super) async fn capture(work: &Work<'_>) -> Output {
    let captured = read(work).await?;
    let refused = ineligible(work, &captured.blueprint);
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
        let drift = drift(known, &captured.blueprint, same_site);
        if !drift.is_empty() && !work.run.operation.options.accept_drift {
            return Err(StepFailure::permanent(
                format!(
                    "`{}` is no longer what was protected: {}",
                    member.name,
                    drift.join(", ")
                ),
                "ask again with `accept_drift` to move it as it is now",
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

/// Why a server cannot be protected.
fn ineligible(work: &Work<'_>, blueprint: &Blueprint) -> Vec<String> {
    let mut reasons: Vec<String> = blueprint
        .local_disks
        .iter()
        .map(|disk| format!("no array replicates its {disk}"))
        .collect();
    if blueprint.volumes.is_empty() {
        reasons.push("it has no volume".to_owned());
    }
    let wanted = work.document.volume_types.get(&work.site());
    let own_group = work.document.volume_groups.get(&work.site());
    for volume in &blueprint.volumes {
        let mut refuse = |why: &str| reasons.push(format!("volume {} {why}", volume.id));
        if volume.encrypted {
            refuse("is encrypted");
        }
        if volume.multiattach {
            refuse("can be attached to several servers");
        }
        if volume.volume_type.as_ref() != wanted {
            refuse("is not of the protection group's volume type");
        }
        if volume.group_id.is_some() && volume.group_id.as_ref() != own_group {
            refuse("is in another volume group");
        }
    }
    reasons
}

/// Brings what was read into the order of the copy's slots, so that slot `n` means the same volume
/// on both sites. Nova shows neither device names nor tags of a server that was shelved since:
/// they are kept.
fn keep_slots(known: &Blueprint, here: &Instance, captured: &mut Captured) -> Result<(), String> {
    let mut blueprint = Vec::new();
    let mut volumes = Vec::new();
    let text = |ids: Vec<String>| ids.join(", ");
    let now = || {
        text(
            captured
                .blueprint
                .volumes
                .iter()
                .map(|v| v.id.to_string())
                .collect(),
        )
    };
    let before = || text(here.volumes.iter().map(|v| v.id.to_string()).collect());
    if here.volumes.len() != captured.volumes.len() {
        return Err(format!("they were {}, they are {}", before(), now()));
    }
    for (slot, volume) in here.volumes.iter().enumerate() {
        let Some(at) = captured.volumes.iter().position(|v| v.id == volume.id) else {
            return Err(format!("they were {}, they are {}", before(), now()));
        };
        let mut spec = captured.blueprint.volumes[at].clone();
        if let Some(old) = known.volumes.get(slot) {
            if old.size_gib != spec.size_gib {
                return Err(format!(
                    "{} had {} GiB and has {}",
                    spec.id, old.size_gib, spec.size_gib
                ));
            }
            spec.device = spec.device.or_else(|| old.device.clone());
            spec.tag = spec.tag.or_else(|| old.tag.clone());
        }
        blueprint.push(spec);
        volumes.push(captured.volumes[at].clone());
    }
    captured.blueprint.volumes = blueprint;
    captured.volumes = volumes;
    Ok(())
}

/// What else has changed. Ids can be compared only where both were read on the same site.
fn drift(known: &Blueprint, now: &Blueprint, same_site: bool) -> Vec<&'static str> {
    let macs = |b: &Blueprint| -> Vec<String> {
        let mut macs: Vec<_> = b.ports.iter().map(|p| p.mac_address.clone()).collect();
        macs.sort();
        macs
    };
    let size = |b: &Blueprint| (b.flavor.vcpus, b.flavor.ram_mib, b.flavor.disk_gib);
    let mut drift = Vec::new();
    if size(known) != size(now) || (same_site && known.flavor.name != now.flavor.name) {
        drift.push("its flavor");
    }
    if macs(known) != macs(now) {
        drift.push("its ports");
    }
    drift
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
        assert!(added.unwrap_err().contains('c'));
        let grown = keep_slots(&known, &slots, &mut captured(&[("a", 1), ("b", 3)]));
        assert_eq!(grown.unwrap_err(), "b had 2 GiB and has 3");
    }
}
