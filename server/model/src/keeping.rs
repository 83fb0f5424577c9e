//! Why a finished operation is still needed, so that old ones can be let go: an operation and its
//! journal are more than history.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use protector_framework::{OperationId, SiteId};

use crate::document::GroupDocument;
use crate::operation::{Operation, StepRecord};
use crate::plan::Plan;
use crate::schedule::{epoch_of, is_unwritten, test_stands, to_undo};
use crate::status::{OperationKind, OperationStatus};

crate::status::states! {
    /// What an operation is still needed for.
    Need {
        /// It is not finished, or another one of its group is not.
        Unfinished = "its protection group has an operation that is not finished",
        /// Its test copies stand.
        TestCopies = "its test copies stand",
        /// Its journal is the record of what it has made or stopped and not taken back.
        Owner = "its journal says what it has made and not taken back",
        /// It belongs to the epoch that the group is in.
        Epoch = "it belongs to the epoch that its protection group is in",
        /// It may hold recovery points, or tells how an older one stands.
        Move = "no later move in its direction has completed",
        /// What it lost is not accounted for, or the data is still kept.
        Loss = "its statement of loss is open",
        /// Nothing of its kind, or nothing at all, has completed since.
        Latest = "nothing has completed since",
        /// The other site may not know how it ended.
        Peer = "the other site may not know how it ended",
    }
}

/// How long after an operation's end the other site must have been met: it is told of operations
/// after documents.
const TOLD_AFTER: TimeDelta = TimeDelta::hours(1);

/// What an operation is looked at in: its group, and the group's other operations.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// The group; `None`: it is not there.
    pub document: Option<&'a GroupDocument>,
    /// When both sites were last seen to hold the same document.
    pub met_at: Option<DateTime<Utc>>,
    /// The operation that has the group's place, and the test that stands.
    pub holders: [Option<OperationId>; 2],
    /// Every operation of the group, also this one.
    pub all: &'a [Operation],
    /// The site whose database this is.
    pub local: Option<SiteId>,
}

/// What a finished operation is still needed for; `None`: nothing. An operation that another site
/// executes has neither a plan nor a journal here.
pub fn need(
    operation: &Operation,
    plan: Option<&Plan>,
    journal: &[StepRecord],
    around: &Around<'_>,
) -> Option<Need> {
    if around.all.iter().any(|other| !other.status.is_final()) {
        return Some(Need::Unfinished);
    }
    if around.holders.contains(&Some(operation.id)) || stands(operation, plan, journal) {
        return Some(Need::TestCopies);
    }
    if owns(operation, plan, journal) {
        return Some(Need::Owner);
    }
    let document = around.document?;
    if may_not_be_known(operation, around) {
        return Some(Need::Peer);
    }
    if document.deleted {
        return None;
    }
    if is_of_epoch(operation, plan, document) {
        Some(Need::Epoch)
    } else if keeps_a_loss_open(operation, around.all, document) {
        Some(Need::Loss)
    } else if is_last_move(operation, around.all) {
        Some(Need::Move)
    } else if is_latest(operation, around.all) {
        Some(Need::Latest)
    } else {
        None
    }
}

/// Whether an operation is the record of what it has left. Beside one that gave way to another, the
/// moves after it are needed too: they say whether what it had stopped may start again.
pub fn owns(operation: &Operation, plan: Option<&Plan>, journal: &[StepRecord]) -> bool {
    let ill = operation.status != OperationStatus::Completed;
    let left = |plan: &Plan| !to_undo(plan, journal).is_empty() || is_unwritten(plan, journal);
    ill && plan.is_some_and(left)
}

fn stands(operation: &Operation, plan: Option<&Plan>, journal: &[StepRecord]) -> bool {
    let cleaned = plan.is_some_and(|plan| !test_stands(plan, journal));
    operation.test_stands && !cleaned
}

fn may_not_be_known(operation: &Operation, around: &Around<'_>) -> bool {
    let ours = around.local == Some(operation.executor_site_id);
    let since = operation.updated_at + TOLD_AFTER;
    ours && around.met_at.is_none_or(|met| met < since)
}

/// Whether the engine reads it to learn what became of the copies in this epoch.
fn is_of_epoch(operation: &Operation, plan: Option<&Plan>, document: &GroupDocument) -> bool {
    let epoch = document.epoch.id;
    let removes = operation.kind == OperationKind::Cleanup || operation.kind.moves_authority();
    epoch_of(operation.id) == epoch
        || document.given_up == Some(operation.id)
        || (removes && plan.is_some_and(|plan| plan.epoch == Some(epoch)))
}

/// Whether its own statement is open, or it is a quarantine that an open one of its group asks for.
fn keeps_a_loss_open(operation: &Operation, all: &[Operation], document: &GroupDocument) -> bool {
    match operation.kind {
        OperationKind::Quarantine => all.iter().any(|other| has_open_loss(other, document)),
        _ => has_open_loss(operation, document),
    }
}

fn has_open_loss(operation: &Operation, document: &GroupDocument) -> bool {
    let loss = operation.result.as_ref().and_then(|r| r.loss.as_ref());
    let Some(loss) = loss else { return false };
    let volumes: BTreeSet<_> = document
        .members
        .iter()
        .flat_map(|member| member.instances.values())
        .flat_map(|copy| &copy.volumes)
        .map(|volume| &volume.id)
        .collect();
    let kept = loss
        .kept
        .iter()
        .any(|kept| volumes.contains(&kept.volume_id));
    loss.completed_at.is_none() || kept
}

/// The next move in its direction lets go of the recovery points that a move has pinned.
fn is_last_move(operation: &Operation, all: &[Operation]) -> bool {
    let later = |other: &&Operation| {
        other.kind.moves_authority()
            && other.target_site_id == operation.target_site_id
            && other.created_at > operation.created_at
            && other.status == OperationStatus::Completed
    };
    operation.kind.moves_authority() && !all.iter().any(|other| later(&other))
}

/// Whether it is the last that completed of its kind, such as the last good test; or one that did not
/// end well and after which nothing has.
fn is_latest(operation: &Operation, all: &[Operation]) -> bool {
    let good = operation.status == OperationStatus::Completed;
    let later = |other: &&Operation| {
        other.status == OperationStatus::Completed
            && other.created_at > operation.created_at
            && (!good || other.kind == operation.kind)
    };
    !all.iter().any(|other| later(&other))
}

#[cfg(test)]
mod tests;
