//! How the deployment and what it depends on are.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use protector_db::GroupRecord;
use protector_framework::SiteId;
use protector_model::{Actor, SiteStatus};
use protector_reach::within;

use crate::control::Control;
use crate::refusal::Result;
use crate::services::{ArrayHealth, Health};

/// How long an array may take to answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// Reads what is known of sites and processes and asks the arrays.
pub(crate) async fn health(control: &Control, actor: &Actor) -> Result<Health> {
    let sites = control.db.list_sites().await?;
    let services = control.db.list_services().await?;
    let groups = control.db.all_groups().await?;
    let mut arrays: BTreeMap<(String, String), (SiteId, &GroupRecord)> = BTreeMap::new();
    for group in groups.iter().filter(|group| !group.document.deleted) {
        if let Some(policy) = &group.document.policy {
            for (site, array) in &policy.arrays {
                let key = (policy.driver.clone(), array.url.clone());
                arrays.entry(key).or_insert((*site, group));
            }
        }
    }
    let asked = arrays
        .into_iter()
        .map(|((driver, url), (site, group))| ask(control, actor, driver, url, site, group));
    let arrays = join_all(asked).await;
    let ok = sites.iter().all(|site| site.status == SiteStatus::Active)
        && arrays.iter().all(|array| array.reachable)
        && services
            .iter()
            .any(|service| service.binary == "protector-engine" && service.up);
    Ok(Health {
        ok,
        sites,
        services,
        arrays,
    })
}

async fn ask(
    control: &Control,
    actor: &Actor,
    driver: String,
    url: String,
    site: SiteId,
    group: &GroupRecord,
) -> ArrayHealth {
    let policy = group.document.policy.as_ref();
    let array = policy.and_then(|policy| policy.arrays.get(&site));
    let name = array.map(|array| array.identity.name.clone());
    let detail = match control.reach.storage(&group.document, site).await {
        Ok(storage) => {
            let ctx = control.ctx(actor).with_deadline(DEADLINE);
            match within(&*control.clock, DEADLINE, storage.describe(&ctx)).await {
                Some(Ok(_)) => None,
                Some(Err(error)) => Some(error.to_string()),
                None => Some("no answer in time".to_owned()),
            }
        }
        Err(error) => Some(error.to_string()),
    };
    ArrayHealth {
        site_id: site,
        driver,
        url,
        name: name.unwrap_or_default(),
        reachable: detail.is_none(),
        detail,
    }
}
