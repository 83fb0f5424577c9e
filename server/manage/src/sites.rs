//! `site list` and `site show`: what the database holds, also where no API runs.

use protector_config::Config;
use protector_db::stamp;
use protector_model::Site;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::Output;
use crate::store;

pub(crate) fn list(config: &Config) -> Result<Output, Failure> {
    let sites = store::with(config, async |db| db.list_sites().await)?;
    let rows = sites.into_iter().map(|site| {
        vec![
            site.id.to_string(),
            site.name,
            if site.is_local { "yes" } else { "no" }.to_owned(),
            site.status.to_string(),
            site.auth_url,
            site.region_name,
        ]
    });
    Ok(Output::List {
        columns: vec!["ID", "Name", "Local", "Status", "Auth URL", "Region"],
        rows: rows.collect(),
    })
}

/// A site with its account, but no password, and the key that its Protector is known by.
pub(crate) fn show(config: &Config, name: &str) -> Result<Output, Failure> {
    let found = store::with(config, async |db| {
        let site = db.find_site(name).await?;
        let key = match &site {
            Some(site) => db.peer_keys().await?.remove(&site.id),
            None => None,
        };
        Ok(site.map(|site| (site, key)))
    })?;
    let (site, key) = found.ok_or_else(|| Failure::UnknownSite(name.to_owned()))?;
    let mut fields = fields(&site);
    let (known, offered) = match key {
        Some(key) => (Value::from(key.known), Value::from(key.offered)),
        None => (Value::Null, Value::Null),
    };
    fields.extend([("Peer Key", known), ("Peer Key Offered", offered)]);
    Ok(Output::Fields(fields))
}

fn fields(site: &Site) -> Vec<(&'static str, Value)> {
    let reach = &site.reach;
    vec![
        ("ID", site.id.to_string().into()),
        ("Name", site.name.as_str().into()),
        ("Description", site.description.as_str().into()),
        ("Local", site.is_local.into()),
        ("Type", site.site_type.as_str().into()),
        ("Auth URL", site.auth_url.as_str().into()),
        ("Region", site.region_name.as_str().into()),
        ("Account", json!(site.account)),
        ("Status", site.status.as_str().into()),
        ("Status Reason", site.status_reason.clone().into()),
        ("Checked At", reach.checked_at.map(stamp).into()),
        ("Keystone Reachable", reach.keystone.into()),
        ("Nova Reachable", reach.nova.into()),
        ("Cinder Reachable", reach.cinder.into()),
        ("Neutron Reachable", reach.neutron.into()),
        ("Protector Reachable", reach.protector.into()),
        ("Created At", stamp(site.created_at).into()),
        ("Updated At", stamp(site.updated_at).into()),
    ]
}
