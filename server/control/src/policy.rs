//! How a group is replicated.

use std::collections::BTreeMap;
use std::sync::Arc;

use protector_db::GroupRecord;
use protector_framework::{
    ArrayIdentity, DriverError, DriverKind, ErrorKind, ExposeSecret as _, GenericUuid as _,
    GetLink, LinkState, PolicyId, ProjectId, ReplicationMode, SecretString, SiteId, StorageDriver,
};
use protector_model::policy::{Policy, PolicyArray};
use protector_model::{Actor, GroupChange, GroupDocument, Site};
use protector_reach::{policy_owner, secret_name};
use serde_json::json;

use crate::check::Faults;
use crate::control::Control;
use crate::convert::site_refused;
use crate::refusal::{Refusal, Result};
use crate::services::{ArrayInput, PolicyInput, PolicyView, PolicyWrite};
use crate::{change, endpoints, holder};

/// What stands in place of a token that is not shown.
const MASK: &str = "********";

/// The policy of a group.
pub(crate) async fn get(control: &Control, project: &ProjectId, group: &str) -> Result<PolicyView> {
    let document = control.group(project, group).await?.document;
    shown(&document, false)
}

fn shown(document: &GroupDocument, created: bool) -> Result<PolicyView> {
    let policy = document.policy.clone();
    Ok(PolicyView {
        policy: policy.ok_or_else(|| Refusal::not_found("the replication policy"))?,
        group_id: document.id,
        primary_site_id: document.primary_site_id,
        secondary_site_id: document.secondary_site_id,
        created,
    })
}

/// Makes or replaces the policy.
pub(crate) async fn put(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    group: &str,
    input: PolicyInput,
    write: PolicyWrite,
    is_admin: bool,
) -> Result<PolicyView> {
    let record = control.group(project, group).await?;
    change::settled(&record)?;
    let record = holder::free(control, &record).await?;
    let before = record.document.policy.as_ref();
    if write == PolicyWrite::Create && before.is_some() {
        return Err(Refusal::conflict(
            "protector.duplicate",
            "the protection group has a replication policy already",
        ));
    }
    let sides = check(control, &record, &input, is_admin).await?;
    target_fits(control, actor, &record.document, &input).await?;
    let identities = meet(control, actor, &record.document, &input.driver, &sides).await?;
    let arrays = sides.iter().zip(identities).map(|(side, identity)| {
        let array = PolicyArray {
            url: side.url.clone(),
            identity,
        };
        (side.site, array)
    });
    let policy = Policy {
        id: before.map_or_else(|| PolicyId::from_untyped_uuid(control.uuid()), |p| p.id),
        driver: input.driver,
        arrays: arrays.collect(),
        rpo_minutes: input.rpo_minutes,
        replication_interval: input.replication_interval,
        retention: input.retention,
        secondary_backend_host: input.secondary_backend_host,
        test_volume_type_id: input.test_volume_type_id,
        created_at: before.map_or_else(|| control.now(), |policy| policy.created_at),
        updated_at: control.now(),
    };
    let detail = json!(policy);
    let secrets: BTreeMap<String, SecretString> = sides
        .into_iter()
        .map(|side| (secret_name(side.site), side.token))
        .collect();
    let set = GroupChange::SetPolicy {
        policy: Box::new(policy),
    };
    let created = before.is_none();
    let changed = change::change(control, actor, &record, set, secrets).await?;
    control
        .audit("policy.update", changed.document.id, actor, detail)
        .await?;
    shown(&changed.document, created)
}

/// Removes the policy.
pub(crate) async fn delete(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    group: &str,
) -> Result<()> {
    let record = control.group(project, group).await?;
    let id = record.document.id;
    let gone = GroupChange::RemovePolicy;
    change::change(control, actor, &record, gone, Default::default()).await?;
    control.audit("policy.delete", id, actor, json!({})).await
}

/// One site's array with its token.
struct Side {
    site: SiteId,
    /// What its fields are called in a request.
    prefix: &'static str,
    url: String,
    token: SecretString,
}

