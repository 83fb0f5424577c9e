//! Recovery points: made, chosen, kept.

use chrono::{DateTime, TimeDelta, Utc};
use protector_framework::{
    GenericUuid as _, GetGroup, GetReplication, ListPoints, OperationId, PinPoint, Point,
    PointName, StartReplication, Transfer, TransferState,
};
use protector_model::epoch::Epoch;
use protector_model::operation::StepProgress;
use protector_model::outputs::{Chosen, Kept, Replicated, read};
use protector_model::plan::Action;
use protector_model::schedule::epoch_of;
use protector_model::seeded::{Bug, is_on};
use protector_model::{InstanceState, InstanceVolume, Member, OperationKind};
use serde_json::json;

use super::poll::STALL;
use super::work::{Work, tail};
use super::{Output, output};
use crate::failure::StepFailure;

/// Takes a point and waits until it is wholly on the other array. Volumes that were still being
/// seeded when it was taken are not part of it: once they are seeded, another one is taken.
pub(super) async fn replicate(work: &Work<'_>) -> Output {
    // A retried operation takes a new point: the old one may lack what was written since.
    let name = format!(
        "protector-{}-{}-{}",
        tail(work.operation().into_untyped_uuid()),
        work.run.step.key.replace('/', "-"),
        work.run.operation.attempt
    );
    let lacks_some = lacks_some(work).await?;
    let mut transfer = send(work, PointName::from(name.as_str())).await?;
    seeded(work).await?;
    if lacks_some {
        let bytes_before = transfer.bytes_sent;
        transfer = send(work, PointName::from(format!("{name}-whole"))).await?;
        transfer.bytes_sent += bytes_before;
    }
    work.steps
        .db
        .note_replication(work.document.id, transfer.taken_at)
        .await?;
    output(&Replicated {
        point: transfer.point,
        taken_at: transfer.taken_at,
        bytes_sent: transfer.bytes_sent,
    })
}

/// Whether a point that is taken now lacks a volume; noted before it is taken, because afterwards
/// nobody can tell.
async fn lacks_some(work: &Work<'_>) -> Result<bool, StepFailure> {
    let attempt = work.run.operation.attempt;
    if let Some(noted) = work.noted().filter(|noted| noted["attempt"] == attempt)
        && let Some(lacks) = noted["lacks_some"].as_bool()
    {
        return Ok(lacks);
    }
    let lacks = !unseeded(work).await?.is_empty();
    work.note(json!({ "attempt": attempt, "lacks_some": lacks }))
        .await?;
    Ok(lacks)
}

/// Takes one point and waits until it has arrived.
async fn send(work: &Work<'_>, point: PointName) -> Result<Transfer, StepFailure> {
    let storage = work.storage().await?;
    let group = work.group_name();
    let start = StartReplication::new(&group, &point);
    let mut transfer = storage
        .start_replication(&work.ctx()?, start)
        .await
        .map_err(|e| work.failed(&e))?;
    let mut poll = work.poll(format!("recovery point {point} to arrive"), STALL);
    let mut seen = 0;
    while transfer.state != TransferState::Complete && !is_on(Bug::PointNotAwaited) {
        if transfer.bytes_sent > seen {
            seen = transfer.bytes_sent;
            poll.moved();
            show(work, &transfer).await?;
        }
        poll.pause(&format!(
            "{:?}, {} bytes sent",
            transfer.state, transfer.bytes_sent
        ))
        .await?;
        transfer = storage
            .get_replication(&work.ctx()?, GetReplication::new(&group, &point))
            .await
            .map_err(|e| work.failed(&e))?;
    }
    show(work, &transfer).await?;
    Ok(transfer)
}

/// New volumes are seeded beside the group; only then does a point protect all.
async fn seeded(work: &Work<'_>) -> Result<(), StepFailure> {
    let mut poll = work.poll("the first copies of new volumes", STALL);
    loop {
        let missing = unseeded(work).await?;
        if missing.is_empty() {
            return Ok(());
        }
        poll.pause(&format!("not there yet: {}", missing.join(", ")))
            .await?;
    }
}

/// The volumes of the group whose first full copy is not on the target.
async fn unseeded(work: &Work<'_>) -> Result<Vec<String>, StepFailure> {
    let status = work
        .storage()
        .await?
        .get_group(&work.ctx()?, GetGroup::new(work.group_name()))
        .await
        .map_err(|e| work.failed(&e))?;
    let missing = status.volumes.into_iter().filter(|v| !v.seeded);
    Ok(missing.map(|v| v.name.to_string()).collect())
}

async fn show(work: &Work<'_>, transfer: &Transfer) -> Result<(), StepFailure> {
    let progress = StepProgress {
        done: transfer.bytes_sent,
        total: transfer.bytes_total,
        unit: "bytes".to_owned(),
    };
    work.run
        .journal
        .progress(
            &work.steps.db,
            work.run.lease.fence(),
            &work.run.step.key,
            progress,
        )
        .await
}

