//! Who has a group's place. Where the other site executes the operation that has it, this site
//! holds a mirror which is told some seconds later how it stands, so before anybody is refused the
//! other site is asked.

use std::time::Duration;

use chrono::TimeDelta;
use protector_db::GroupRecord;
use protector_model::{Operation, OperationStatus};
use protector_peer::{OperationView, PeerError};
use protector_reach::within;

use crate::control::Control;
use crate::groups::known;
use crate::refusal::{Refusal, Result};

/// How old a mirror must be before its operation counts as never begun: the other site begins it
/// within the time of one request.
const AGE: TimeDelta = TimeDelta::seconds(60);
/// How long the other site may take to say how an operation stands, or a group.
const PROBE: Duration = Duration::from_secs(3);

/// The group as it is while no operation runs on it; refuses where one does.
pub(crate) async fn free(control: &Control, record: &GroupRecord) -> Result<GroupRecord> {
    let Some(holder) = record.active_operation else {
        return Ok(record.clone());
    };
    let local = control.local().await?.id;
    let mirror = control.db.get_operation(holder).await?;
    let Some(mirror) = mirror.filter(|operation| operation.executor_site_id != local) else {
        return Err(Refusal::busy(holder));
    };
    match ask(control, &mirror).await {
        Ok(Some(theirs)) => {
            let ended = theirs.operation.status.is_final();
            learn(control, &mirror, theirs.operation).await?;
            if ended {
                return caught_up(control, record).await;
            }
        }
        Ok(None) if is_orphan(control, &mirror) => {
            tracing::warn!(operation = %holder, "the other site knows nothing of it; it is forgotten");
            control.db.drop_mirror(holder).await?;
            return known(control, record.document.id).await;
        }
        Ok(None) => {}
        Err(why) => return Err(not_told(control, &mirror, &why)),
    }
    Err(Refusal::busy(holder))
}

/// Takes what the other site says of an operation.
pub(crate) async fn learn(control: &Control, mirror: &Operation, theirs: Operation) -> Result<()> {
    let mine = Operation {
        project_id: mirror.project_id.clone(),
        ..theirs
    };
    Ok(control.db.update_mirror(&mine).await?)
}

/// What the other site says of an operation that it executes.
pub(crate) async fn ask(
    control: &Control,
    mirror: &Operation,
) -> Result<Option<OperationView>, String> {
    let remote = control.remote(mirror.executor_site_id).await;
    let remote = remote.map_err(|error| error.message)?;
    let answer = within(&*control.clock, PROBE, remote.get_operation(mirror.id)).await;
    let answer = answer.unwrap_or_else(|| Err(PeerError::Unreachable("no answer in time".into())));
    answer.map_err(|error| error.to_string())
}

/// The answer to a request was lost, and so was the word that takes its mirror back.
fn is_orphan(control: &Control, mirror: &Operation) -> bool {
    mirror.status == OperationStatus::Queued && control.now() - mirror.created_at >= AGE
}

/// Busy by what was last heard, which may not be so any more.
fn not_told(control: &Control, mirror: &Operation, why: &str) -> Refusal {
    let mut refusal = Refusal::busy(mirror.id);
    let age = (control.now() - mirror.updated_at).num_seconds().max(0);
    refusal.message = format!(
        "operation {} was `{}` when the site that executes it was last heard, {age} s ago, and \
         that site does not say how it stands now: {why}",
        mirror.id, mirror.status
    );
    refusal
}

/// The group after this site and the other one have compared their documents. Where the other one
/// does not answer, as it is.
pub(crate) async fn caught_up(control: &Control, record: &GroupRecord) -> Result<GroupRecord> {
    let id = record.document.id;
    let local = control.local().await?.id;
    let link = control
        .link(local, record.document.other_site(local))
        .await?;
    match within(&*control.clock, PROBE, link.meet_group(id)).await {
        Some(Ok(_)) => {}
        Some(Err(error)) => tracing::debug!(group = %id, %error, "not compared"),
        None => tracing::debug!(group = %id, "not compared in time"),
    }
    known(control, id).await
}

/// The group as the other site knows it, where that is news and may be why a request was refused:
/// bookkeeping of an operation follows its end by some seconds.
pub(crate) async fn news(
    control: &Control,
    record: &GroupRecord,
    refusal: &Refusal,
) -> Result<Option<GroupRecord>> {
    let by_state = [
        "protector.wrong_state",
        "protector.out_of_sync",
        "protector.not_primary",
    ];
    if !by_state.contains(&refusal.code.as_str()) {
        return Ok(None);
    }
    let after = caught_up(control, record).await?;
    Ok((after.head != record.head).then_some(after))
}