/// Checks what can be checked without asking anybody.
async fn check(
    control: &Control,
    record: &GroupRecord,
    input: &PolicyInput,
    is_admin: bool,
) -> Result<Vec<Side>> {
    let mut faults = Faults::default();
    let known = control.reach.registry().names(DriverKind::Storage);
    if !known.contains(&input.driver.as_str()) {
        let known = known.join(", ");
        faults.add(
            "driver",
            format!("there is no driver `{}`; known: {known}", input.driver),
        );
    }
    numbers(input, &mut faults);
    let document = &record.document;
    let mut sides = Vec::new();
    for (site, prefix, array) in [
        (document.primary_site_id, "primary_fa", &input.primary),
        (document.secondary_site_id, "secondary_fa", &input.secondary),
    ] {
        let before = document.policy.as_ref();
        let before = before.filter(|policy| policy.driver == input.driver);
        let before = before.and_then(|policy| policy.arrays.get(&site));
        let same_place = before.is_some_and(|before| before.url == array.url);
        let field = format!("{prefix}_url");
        if let Some(why) = endpoints::fault(&array.url) {
            faults.add(&field, why);
        } else if !is_admin
            && !same_place
            && !endpoints::is_allowed(&array.url, &control.options.allowed_endpoints)
        {
            faults.add(
                &field,
                "is not one of the endpoints that the administrator allows",
            );
        }
        match token(control, document, site, array, same_place).await? {
            Some(token) => sides.push(Side {
                site,
                prefix,
                url: array.url.clone(),
                token,
            }),
            None => faults.add(&format!("{prefix}_api_token"), "is missing"),
        }
    }
    if input.primary.url == input.secondary.url {
        faults.add("secondary_fa_url", "is the array of the primary site");
    }
    faults.done()?;
    Ok(sides)
}

fn numbers(input: &PolicyInput, faults: &mut Faults) {
    if input.rpo_minutes == 0 {
        faults.add("rpo_minutes", "must be 1 or more");
    }
    match input.replication_interval {
        Some(0) => faults.add("replication_interval", "must be 1 second or more"),
        Some(seconds) if seconds > u64::from(input.rpo_minutes) * 60 => faults.add(
            "replication_interval",
            "is longer than the RPO target, which could then not be kept",
        ),
        _ => {}
    }
    if input.retention.points == Some(0) {
        faults.add("retention", "`points` must be 1 or more");
    }
}

/// The token of an array: the one given, or the one kept. A kept one is not sent to another place
/// than the one it was given for.
async fn token(
    control: &Control,
    document: &GroupDocument,
    site: SiteId,
    array: &ArrayInput,
    same_place: bool,
) -> Result<Option<SecretString>> {
    let given = array.api_token.as_ref();
    let given = given.filter(|token| !["", MASK].contains(&token.expose_secret()));
    if let Some(token) = given {
        return Ok(Some(token.clone()));
    }
    if !same_place {
        return Ok(None);
    }
    let owner = policy_owner(document.id);
    Ok(control.db.get_secret(&owner, &secret_name(site)).await?)
}

/// Whether pool and test type exist on the secondary site.
async fn target_fits(
    control: &Control,
    actor: &Actor,
    document: &GroupDocument,
    input: &PolicyInput,
) -> Result<()> {
    if input.secondary_backend_host.is_none() && input.test_volume_type_id.is_none() {
        return Ok(());
    }
    let site = control.site_of(document.secondary_site_id).await?;
    let project = document.projects.get(&site.id);
    let project = project.ok_or_else(|| Refusal::internal("the group has no project there"))?;
    let cloud = control.reach.compute(site.id, project).await?;
    let ctx = control.ctx(actor);
    let mut faults = Faults::default();
    if let Some(host) = &input.secondary_backend_host {
        let pools = cloud.list_pools(&ctx).await;
        let pools = pools.map_err(|error| site_refused(&site, &error))?;
        if !pools.iter().any(|pool| pool.name == *host) {
            let known: Vec<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
            faults.add(
                "secondary_backend_host",
                format!(
                    "is not a pool of site `{}`: {}",
                    site.name,
                    known.join(", ")
                ),
            );
        }
    }
    if let Some(wanted) = &input.test_volume_type_id {
        let types = cloud.list_volume_types(&ctx).await;
        let types = types.map_err(|error| site_refused(&site, &error))?;
        let replicated = |t: &protector_framework::VolumeType| {
            t.replicates(ReplicationMode::Async) || t.replicates(ReplicationMode::Sync)
        };
        match types.iter().find(|t| t.id == *wanted) {
            None => faults.add(
                "test_volume_type_id",
                format!("does not exist on site `{}`", site.name),
            ),
            Some(found) if replicated(found) => {
                faults.add("test_volume_type_id", "is a replicated type");
            }
            Some(_) => {}
        }
    }
    faults.done()
}

