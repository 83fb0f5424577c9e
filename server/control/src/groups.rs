//! Protection groups.

use protector_db::GroupRecord;
use protector_framework::{EpochId, GenericUuid as _, GroupId, ProjectId};
use protector_model::epoch::Epoch;
use protector_model::{
    Actor, GroupChange, GroupDocument, GroupStatus, Operation, OperationKind, OperationOptions,
    Site, SiteStatus,
};
use protector_peer::{ChangeReply, ForwardedGroup, PeerError};
use serde_json::json;

use crate::change::{self, not_sent};
use crate::check::Faults;
use crate::control::Control;
use crate::operations::{self, Start};
use crate::refusal::{Refusal, Result};
use crate::services::{GroupStarted, GroupUpdate, GroupView, NewGroup};
use crate::tenants::within_quota;
use crate::{view, volume_types};

/// Makes a group on both sites and starts the operation that makes its volume groups.
pub(crate) async fn create(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    new: NewGroup,
    key: Option<&str>,
) -> Result<GroupStarted> {
    let asked = json!({
        "create_group": [new.name, new.description, new.primary_site, new.secondary_site,
            new.replication_type, new.volume_type_id, new.secondary_volume_type_id],
    });
    let key = control.request_key(project, key, &asked);
    if let Some(operation) = operations::asked_before(control, key.as_ref()).await? {
        let record = known(control, operation.group_id).await?;
        return started(control, record, operation).await;
    }
    let local = control.local().await?;
    let record = match broken_off(control, project, &new).await? {
        Some(record) => record,
        None => {
            let limit = control.db.quotas(project).await?.protection_groups;
            let used = control.db.count_groups(project).await?;
            within_quota(used, limit, "protection groups")?;
            operations::quota(control, project).await?;
            let document = first_document(control, actor, &local, project, &new).await?;
            let made = publish(control, actor, &local, document).await?;
            control
                .audit(
                    "protection_group.create",
                    made.document.id,
                    actor,
                    json!({ "name": made.document.name }),
                )
                .await?;
            made
        }
    };
    let start = Start {
        kind: OperationKind::Create,
        options: OperationOptions::default(),
        key,
        whole_site: false,
    };
    let operation = operations::start(control, actor, &record, start).await?;
    let record = known(control, record.document.id).await?;
    started(control, record, operation).await
}

/// The same group again whose creation broke off between its document and its operation.
async fn broken_off(
    control: &Control,
    project: &ProjectId,
    new: &NewGroup,
) -> Result<Option<GroupRecord>> {
    let Some(record) = control.db.find_group(project, &new.name).await? else {
        return Ok(None);
    };
    let document = &record.document;
    let primary = control.site(&new.primary_site).await?;
    let secondary = control.site(&new.secondary_site).await?;
    let same = document.name == new.name
        && document.status == GroupStatus::Creating
        && record.active_operation.is_none()
        && document.primary_site_id == primary.id
        && document.secondary_site_id == secondary.id
        && document.replication_type == new.replication_type;
    if same {
        return Ok(Some(record));
    }
    Err(Refusal::conflict(
        "protector.duplicate",
        format!("protection group `{}` exists already", new.name),
    ))
}

async fn started(
    control: &Control,
    record: GroupRecord,
    operation: Operation,
) -> Result<GroupStarted> {
    Ok(GroupStarted {
        group: view::group(control, record).await?,
        operation,
    })
}

/// Checks a new group and builds its first document.
async fn first_document(
    control: &Control,
    actor: &Actor,
    local: &Site,
    project: &ProjectId,
    new: &NewGroup,
) -> Result<GroupDocument> {
    let mut faults = Faults::default();
    faults.name("name", &new.name);
    faults.text("description", &new.description);
    let primary = control.db.find_site(&new.primary_site).await?;
    let secondary = control.db.find_site(&new.secondary_site).await?;
    if primary.is_none() {
        faults.add("primary_site_id", "there is no such site");
    }
    if secondary.is_none() {
        faults.add("secondary_site_id", "there is no such site");
    }
    let (Some(primary), Some(secondary)) = (primary, secondary) else {
        faults.done()?;
        return Err(Refusal::not_found("the site"));
    };
    if primary.id == secondary.id {
        faults.add("secondary_site_id", "is the same site as the primary one");
    } else if ![primary.id, secondary.id].contains(&local.id) {
        faults.add(
            "primary_site_id",
            format!("one of both sites must be this one, `{}`", local.name),
        );
    }
    faults.done()?;
    active(&primary)?;
    active(&secondary)?;
    let other = if primary.id == local.id {
        &secondary
    } else {
        &primary
    };
    let theirs = mapped_project(control, local, project, other).await?;
    let projects = [(local.id, project.clone()), (other.id, theirs)].into();
    let of = |site: &Site, projects: &std::collections::BTreeMap<_, ProjectId>| {
        projects.get(&site.id).cloned().unwrap_or(project.clone())
    };
    let mode = new.replication_type;
    let (here, there) = futures::future::join(
        volume_types::list(control, actor, &primary, &of(&primary, &projects)),
        volume_types::list(control, actor, &secondary, &of(&secondary, &projects)),
    )
    .await;
    let asked = Some(&new.volume_type_id);
    let first = volume_types::choose(&here?, &primary, mode, asked, "volume_type_id")?;
    let asked = new.secondary_volume_type_id.as_ref();
    let second =
        volume_types::choose(&there?, &secondary, mode, asked, "secondary_volume_type_id")?;
    Ok(GroupDocument {
        id: GroupId::from_untyped_uuid(control.uuid()),
        epoch: Epoch::first(EpochId::from_untyped_uuid(control.uuid()), primary.id),
        version: 1,
        name: new.name.clone(),
        description: new.description.clone(),
        projects,
        primary_site_id: primary.id,
        secondary_site_id: secondary.id,
        current_primary_site_id: primary.id,
        replication_type: mode,
        volume_types: [(primary.id, first), (secondary.id, second)].into(),
        volume_groups: Default::default(),
        status: GroupStatus::Creating,
        status_reason: None,
        failover_count: 0,
        members: Vec::new(),
        policy: None,
        mappings: Vec::new(),
        deleted: false,
        given_up: None,
        created_at: control.now(),
        updated_at: control.now(),
        unknown: Default::default(),
    })
}

