//! The commit point: authority over the group passes to the step's site.

use std::time::Duration;

use chrono::{DateTime, Utc};
use protector_db::{DbError, GroupRecord};
use protector_framework::{EpochId, ServerRef, ServerStatus};
use protector_model::operation::{OperationError, StepStatus};
use protector_model::outputs::Committed;
use protector_model::plan::{Action, Step};
use protector_model::schedule::{SENT, epoch_of};
use protector_model::seeded::{Bug, is_on};
use protector_model::{GroupDocument, GroupStatus, InstanceState, MemberStatus};
use protector_peer::HandoverError;
use serde_json::json;

use super::work::Work;
use super::{Output, output};
use crate::failure::StepFailure;

/// How long the old primary is asked again before a person is.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the time in the document is noted under.
const AT: &str = "at";
/// The pause between two tries.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) async fn commit(work: &Work<'_>, handover: bool) -> Output {
    let epoch_id = epoch_of(work.operation());
    if work.record.document.epoch.id == epoch_id {
        // An engine before this one has passed it and was stopped before it said so, or the answer
        // was lost and the other site told this one meanwhile.
        return committed(work, epoch_id, handover);
    }
    if work.record.document.current_primary_site_id == work.site() {
        return Err(StepFailure::permanent(
            "this site has authority already, by another operation",
            "cancel the operation",
        ));
    }
    if work.record.conflict_with.is_some() {
        return Err(StepFailure::permanent(
            "both sites claim the protection group",
            "name a winner with sync-force first",
        ));
    }
    something_can_start(work)?;
    let next = next_document(work, epoch_id, handover)?;
    if handover && !is_on(Bug::CommitUnasked) {
        by_consent(work, &next).await?;
    } else {
        alone(work, &next).await?;
    }
    work.steps.nudge.notify_one();
    committed(work, epoch_id, handover)
}

fn committed(work: &Work<'_>, epoch_id: EpochId, by_handover: bool) -> Output {
    tracing::info!(operation = %work.operation(), %epoch_id, "authority has passed to this site");
    output(&Committed {
        epoch_id,
        by_handover,
    })
}

/// Authority for nothing would only be a second outage.
fn something_can_start(work: &Work<'_>) -> Result<(), StepFailure> {
    let progress = work.progress();
    let pins = |a: &Action| matches!(a, Action::PinPoint);
    let pinned = match work.run.plan.steps.iter().any(|s| pins(&s.action)) {
        true => progress.first_done(pins),
        // Nothing is brought over: the target must only be there.
        false => progress.first_done(|a| matches!(a, Action::CheckSites { .. })),
    };
    let ready = work.document.members.iter().any(|member| {
        let slots = member.blueprint.as_ref().map_or(0, |b| b.volumes.len());
        let adopted = progress
            .done()
            .filter(|(step, _)| {
                step.member == Some(member.id)
                    && matches!(step.action, Action::AdoptVolume { test: false, .. })
            })
            .count();
        let revives = |s: &Step| s.member == Some(member.id) && s.action == Action::ReviveServer;
        let rests = member.has_parked_copy(work.site())
            && work.run.plan.steps.iter().any(revives)
            && !progress.is_to_be_put_away(member.id);
        slots > 0 && (adopted == slots || rests)
    });
    if pinned && ready {
        return Ok(());
    }
    let reason = work
        .run
        .plan
        .steps
        .iter()
        .filter_map(|step| progress.record(&step.key))
        .filter(|r| r.status == StepStatus::Failed)
        .find_map(|r| r.error.as_ref().map(|e| e.message.clone()))
        .unwrap_or_else(|| "no member has a complete recovery point".to_owned());
    Err(StepFailure::permanent(
        format!("no member can be recovered: {reason}"),
        "nothing was changed; repair the cause and ask again",
    ))
}

