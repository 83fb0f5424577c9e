//! A change of a group's document: made at the site that has authority, whichever took the call,
//! and on both sites or on neither.

use std::collections::BTreeMap;

use protector_db::GroupRecord;
use protector_framework::{GroupId, SecretString};
use protector_model::drift::refreshed;
use protector_model::{Actor, GroupChange, GroupDocument};
use protector_peer::{
    ChangeReply, ForwardedChange, PeerError, ProposeError, open_secrets, seal_secrets,
};

use crate::control::Control;
use crate::holder;
use crate::refusal::{Refusal, Result};

/// Changes a group and returns it as this site then holds it.
pub(crate) async fn change(
    control: &Control,
    actor: &Actor,
    record: &GroupRecord,
    change: GroupChange,
    secrets: BTreeMap<String, SecretString>,
) -> Result<GroupRecord> {
    match by(control, actor, record, &change, &secrets).await {
        Err(refusal) => match holder::news(control, record, &refusal).await? {
            Some(newer) => by(control, actor, &newer, &change, &secrets).await,
            None => Err(refusal),
        },
        changed => changed,
    }
}

/// Changes a group by what this site knows of it.
async fn by(
    control: &Control,
    actor: &Actor,
    record: &GroupRecord,
    change: &GroupChange,
    secrets: &BTreeMap<String, SecretString>,
) -> Result<GroupRecord> {
    let local = control.local().await?;
    settled(record)?;
    if record.document.current_primary_site_id == local.id {
        here(control, record, change, secrets).await
    } else {
        there(control, actor, record, change.clone(), secrets).await
    }
}

/// Refuses where the group is gone or both sites claim it.
pub(crate) fn settled(record: &GroupRecord) -> Result<()> {
    if record.document.deleted {
        return Err(Refusal::not_found(format_args!(
            "protection group {}",
            record.document.id
        )));
    }
    if record.conflict_with.is_some() {
        return Err(Refusal::conflict(
            "protector.conflict",
            "both sites claim the protection group; nothing is done until `sync-force` names a \
             winner",
        ));
    }
    Ok(())
}

/// This site has authority.
async fn here(
    control: &Control,
    record: &GroupRecord,
    change: &GroupChange,
    secrets: &BTreeMap<String, SecretString>,
) -> Result<GroupRecord> {
    if matches!(change, GroupChange::ReportCopies { .. }) {
        // What the other site has done with its copies is true whatever runs, and asks for nobody's
        // consent: a site that goes away again must not hold up what runs here.
        let next = change.apply(&record.document, control.now())?;
        let bytes = next.to_bytes().map_err(ProposeError::from)?;
        let base = record.head.base();
        return Ok(control.db.write_local(&base, &bytes, None, false).await?);
    }
    let record = &holder::free(control, record).await?;
    let next = change.apply(&record.document, control.now())?;
    let document = &record.document;
    let local = document.current_primary_site_id;
    let link = control.link(local, document.other_site(local)).await?;
    Ok(link.propose(Some(record), &next, secrets).await?)
}

/// The other site has authority.
async fn there(
    control: &Control,
    actor: &Actor,
    record: &GroupRecord,
    change: GroupChange,
    secrets: &BTreeMap<String, SecretString>,
) -> Result<GroupRecord> {
    let group = record.document.id;
    let remote = control
        .remote(record.document.current_primary_site_id)
        .await?;
    // Asked first, so that a site that is away is refused before anything is sent.
    let identity = remote.identity().await.map_err(not_sent)?;
    let forwarded = ForwardedChange {
        secrets: seal_secrets(secrets, &identity.public_key, &*control.ids)?,
        change,
        actor: actor.clone(),
    };
    let replied = remote.change_group(group, &forwarded).await;
    let after = control.db.get_group(group).await?;
    let after =
        after.ok_or_else(|| Refusal::not_found(format_args!("protection group {group}")))?;
    match replied {
        Ok(_) => Ok(after),
        // The answer was lost; the document that came here in between tells what became of it.
        Err(PeerError::Unreachable(_)) if holds(&forwarded.change, &after.document) => Ok(after),
        Err(PeerError::Unreachable(why)) => Err(Refusal::peer_unreachable(format!(
            "remote site unreachable: {why}; whether the change was made is not known yet, see \
             sync-status"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// A peer that did not even answer the probe.
pub(crate) fn not_sent(error: PeerError) -> Refusal {
    ProposeError::PeerUnreachable(error).into()
}

/// Whether a document shows the effect of a change.
fn holds(change: &GroupChange, document: &GroupDocument) -> bool {
    match change {
        GroupChange::Update {
            name,
            description,
            secondary_volume_type_id,
        } => {
            let kept = document.volume_types.get(&document.secondary_site_id);
            name.as_ref().is_none_or(|name| *name == document.name)
                && description
                    .as_ref()
                    .is_none_or(|text| *text == document.description)
                && (secondary_volume_type_id.is_none() || secondary_volume_type_id.as_ref() == kept)
        }
        GroupChange::AddMember { member, .. } => document.member(*member).is_some(),
        GroupChange::SetBoot {
            member,
            boot_tier,
            boot_delay,
            probe,
        } => document.member(*member).is_some_and(|found| {
            boot_tier.is_none_or(|tier| tier == found.boot_tier)
                && boot_delay.is_none_or(|delay| delay == found.boot_delay)
                && probe.as_ref().is_none_or(|probe| *probe == found.probe)
        }),
        GroupChange::Refresh { member, blueprint } => {
            document.member(*member).is_some_and(|found| {
                let here = found.instance(document.current_primary_site_id);
                found
                    .blueprint
                    .as_ref()
                    .zip(here)
                    .is_some_and(|(known, here)| {
                        refreshed(known, here, (**blueprint).clone()).is_ok_and(|now| now == *known)
                    })
            })
        }
        GroupChange::StartRemoving { member } => document
            .member(*member)
            .is_some_and(|found| found.status == protector_model::MemberStatus::Removing),
        GroupChange::KeepMember { member } => document
            .member(*member)
            .is_some_and(|found| found.status != protector_model::MemberStatus::Removing),
        GroupChange::ForgetMember { member } => document.member(*member).is_none(),
        GroupChange::SetPolicy { policy } => document.policy.as_ref() == Some(&**policy),
        GroupChange::RemovePolicy => document.policy.is_none(),
        GroupChange::SetMappings { mappings } => document.mappings == *mappings,
        GroupChange::ReportCopies { .. } => false,
    }
}

/// Makes a change that the other site has sent because this one has authority.
pub(crate) async fn receive(
    control: &Control,
    group: GroupId,
    forwarded: &ForwardedChange,
) -> Result<ChangeReply> {
    let local = control.local().await?;
    let record = control.db.get_group(group).await?;
    let record =
        record.ok_or_else(|| Refusal::not_found(format_args!("protection group {group}")))?;
    settled(&record)?;
    if record.document.current_primary_site_id != local.id {
        return Err(Refusal::conflict(
            "protector.not_primary",
            format!("the protection group does not run on site `{}`", local.name),
        ));
    }
    let deployment = control.db.deployment().await?;
    let secrets = open_secrets(&forwarded.secrets, &deployment)?;
    let changed = here(control, &record, &forwarded.change, &secrets).await?;
    Ok(ChangeReply { head: changed.head })
}
