//! The clouds that this deployment knows.

use std::collections::BTreeMap;

use protector_db::PeerKey;
use protector_framework::{
    DriverKind, ExposeSecret as _, GenericUuid as _, ProjectId, ReplicationMode, SiteId, VolumeType,
};
use protector_model::site::{Reach as SiteReach, SiteStatus};
use protector_model::{Actor, Site};
use protector_reach::{SiteSecrets, site_owner};
use serde_json::json;

use crate::check::Faults;
use crate::control::Control;
use crate::convert::site_refused;
use crate::refusal::{Refusal, Result};
use crate::registry;
use crate::services::{Credentials, NewSite, Registered, SiteChange};

/// Registers a site, or finds the one with the same name and data.
pub(crate) async fn register(control: &Control, actor: &Actor, new: NewSite) -> Result<Registered> {
    check(control, &new)?;
    if let Some(existing) = control.db.find_site(&new.name).await? {
        if !same(control, &existing, &new).await? {
            return Err(Refusal::conflict(
                "protector.duplicate",
                format!("site `{}` exists already with other data", new.name),
            ));
        }
        return Ok(Registered {
            site: existing,
            created: false,
        });
    }
    let given = new.credentials.is_some();
    let credentials = new.credentials.clone();
    let credentials = credentials.or_else(|| control.options.own_account.clone());
    let mut site = blank(control, new);
    let mut secrets = SiteSecrets::new();
    if let Some(credentials) = credentials {
        secrets = secrets_of(&credentials);
        site.account = credentials.account;
    }
    usable(control, &site, &secrets)?;
    if !given && let Some(reason) = own_account_refused(control, actor, &site, &secrets).await? {
        site.account = protector_model::site::Account::default();
        site.status_reason = Some(reason);
        secrets.clear();
    }
    control.db.insert_site(&site).await?;
    keep_secrets(control, site.id, &secrets).await?;
    if !secrets.is_empty() {
        site = examine(control, actor, site).await?;
    }
    control
        .audit("site.create", site.id, actor, json!({ "name": site.name }))
        .await?;
    registry::push(control).await;
    Ok(Registered {
        site,
        created: true,
    })
}

/// Changes a site.
pub(crate) async fn update(
    control: &Control,
    actor: &Actor,
    site: &str,
    change: SiteChange,
) -> Result<Site> {
    let mut site = control.site(site).await?;
    let mut faults = Faults::default();
    if let Some(name) = &change.name {
        faults.name("name", name);
    }
    if let Some(url) = &change.auth_url {
        faults.name("auth_url", url);
    }
    if let Some(region) = &change.region_name {
        faults.name("region_name", region);
    }
    if let Some(description) = &change.description {
        faults.text("description", description);
    }
    if let Some(key) = &change.peer_key {
        check_key(control, &site, key, &mut faults).await?;
    }
    faults.done()?;
    let before = site.clone();
    site.name = change.name.unwrap_or(site.name);
    site.description = change.description.unwrap_or(site.description);
    site.auth_url = change.auth_url.unwrap_or(site.auth_url);
    site.region_name = change.region_name.unwrap_or(site.region_name);
    let mut secrets = control.db.secrets_of(&site_owner(site.id)).await?;
    if let Some(credentials) = change.credentials {
        secrets.extend(secrets_of(&credentials));
        site.account = credentials.account;
    }
    usable(control, &site, &secrets)?;
    let moves = (&site.auth_url, &site.region_name) != (&before.auth_url, &before.region_name);
    if site.is_local && moves {
        stays_itself(control, &site).await?;
    }
    site.updated_at = control.now();
    control.db.update_site(&site).await?;
    keep_secrets(control, site.id, &secrets).await?;
    if let Some(key) = &change.peer_key {
        control.db.confirm_peer_key(site.id, key).await?;
    }
    let site = match moves {
        false => examine(control, actor, site).await?,
        true => examine_moved(control, actor, site).await?,
    };
    if before.is_local && !site.is_local && group_of(control, site.id).await?.is_some() {
        // Another Protector answers there. A wrong address can be corrected before there are groups.
        control.db.update_site(&before).await?;
        return Err(not_itself(&before, "of another Protector"));
    }
    let detail = json!({ "name": site.name, "peer_key": change.peer_key });
    control.audit("site.update", site.id, actor, detail).await?;
    registry::push(control).await;
    Ok(site)
}

