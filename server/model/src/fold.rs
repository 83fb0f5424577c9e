//! A group's document with what an operation has done so far: the journal is the truth until
//! `finish` writes it into the document, and every step before that sees this.

use std::collections::BTreeMap;

use protector_framework::{SiteId, VolumeId};

use crate::document::{GroupDocument, Instance, InstanceState, InstanceVolume, Member};
use crate::operation::StepStatus;
use crate::outputs::{Adopted, Booted, Captured, GroupMade, Parked, PortsMade, Progress, read};
use crate::plan::{Action, Step};

/// The document after every step that is done. Folding twice changes nothing more.
pub fn fold(document: &GroupDocument, progress: Progress<'_>) -> GroupDocument {
    let mut next = document.clone();
    let slots = slots(progress);
    count_on_nothing_removed(&mut next, progress);
    for (step, output) in progress.done().chain(half_built(progress)) {
        if !came_home(&next, progress, step) {
            apply(&mut next, step, output, &slots);
        }
    }
    next
}

/// A copy that a move has begun to remove is none that can be started.
fn count_on_nothing_removed(document: &mut GroupDocument, progress: Progress<'_>) {
    if progress.plan.commit().is_none() {
        return;
    }
    let removes = |step: &&Step| {
        let begun = progress.record(&step.key).is_some_and(|r| r.attempt > 0);
        step.action == Action::DeleteServer && begun
    };
    for step in progress.plan.steps.iter().filter(removes) {
        if let Some(member) = step.member.and_then(|id| document.member_mut(id))
            && let Some(copy) = member.instances.get_mut(&step.site)
        {
            copy.state = InstanceState::Incomplete;
        }
    }
}

/// Whether a copy that a quarantine has put away is in production again since: it may run.
fn came_home(document: &GroupDocument, progress: Progress<'_>, step: &Step) -> bool {
    matches!(step.action, Action::ParkServer { quarantine: true })
        && progress.plan.commit().is_none()
        && document.current_primary_site_id == step.site
}

/// Servers whose build did not come to a good end are there all the same, and a parked one that was
/// being brought back may run.
fn half_built<'a>(
    progress: Progress<'a>,
) -> impl Iterator<Item = (&'a Step, Option<&'a serde_json::Value>)> {
    progress.plan.steps.iter().filter_map(move |step| {
        let record = progress.record(&step.key)?;
        let begun = matches!(record.status, StepStatus::Failed | StepStatus::Running);
        let noted = match step.action {
            Action::BootServer { test: false } => begun && record.output.is_some(),
            Action::ReviveServer => begun && record.attempt > 0,
            _ => false,
        };
        noted.then_some((step, record.output.as_ref()))
    })
}

/// The slot of each volume that the operation has adopted.
type Slots = BTreeMap<VolumeId, usize>;

fn slots(progress: Progress<'_>) -> Slots {
    let adopted = progress.done().filter_map(|(step, output)| {
        let Action::AdoptVolume { slot, test: false } = step.action else {
            return None;
        };
        Some((read::<Adopted>(output)?.id, slot))
    });
    adopted.collect()
}

fn apply(
    document: &mut GroupDocument,
    step: &Step,
    output: Option<&serde_json::Value>,
    slots: &Slots,
) {
    match &step.action {
        Action::EnsureVolumeGroup | Action::FillVolumeGroup => {
            if let Some(made) = read::<GroupMade>(output) {
                document.volume_groups.insert(step.site, made.id);
            }
            return;
        }
        Action::DeleteVolumeGroup => {
            document.volume_groups.remove(&step.site);
            return;
        }
        Action::ForgetGroup => {
            document.deleted = true;
            return;
        }
        Action::ForgetMember => {
            document.members.retain(|m| Some(m.id) != step.member);
            return;
        }
        _ => {}
    }
    if let Some(member) = step.member.and_then(|id| document.member_mut(id)) {
        apply_to_member(member, step, output, slots);
    }
}

