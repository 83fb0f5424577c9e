//! Looks that change nothing.

use protector_framework::{
    CallCtx, GetLink, LinkState, ServerRef, ServerStatus, SiteId, VolumeRef,
};
use protector_model::operation::OperationError;
use protector_model::outputs::ReadBack;
use protector_model::plan::Action;
use protector_model::planner::settled_status;
use protector_model::{GroupStatus, InstanceState, Member};

use super::work::{Work, found, unreached};
use super::{Output, output};
use crate::failure::StepFailure;

/// Asks every service that the operation needs, so that a dead one is found before anything is
/// stopped.
pub(super) async fn check_sites(work: &Work<'_>, sites: &[SiteId]) -> Output {
    for site in sites {
        check_cloud(work, *site).await?;
        if work.document.policy.is_some() {
            check_array(work, *site).await?;
        }
    }
    if work.run.operation.kind.moves_authority() && sites.len() > 1 {
        check_parked(work).await?;
    }
    if sites.len() > 1 {
        check_peer(work).await?;
        check_link(work).await?;
    }
    Ok(None)
}

async fn check_cloud(work: &Work<'_>, site: SiteId) -> Result<(), StepFailure> {
    let health = work.compute_on(site).await?.health(&work.ctx()?).await;
    let silent: Vec<String> = [
        ("keystone", &health.keystone),
        ("nova", &health.nova),
        ("cinder", &health.cinder),
        ("neutron", &health.neutron),
    ]
    .into_iter()
    .filter(|(_, service)| !service.reachable)
    .map(|(name, service)| format!("{name}: {}", service.detail))
    .collect();
    if silent.is_empty() {
        return Ok(());
    }
    Err(not_yet(
        site,
        format!("the site does not answer: {}", silent.join("; ")),
        "repair it and `retry`; where the group's present site is lost, start an unplanned failover",
    ))
}

/// The array must be the one that the policy was made for: at another one's address nothing of the
/// group is found, and "not there" would be taken for "done".
async fn check_array(work: &Work<'_>, site: SiteId) -> Result<(), StepFailure> {
    let storage = work.storage_on(site).await?;
    let found = storage
        .describe(&work.ctx()?)
        .await
        .map_err(|error| StepFailure::driver(site, &error))?
        .identity;
    let known = &work.array(site)?.identity;
    if found.id == known.id {
        return Ok(());
    }
    Err(StepFailure::permanent(
        format!(
            "another array answers at the policy's address: `{}` ({}) instead of `{}` ({})",
            found.name, found.id, known.name, known.id
        ),
        "correct the address, or put the policy again if the array was replaced",
    )
    .at(site))
}

/// What a planned move brings back must be there before anything is stopped for it.
async fn check_parked(work: &Work<'_>) -> Result<(), StepFailure> {
    let target = work.run.operation.target_site_id;
    let cloud = work.compute_on(target).await?;
    let failed = |error| StepFailure::driver(target, &error);
    let mut gone = Vec::new();
    let overwritten = |member: &&Member| {
        work.run.plan.steps.iter().any(|step| {
            step.member == Some(member.id) && matches!(step.action, Action::OverwriteVolume { .. })
        })
    };
    for member in work.document.members.iter().filter(overwritten) {
        let copy = member.instance(target);
        let Some((copy, server)) = copy.and_then(|copy| Some((copy, copy.server_id.as_ref()?)))
        else {
            continue;
        };
        let there = found(cloud.get_server(&work.ctx()?, ServerRef::new(server)).await);
        if there
            .map_err(failed)?
            .is_none_or(|s| s.status == ServerStatus::Deleted)
        {
            gone.push(format!("server {server} of `{}`", member.name));
        }
        for volume in &copy.volumes {
            let there = found(
                cloud
                    .get_volume(&work.ctx()?, VolumeRef::new(&volume.id))
                    .await,
            );
            if there.map_err(failed)?.is_none() {
                gone.push(format!("volume {} of `{}`", volume.id, member.name));
            }
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    Err(StepFailure::permanent(
        format!(
            "the site no longer keeps what was parked there: {}",
            gone.join(", ")
        ),
        "run `cleanup` on that site, then ask again: the members are then built anew there",
    )
    .at(target))
}

async fn check_peer(work: &Work<'_>) -> Result<(), StepFailure> {
    let peer = work.document.other_site(work.steps.site);
    let remote = work
        .steps
        .reach
        .remote(peer)
        .await
        .map_err(|error| unreached(peer, error))?;
    remote.identity().await.map(drop).map_err(|error| {
        not_yet(
            peer,
            error.to_string(),
            "start protector-api on that site, or correct its `protector` endpoint in the catalog",
        )
    })
}

/// The link must carry data from the site the group runs on to the other one.
async fn check_link(work: &Work<'_>) -> Result<(), StepFailure> {
    if work.document.policy.is_none() {
        return Ok(());
    }
    let source = work.document.current_primary_site_id;
    let remote = work
        .array(work.document.other_site(source))?
        .identity
        .clone();
    let link = work
        .storage_on(source)
        .await?
        .get_link(&work.ctx()?, GetLink::new(remote))
        .await
        .map_err(|error| StepFailure::driver(source, &error))?;
    match link.state {
        LinkState::Connected | LinkState::Partial => Ok(()),
        _ => Err(not_yet(
            source,
            format!("the link between the arrays is down: {}", link.detail),
            "repair the arrays' replication link",
        )),
    }
}

fn not_yet(site: SiteId, message: String, what_to_do: &str) -> StepFailure {
    StepFailure::Transient {
        error: Box::new(OperationError {
            message,
            site_id: Some(site),
            what_to_do: Some(what_to_do.to_owned()),
            ..OperationError::default()
        }),
        after: None,
    }
}

/// Sets a group right after an error by what is really there.
pub(super) async fn read_back(work: &Work<'_>) -> Output {
    let site = work.document.current_primary_site_id;
    let cloud = work.compute_on(site).await?;
    let mut missing = Vec::new();
    for member in &work.document.members {
        let copy = member
            .instance(site)
            .filter(|copy| copy.state == InstanceState::Production);
        let server = match copy.and_then(|copy| copy.server_id.as_ref()) {
            Some(id) => {
                let ctx: CallCtx = work.ctx()?;
                found(cloud.get_server(&ctx, ServerRef::new(id)).await)
                    .map_err(|error| StepFailure::driver(site, &error))?
            }
            None => None,
        };
        if server.is_none() {
            missing.push(member.name.clone());
        }
    }
    let ok = missing.is_empty();
    let groups = work.document.volume_groups.contains_key(&site);
    output(&ReadBack {
        status: match (ok, groups) {
            (true, true) => settled_status(&work.document, site, true),
            (true, false) => GroupStatus::Error,
            (false, _) => settled_status(&work.document, site, false),
        },
        reason: match (ok, groups) {
            (true, true) => None,
            (true, false) => Some("its volume group was not made; delete it".to_owned()),
            (false, _) => Some(format!("no server runs for: {}", missing.join(", "))),
        },
    })
}
