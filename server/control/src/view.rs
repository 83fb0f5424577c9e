//! Groups and members as they are shown.

use protector_db::GroupRecord;
use protector_framework::{ResourceKind, SiteId};
use protector_model::status::shown_status;
use protector_model::{GroupDocument, GroupStatus, Member};

use crate::control::Control;
use crate::refusal::Result;
use crate::services::{GroupView, MemberView};

/// A group with what runs on it.
pub(crate) async fn group(control: &Control, record: GroupRecord) -> Result<GroupView> {
    let running = match record.active_operation {
        Some(id) => control.db.get_operation(id).await?.map(|o| o.kind),
        None => None,
    };
    let own = if record.conflict_with.is_some() {
        GroupStatus::Conflict
    } else {
        record.document.status
    };
    let readiness = control.db.readiness(record.document.id).await?;
    let local = control.db.local_site().await?;
    let project = local.and_then(|site| record.document.projects.get(&site.id).cloned());
    Ok(GroupView {
        project_id: project.unwrap_or_else(|| "".into()),
        status: shown_status(own, running, record.test_operation.is_some()),
        active_operation: record.active_operation,
        test_operation: record.test_operation,
        last_replication_at: record.last_replication_at,
        readiness: readiness.map(|readiness| readiness.kept()),
        sync_pending: record.peer.pending || record.staged.is_some(),
        synced_at: record.peer.last_success_at,
        document: record.document,
    })
}

/// A member with its servers.
pub(crate) fn member(document: &GroupDocument, member: &Member) -> MemberView {
    let server = |site: SiteId| {
        member
            .instance(site)
            .and_then(|copy| copy.server_id.clone())
    };
    MemberView {
        member: member.clone(),
        group_id: document.id,
        primary_server_id: server(document.primary_site_id),
        secondary_server_id: server(document.secondary_site_id),
        not_carried_over: not_carried_over(document, member),
    }
}

/// What of a member's blueprint the other site has nothing for. Its servers start without it.
fn not_carried_over(document: &GroupDocument, member: &Member) -> Vec<(String, String)> {
    let Some(blueprint) = &member.blueprint else {
        return Vec::new();
    };
    let from = member.blueprint_site;
    let to = document.other_site(from);
    let unmapped = |kind, name: &Option<String>| {
        name.clone().filter(|name| {
            document
                .mapped(kind, &name.as_str().into(), from, to)
                .is_none()
        })
    };
    let mut lost = Vec::new();
    let mut lose = |field: &str, why: String| lost.push((field.to_owned(), why));
    if let Some(group) = &blueprint.server_group {
        lose(
            "server_group",
            format!(
                "{group} is of this cloud alone: the copy is in no server group, and nothing keeps \
                 it apart from others, or together with them"
            ),
        );
    }
    if let Some(name) = unmapped(ResourceKind::Keypair, &blueprint.keypair) {
        let why = format!("`{name}` is not in the resource mappings: no key is injected");
        lose("keypair", why);
    }
    if let Some(name) = unmapped(ResourceKind::AvailabilityZone, &blueprint.availability_zone) {
        let why = format!("`{name}` is not in the resource mappings: the cloud chooses one");
        lose("availability_zone", why);
    }
    for port in &blueprint.ports {
        if let Some(address) = &port.floating_ip {
            lose(
                "floating_ip",
                format!("{address} of port {} belongs to its site", port.id),
            );
        }
    }
    lost
}
