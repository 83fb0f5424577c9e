//! The mutating calls of each action, with the driver's verb and a symbolic target.

use protector_framework::OperationId;

use crate::document::{GroupDocument, Member};
use crate::plan::{Action, Call, Step};

fn call(service: &str, verb: &str, target: impl Into<String>) -> Call {
    Call {
        service: service.to_owned(),
        verb: verb.to_owned(),
        target: target.into(),
    }
}

/// Every mutating call that a step may send.
pub(super) fn calls(document: &GroupDocument, step: &Step) -> Vec<Call> {
    let group = document.remote_name();
    let member = step.member.and_then(|id| document.member(id));
    let name = step
        .key
        .rsplit_once('/')
        .map_or("", |_| step.key.split('/').nth(1).unwrap_or_default());
    let server = || match member
        .and_then(|m| m.instance(step.site))
        .and_then(|i| i.server_id.as_ref())
    {
        Some(id) => id.to_string(),
        None => format!("$boot/{name}.server"),
    };
    match &step.action {
        Action::CheckSites { .. }
        | Action::CaptureMember
        | Action::RecaptureMember
        | Action::ChoosePoint
        | Action::VerifyServer { .. }
        | Action::Delay { .. }
        | Action::AwaitExecutor { .. }
        | Action::ReadBack => Vec::new(),
        Action::EnsureVolumeGroup => vec![call("compute", "ensure_volume_group", group)],
        Action::FillVolumeGroup => vec![
            call("compute", "ensure_volume_group", group.clone()),
            call("compute", "set_volume_group_volumes", group),
        ],
        Action::DeleteVolumeGroup => vec![
            call("compute", "set_volume_group_volumes", group.clone()),
            call("compute", "delete_volume_group", group),
        ],
        Action::EnsureArrayGroup => vec![
            call("storage", "ensure_group", group.clone()),
            call("storage", "set_group_volumes", group),
        ],
        Action::SuspendArrayGroup => vec![call("storage", "suspend_group", group)],
        Action::DeleteArrayGroup => vec![call("storage", "delete_group", group)],
        Action::SurveySource => vec![call("peer", "put_mirror", group)],
        Action::StopServer => vec![
            call("compute", "stop_server", server()),
            call("compute", "lock_server", server()),
        ],
        Action::Replicate => vec![call("storage", "start_replication", group)],
        Action::PinPoint => vec![call("storage", "pin_point", "$point.name")],
        Action::UnpinPoint => vec![call("storage", "unpin_point", "$point.name")],
        Action::CopyVolume { slot, .. } => {
            vec![call(
                "storage",
                "materialize_volume",
                format!("$point/{name}/{slot}"),
            )]
        }
        Action::AdoptVolume { slot, .. } => vec![
            call(
                "compute",
                "ensure_managed_volume",
                format!("$copy/{name}/{slot}.name"),
            ),
            call(
                "compute",
                "set_volume_properties",
                format!("$adopt/{name}/{slot}.id"),
            ),
        ],
        Action::Commit { handover: true } => vec![call("peer", "put_document", group)],
        Action::Commit { handover: false } => Vec::new(),
        Action::OverwriteVolume { slot } => {
            let volume = member
                .and_then(|m| m.instance(step.site))
                .and_then(|i| i.volumes.get(*slot))
                .map_or_else(String::new, |v| v.array_name.to_string());
            vec![
                call("storage", "snapshot_volume", volume.clone()),
                call("storage", "overwrite_volume", volume),
            ]
        }
        Action::CreatePorts { .. } => ports(member)
            .map(|mac| call("compute", "ensure_port", mac))
            .collect(),
        Action::BootServer { .. } => vec![call("compute", "ensure_server", name)],
        Action::ReviveServer => vec![
            call("compute", "unpark_server", server()),
            call("compute", "unlock_server", server()),
        ],
        Action::ParkServer { .. } => vec![
            call("compute", "stop_server", server()),
            call("compute", "lock_server", server()),
            call("compute", "park_server", server()),
        ],
        Action::DeleteServer => vec![
            call("compute", "set_delete_on_termination", server()),
            call("compute", "delete_server", server()),
        ],
        Action::ReleaseVolumes => vec![
            call("compute", "set_volume_group_volumes", group),
            call("compute", "unmanage_volume", format!("{name}/*")),
        ],
        Action::DiscardVolumes => vec![call("storage", "discard_volume", format!("{name}/*"))],
        Action::DeletePorts => vec![call("compute", "delete_port", format!("{name}/*"))],
        Action::RemoveTestServers => vec![
            call("compute", "delete_server", format!("$boot/{name}.server")),
            call("compute", "delete_port", format!("$ports/{name}/*")),
        ],
        Action::RemoveTestVolumes => vec![
            call("compute", "unmanage_volume", format!("$adopt/{name}/*")),
            call("storage", "discard_volume", format!("$copy/{name}/*")),
        ],
        Action::TakeBack { operation } => taken_back(*operation),
        Action::ForgetMember | Action::ForgetGroup | Action::Finish => {
            vec![call("peer", "put_document", group)]
        }
    }
}

fn ports(member: Option<&Member>) -> impl Iterator<Item = String> + '_ {
    member
        .and_then(|m| m.blueprint.as_ref())
        .into_iter()
        .flat_map(|b| b.ports.iter().map(|p| p.mac_address.clone()))
}

/// Which of them are sent follows from what the operation had done.
fn taken_back(operation: OperationId) -> Vec<Call> {
    [
        ("compute", "delete_server"),
        ("compute", "delete_port"),
        ("compute", "unmanage_volume"),
        ("storage", "discard_volume"),
        ("storage", "unpin_point"),
        ("compute", "start_server"),
        ("compute", "unlock_server"),
    ]
    .map(|(service, verb)| call(service, verb, format!("${operation}/*")))
    .into()
}
