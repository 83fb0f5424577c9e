//! The mutating calls of each action, with the driver's verb and a symbolic target: those that carry
//! it out and those that take it back.

use protector_framework::OperationId;

use super::builder::slug;
use crate::document::{GroupDocument, Instance, Member};
use crate::plan::{Action, Call, Condition, Step};

fn compute(verb: &str, target: impl Into<String>) -> Call {
    Call::new("compute", verb, target)
}

fn storage(verb: &str, target: impl Into<String>) -> Call {
    Call::new("storage", verb, target)
}

fn peer(verb: &str, target: impl Into<String>) -> Call {
    Call::new("peer", verb, target)
}

/// A step with what its calls are named after.
struct Subject<'a> {
    document: &'a GroupDocument,
    step: &'a Step,
    member: Option<&'a Member>,
    /// The member's name within keys.
    name: String,
    /// The name of the group on clouds and arrays.
    group: String,
}

impl<'a> Subject<'a> {
    fn of(document: &'a GroupDocument, step: &'a Step) -> Self {
        let member = step.member.and_then(|id| document.member(id));
        Self {
            document,
            step,
            member,
            name: member.map_or_else(String::new, |m| slug(document, m)),
            group: document.remote_name(),
        }
    }

    /// The member's copy on the step's site, as the document knows it.
    fn copy(&self) -> Option<&'a Instance> {
        self.member?.instance(self.step.site)
    }

    fn server(&self) -> String {
        match self.copy().and_then(|copy| copy.server_id.as_ref()) {
            Some(id) => id.to_string(),
            None => self.booted(),
        }
    }

    fn booted(&self) -> String {
        format!("$boot/{}.server", self.name)
    }

    fn copied(&self, slot: usize) -> String {
        format!("$copy/{}/{slot}", self.name)
    }

    fn adopted(&self, slot: usize) -> String {
        format!("$adopt/{}/{slot}.id", self.name)
    }

    fn slots(&self) -> std::ops::Range<usize> {
        let blueprint = self.member.and_then(|m| m.blueprint.as_ref());
        0..blueprint.map_or(0, |b| b.volumes.len())
    }

    /// The generic volume group that the document knows on the step's site.
    fn volume_group(&self) -> Option<String> {
        let id = self.document.volume_groups.get(&self.step.site)?;
        Some(id.to_string())
    }
}