/// The group's document in its new epoch. Made from the base and the journal alone, so that an
/// engine that repeats the step sends the very same bytes.
fn next_document(
    work: &Work<'_>,
    epoch_id: EpochId,
    handover: bool,
) -> Result<GroupDocument, StepFailure> {
    let target = work.site();
    let source = work.other();
    let at = moment(work);
    let mut next = work.document.next_version(at);
    next.version = work.record.document.version + 1;
    let point = work.progress().chosen().map(|chosen| chosen.taken_at);
    let before = &work.record.document.epoch;
    next.epoch = before.moved(epoch_id, target, at, point);
    next.current_primary_site_id = target;
    next.failover_count += 1;
    // What is true until the operation ends: it may be read after a crash.
    next.status = GroupStatus::FailedOverPartial;
    next.status_reason = Some(format!(
        "operation {} brings it up on this site",
        work.operation()
    ));
    for member in &mut next.members {
        if work.progress().is_to_be_put_away(member.id)
            && let Some(copy) = member.instances.get_mut(&target)
        {
            // It may run, and what it runs from is not proven.
            copy.state = InstanceState::Incomplete;
        }
        let comes_up = |step: &Step| {
            step.member == Some(member.id) && matches!(step.action, Action::VerifyServer { .. })
        };
        if !work.run.plan.steps.iter().any(comes_up) {
            continue;
        }
        member.status = MemberStatus::FailingOver;
        if !handover {
            continue;
        }
        // Stopped and locked by this operation: it is parked from here on, whatever comes.
        if let Some(copy) = member.instances.get_mut(&source)
            && copy.state == InstanceState::Production
        {
            copy.state = InstanceState::Parked;
        }
    }
    Ok(next)
}

/// Asks the old primary. From the moment the document is sent until an answer counts, nobody knows
/// where authority is: the same bytes are sent again, and then a person is asked. Such a step never
/// plainly fails, because a failure would start the source again.
async fn by_consent(work: &Work<'_>, next: &GroupDocument) -> Result<(), StepFailure> {
    let sent_before = work.noted().is_some_and(|noted| noted[SENT] == true);
    if !sent_before && !is_on(Bug::StopUnproven) {
        sources_are_stopped(work).await?;
    }
    work.note(json!({ SENT: true, AT: next.updated_at }))
        .await?;
    let clock = &work.steps.clock;
    let began = clock.monotonic();
    loop {
        let reason = match send(work, next).await {
            Sent::Accepted => return Ok(()),
            Sent::Fenced => return Err(StepFailure::Fenced),
            Sent::Refused(reason) => {
                work.note(json!({ SENT: false })).await?;
                learn(work).await;
                return Err(again(work, reason));
            }
            Sent::Undecided(reason) => reason,
        };
        if work.run.operation.options.force {
            still_stopped(work).await?;
            return alone(work, next).await;
        }
        if clock.monotonic() - began >= PATIENCE {
            return Err(StepFailure::ask(
                format!(
                    "the old primary does not answer, and whether it has given authority away is \
                     not known: {reason}. The source was stopped when it was last seen"
                ),
                "bring the old primary's protector-api back and `retry`; if that site is lost, \
                 `retry` with `force` to go on without it",
            ));
        }
        tracing::warn!(reason, "the old primary gave no answer; asking again");
        clock.sleep(PAUSE).await;
    }
}

/// The time in the document: noted before it is first sent, because the journal goes on.
fn moment(work: &Work<'_>) -> DateTime<Utc> {
    work.noted()
        .filter(|noted| noted[SENT] == true)
        .and_then(|noted| serde_json::from_value(noted[AT].clone()).ok())
        .unwrap_or_else(|| work.steps.clock.now())
}

/// The last look before authority passes: what was stopped earlier may have been started since.
async fn sources_are_stopped(work: &Work<'_>) -> Result<(), StepFailure> {
    match runs_at_the_source(work).await? {
        Some(what) => Err(StepFailure::permanent(
            what,
            "find out who started it, then ask again",
        )),
        None => Ok(()),
    }
}