fn apply_to_member(
    member: &mut Member,
    step: &Step,
    output: Option<&serde_json::Value>,
    slots: &Slots,
) {
    let site = step.site;
    match &step.action {
        Action::CaptureMember | Action::RecaptureMember => {
            if let Some(captured) = read::<Captured>(output) {
                take_capture(member, site, captured);
            }
        }
        Action::AdoptVolume { slot, test: false } => {
            if let Some(adopted) = read::<Adopted>(output) {
                take_volume(copy(member, site), *slot, adopted, slots);
            }
        }
        Action::CreatePorts { test: false } => {
            if let Some(made) = read::<PortsMade>(output) {
                copy(member, site).ports = made.ports;
            }
        }
        Action::BootServer { test: false } => {
            if let Some(booted) = read::<Booted>(output) {
                copy(member, site).server_id = Some(booted.server);
            }
        }
        Action::ReviveServer => {
            // It may run, proven or not.
            if let Some(copy) = member.instances.get_mut(&site) {
                copy.state = InstanceState::Incomplete;
            }
        }
        Action::VerifyServer { test: false } => {
            if let Some(copy) = member.instances.get_mut(&site) {
                copy.state = InstanceState::Production;
            }
        }
        Action::ParkServer { quarantine } => {
            let gone = read::<Parked>(output).is_some_and(|parked| parked.gone);
            if let Some(copy) = member.instances.get_mut(&site) {
                copy.state = match quarantine {
                    true => InstanceState::Quarantined,
                    false => InstanceState::Parked,
                };
                if gone {
                    copy.server_id = None;
                }
            }
        }
        Action::DeleteServer => {
            if let Some(copy) = member.instances.get_mut(&site) {
                copy.server_id = None;
            }
        }
        Action::DeletePorts => {
            if let Some(copy) = member.instances.get_mut(&site) {
                copy.ports.clear();
            }
        }
        Action::DiscardVolumes => {
            member.instances.remove(&site);
        }
        _ => {}
    }
}

/// The copy of a member that an operation makes on a site.
fn copy(member: &mut Member, site: SiteId) -> &mut Instance {
    member.instances.entry(site).or_insert_with(|| Instance {
        state: InstanceState::Incomplete,
        server_id: None,
        ports: Vec::new(),
        volumes: Vec::new(),
        made: true,
    })
}

fn take_capture(member: &mut Member, site: SiteId, captured: Captured) {
    member.is_now(site, captured.blueprint);
    if let Some(copy) = member.instances.get_mut(&site) {
        copy.volumes = captured.volumes;
    }
}

/// Volumes come in any order, some of them before the document is written and some after, and are
/// kept in the blueprint's.
fn take_volume(copy: &mut Instance, slot: usize, adopted: Adopted, slots: &Slots) {
    let volume = InstanceVolume {
        id: adopted.id,
        array_name: adopted.name,
        serial: adopted.serial,
    };
    match copy.volumes.iter_mut().find(|v| v.id == volume.id) {
        Some(known) => *known = volume,
        None => {
            let later = |v: &InstanceVolume| slots.get(&v.id).is_some_and(|at| *at > slot);
            let at = copy.volumes.iter().position(later);
            copy.volumes
                .insert(at.unwrap_or(copy.volumes.len()), volume);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_keep_the_order_of_their_slots_whenever_each_is_known() {
        let adopted = |slot: usize| Adopted {
            id: format!("volume-{slot}").as_str().into(),
            name: "name".into(),
            serial: "serial".into(),
        };
        let slots: Slots = (0..3).map(|slot| (adopted(slot).id, slot)).collect();
        for order in [[0, 1, 2], [2, 1, 0], [2, 0, 1], [1, 2, 0], [1, 0, 2]] {
            let mut copy = Instance {
                state: InstanceState::Incomplete,
                server_id: None,
                ports: Vec::new(),
                volumes: Vec::new(),
                made: true,
            };
            for slot in order.into_iter().chain(order) {
                take_volume(&mut copy, slot, adopted(slot), &slots);
            }
            let ids: Vec<_> = copy.volumes.iter().map(|v| v.id.as_str()).collect();
            assert_eq!(ids, ["volume-0", "volume-1", "volume-2"], "{order:?}");
        }
    }
}
