//! The servers of a group.

use protector_db::{GroupRecord, Page};
use protector_framework::{GenericUuid as _, MemberId, ProjectId};
use protector_model::{
    Actor, GroupChange, GroupDocument, Operation, OperationKind, OperationOptions,
};
use serde_json::json;

use crate::change;
use crate::check::Faults;
use crate::control::Control;
use crate::eligibility::{read_again, read_eligible};
use crate::groups::known;
use crate::operations::{self, Start};
use crate::refusal::{Refusal, Result};
use crate::services::{MemberChange, MemberStarted, MemberView, NewMember};
use crate::tenants::within_quota;
use crate::{holder, paging, view};

/// The tier of members that were given none.
const TIER: u8 = 3;

/// One page of the members.
pub(crate) async fn page(
    control: &Control,
    project: &ProjectId,
    group: &str,
    page: &Page,
) -> Result<Vec<MemberView>> {
    let document = control.group(project, group).await?.document;
    let members = paging::members(&document.members, page)?;
    Ok(members
        .into_iter()
        .map(|member| view::member(&document, member))
        .collect())
}

/// One member.
pub(crate) async fn get(
    control: &Control,
    project: &ProjectId,
    group: &str,
    member: MemberId,
) -> Result<MemberView> {
    shown(&control.group(project, group).await?.document, member)
}

fn shown(document: &GroupDocument, id: MemberId) -> Result<MemberView> {
    let member = document.member(id);
    let member = member.ok_or_else(|| Refusal::not_found(format_args!("member {id}")))?;
    Ok(view::member(document, member))
}

/// Checks a server, puts it into the document and starts the operation that captures it.
pub(crate) async fn add(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    group: &str,
    new: NewMember,
    key: Option<&str>,
) -> Result<MemberStarted> {
    let mut faults = Faults::default();
    faults.tier(new.boot_tier);
    if new.server_id.as_str().is_empty() {
        faults.add("server_id", "must not be empty");
    }
    faults.done()?;
    let record = control.group(project, group).await?;
    let asked = json!({
        "add_member":
            [record.document.id, new.server_id, new.boot_tier, new.boot_delay, new.probe],
    });
    let key = control.request_key(project, key, &asked);
    if let Some(operation) = operations::asked_before(control, key.as_ref()).await? {
        return started(control, operation).await;
    }
    change::settled(&record)?;
    let record = holder::free(control, &record).await?;
    let limit = control.db.quotas(project).await?.members_per_group;
    let used = record.document.members.len() as u64;
    within_quota(used, limit, "members in a protection group")?;
    operations::quota(control, project).await?;
    let id = MemberId::from_untyped_uuid(control.uuid());
    let options = OperationOptions {
        member: Some(id),
        ..OperationOptions::default()
    };
    operations::checked(&record, OperationKind::AddMember, options.clone())?;
    let blueprint = read_eligible(control, actor, &record.document, &new.server_id).await?;
    let joins = GroupChange::AddMember {
        member: id,
        name: blueprint.name,
        server_id: new.server_id.clone(),
        boot_tier: new.boot_tier.unwrap_or(TIER),
        boot_delay: new.boot_delay.unwrap_or(0),
        probe: new.probe.clone(),
    };
    let joined = change::change(control, actor, &record, joins, Default::default()).await?;
    control
        .audit(
            "member.create",
            id,
            actor,
            json!({ "group_id": joined.document.id, "server_id": new.server_id }),
        )
        .await?;
    let start = Start {
        kind: OperationKind::AddMember,
        options,
        key,
        whole_site: false,
    };
    match operations::start(control, actor, &joined, start).await {
        Ok(operation) => started(control, operation).await,
        Err(error) => {
            let leaves = GroupChange::ForgetMember { member: id };
            let gone = change::change(control, actor, &joined, leaves, Default::default()).await;
            if let Err(error) = gone {
                tracing::warn!(member = %id, %error, "a member that was not added stays listed");
            }
            Err(error)
        }
    }
}

async fn started(control: &Control, operation: Operation) -> Result<MemberStarted> {
    let document = known(control, operation.group_id).await?.document;
    let member = operation.options.member;
    let member = member.ok_or_else(|| Refusal::internal("the operation is about no member"))?;
    Ok(MemberStarted {
        member: shown(&document, member)?,
        operation,
    })
}

