//! Before a member is started, the document says so.

use protector_db::DbError;
use protector_framework::MemberId;
use protector_model::plan::Action;
use protector_model::schedule::epoch_of;
use protector_model::{GroupDocument, MemberStatus};

use super::work::{Work, no_group};
use crate::failure::StepFailure;

/// How often the document may go on while this is written.
const TRIES: u32 = 20;

/// Writes which members are being started, where the document does not say so yet: a move that is
/// opened again starts members that had failed. The other site, whenever it comes back, puts its
/// copies of exactly those out of use, and not the only copy of one that stayed.
pub(super) async fn announce(work: &Work<'_>) -> Result<(), StepFailure> {
    if !work.run.operation.kind.moves_authority() || is_said(work, &work.record.document) {
        return Ok(());
    }
    let db = &work.steps.db;
    let group = work.document.id;
    for _ in 0..TRIES {
        let record = db.get_group(group).await?;
        let record = record.ok_or_else(|| no_group(group))?;
        if record.document.epoch.id != epoch_of(work.operation()) {
            return Err(StepFailure::permanent(
                "authority over the protection group has moved on",
                "ask for a new operation",
            ));
        }
        if is_said(work, &record.document) {
            return Ok(());
        }
        let mut next = record.document.next_version(work.steps.clock.now());
        for id in starting(work) {
            if let Some(member) = next.member_mut(id) {
                member.status = MemberStatus::FailingOver;
                member.status_reason = None;
            }
        }
        let bytes = next
            .to_bytes()
            .map_err(|error| StepFailure::unwritable(&error))?;
        let fence = Some(work.run.lease.fence());
        match db
            .write_local(&record.head.base(), &bytes, fence, false)
            .await
        {
            Ok(_) => {
                work.steps.nudge.notify_one();
                return Ok(());
            }
            // Another step of the operation, or a report of the other site, came first.
            Err(DbError::Moved(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(DbError::ChangePending.into())
}

fn is_said(work: &Work<'_>, document: &GroupDocument) -> bool {
    let member = work.run.step.member.and_then(|id| document.member(id));
    member.is_none_or(|member| member.status == MemberStatus::FailingOver)
}

/// The members whose start is part of this run of the operation.
fn starting<'a>(work: &'a Work<'_>) -> impl Iterator<Item = MemberId> + 'a {
    let progress = work.progress();
    let open = work.run.plan.steps.iter().filter(move |step| {
        let starts = matches!(
            step.action,
            Action::BootServer { test: false } | Action::ReviveServer
        );
        starts && !progress.is_done(&step.key)
    });
    open.filter_map(|step| step.member)
}
