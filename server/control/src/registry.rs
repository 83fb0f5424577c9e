//! Both sites hold the same sites, credentials and tenant mappings: one registration serves both.

use protector_framework::{SiteId, TenantMappingId};
use protector_model::Site;
use protector_model::TenantMapping;
use protector_peer::{SiteEntry, SiteRegistry, open_secrets, seal_secrets};
use protector_reach::{peer_sites, site_owner};

use crate::control::Control;
use crate::refusal::{Refusal, Result};
use crate::sites::keep_secrets;

/// Tells every other site what this one knows. One that does not answer is told the next time: a
/// site must be registrable before its Protector runs.
pub(crate) async fn push(control: &Control) {
    let peers = match peer_sites(&control.db).await {
        Ok(peers) => peers,
        Err(error) => {
            tracing::warn!(%error, "the list of sites cannot be read");
            return;
        }
    };
    for peer in peers {
        if let Err(error) = push_to(control, &peer, SiteRegistry::default()).await {
            tracing::warn!(site = %peer.name, %error, "the list of sites was not taken");
        }
    }
}

/// Tells the other sites that one is gone. The site itself need not answer.
///
/// # Errors
/// Where another one does not answer: it would bring the site back.
pub(crate) async fn push_deleted_site(control: &Control, site: &Site) -> Result<()> {
    let gone = SiteRegistry {
        deleted_sites: vec![site.id],
        ..SiteRegistry::default()
    };
    for peer in peer_sites(&control.db).await? {
        let told = push_to(control, &peer, gone.clone()).await;
        if peer.id != site.id {
            told?;
        }
    }
    Ok(())
}

/// Tells the other sites that a tenant mapping is gone.
///
/// # Errors
/// Where one does not answer: it would bring the mapping back.
pub(crate) async fn push_deleted_mapping(control: &Control, id: TenantMappingId) -> Result<()> {
    let gone = SiteRegistry {
        deleted_tenant_mappings: vec![id],
        ..SiteRegistry::default()
    };
    for peer in peer_sites(&control.db).await? {
        push_to(control, &peer, gone.clone()).await?;
    }
    Ok(())
}

/// Sends what this site knows, without what `gone` says is gone.
async fn push_to(control: &Control, peer: &Site, gone: SiteRegistry) -> Result<()> {
    let remote = control.remote(peer.id).await?;
    let identity = remote.identity().await?;
    let mut registry = gone;
    for site in control.db.list_sites().await? {
        if registry.deleted_sites.contains(&site.id) {
            continue;
        }
        let secrets = control.db.secrets_of(&site_owner(site.id)).await?;
        let secrets = seal_secrets(&secrets, &identity.public_key, &*control.ids)?;
        registry.sites.push(SiteEntry { site, secrets });
    }
    let mappings = control.db.page_tenant_mappings(&Default::default()).await?;
    registry.tenant_mappings = mappings
        .into_iter()
        .filter(|mapping| !registry.deleted_tenant_mappings.contains(&mapping.id))
        .collect();
    Ok(remote.put_registry(&registry).await?)
}

/// Takes what the other site knows.
///
/// # Errors
/// Where a site is registered here under another id and is in use.
pub(crate) async fn receive(control: &Control, registry: &SiteRegistry) -> Result<()> {
    let deployment = control.db.deployment().await?;
    for entry in &registry.sites {
        let secrets = open_secrets(&entry.secrets, &deployment).map_err(Refusal::from)?;
        if take_site(control, &entry.site).await? {
            keep_secrets(control, entry.site.id, &secrets).await?;
        }
    }
    if control.db.local_site().await?.is_none() {
        find_itself(control, &registry.sites).await?;
    }
    meet_sender(control, &registry.sites).await;
    for id in &registry.deleted_tenant_mappings {
        control.db.delete_tenant_mapping(*id).await?;
    }
    for id in &registry.deleted_sites {
        forget_site(control, *id).await?;
    }
    for mapping in &registry.tenant_mappings {
        take_mapping(control, mapping).await?;
    }
    Ok(())
}

/// Stores a site of the other side; whether its secrets are to be stored too.
async fn take_site(control: &Control, theirs: &Site) -> Result<bool> {
    let Some(mine) = control.db.get_site(theirs.id).await? else {
        if let Some(twin) = control.db.find_site(&theirs.name).await? {
            replace_twin(control, &twin, theirs).await?;
        }
        let site = Site {
            is_local: false,
            ..theirs.clone()
        };
        control.db.insert_site(&site).await?;
        return Ok(true);
    };
    if theirs.updated_at > mine.updated_at {
        // What was seen of the site is this side's own.
        let site = Site {
            is_local: mine.is_local,
            status: mine.status,
            status_reason: mine.status_reason,
            reach: mine.reach,
            ..theirs.clone()
        };
        control.db.update_site(&site).await?;
    }
    Ok(theirs.updated_at >= mine.updated_at)
}

/// Somebody registered the same site on both sides: the older record stays.
async fn replace_twin(control: &Control, mine: &Site, theirs: &Site) -> Result<()> {
    let groups = control.db.all_groups().await?;
    let used = groups.iter().any(|group| {
        let document = &group.document;
        !document.deleted
            && [document.primary_site_id, document.secondary_site_id].contains(&mine.id)
    });
    let older = (theirs.created_at, theirs.id) < (mine.created_at, mine.id);
    if used || !older {
        return Err(Refusal::conflict(
            "protector.duplicate",
            format!(
                "site `{}` is registered here as {}; validate it here, so that the other site \
                 learns that id",
                mine.name, mine.id
            ),
        ));
    }
    Ok(control.db.delete_site(mine.id).await?)
}

/// Which of the sites this deployment is: the one whose Protector has its id and its key. The
/// sender's own is not asked.
async fn find_itself(control: &Control, entries: &[SiteEntry]) -> Result<()> {
    for entry in entries.iter().filter(|entry| !entry.site.is_local) {
        let own = match control.reach.is_own(entry.site.id).await {
            Ok(own) => own.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match own {
            Ok(true) => {
                if let Some(mut site) = control.db.get_site(entry.site.id).await? {
                    site.is_local = true;
                    control.db.update_site(&site).await?;
                }
                return Ok(());
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(site = %entry.site.name, %error, "whose site it is cannot be told");
            }
        }
    }
    Ok(())
}

/// Learns the key of the first site that tells of itself, from its own endpoint. One that does not
/// answer now is asked before the first secret is sealed to it.
async fn meet_sender(control: &Control, entries: &[SiteEntry]) {
    let Some(sender) = entries.iter().find(|entry| entry.site.is_local) else {
        return;
    };
    let key = match control.reach.peer_key(sender.site.id).await {
        Ok(key) => key.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = key {
        tracing::warn!(site = %sender.site.name, %error, "its key is not known yet");
    }
}

async fn forget_site(control: &Control, id: SiteId) -> Result<()> {
    let groups = control.db.all_groups().await?;
    let used = groups.iter().any(|group| {
        let document = &group.document;
        !document.deleted && [document.primary_site_id, document.secondary_site_id].contains(&id)
    });
    if used {
        return Err(Refusal::conflict(
            "protector.in_use",
            format!("site {id} is used by a protection group"),
        ));
    }
    Ok(control.db.delete_site(id).await?)
}

async fn take_mapping(control: &Control, mapping: &TenantMapping) -> Result<()> {
    match control.db.insert_tenant_mapping(mapping).await {
        // The same pair under another id serves as well.
        Err(protector_db::DbError::Duplicate(_)) => Ok(()),
        other => Ok(other?),
    }
}
