//! The two copies of a group's document, and a person's word about them.

use protector_db::GroupRecord;
use protector_framework::ProjectId;
use protector_model::epoch::{Relation, relate};
use protector_model::{Actor, GroupDocument, Head, Site};
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
    let peer = &record.peer;
    let staged = record.staged.as_ref();
    let staged = staged.and_then(|staged| GroupDocument::from_bytes(&staged.bytes).ok());
    let pending = peer.pending || record.staged.is_some();
    let since = staged.map_or(record.document.updated_at, |next| next.updated_at);
    let mine = SiteSync {
        pending,
        pending_since: pending.then_some(since),
        last_success_at: peer.last_success_at,
        last_error: status.error.clone().or(peer.last_error.clone()),
        ..copy(&local, Some(&status.mine))
    };
    let ahead = status.theirs.as_ref();
    let ahead = ahead.is_some_and(|theirs| relate(&status.mine, theirs) == Relation::PeerAhead);
    let mut theirs = SiteSync {
        pending: ahead,
        pending_since: peer.last_success_at.filter(|_| ahead),
        last_success_at: peer.last_success_at,
        ..copy(&other, status.theirs.as_ref())
    };
    if let (Some(error), Some(acked)) = (status.error, &peer.acked) {
        // What it was last known to hold, as of the last success.
        theirs.epoch_id = Some(acked.epoch_id);
        theirs.version = Some(acked.version);
        theirs.hash = Some(acked.hash.clone());
        theirs.last_error = Some(error);
    }
    Ok(SyncReport {
        state: status.state,
        sites: vec![mine, theirs],
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
        pending_since: None,
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