/// Chooses the point: the one this operation has sent, a named one, or the newest complete one.
pub(super) async fn choose(work: &Work<'_>) -> Output {
    let sent: Option<PointName> = work
        .progress()
        .done()
        .filter(|(step, _)| matches!(step.action, Action::Replicate))
        .filter_map(|(_, output)| read::<Replicated>(output))
        .last()
        .filter(|_| !is_on(Bug::PointNotAwaited))
        .map(|sent| sent.point);
    let named = sent.or_else(|| work.run.operation.options.recovery_point.clone());
    let storage = work.storage().await?;
    let request = ListPoints::new(work.replica()?);
    let points = storage
        .list_points(&work.ctx()?, request)
        .await
        .map_err(|e| work.failed(&e))?;
    let point = match &named {
        Some(name) => find(&points, name)?,
        None => match newest(&points, &work.record.document.epoch) {
            Some(point) => point,
            None => match of_a_test(work, &points) {
                Some(point) => point,
                None => return keep(work, &points),
            },
        },
    };
    output(&Chosen {
        point: point.name.clone(),
        taken_at: point.taken_at,
        volumes: point.volumes.clone(),
    })
}

fn find<'a>(points: &'a [Point], name: &PointName) -> Result<&'a Point, StepFailure> {
    let point = points.iter().find(|p| p.name == *name);
    match point {
        Some(point) if point.complete => Ok(point),
        Some(_) => Err(StepFailure::permanent(
            format!("recovery point {name} is not complete on the target array"),
            "name another one, or leave it out for the newest complete one",
        )),
        None => Err(StepFailure::permanent(
            format!("recovery point {name} is not on the target array"),
            "list the recovery points and name one of them",
        )),
    }
}

/// The newest of the time since the group runs where it does: an older one is of a life before, and
/// what came between would be lost.
fn newest<'a>(points: &'a [Point], epoch: &Epoch) -> Option<&'a Point> {
    points
        .iter()
        .filter(|p| p.complete && epoch.covers(p.taken_at))
        .max_by_key(|p| p.taken_at)
}

/// A test changes nothing of production: it takes what there is.
fn of_a_test<'a>(work: &Work<'_>, points: &'a [Point]) -> Option<&'a Point> {
    let is_test = work.run.operation.kind == OperationKind::TestFailover;
    let complete = points.iter().filter(|p| is_test && p.complete);
    complete.max_by_key(|p| p.taken_at)
}

/// A point that is older than the move by no more than this may be newer in truth: the array's clock
/// may be behind the engine's.
const SKEW: TimeDelta = TimeDelta::seconds(15);

fn is_close(point: &Point, since: DateTime<Utc>) -> bool {
    point.complete && point.taken_at >= since - SKEW
}

/// Without such a point the parked copies are the newest data that this site has, and they are
/// started as they are. What a quarantined copy holds has diverged: a person must ask for it.
fn keep(work: &Work<'_>, points: &[Point]) -> Output {
    let operation = work.run.operation;
    let epoch = &work.record.document.epoch;
    let kept: Vec<InstanceState> = work
        .document
        .members
        .iter()
        .filter_map(|member| kept_state(work, member))
        .collect();
    let diverged = kept.contains(&InstanceState::Quarantined);
    let moves = operation.is_unplanned_move() && !kept.is_empty();
    let force = operation.options.accepts_loss();
    match epoch.since {
        Some(since) if moves && !force && since > work.steps.clock.now() => {
            Err(StepFailure::permanent(
                format!(
                    "the group came to the other site at {since}, which is still to come: a clock was \
                     or is wrong, and which recovery points are newer than that cannot be told"
                ),
                "name the newest recovery point, or ask again with `accept_loss` to start what is \
                 kept here",
            ))
        }
        Some(since) if moves && !force && points.iter().any(|p| is_close(p, since)) => {
            Err(StepFailure::permanent(
                format!(
                    "no recovery point is newer than the moment when the group came to the other \
                     site ({since}), but one is hardly older: the array's clock may be behind"
                ),
                "name that recovery point, or ask again with `accept_loss` to start what is kept here",
            ))
        }
        Some(kept_as_of) if moves && (!diverged || force) => output(&Kept { kept_as_of }),
        Some(since) if moves => Err(StepFailure::permanent(
            format!(
                "no recovery point has arrived since the group runs on the other site ({since}), and \
                 the copies kept here had been written to after that site took over"
            ),
            "ask again with `accept_loss` to start them as they are",
        )),
        _ => Err(StepFailure::permanent(
            "there is no complete recovery point on the target array of what the group has written \
             where it runs now",
            "wait until the first replication has arrived, or `reprotect` the group first; an older \
             point can be named",
        )),
    }
}

