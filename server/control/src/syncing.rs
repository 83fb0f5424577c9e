//! The two copies of a group's document, and a person's word about them.

use protector_db::GroupRecord;
use protector_framework::ProjectId;
use protector_model::{Actor, Head, Site};
use serde_json::json;

use crate::control::Control;
use crate::groups::known;
use crate::refusal::Result;
use crate::services::{SiteSync, SyncReport};

/// Compares both copies now.
pub(crate) async fn status(
    control: &Control,
    project: &ProjectId,
    group: &str,
) -> Result<SyncReport> {
    let record = control.group(project, group).await?;
    report(control, record).await
}

async fn report(control: &Control, record: GroupRecord) -> Result<SyncReport> {
    let local = control.local().await?;
    let other = control
        .site_of(record.document.other_site(local.id))
        .await?;
    let link = control.link(local.id, other.id).await?;
    let status = link.sync_status(record.document.id).await?;
    // Asking may have told something; what is shown is what is stored now.
    let record = known(control, record.document.id).await?;
    let mine = SiteSync {
        pending: record.peer.pending || record.staged.is_some(),
        last_success_at: record.peer.last_success_at,
        last_error: status.error.clone().or(record.peer.last_error),
        ..copy(&local, Some(&status.mine))
    };
    Ok(SyncReport {
        state: status.state,
        sites: vec![mine, copy(&other, status.theirs.as_ref())],
    })
}

fn copy(site: &Site, head: Option<&Head>) -> SiteSync {
    SiteSync {
        site_id: site.id,
        site_name: site.name.clone(),
        epoch_id: head.map(|head| head.epoch.id),
        epoch_number: head.map(|head| head.epoch.number()),
        version: head.map(|head| head.version),
        hash: head.map(|head| head.hash.clone()),
        pending: false,
        last_success_at: None,
        last_error: None,
    }
}

/// Brings both copies together.
pub(crate) async fn force(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    group: &str,
    winner: Option<&str>,
    peer_lost: bool,
) -> Result<SyncReport> {
    let record = control.group(project, group).await?;
    let id = record.document.id;
    let local = control.local().await?;
    let winner = match winner {
        Some(winner) => Some(control.site(winner).await?.id),
        None => None,
    };
    let other = record.document.other_site(local.id);
    let link = control.link(local.id, other).await?;
    let forced = link.sync_force(id, winner, peer_lost).await;
    control
        .audit(
            "protection_group.sync_force",
            id,
            actor,
            json!({
                "winner": winner,
                "peer_lost": peer_lost,
                "before": record.head,
                "after": forced.as_ref().ok().map(|record| &record.head),
                "refused": forced.as_ref().err().map(ToString::to_string),
            }),
        )
        .await?;
    report(control, forced?).await
}