/// Refuses to make another registered site of this deployment's own: nobody would know any more
/// where its groups run.
async fn stays_itself(control: &Control, site: &Site) -> Result<()> {
    let same = |other: &&Site| {
        let urls = [&other.auth_url, &site.auth_url].map(|url| url.trim_end_matches('/'));
        other.id != site.id && urls[0] == urls[1] && other.region_name == site.region_name
    };
    let all = control.db.list_sites().await?;
    match all.iter().find(same) {
        Some(other) => Err(not_itself(site, &format!("of site `{}`", other.name))),
        None => Ok(()),
    }
}

fn not_itself(site: &Site, whose: &str) -> Refusal {
    Refusal::conflict(
        "protector.duplicate",
        format!(
            "site `{}` is this deployment's own, and that address is {whose}; it stays as it was",
            site.name
        ),
    )
}

async fn check_key(control: &Control, site: &Site, key: &str, faults: &mut Faults) -> Result<()> {
    let is_key = key.len() == 64 && key.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    if !is_key {
        faults.add("peer_key", "is not 64 lower-case hexadecimal digits");
    } else if site.is_local {
        faults.add(
            "peer_key",
            "cannot be set: this is the site's own Protector",
        );
    } else if key == control.db.deployment().await?.box_public {
        faults.add("peer_key", "is the key of this Protector, not the site's");
    }
    Ok(())
}

/// The keys of the sites' Protectors, that of this site with them.
pub(crate) async fn peer_keys(control: &Control) -> Result<BTreeMap<SiteId, PeerKey>> {
    let mut keys = control.db.peer_keys().await?;
    if let Some(local) = control.db.local_site().await? {
        let own = PeerKey {
            known: control.db.deployment().await?.box_public,
            offered: None,
        };
        keys.insert(local.id, own);
    }
    Ok(keys)
}

/// The name of a group that uses a site.
async fn group_of(control: &Control, site: SiteId) -> Result<Option<String>> {
    let used = control.db.all_groups().await?.into_iter().find(|group| {
        let document = &group.document;
        let sites = [document.primary_site_id, document.secondary_site_id];
        !document.deleted && sites.contains(&site)
    });
    Ok(used.map(|group| group.document.name))
}

/// Deletes a site that no group uses.
pub(crate) async fn delete(control: &Control, actor: &Actor, site: &str) -> Result<()> {
    let site = control.site(site).await?;
    if let Some(group) = group_of(control, site.id).await? {
        return Err(Refusal::conflict(
            "protector.in_use",
            format!(
                "site `{}` is used by protection group `{group}`; delete that first",
                site.name
            ),
        ));
    }
    registry::push_deleted_site(control, &site).await?;
    control.db.delete_site(site.id).await?;
    control
        .audit("site.delete", site.id, actor, json!({ "name": site.name }))
        .await
}

/// Asks a site's services and tells the other site what this one knows.
pub(crate) async fn validate(control: &Control, actor: &Actor, site: &str) -> Result<Site> {
    let site = control.site(site).await?;
    let site = examine(control, actor, site).await?;
    registry::push(control).await;
    Ok(site)
}

/// The volume types a project can use on a site.
pub(crate) async fn volume_types(
    control: &Control,
    actor: &Actor,
    site: &str,
    project: &ProjectId,
    mode: Option<ReplicationMode>,
) -> Result<Vec<VolumeType>> {
    let site = control.site(site).await?;
    let cloud = control.reach.compute(site.id, project).await?;
    let types = cloud.list_volume_types(&control.ctx(actor)).await;
    let types = types.map_err(|error| site_refused(&site, &error))?;
    Ok(types
        .into_iter()
        .filter(|t| mode.is_none_or(|mode| t.replicates(mode)))
        .collect())
}

/// Asks a stored site's services and keeps what they said.
async fn examine(control: &Control, actor: &Actor, site: Site) -> Result<Site> {
    let asked = site.clone();
    examine_as(control, actor, &asked, site).await
}