/// As what a copy of the site is started, where the move does not make it anew. One that it puts out of
/// use first has been written to since the other site took over.
fn kept_state(work: &Work<'_>, member: &Member) -> Option<InstanceState> {
    let mut does = work
        .run
        .plan
        .steps
        .iter()
        .filter(|s| s.member == Some(member.id));
    let parks_first = does
        .clone()
        .any(|step| matches!(step.action, Action::ParkServer { quarantine: true }));
    let revives = does.any(|step| matches!(step.action, Action::ReviveServer));
    let copy = member.instance(work.site()).filter(|_| revives)?;
    Some(match parks_first {
        true => InstanceState::Quarantined,
        false => copy.state,
    })
}

/// Who holds the point: the operation, or the test that is being removed.
fn holder(work: &Work<'_>) -> String {
    if is_on(Bug::SharedPins) {
        return OperationId::from_untyped_uuid(uuid::Uuid::nil()).to_string();
    }
    let own = work.operation();
    let holder: OperationId = match work.run.operation.kind {
        OperationKind::TestCleanup => work.run.operation.options.test.unwrap_or(own),
        _ => own,
    };
    holder.to_string()
}

pub(super) async fn pin(work: &Work<'_>) -> Output {
    if work.progress().kept().is_some() {
        return Ok(None);
    }
    let chosen = chosen(work).await?;
    let storage = work.storage().await?;
    if storage.capabilities().pin_points {
        let request = PinPoint::new(work.replica()?, chosen.point, holder(work));
        storage
            .pin_point(&work.ctx()?, request)
            .await
            .map_err(|e| work.failed(&e))?;
    }
    Ok(None)
}

pub(super) async fn unpin(work: &Work<'_>) -> Output {
    let Ok(chosen) = chosen(work).await else {
        // No point was chosen, so none is held.
        return Ok(None);
    };
    let storage = work.storage().await?;
    if storage.capabilities().pin_points {
        let request = PinPoint::new(work.replica()?, chosen.point, holder(work));
        storage
            .unpin_point(&work.ctx()?, request)
            .await
            .map_err(|e| work.failed(&e))?;
        if work.record.document.epoch.id == epoch_of(work.operation()) {
            release_ended(work).await?;
        }
    }
    Ok(None)
}

/// Lets go what older moves of the group still hold for members that never came up: nobody can try
/// them again, because authority has passed since or the group goes.
pub(super) async fn release_ended(work: &Work<'_>) -> Result<(), StepFailure> {
    let storage = work.storage().await?;
    if !storage.capabilities().pin_points {
        return Ok(());
    }
    let points = storage
        .list_points(&work.ctx()?, ListPoints::new(work.replica()?))
        .await
        .map_err(|e| work.failed(&e))?;
    for point in points {
        for holder in point.pinned_by {
            if is_ended_move(work, &holder).await? {
                let request = PinPoint::new(work.replica()?, point.name.clone(), holder);
                storage
                    .unpin_point(&work.ctx()?, request)
                    .await
                    .map_err(|e| work.failed(&e))?;
            }
        }
    }
    Ok(())
}

async fn is_ended_move(work: &Work<'_>, holder: &str) -> Result<bool, StepFailure> {
    let Ok(id) = holder.parse::<OperationId>() else {
        return Ok(false);
    };
    let older = work.steps.db.get_operation(id).await?;
    Ok(older.is_some_and(|older| {
        older.id != work.operation()
            && older.group_id == work.document.id
            && older.kind.moves_authority()
            && older.status.is_final()
    }))
}

/// Refuses to remove the rest of a member's copy where the point does not hold the member: that rest may
/// be all there is of it.
pub(super) async fn must_hold_member(work: &Work<'_>) -> Result<(), StepFailure> {
    let chosen = chosen(work).await?;
    let member = work.member()?;
    let source = member.instance(work.other());
    let holds = |volume: &InstanceVolume| chosen.volumes.iter().any(|v| v.serial == volume.serial);
    let held =
        source.is_some_and(|copy| !copy.volumes.is_empty() && copy.volumes.iter().all(holds));
    match held {
        true => Ok(()),
        false => Err(StepFailure::permanent(
            format!(
                "recovery point {} does not hold `{}`; what is left of its copy here stays",
                chosen.point, member.name
            ),
            "name a recovery point that holds it, or bring it up by hand from what is left",
        )),
    }
}

/// The operation's point; for the removal of a test, the test's.
pub(super) async fn chosen(work: &Work<'_>) -> Result<Chosen, StepFailure> {
    let missing = || {
        StepFailure::permanent(
            "no recovery point was chosen",
            "retry the operation from its start",
        )
    };
    if let Some(chosen) = work.progress().chosen() {
        return Ok(chosen);
    }
    if work.progress().kept().is_some() {
        return Err(StepFailure::permanent(
            "no recovery point has arrived since the group runs on the other site",
            "retry when that site is back",
        ));
    }
    let Some(test) = work.run.operation.options.test else {
        return Err(missing());
    };
    let db = &work.steps.db;
    let plan = db.plan(test).await?.ok_or_else(missing)?;
    let journal = db.steps(test).await?;
    protector_model::outputs::Progress {
        plan: &plan,
        journal: &journal,
    }
    .chosen()
    .ok_or_else(missing)
}