/// Changes a member's place in the boot order, or its probe.
pub(crate) async fn update(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    group: &str,
    member: MemberId,
    wanted: MemberChange,
) -> Result<MemberView> {
    let mut faults = Faults::default();
    faults.tier(wanted.boot_tier);
    faults.done()?;
    let record = control.group(project, group).await?;
    let before = shown(&record.document, member)?;
    if wanted == MemberChange::default() {
        return Ok(before);
    }
    let set = GroupChange::SetBoot {
        member,
        boot_tier: wanted.boot_tier,
        boot_delay: wanted.boot_delay,
        probe: wanted.probe.clone(),
    };
    let changed = change::change(control, actor, &record, set, Default::default()).await?;
    control
        .audit(
            "member.update",
            member,
            actor,
            json!({
                "boot_tier": wanted.boot_tier,
                "boot_delay": wanted.boot_delay,
                "probe": wanted.probe,
            }),
        )
        .await?;
    shown(&changed.document, member)
}

/// Reads a member's server again, so that what is brought up elsewhere is what it is now.
pub(crate) async fn refresh(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    group: &str,
    member: MemberId,
) -> Result<MemberView> {
    let record = control.group(project, group).await?;
    match refreshed(control, actor, &record, member).await {
        Err(refusal) => match holder::news(control, &record, &refusal).await? {
            Some(newer) => refreshed(control, actor, &newer, member).await,
            None => Err(refusal),
        },
        done => done,
    }
}

/// The same by what this site knows of the group.
async fn refreshed(
    control: &Control,
    actor: &Actor,
    record: &GroupRecord,
    member: MemberId,
) -> Result<MemberView> {
    let document = &record.document;
    shown(document, member)?;
    change::settled(record)?;
    let copy = document
        .member(member)
        .and_then(|member| member.instance(document.current_primary_site_id));
    let server = copy.and_then(|copy| copy.server_id.as_ref());
    let server = server.ok_or_else(|| {
        Refusal::conflict(
            "protector.wrong_state",
            format!("member {member} has no server on the site that the group runs on"),
        )
    })?;
    let blueprint = Box::new(read_again(control, actor, document, server).await?);
    let refreshed = GroupChange::Refresh { member, blueprint };
    let changed = change::change(control, actor, record, refreshed, Default::default()).await?;
    control
        .audit(
            "member.refresh",
            member,
            actor,
            json!({ "server_id": server }),
        )
        .await?;
    shown(&changed.document, member)
}

/// Starts the operation that takes a member out.
pub(crate) async fn remove(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    group: &str,
    member: MemberId,
    key: Option<&str>,
) -> Result<Operation> {
    let record = control.group(project, group).await?;
    let asked = json!({ "remove_member": [record.document.id, member] });
    let key = control.request_key(project, key, &asked);
    if let Some(operation) = operations::asked_before(control, key.as_ref()).await? {
        return Ok(operation);
    }
    shown(&record.document, member)?;
    change::settled(&record)?;
    let record = holder::free(control, &record).await?;
    operations::quota(control, project).await?;
    let options = OperationOptions {
        member: Some(member),
        ..OperationOptions::default()
    };
    operations::checked(&record, OperationKind::RemoveMember, options.clone())?;
    let leaving = GroupChange::StartRemoving { member };
    let changed = change::change(control, actor, &record, leaving, Default::default()).await?;
    control
        .audit(
            "member.delete",
            member,
            actor,
            json!({ "group_id": changed.document.id }),
        )
        .await?;
    let start = Start {
        kind: OperationKind::RemoveMember,
        options,
        key,
        whole_site: false,
    };
    match operations::start(control, actor, &changed, start).await {
        Ok(operation) => Ok(operation),
        Err(refusal) => {
            // Left as `removing`, the next replication would leave its volumes out.
            let stays = GroupChange::KeepMember { member };
            if let Err(error) =
                change::change(control, actor, &changed, stays, Default::default()).await
            {
                tracing::warn!(%member, %error, "the member still reads `removing`");
            }
            Err(refusal)
        }
    }
}
