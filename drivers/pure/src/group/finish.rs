//! The end of a group: suspended, deleted, or what was received of it deleted.

use protector_framework::{GroupRef, ReplicationMode, Result};
use serde_json::json;

use super::Pair;
use super::ensure::{set_allowed, switch_schedule};
use crate::book::{self, Book};
use crate::client::{Call, Cause, gone_is_fine};
use crate::names;
use crate::side::Side;

/// Stops schedule and sending. An absent group is success.
pub(crate) async fn suspend(pair: Pair<'_>, group: &str) -> Result<()> {
    let own = pair.own;
    let me = own.array().await?;
    let Some(mut book) = Book::read(own, &me.id, group).await? else {
        return Ok(());
    };
    book.write(own, [book::state(false)]).await?;
    if book.mode() == ReplicationMode::Sync {
        return crate::sync::stop_schedule(own, &book, group).await;
    }
    switch_schedule(own, group, false).await?;
    // What is on its way is stopped by the receiver alone. It may be out of reach when its sender
    // is told to stop; then only the schedule ends.
    let Some(far) = pair.far else {
        return Ok(());
    };
    for name in [group.to_owned(), names::side(group)] {
        let inbound = format!("{}:{name}", me.name);
        let fenced = fence(far, &inbound).await;
        match fenced {
            Err(error) if error.is_transient() => {
                tracing::warn!(group, %error, "the target was not reached; it goes on letting in");
                return Ok(());
            }
            other => other?,
        }
    }
    Ok(())
}

/// Keeps an inbound group out, where there is one.
async fn fence(side: Side<'_>, inbound: &str) -> Result<()> {
    match side.group(inbound).await? {
        Some(group) if !group.destroyed => set_allowed(side, inbound, false).await,
        _ => Ok(()),
    }
}

/// Deletes a group, or what was received of one. Absent is success.
pub(crate) async fn delete(own: Side<'_>, group: &GroupRef) -> Result<()> {
    match group {
        GroupRef::Local { name } => delete_local(own, names::group(name)?).await,
        GroupRef::Replica { name, source } => {
            let group = names::group(name)?;
            let at = own.source_name(source, group).await?;
            let id = source.id.as_str();
            for one in [group.to_owned(), names::side(group)] {
                delete_received(own, &format!("{at}:{one}")).await?;
            }
            Book::close(own, id, group).await
        }
    }
}

async fn delete_local(own: Side<'_>, group: &str) -> Result<()> {
    let me = own.array().await?;
    let mut book = Book::read(own, &me.id, group).await?;
    if let Some(book) = &mut book {
        // Before anything is destroyed, so that it is not taken for the work of somebody else.
        book.write(own, [book::state(false)]).await?;
    }
    match book {
        // Not made by the driver, or a deletion was broken off before its very end.
        None => {}
        Some(book) if book.mode() == ReplicationMode::Sync => {
            crate::sync::delete(own, &book, &me, group).await?;
        }
        Some(_) => {
            for one in [names::side(group), group.to_owned()] {
                destroy_group(own, &one).await?;
            }
        }
    }
    // Last: a deletion that was broken off finds its way by the notes.
    Book::close(own, &me.id, group).await
}

async fn destroy_group(side: Side<'_>, group: &str) -> Result<()> {
    if side.group(group).await?.is_none_or(|group| group.destroyed) {
        return Ok(());
    }
    // Its name is needed again at most by this group's next life, which takes the pending one back.
    let call = Call::patch("protection-groups")
        .with("names", group)
        .json(json!({"destroyed": true}));
    gone_is_fine(side.send(call).await)
}

/// First what is there, then the group: a sender that is still alive keeps the group itself up.
async fn delete_received(side: Side<'_>, inbound: &str) -> Result<()> {
    if side
        .group(inbound)
        .await?
        .is_none_or(|group| group.destroyed)
    {
        return Ok(());
    }
    if let Err(error) = set_allowed(side, inbound, false).await {
        // The same call by another instance may have been faster.
        let there = side.group(inbound).await?;
        if there.is_some_and(|group| !group.destroyed) {
            return Err(error);
        }
        return Ok(());
    }
    for point in side.group_snapshots(inbound).await? {
        destroy_snapshot(side, &point.name).await?;
    }
    let call = Call::patch("protection-groups")
        .with("names", inbound)
        .json(json!({"destroyed": true}));
    match side.send(call).await {
        Err(failure) if failure.is_refusal() => {
            tracing::info!(inbound, error = %failure.error, "the empty inbound group stays");
            Ok(())
        }
        other => gone_is_fine(other),
    }
}

/// Destroys a snapshot of a group. Gone is fine, and guarded stays.
pub(crate) async fn destroy_snapshot(side: Side<'_>, name: &str) -> Result<()> {
    let call = Call::patch("protection-group-snapshots")
        .with("names", name)
        .json(json!({"destroyed": true}));
    match side.send(call).await {
        Err(failure) if failure.cause == Cause::SafeMode => {
            tracing::warn!(name, error = %failure.error, "a point stays");
            Ok(())
        }
        other => gone_is_fine(other),
    }
}
