//! Looks that change nothing.

use std::time::Duration;

use futures::join;
use protector_framework::{CallCtx, GetLink, LinkState, ServerRef, SiteId};
use protector_model::operation::OperationError;
use protector_model::outputs::ReadBack;
use protector_model::planner::settled_status;
use protector_model::readiness::{
    Fact, Finding, History, Observed, Purpose, Question, Report, assess,
};
use protector_model::{GroupStatus, InstanceState, OperationKind};
use protector_reach::within;
use protector_readiness::{Look, Scope};
use serde_json::json;

use super::work::{Work, found, unreached};
use super::{Output, output};
use crate::failure::StepFailure;

/// How long an unplanned move looks at what it goes over.
const GLANCE: Duration = Duration::from_secs(10);

/// Asks every service that the operation needs, so that a dead one is found before anything is
/// stopped. A move and a test look at all that readiness is judged by.
pub(super) async fn check_sites(work: &Work<'_>, sites: &[SiteId]) -> Output {
    match purpose(work) {
        Some(Purpose::Unplanned) => {
            for site in sites {
                check_cloud(work, *site).await?;
                check_array(work, *site).await?;
            }
            show_readiness(work).await
        }
        Some(purpose) => demand_readiness(work, purpose, sites).await,
        None => {
            for site in sites {
                check_cloud(work, *site).await?;
                if work.document.policy.is_some() {
                    check_array(work, *site).await?;
                }
            }
            if sites.len() > 1 {
                check_peer(work).await?;
                check_link(work).await?;
            }
            Ok(None)
        }
    }
}

/// What the operation has to be ready for.
fn purpose(work: &Work<'_>) -> Option<Purpose> {
    let operation = work.run.operation;
    match operation.kind {
        OperationKind::TestFailover => Some(Purpose::Test),
        kind if !kind.moves_authority() => None,
        _ if operation.is_unplanned_move() => Some(Purpose::Unplanned),
        _ => Some(Purpose::Planned),
    }
}

/// Who is asked for a planned move or a test is told everything that would keep it from working, and
/// nothing is changed.
async fn demand_readiness(work: &Work<'_>, purpose: Purpose, sites: &[SiteId]) -> Output {
    let look = look(work)?;
    let scope = match sites.len() > 1 {
        true => Scope::Both,
        false => Scope::Target,
    };
    let peer = async {
        match scope {
            Scope::Target => Fact::NotAsked,
            Scope::Both => look.peer(work.document.other_site(work.steps.site)).await,
        }
    };
    let observed = look.observe(&work.document, scope, Fact::NotAsked);
    let (peer, observed) = join!(peer, observed);
    let mut observed = observed?;
    observed.peer = match peer {
        Fact::Unknown(unknown) => Fact::Unknown(unknown),
        // Which document it holds is settled at the commit point.
        Fact::NotAsked | Fact::Known(_) => Fact::NotAsked,
    };
    let report = judge(work, purpose, &observed);
    match refused(&report.refusals(&work.run.operation.options)) {
        Some(failure) => Err(failure),
        None => seen(&report),
    }
}

/// Who asks for an unplanned move has agreed to what there is: nothing that is found stops it, and
/// nobody is waited for to find it.
async fn show_readiness(work: &Work<'_>) -> Output {
    let look = look(work)?;
    let observed = look.observe(&work.document, Scope::Target, Fact::NotAsked);
    match within(&*work.steps.clock, GLANCE, observed).await {
        Some(observed) => seen(&judge(work, Purpose::Unplanned, &observed?)),
        None => Ok(None),
    }
}

fn look(work: &Work<'_>) -> Result<Look, StepFailure> {
    let steps = work.steps;
    Ok(Look {
        db: steps.db.clone(),
        reach: steps.reach.clone(),
        clock: steps.clock.clone(),
        site: steps.site,
        ctx: work.ctx()?,
    })
}

fn judge(work: &Work<'_>, purpose: Purpose, observed: &Observed) -> Report {
    let question = Question {
        document: &work.document,
        purpose,
        standing: None,
        plan: Some(work.run.plan),
        history: &History::default(),
    };
    assess(&question, observed)
}

fn seen(report: &Report) -> Output {
    Ok(Some(json!({ "readiness": report })))
}

/// What blocks, as a failure: one that stays outweighs those that may pass by themselves.
fn refused(findings: &[&Finding]) -> Option<StepFailure> {
    let stays: Vec<&Finding> = findings.iter().copied().filter(|f| !f.passing).collect();
    let told = match stays.is_empty() {
        true => findings,
        false => &stays,
    };
    let first = told.first()?;
    let each: Vec<String> = told
        .iter()
        .map(|finding| format!("{} ({})", finding.message, finding.code))
        .collect();
    let error = Box::new(OperationError {
        message: each.join("; "),
        site_id: first.object.site_id,
        remote_call: first.remote_call.clone(),
        remote_request_id: first.remote_request_id.clone(),
        what_to_do: Some(first.what_to_do.clone()),
        ..OperationError::default()
    });
    Some(match first.passing {
        true => StepFailure::Transient { error, after: None },
        false => StepFailure::Permanent(error),
    })
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
