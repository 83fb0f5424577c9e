//! Writes what the operation has done into the group's document, at whichever site has authority.

use std::collections::BTreeMap;

use protector_db::DbError;
use protector_framework::MemberId;
use protector_model::fold::fold;
use protector_model::operation::OperationError;
use protector_model::plan::Action;
use protector_model::settle::settle;
use protector_model::{GroupChange, GroupDocument, Instance, InstanceState, OperationKind};
use protector_peer::{ForwardedChange, PeerError};

use super::Output;
use super::work::{Work, unreached};
use crate::failure::StepFailure;

pub(super) async fn finish(work: &Work<'_>) -> Output {
    if work.record.document.current_primary_site_id == work.steps.site {
        write(work).await?;
    } else {
        report(work).await?;
    }
    let quarantined = work.run.operation.kind == OperationKind::Quarantine
        && work.run.plan.steps.iter().all(|step| {
            !matches!(step.action, Action::ParkServer { .. }) || work.progress().is_done(&step.key)
        })
        // The copy of a member that stayed is looked at when its move is tried again.
        && !work.document.members.iter().any(|member| {
            let copy = member.instance(work.steps.site);
            copy.is_some_and(|c| c.state == InstanceState::Parked && c.server_id.is_some())
        });
    if quarantined {
        let fence = work.run.lease.fence();
        work.steps
            .db
            .end_quarantine(fence, work.document.id)
            .await?;
    }
    work.steps.nudge.notify_one();
    Ok(None)
}

/// This site has authority: it writes the next version itself, and the peer learns it.
async fn write(work: &Work<'_>) -> Result<(), StepFailure> {
    let before = &work.record.document;
    let after = settle(
        &fold(before, work.progress()),
        work.run.operation,
        work.progress(),
    );
    if after == *before {
        return Ok(());
    }
    let now = work.steps.clock.now();
    let next = GroupDocument {
        version: before.version + 1,
        updated_at: now,
        members: after
            .members
            .iter()
            .map(|member| {
                let mut member = member.clone();
                if before.member(member.id) != Some(&member) {
                    member.updated_at = now;
                }
                member
            })
            .collect(),
        ..after
    };
    let bytes = next
        .to_bytes()
        .map_err(|error| StepFailure::unwritable(&error))?;
    work.steps
        .db
        .write_local(
            &work.record.head.base(),
            &bytes,
            Some(work.run.lease.fence()),
            false,
        )
        .await
        .map(drop)
        .map_err(|error| match error {
            DbError::Fenced => StepFailure::Fenced,
            // A change of a user was on its way: the next attempt begins from what came of it.
            other => StepFailure::Transient {
                error: Box::new(OperationError {
                    message: other.to_string(),
                    ..OperationError::default()
                }),
                after: None,
            },
        })
}

/// The other site has authority: it is told what this site holds now.
async fn report(work: &Work<'_>) -> Result<(), StepFailure> {
    let copies = changed_copies(work);
    if copies.is_empty() {
        return Ok(());
    }
    let peer = work.document.other_site(work.steps.site);
    let remote = work
        .steps
        .reach
        .remote(peer)
        .await
        .map_err(|error| unreached(peer, error))?;
    let change = ForwardedChange {
        change: GroupChange::ReportCopies {
            site: work.steps.site,
            copies,
        },
        secrets: BTreeMap::new(),
        actor: work.run.operation.actor.clone(),
    };
    remote
        .change_group(work.document.id, &change)
        .await
        .map(drop)
        .map_err(|error| match error {
            PeerError::Refused {
                status: 400..=408,
                message,
                ..
            } => StepFailure::permanent(
                format!("the other site does not take this site's report: {message}"),
                "run sync-force, then `retry`",
            ),
            other => StepFailure::Transient {
                error: Box::new(OperationError {
                    message: other.to_string(),
                    site_id: Some(peer),
                    what_to_do: Some("bring the other site's protector-api back".to_owned()),
                    ..OperationError::default()
                }),
                after: None,
            },
        })
}

fn changed_copies(work: &Work<'_>) -> BTreeMap<MemberId, Option<Instance>> {
    let site = work.steps.site;
    let mut copies = BTreeMap::new();
    for member in &work.document.members {
        let before = work
            .record
            .document
            .member(member.id)
            .and_then(|m| m.instance(site));
        let after = member.instance(site);
        if before != after {
            copies.insert(member.id, after.cloned());
        }
    }
    copies
}