/// Asks both arrays who they are and whether the primary's can send to the secondary's.
async fn meet(
    control: &Control,
    actor: &Actor,
    document: &GroupDocument,
    driver: &str,
    sides: &[Side],
) -> Result<Vec<ArrayIdentity>> {
    let mut arrays: Vec<Arc<dyn StorageDriver>> = Vec::new();
    let mut faults = Faults::default();
    for side in sides {
        match control
            .reach
            .array_at(driver, &side.url, side.token.clone())
        {
            Ok(array) => arrays.push(array),
            Err(error) => faults.add(&format!("{}_url", side.prefix), error.to_string()),
        }
    }
    faults.done()?;
    let can = arrays.first().map(|array| array.capabilities());
    let mode_fits = can.is_some_and(|can| match document.replication_type {
        ReplicationMode::Async => can.async_replication,
        ReplicationMode::Sync => can.sync_replication,
    });
    if !mode_fits {
        return Err(Refusal::invalid_field(
            "driver",
            format!("`{driver}` does not replicate in the protection group's mode"),
        ));
    }
    let ctx = control.ctx(actor);
    let described = futures::future::join_all(arrays.iter().map(|a| a.describe(&ctx))).await;
    let mut identities = Vec::new();
    for (side, described) in sides.iter().zip(described) {
        let site = control.site_of(side.site).await?;
        let info = described.map_err(|error| array_refused(side, &site, &error))?;
        identities.push(info.identity);
    }
    let [first, second] = identities.as_slice() else {
        return Err(Refusal::internal("a policy has two arrays"));
    };
    if first.id == second.id {
        return Err(Refusal::invalid_field(
            "secondary_fa_url",
            format!("is the same array, `{}`, as the primary one", first.name),
        ));
    }
    if let (Some(array), Some(side)) = (arrays.first(), sides.first()) {
        linked(control, &ctx, &**array, side, first, second).await?;
    }
    Ok(identities)
}

async fn linked(
    control: &Control,
    ctx: &protector_framework::CallCtx,
    array: &dyn StorageDriver,
    side: &Side,
    first: &ArrayIdentity,
    second: &ArrayIdentity,
) -> Result<()> {
    let link = array.get_link(ctx, GetLink::new(second.clone())).await;
    let site = control.site_of(side.site).await?;
    let link = link.map_err(|error| array_refused(side, &site, &error))?;
    match link.state {
        LinkState::Connected | LinkState::Partial => Ok(()),
        state => Err(Refusal::conflict(
            "protector.arrays_not_linked",
            format!(
                "array `{}` cannot send to `{}`: the link is {state:?} {}",
                first.name, second.name, link.detail
            ),
        )),
    }
}

fn array_refused(side: &Side, site: &Site, error: &DriverError) -> Refusal {
    match error.kind {
        ErrorKind::Unauthorized => {
            Refusal::invalid_field(&format!("{}_api_token", side.prefix), error.to_string())
        }
        ErrorKind::InvalidConfig | ErrorKind::InvalidRequest => {
            Refusal::invalid_field(&format!("{}_url", side.prefix), error.to_string())
        }
        _ => {
            let mut refusal = site_refused(site, error);
            if error.kind.is_transient() {
                // The array is the caller's choice, so this site's own services are not at fault.
                refusal = Refusal::conflict("protector.array_unreachable", refusal.message);
                refusal.retry_after = Some(30);
            }
            refusal
        }
    }
}