fn active(site: &Site) -> Result<()> {
    if site.status == SiteStatus::Active {
        return Ok(());
    }
    let reason = site.status_reason.as_deref().unwrap_or("not validated yet");
    Err(Refusal::conflict(
        "protector.site_not_active",
        format!(
            "site `{}` is `{}` ({reason}); a protection group needs both sites active",
            site.name, site.status
        ),
    ))
}

/// The project of the other site that belongs to a project of this one.
async fn mapped_project(
    control: &Control,
    local: &Site,
    project: &ProjectId,
    other: &Site,
) -> Result<ProjectId> {
    let mapping = control
        .db
        .tenant_mapping_for(local.id, project, other.id)
        .await?;
    let theirs = mapping.and_then(|mapping| mapping.project_on(other.id).cloned());
    theirs.ok_or_else(|| {
        Refusal::conflict(
            "protector.no_tenant_mapping",
            format!(
                "project {project} is not mapped to a project of site `{}`; an administrator has \
                 to create a tenant mapping",
                other.name
            ),
        )
    })
}

/// Puts the first document on both sites, by way of the group's primary.
async fn publish(
    control: &Control,
    actor: &Actor,
    local: &Site,
    document: GroupDocument,
) -> Result<GroupRecord> {
    let primary = document.primary_site_id;
    if primary == local.id {
        let link = control
            .link(local.id, document.other_site(local.id))
            .await?;
        return Ok(link.propose(None, &document, &Default::default()).await?);
    }
    let id = document.id;
    let remote = control.remote(primary).await?;
    remote.identity().await.map_err(not_sent)?;
    let forwarded = ForwardedGroup {
        document,
        actor: actor.clone(),
    };
    let replied = remote.create_group(&forwarded).await;
    let here = control.db.get_group(id).await?;
    match (replied, here) {
        // Also where only the answer was lost: the document came here before it.
        (Ok(_) | Err(PeerError::Unreachable(_)), Some(record)) => Ok(record),
        (Err(PeerError::Unreachable(why)), None) => Err(Refusal::peer_unreachable(format!(
            "remote site unreachable: {why}; the protection group may still appear"
        ))),
        (Err(error), _) => Err(error.into()),
        (Ok(_), None) => Err(Refusal::internal(
            "the other site made the protection group and it has not come here",
        )),
    }
}

/// Makes a group that the other site has sent because this one is its primary.
pub(crate) async fn receive(control: &Control, forwarded: &ForwardedGroup) -> Result<ChangeReply> {
    let local = control.local().await?;
    let document = &forwarded.document;
    if document.primary_site_id != local.id {
        return Err(Refusal::conflict(
            "protector.not_primary",
            format!("site `{}` is not the primary of the group", local.name),
        ));
    }
    if let Some(known) = control.db.get_group(document.id).await? {
        return Ok(ChangeReply { head: known.head });
    }
    let other = document.other_site(local.id);
    control.site_of(other).await?;
    let link = control.link(local.id, other).await?;
    let made = link.propose(None, document, &Default::default()).await?;
    Ok(ChangeReply { head: made.head })
}

/// Changes name, description or the volume type on the secondary site.
pub(crate) async fn update(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    group: &str,
    update: GroupUpdate,
) -> Result<GroupView> {
    let mut faults = Faults::default();
    if let Some(name) = &update.name {
        faults.name("name", name);
    }
    if let Some(description) = &update.description {
        faults.text("description", description);
    }
    faults.done()?;
    let record = control.group(project, group).await?;
    let document = &record.document;
    let mut secondary_volume_type_id = None;
    if let Some(asked) = &update.secondary_volume_type_id {
        let site = control.site_of(document.secondary_site_id).await?;
        let theirs = document.projects.get(&site.id).unwrap_or(project);
        let types = volume_types::list(control, actor, &site, theirs).await?;
        secondary_volume_type_id = Some(volume_types::choose(
            &types,
            &site,
            document.replication_type,
            Some(asked),
            "secondary_volume_type_id",
        )?);
    }
    let detail = json!({
        "name": update.name,
        "description": update.description,
        "secondary_volume_type_id": secondary_volume_type_id,
    });
    let wanted = GroupChange::Update {
        name: update.name,
        description: update.description,
        secondary_volume_type_id,
    };
    let changed = change::change(control, actor, &record, wanted, Default::default()).await?;
    control
        .audit(
            "protection_group.update",
            changed.document.id,
            actor,
            detail,
        )
        .await?;
    view::group(control, changed).await
}

/// Starts the operation that removes a group.
pub(crate) async fn delete(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    group: &str,
    key: Option<&str>,
) -> Result<Operation> {
    let record = control.group(project, group).await?;
    let asked = json!({ "delete_group": record.document.id });
    let start = Start {
        kind: OperationKind::Delete,
        options: OperationOptions::default(),
        key: control.request_key(project, key, &asked),
        whole_site: false,
    };
    operations::start(control, actor, &record, start).await
}

/// A group that must be there.
pub(crate) async fn known(control: &Control, id: GroupId) -> Result<GroupRecord> {
    let record = control.db.get_group(id).await?;
    record.ok_or_else(|| Refusal::not_found(format_args!("protection group {id}")))
}
