//! Volumes made from points, overwritten with them, kept, and let go.

mod discard;
mod materialize;
mod overwrite;
mod snapshot;

pub(crate) use discard::discard;
pub(crate) use materialize::materialize;
pub(crate) use overwrite::overwrite;
pub(crate) use snapshot::snapshot;

use protector_framework::{
    ArrayVolume, DriverError, ErrorKind, GroupRef, PointName, ReplicationMode, Result,
};
use serde_json::{Value, json};

use crate::book::Book;
use crate::client::{Call, Cause, gone_is_fine, refused_is_looked_at};
use crate::names;
use crate::points::{self, Held, Taken};
use crate::side::Side;
use crate::sync;
use crate::tags::tags;
use crate::wire::Volume;

/// The tag that says which operation made a volume.
const RUN: &str = "run";

/// A volume as the contract shows it.
pub(crate) fn shown(volume: &Volume, run: Option<String>) -> ArrayVolume {
    ArrayVolume::new(
        volume.name.as_str(),
        volume.serial.as_str(),
        volume.provisioned,
    )
    .connected(volume.connection_count.map(|count| count > 0))
    .made_by(run)
}

/// A volume with the operation that made it.
pub(crate) async fn told(side: Side<'_>, volume: &Volume) -> Result<ArrayVolume> {
    let mut tags = tags(side, &volume.name).await?;
    Ok(shown(volume, tags.remove(RUN)))
}

/// The points of a group that are on this array, oldest first; those of one name if it is given.
pub(crate) async fn points_of(
    side: Side<'_>,
    group: &GroupRef,
    only: Option<&PointName>,
) -> Result<Vec<Taken>> {
    let suffix = match only {
        Some(point) if point.as_str() != sync::LIVE => Some(names::known_suffix(point.as_str())?),
        Some(_) => Some(sync::LIVE.to_owned()),
        None => None,
    };
    let only = suffix.as_deref();
    let (name, source, id) = match group {
        GroupRef::Local { name } => (name, None, side.array().await?.id),
        GroupRef::Replica { name, source } => (name, Some(source), source.id.to_string()),
    };
    let group = names::group(name)?;
    let book = Book::read(side, &id, group).await?;
    if let Some(book) = &book
        && book.mode() == ReplicationMode::Sync
    {
        return sync::points(side, book, group, source.is_some(), only).await;
    }
    match source {
        None => points::taken(side, group, only).await,
        Some(source) => {
            let remote = format!("{}:{group}", side.source_name(source, group).await?);
            let found = points::received(side, &remote, book.as_ref(), only).await?;
            Ok(match (only, book.and_then(|book| book.keep())) {
                (None, Some(keep)) => without_old(found, keep),
                _ => found,
            })
        }
    }
}

/// What the group no longer keeps is not offered any more; the sender, or the array's own retention,
/// takes it away. Looking changes nothing.
fn without_old(points: Vec<Taken>, keep: usize) -> Vec<Taken> {
    let old: Vec<String> = points::beyond(&points, keep)
        .into_iter()
        .map(|point| point.suffix.clone())
        .collect();
    points
        .into_iter()
        .filter(|point| !old.contains(&point.suffix))
        .collect()
}

/// One volume of a complete point.
async fn held(side: Side<'_>, group: &GroupRef, point: &PointName, serial: &str) -> Result<Held> {
    let found = points_of(side, group, Some(point)).await?;
    let found = found
        .into_iter()
        .find(|one| {
            names::point(&one.suffix) == point.as_str() || one.suffix.starts_with(sync::LIVE)
        })
        .ok_or_else(|| DriverError::not_found(format!("point `{point}`")))?;
    if !found.complete {
        return Err(DriverError::conflict(format!(
            "point `{point}` is not complete on the array"
        )));
    }
    found
        .volumes
        .into_iter()
        .find(|one| names::same(&one.serial, serial))
        .ok_or_else(|| {
            DriverError::not_found(format!(
                "a volume with serial `{serial}` in point `{point}`"
            ))
        })
}

fn source(snapshot: &str) -> Value {
    json!({"source": {"name": snapshot}})
}

async fn recover(side: Side<'_>, name: &str) -> Result<()> {
    let call = Call::patch("volumes")
        .with("names", name)
        .json(json!({"destroyed": false}));
    refused_is_looked_at(side.send(call).await)
}

/// Gives a volume another name. It is never asked for twice by the old name: after a refusal the
/// volume is looked up by its id.
async fn rename(side: Side<'_>, volume: &Volume, to: &str) -> Result<()> {
    if names::same(&volume.name, to) {
        return Ok(());
    }
    let call = Call::patch("volumes")
        .with("ids", &volume.id)
        .json(json!({"name": to}));
    let Err(failure) = side.send(call).await else {
        return Ok(());
    };
    if failure.is_refusal()
        && let Some(now) = side.volume_by_id(&volume.id).await?
        && names::same(&now.name, to)
    {
        return Ok(());
    }
    let mut error = DriverError::from(failure);
    if error.kind == ErrorKind::Conflict {
        // What stands in the way is another volume of that name.
        error.kind = ErrorKind::AlreadyExists;
    }
    Err(error)
}

fn free(volume: &Volume) -> Result<()> {
    if volume.is_connected() {
        return Err(DriverError::conflict(format!(
            "a host is connected to array volume `{}`",
            volume.name
        )));
    }
    Ok(())
}

fn wrong_serial(volume: &Volume, wanted: &str) -> DriverError {
    DriverError::conflict(format!(
        "array volume `{}` has serial `{}` and not `{wanted}`",
        volume.name, volume.serial
    ))
}

async fn destroy(side: Side<'_>, volume: &Volume) -> Result<()> {
    let call = Call::patch("volumes")
        .with("ids", &volume.id)
        .json(json!({"destroyed": true}));
    match side.send(call).await {
        Err(failure) if failure.cause == Cause::InUse => Err(DriverError::conflict(format!(
            "array volume `{}` is in use: {}",
            volume.name, failure.error
        ))),
        other => gone_is_fine(other),
    }
}