/// Every mutating call that a step may send. `drifts`: members that were changed since they were
/// captured are moved as they are found.
pub(super) fn calls(document: &GroupDocument, step: &Step, drifts: bool) -> Vec<Call> {
    let of = Subject::of(document, step);
    match &step.action {
        Action::CheckSites { .. }
        | Action::CaptureMember
        | Action::RecaptureMember
        | Action::ChoosePoint
        | Action::CheckTestNetworks
        | Action::ProbeServer { .. }
        | Action::Delay { .. }
        | Action::AwaitExecutor { .. }
        // The document follows them when the operation ends.
        | Action::ForgetMember
        | Action::ForgetGroup
        | Action::ReadBack => Vec::new(),
        Action::EnsureVolumeGroup => vec![compute("ensure_volume_group", &*of.group)],
        Action::FillVolumeGroup => vec![
            compute("ensure_volume_group", &*of.group),
            compute("set_volume_group_volumes", format!("${}.id", step.key)),
        ],
        Action::DeleteVolumeGroup => of.volume_group().map_or_else(Vec::new, |id| {
            vec![
                compute("set_volume_group_volumes", &*id),
                compute("delete_volume_group", id),
            ]
        }),
        Action::EnsureArrayGroup => vec![
            storage("ensure_group", &*of.group),
            storage("set_group_volumes", &*of.group),
        ],
        Action::SuspendArrayGroup | Action::HoldArrayGroup => match document.policy {
            Some(_) => vec![storage("suspend_group", &*of.group)],
            None => Vec::new(),
        },
        Action::DeleteArrayGroup => vec![
            storage("unpin_point", "*").when(Condition::EndedMoveHolds),
            storage("delete_group", &*of.group),
            storage("delete_group", format!("{} (received)", of.group)),
        ],
        Action::SurveySource => vec![peer("put_mirror", &*of.group)],
        Action::StopServer => vec![
            compute("lock_server", of.server()),
            compute("stop_server", of.server()).when(Condition::Runs),
        ],
        Action::Replicate => vec![
            storage("start_replication", &*of.group),
            storage("start_replication", &*of.group).when(Condition::Seeding),
        ],
        Action::PinPoint => {
            vec![storage("pin_point", "$point.name").when(Condition::PointIsUsed)]
        }
        Action::UnpinPoint => vec![
            storage("unpin_point", "$point.name").when(Condition::PointIsUsed),
            storage("unpin_point", "*").when(Condition::EndedMoveHolds),
        ],
        Action::CopyVolume { slot, .. } => {
            vec![storage("materialize_volume", format!("$point/{}/{slot}", of.name))]
        }
        Action::AdoptVolume { slot, .. } => vec![
            compute("ensure_managed_volume", format!("{}.name", of.copied(*slot))),
            compute("set_volume_properties", of.adopted(*slot)),
        ],
        Action::Commit { handover: true } => vec![peer("put_document", &*of.group)],
        Action::Commit { handover: false } => Vec::new(),
        Action::OverwriteVolume { slot } => overwrite(&of, *slot),
        Action::CreatePorts { test } => ports(&of, *test, drifts),
        Action::BootServer { test } => boot(&of, *test),
        Action::ReviveServer => vec![
            peer("put_document", &*of.group).when(Condition::NotAnnounced),
            compute("unpark_server", of.server()).when(Condition::IsShelved),
            compute("start_server", of.server()).when(Condition::IsStopped),
            compute("unlock_server", of.server()),
        ],
        Action::VerifyServer { test } => verify(&of, *test),
        Action::ParkServer { .. } => vec![
            compute("lock_server", of.server()),
            compute("stop_server", of.server()).when(Condition::Runs),
            compute("park_server", of.server()).when(Condition::CanShelve),
        ],
        Action::DeleteServer => match of.copy().and_then(|copy| copy.server_id.as_ref()) {
            Some(_) => vec![
                compute("set_delete_on_termination", of.server()).when(Condition::GoesWithServer),
                compute("delete_server", of.server()),
            ],
            None => Vec::new(),
        },
        Action::UnlockServer => vec![compute("unlock_server", of.server())],
        Action::ReleaseVolumes => release(&of),
        Action::DiscardVolumes => of_copy(&of, |copy| {
            copy.volumes.iter().map(|v| storage("discard_volume", v.array_name.as_str())).collect()
        }),
        Action::DeletePorts => of_copy(&of, |copy| match copy.made {
            true => copy.ports.iter().map(|id| compute("delete_port", id.as_str())).collect(),
            false => Vec::new(),
        }),
        Action::RemoveTestServers => {
            let mut calls = vec![compute("delete_server", of.booted())];
            calls.extend(made_ports(&of));
            calls
        }
        Action::RemoveTestVolumes => of
            .slots()
            .flat_map(|slot| {
                [
                    compute("unmanage_volume", of.adopted(slot)),
                    storage("discard_volume", format!("{}.serial", of.copied(slot))),
                ]
            })
            .collect(),
        Action::TakeBack { operation } => taken_back(*operation),
        Action::Finish => vec![
            peer("put_document", &*of.group).when(Condition::HasAuthority),
            peer("change_group", &*of.group).when(Condition::LacksAuthority),
        ],
    }
}

/// The calls that take a step back.
pub(super) fn undo(document: &GroupDocument, step: &Step) -> Vec<Call> {
    if !step.action.has_undo() {
        return Vec::new();
    }
    let of = Subject::of(document, step);
    match &step.action {
        Action::StopServer => vec![
            compute("start_server", of.server()).when(Condition::Ran),
            compute("unlock_server", of.server()),
        ],
        Action::PinPoint => vec![
            storage("unpin_point", "$point.name").when(Condition::PointIsUsed),
            storage("unpin_point", "*").when(Condition::EndedMoveHolds),
        ],
        Action::CopyVolume { slot, .. } => {
            vec![storage(
                "discard_volume",
                format!("{}.serial", of.copied(*slot)),
            )]
        }
        Action::AdoptVolume { slot, .. } => vec![compute("unmanage_volume", of.adopted(*slot))],
        Action::CreatePorts { .. } => made_ports(&of).into_iter().collect(),
        Action::BootServer { .. } => vec![compute("delete_server", of.booted())],
        _ => Vec::new(),
    }
}