/// What of the stopped source is no longer stopped and locked.
async fn runs_at_the_source(work: &Work<'_>) -> Result<Option<String>, StepFailure> {
    let source = work.other();
    let cloud = work.compute_on(source).await?;
    for member in &work.document.members {
        let stopped = work
            .progress()
            .first_done_of(member.id, |action| matches!(action, Action::StopServer));
        let Some(id) = member
            .instance(source)
            .and_then(|copy| copy.server_id.as_ref())
            .filter(|_| stopped)
        else {
            continue;
        };
        let server = cloud
            .get_server(&work.ctx()?, ServerRef::new(id))
            .await
            .map_err(|error| StepFailure::driver(source, &error))?;
        // One that is being started is off until its guest comes up.
        let off = matches!(server.status, ServerStatus::Stopped | ServerStatus::Shelved);
        if !off || server.busy || !server.locked {
            return Ok(Some(format!(
                "`{}` is no longer stopped and locked at the source: it is {}",
                member.name, server.raw_status
            )));
        }
    }
    Ok(None)
}

/// Before a person's word takes authority without the old primary: it may have given the move up
/// and started its servers again. Where its cloud does not answer, nobody can look.
async fn still_stopped(work: &Work<'_>) -> Result<(), StepFailure> {
    match runs_at_the_source(work).await {
        Ok(Some(what)) => Err(StepFailure::ask(
            format!("{what}; both copies would run"),
            "stop and lock it on its cloud, then `retry` with `force`",
        )),
        Err(StepFailure::Fenced) => Err(StepFailure::Fenced),
        Ok(None) | Err(_) => Ok(()),
    }
}

enum Sent {
    Accepted,
    Refused(String),
    Undecided(String),
    Fenced,
}

async fn send(work: &Work<'_>, next: &GroupDocument) -> Sent {
    if let Err(StepFailure::Fenced) = work.ctx() {
        return Sent::Fenced;
    }
    let link = match work.steps.link(work.other()).await {
        Ok(link) => link,
        Err(StepFailure::Fenced | StepFailure::GivenUp) => return Sent::Fenced,
        Err(
            StepFailure::Transient { error, .. }
            | StepFailure::Permanent(error)
            | StepFailure::AskUser(error),
        ) => return Sent::Undecided(error.message),
    };
    let fence = work.run.lease.fence();
    match link.handover(&work.record.head, next, fence).await {
        Ok(_) => Sent::Accepted,
        Err(HandoverError::Refused(Some(head))) => Sent::Refused(format!(
            "the old primary holds version {} of epoch {}",
            head.version, head.epoch.id
        )),
        Err(HandoverError::Refused(None)) => {
            Sent::Refused("the old primary does not hold the protection group".to_owned())
        }
        Err(HandoverError::Db(DbError::Fenced)) => Sent::Fenced,
        // Also this site's own database: the other site may have accepted before it failed.
        Err(error) => Sent::Undecided(error.to_string()),
    }
}

async fn learn(work: &Work<'_>) {
    if let Ok(link) = work.steps.link(work.other()).await
        && let Err(error) = link.reconcile().await
    {
        tracing::info!(%error, "the other site could not be asked");
    }
}

async fn alone(work: &Work<'_>, next: &GroupDocument) -> Result<(), StepFailure> {
    let bytes = next
        .to_bytes()
        .map_err(|error| StepFailure::unwritable(&error))?;
    let written: Result<GroupRecord, DbError> = work
        .steps
        .db
        .write_local(
            &work.record.head.base(),
            &bytes,
            Some(work.run.lease.fence()),
            true,
        )
        .await;
    written.map(drop).map_err(db)
}

fn again(work: &Work<'_>, message: String) -> StepFailure {
    StepFailure::Transient {
        error: Box::new(OperationError {
            message,
            site_id: Some(work.other()),
            what_to_do: Some("bring the old primary's protector-api back".to_owned()),
            ..OperationError::default()
        }),
        after: None,
    }
}

fn db(error: DbError) -> StepFailure {
    StepFailure::from(error)
}
