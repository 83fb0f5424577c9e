//! Synchronous groups: volumes in a pod that is stretched over two arrays (ActiveCluster).
//!
//! Each write is on both arrays before it is acknowledged, so the target holds the present at any
//! time. Points are snapshots of a protection group inside the pod, which both arrays have at once.
//! What has no snapshot yet is offered as the point [`LIVE`]: whoever uses it gets one snapshot of
//! all volumes for his run, so that the copies belong together and a repeated call makes the same.

mod pod;
mod send;

use protector_framework::{DriverError, Result};
use serde_json::json;

use crate::book::Book;
use crate::client::{Call, gone_is_fine};
use crate::names;
use crate::points::{self, Held, Taken};
use crate::side::Side;
use crate::wire::{ArrayItem, GroupSnapshot, Volume};

/// The point that is the present, at the target of a synchronous group.
pub(crate) const LIVE: &str = "live";

/// The protection group inside the pod.
fn inside(pod: &str, group: &str) -> String {
    format!("{pod}::{group}")
}

/// The pod that the driver makes for a group whose volumes are in none.
fn own_pod(source: &str, group: &str) -> String {
    let digest = names::digest(&[
        "pod",
        &source.to_ascii_lowercase(),
        &group.to_ascii_lowercase(),
    ]);
    format!("drp-{digest}")
}

/// The points of a group on one of its arrays, oldest first.
pub(crate) async fn points(
    side: Side<'_>,
    book: &Book,
    group: &str,
    at_target: bool,
    only: Option<&str>,
) -> Result<Vec<Taken>> {
    let Some(pod) = book.pod() else {
        return Ok(Vec::new());
    };
    let me = side.array().await?;
    let whole = pod::is_online(side, pod, &me).await?;
    let inner = inside(pod, group);
    if only == Some(LIVE) {
        return match whole && at_target {
            true => frozen(side, &inner).await.map(|point| vec![point]),
            false => Ok(Vec::new()),
        };
    }
    let mut found = points::taken(side, &inner, only).await?;
    for point in &mut found {
        point.complete = whole;
    }
    if whole && at_target && only.is_none() {
        found.extend(live(side, &me, &inner).await?);
    }
    Ok(found)
}

/// The present as a point, where there is anything in it.
async fn live(side: Side<'_>, me: &ArrayItem, inner: &str) -> Result<Option<Taken>> {
    let members = side.members(inner).await?;
    let names: Vec<&str> = members.iter().map(|one| one.member.name.as_str()).collect();
    if names.is_empty() {
        return Ok(None);
    }
    let volumes = side.live_volumes(&names).await?;
    Ok(Some(Taken {
        snapshot: GroupSnapshot {
            name: format!("{inner}.{LIVE}"),
            created: side.now(me).timestamp_millis(),
            ..GroupSnapshot::default()
        },
        suffix: LIVE.to_owned(),
        complete: true,
        volumes: volumes.iter().map(as_held).collect(),
    }))
}

fn as_held(volume: &Volume) -> Held {
    Held {
        snapshot: volume.name.clone(),
        name: names::base(&volume.name).to_owned(),
        serial: volume.serial.clone(),
        size: volume.provisioned,
    }
}

/// The present, held fast for this run: the first use takes a snapshot, the others find it.
async fn frozen(side: Side<'_>, inner: &str) -> Result<Taken> {
    let run = side.trip.run.as_deref().unwrap_or(&side.trip.request_id);
    let suffix = format!("{LIVE}-{}", names::digest(&["live", run]));
    let find = async || -> Result<Option<Taken>> {
        let found = points::taken(side, inner, Some(&suffix)).await?;
        Ok(found.into_iter().next())
    };
    if let Some(found) = find().await? {
        return Ok(found);
    }
    let call = Call::post("protection-group-snapshots")
        .with("source_names", inner)
        .json(json!({"suffix": suffix}));
    let sent = side.send(call).await;
    if let Err(failure) = sent
        && !failure.is_refusal()
    {
        return Err(failure.into());
    }
    find().await?.ok_or_else(|| {
        DriverError::conflict(format!(
            "array group `{inner}` takes no snapshot of its present"
        ))
    })
}

/// Ends the schedule inside the pod. The pod stays stretched.
pub(crate) async fn stop_schedule(side: Side<'_>, book: &Book, group: &str) -> Result<()> {
    let Some(pod) = book.pod() else {
        return Ok(());
    };
    pod::schedule(side, &inside(pod, group), None).await
}

/// Deletes the group's points, and the pod where the driver made it. The volumes go back to the
/// array's root.
pub(crate) async fn delete(side: Side<'_>, book: &Book, me: &ArrayItem, group: &str) -> Result<()> {
    let Some(pod) = book.pod() else {
        return Ok(());
    };
    let inner = inside(pod, group);
    if side.group(&inner).await?.is_some_and(|one| !one.destroyed) {
        let members = side.members(&inner).await?;
        let names: Vec<&str> = members.iter().map(|one| one.member.name.as_str()).collect();
        crate::group::remove(side, &inner, &names).await?;
        let call = Call::patch("protection-groups")
            .with("names", &inner)
            .json(json!({"destroyed": true}));
        gone_is_fine(side.send(call).await)?;
    }
    match names::same(pod, &own_pod(&me.id, group)) {
        true => pod::dissolve(side, pod, me).await,
        false => Ok(()),
    }
}