fn of_copy(of: &Subject<'_>, calls: impl Fn(&Instance) -> Vec<Call>) -> Vec<Call> {
    of.copy().map_or_else(Vec::new, calls)
}

fn overwrite(of: &Subject<'_>, slot: usize) -> Vec<Call> {
    let volume = of
        .copy()
        .and_then(|copy| copy.volumes.get(slot))
        .map_or_else(String::new, |volume| volume.array_name.to_string());
    vec![
        compute("park_server", of.server()).when(Condition::IsStopped),
        storage("snapshot_volume", &*volume).when(Condition::Diverged),
        storage("overwrite_volume", volume).when(Condition::PointHoldsMember),
    ]
}

/// A port's natural key is its MAC: the owner's, or the one that a test derives from it.
fn ports(of: &Subject<'_>, test: bool, drifts: bool) -> Vec<Call> {
    if drifts && !test {
        let found = format!("$recapture/{}.ports", of.name);
        return vec![compute("ensure_port", found).when(Condition::HasPorts)];
    }
    let blueprint = of.member.and_then(|m| m.blueprint.as_ref());
    let ports = blueprint.into_iter().flat_map(|b| &b.ports);
    ports
        .map(|port| match test {
            true => compute("ensure_port", format!("$test_mac/{}", port.mac_address)),
            false => compute("ensure_port", &*port.mac_address),
        })
        .collect()
}

/// The ports that a test has made for a member, if it has any.
fn made_ports(of: &Subject<'_>) -> Option<Call> {
    let blueprint = of.member?.blueprint.as_ref()?;
    let made = format!("$ports/{}/*", of.name);
    (!blueprint.ports.is_empty()).then(|| compute("delete_port", made))
}

fn boot(of: &Subject<'_>, test: bool) -> Vec<Call> {
    let mut calls = Vec::new();
    if !test {
        calls.push(peer("put_document", &*of.group).when(Condition::NotAnnounced));
    }
    let server = match test {
        true => format!("{}-test", of.name),
        false => of.name.clone(),
    };
    calls.push(compute("ensure_server", server));
    calls.push(compute("delete_server", of.booted()).when(Condition::BuildFailed));
    calls
}

/// What a new server's owner had set is given back once it runs. A parked one still has it.
fn verify(of: &Subject<'_>, test: bool) -> Vec<Call> {
    if test || of.member.is_some_and(|m| m.has_parked_copy(of.step.site)) {
        return Vec::new();
    }
    of.slots()
        .flat_map(|slot| {
            [
                compute("set_volume_properties", of.adopted(slot)).when(Condition::HasName),
                compute("set_delete_on_termination", of.booted()).when(Condition::GoesWithServer),
            ]
        })
        .collect()
}

fn release(of: &Subject<'_>) -> Vec<Call> {
    of_copy(of, |copy| {
        let group = of.volume_group();
        let leave = group.map(|id| compute("set_volume_group_volumes", id));
        let volumes = copy.volumes.iter();
        let unmanage = volumes.map(|v| compute("unmanage_volume", v.id.as_str()));
        leave.into_iter().chain(unmanage).collect()
    })
}

/// Which of them are sent follows from what the operation had done.
fn taken_back(operation: OperationId) -> Vec<Call> {
    let target = format!("${operation}/*");
    [
        compute("delete_server", &*target),
        compute("delete_port", &*target),
        compute("unmanage_volume", &*target),
        storage("discard_volume", &*target),
        storage("unpin_point", &*target),
        compute("start_server", &*target),
        compute("unlock_server", &*target),
    ]
    .map(|call| call.when(Condition::WasDone))
    .into()
}