/// The same of a site that is reached in another way than before: whose it is shows anew. Until it
/// does, it is the one that it was.
async fn examine_moved(control: &Control, actor: &Actor, site: Site) -> Result<Site> {
    let asked = Site {
        is_local: false,
        ..site.clone()
    };
    examine_as(control, actor, &asked, site).await
}

async fn examine_as(
    control: &Control,
    actor: &Actor,
    asked: &Site,
    mut site: Site,
) -> Result<Site> {
    let examined = control.reach.introduce(asked, &actor.request_id).await?;
    examined.note(&mut site);
    control.db.update_site(&site).await?;
    Ok(site)
}

fn check(control: &Control, new: &NewSite) -> Result<()> {
    let mut faults = Faults::default();
    faults.name("name", &new.name);
    faults.text("description", &new.description);
    faults.name("auth_url", &new.auth_url);
    faults.name("region_name", &new.region_name);
    let known = control.reach.registry().names(DriverKind::Compute);
    if !known.contains(&new.site_type.as_str()) {
        faults.add(
            "site_type",
            format!(
                "there is no driver `{}`; known: {}",
                new.site_type,
                known.join(", ")
            ),
        );
    }
    faults.done()
}

/// Whether the drivers take the settings.
fn usable(control: &Control, site: &Site, secrets: &SiteSecrets) -> Result<()> {
    if secrets.is_empty() {
        return Ok(());
    }
    let built = control.reach.identity_with(site, secrets);
    let built = built.and_then(|_| control.reach.compute_with(site, secrets));
    built
        .map(|_| ())
        .map_err(|error| Refusal::invalid_field("site", error.to_string()))
}

/// Why the service's own account does not fit a site, if it does not.
async fn own_account_refused(
    control: &Control,
    actor: &Actor,
    site: &Site,
    secrets: &SiteSecrets,
) -> Result<Option<String>> {
    if secrets.is_empty() {
        return Ok(Some("it has no account; set its credentials".to_owned()));
    }
    let identity = control.reach.identity_with(site, secrets)?;
    match identity.check(&control.ctx(actor)).await {
        Err(error) if error.kind == protector_framework::ErrorKind::Unauthorized => Ok(Some(
            format!("the service's own account was refused ({error}); set the site's credentials"),
        )),
        _ => Ok(None),
    }
}

fn blank(control: &Control, new: NewSite) -> Site {
    Site {
        id: SiteId::from_untyped_uuid(control.uuid()),
        name: new.name,
        description: new.description,
        site_type: new.site_type,
        auth_url: new.auth_url,
        region_name: new.region_name,
        account: protector_model::site::Account::default(),
        status: SiteStatus::Registered,
        status_reason: None,
        is_local: false,
        reach: SiteReach::default(),
        created_at: control.now(),
        updated_at: control.now(),
    }
}

async fn same(control: &Control, site: &Site, new: &NewSite) -> Result<bool> {
    let data = site.name == new.name
        && site.description == new.description
        && site.site_type == new.site_type
        && site.auth_url == new.auth_url
        && site.region_name == new.region_name;
    let Some(credentials) = &new.credentials else {
        return Ok(data);
    };
    let kept = control.db.secrets_of(&site_owner(site.id)).await?;
    let secrets = secrets_of(credentials).iter().all(|(name, secret)| {
        kept.get(name)
            .is_some_and(|kept| kept.expose_secret() == secret.expose_secret())
    });
    Ok(data && secrets && site.account == credentials.account)
}

fn secrets_of(credentials: &Credentials) -> SiteSecrets {
    let named = [
        ("password", &credentials.password),
        (
            "application_credential_secret",
            &credentials.application_credential_secret,
        ),
    ];
    named
        .into_iter()
        .filter_map(|(name, secret)| Some((name.to_owned(), secret.clone()?)))
        .collect()
}

pub(crate) async fn keep_secrets(
    control: &Control,
    site: SiteId,
    secrets: &SiteSecrets,
) -> Result<()> {
    for (name, secret) in secrets {
        control
            .db
            .put_secret(&site_owner(site), name, secret)
            .await?;
    }
    Ok(())
}
