//! Volumes made from points, kept, and let go; how they are overwritten is in `overwrite`.

mod overwrite;

pub(crate) use overwrite::overwrite;

use protector_framework::{
    ArrayVolume, DiscardVolume, DriverError, ErrorKind, GroupRef, MaterializeVolume, PointName,
    ReplicationMode, Result, SnapshotVolume,
};
use serde_json::{Value, json};

use crate::book::{Book, NAMESPACE, gone_is_fine, new_volume, set_tags, tags};
use crate::client::{Call, Cause, quoted};
use crate::group::{no_volume, refused_is_looked_at};
use crate::names;
use crate::points::{self, Held, Taken};
use crate::side::Side;
use crate::sync;
use crate::wire::{Volume, VolumeSnapshot};

/// The tag that says which call made a volume.
const ORIGIN: &str = "origin";
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

/// Which call a volume is made by. The same call finds it again, whatever it is called by then.
fn origin(key: Option<&str>, req: &MaterializeVolume) -> String {
    let (group, source) = match &req.group {
        GroupRef::Local { name } => (name, "local"),
        GroupRef::Replica { name, source } => (name, source.id.as_str()),
    };
    names::digest(&[
        key.unwrap_or_default(),
        source,
        group.as_str(),
        req.point.as_str(),
        req.source.as_str(),
        req.name.as_str(),
    ])
}

/// Makes a volume from a point.
///
/// It is made under a name that only this call can have made up, tagged, and then given the name
/// that was asked for: whatever is found after a crash says by itself how far the call came.
pub(crate) async fn materialize(side: Side<'_>, req: &MaterializeVolume) -> Result<ArrayVolume> {
    let name = names::volume(&req.name)?;
    let origin = origin(side.trip.key.as_deref(), req);
    if let Some(taken) = side.volume(name).await? {
        return reply_if_ours(side, &taken, &origin).await;
    }
    if let Some(renamed) = made_before(side, &origin).await? {
        return told(side, &renamed).await;
    }
    let aside = format!("drt-{origin}");
    let made = copy(side, &aside, req).await?;
    let finished = finish(side, &made, name, &origin, req).await;
    if let Err(error) = &finished
        && error.is_transient()
    {
        return finished.map(|()| shown(&made, None));
    }
    // The same call by another engine may have been faster: then its volume is the one.
    let taken = side.volume(name).await?;
    let reply = match &taken {
        Some(volume) => reply_if_ours(side, volume, &origin).await,
        None => Err(finished.err().unwrap_or_else(|| no_volume(name))),
    };
    if taken.is_some_and(|volume| volume.id != made.id) {
        destroy(side, &made).await?;
    }
    reply
}

/// Tags what was made aside and gives it its name.
async fn finish(
    side: Side<'_>,
    made: &Volume,
    name: &str,
    origin: &str,
    req: &MaterializeVolume,
) -> Result<()> {
    let mut notes = vec![
        (ORIGIN.to_owned(), origin.to_owned()),
        ("role".to_owned(), "copy".to_owned()),
        ("src".to_owned(), req.source.to_string()),
    ];
    notes.extend(side.trip.run.clone().map(|run| (RUN.to_owned(), run)));
    set_tags(side, &made.name, &notes).await?;
    rename(side, made, name).await
}

async fn reply_if_ours(side: Side<'_>, volume: &Volume, origin: &str) -> Result<ArrayVolume> {
    let name = &volume.name;
    if volume.destroyed {
        return Err(DriverError::new(
            ErrorKind::AlreadyExists,
            format!(
                "array volume `{name}` was destroyed and awaits its eradication; its name is not \
                 free yet"
            ),
        ));
    }
    let mut tags = tags(side, name).await?;
    if tags.get(ORIGIN).map(String::as_str) != Some(origin) {
        return Err(DriverError::new(
            ErrorKind::AlreadyExists,
            format!("array volume `{name}` exists and was not made by this call"),
        ));
    }
    Ok(shown(volume, tags.remove(RUN)))
}

/// The volume that this call made and that bears another name by now: adopting renames it.
async fn made_before(side: Side<'_>, origin: &str) -> Result<Option<Volume>> {
    let filter = format!(
        "tags({},{})={}",
        quoted(NAMESPACE),
        quoted(ORIGIN),
        quoted(origin)
    );
    let call = Call::get("volumes")
        .with("filter", filter)
        .with("destroyed", "false");
    let found: Vec<Volume> = side.list(call).await?;
    // Tagged and not yet renamed: the call is not done.
    let aside = format!("drt-{origin}");
    Ok(found
        .into_iter()
        .find(|volume| !volume.destroyed && !names::same(&volume.name, &aside)))
}

/// A live copy under a name that nobody else has.
async fn copy(side: Side<'_>, aside: &str, req: &MaterializeVolume) -> Result<Volume> {
    match side.volume(aside).await? {
        // Copies are made whole or not at all.
        Some(volume) if !volume.destroyed => return Ok(volume),
        Some(_) => recover(side, aside).await?,
        None => {
            let from = held(side, &req.group, &req.point, req.source.as_str()).await?;
            let call = new_volume(side, aside).await?.json(source(&from.snapshot));
            if let Err(failure) = side.send(call).await {
                let there = match failure.is_refusal() {
                    true => side.volume(aside).await?,
                    false => None,
                };
                return match there.filter(|volume| !volume.destroyed) {
                    Some(volume) => Ok(volume),
                    None if failure.cause == Cause::Exists => Err(outrun(aside)),
                    None => Err(failure.into()),
                };
            }
        }
    }
    side.volume(aside)
        .await?
        .filter(|volume| !volume.destroyed)
        .ok_or_else(|| outrun(aside))
}

/// The same call by another instance took the copy on while this one looked; asked again, this one
/// finds what the other has made.
fn outrun(aside: &str) -> DriverError {
    DriverError::new(
        ErrorKind::Busy,
        format!("the array volume `{aside}` is in the hands of the same call by another instance"),
    )
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

/// Keeps the present content of a volume.
pub(crate) async fn snapshot(side: Side<'_>, req: &SnapshotVolume) -> Result<()> {
    let volume = names::volume(&req.volume)?;
    let suffix = names::suffix(&req.snapshot)?;
    let known = side
        .volume(volume)
        .await?
        .filter(|volume| !volume.destroyed)
        .ok_or_else(|| no_volume(volume))?;
    let name = format!("{}.{suffix}", known.name);
    if kept(side, &name).await? {
        return Ok(());
    }
    let call = Call::post("volume-snapshots")
        .with("source_names", &known.name)
        .json(json!({"suffix": suffix}));
    match side.send(call).await {
        Err(failure) if failure.is_refusal() => match kept(side, &name).await? {
            true => Ok(()),
            false => Err(failure.into()),
        },
        Err(failure) => Err(failure.into()),
        Ok(_) => Ok(()),
    }
}

/// Whether the snapshot is there; one that was destroyed and can be had back is taken back.
async fn kept(side: Side<'_>, name: &str) -> Result<bool> {
    let call = Call::get("volume-snapshots").with("names", name);
    let found: Vec<VolumeSnapshot> = side.find(call).await?;
    let Some(found) = found.into_iter().find(|one| names::same(&one.name, name)) else {
        return Ok(false);
    };
    if found.destroyed {
        let call = Call::patch("volume-snapshots")
            .with("names", name)
            .json(json!({"destroyed": false}));
        side.send(call).await?;
    }
    Ok(true)
}

/// Destroys a volume; it can be recovered until the array eradicates it.
pub(crate) async fn discard(side: Side<'_>, req: &DiscardVolume) -> Result<()> {
    let name = names::volume(&req.name)?;
    let serial = req.serial.as_str();
    let volume = match side.volume(name).await?.filter(|volume| !volume.destroyed) {
        Some(volume) if !names::same(&volume.serial, serial) => {
            return Err(wrong_serial(&volume, serial));
        }
        Some(volume) => Some(volume),
        None => side.volume_by_serial(serial).await?,
    };
    let Some(volume) = volume else {
        return Ok(());
    };
    free(&volume)?;
    // Its name stays taken until the eradication: who may need it again must not wait for that.
    let gone = names::discarded(&volume.name, &volume.serial);
    let free_name = rename(side, &volume, &gone).await;
    if let Err(error) = free_name {
        if error.is_transient() {
            return Err(error);
        }
        tracing::info!(volume = %volume.name, %error, "destroyed under its own name");
    }
    destroy(side, &volume).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_call_makes_is_told_apart_from_what_any_other_makes() {
        let group = GroupRef::Local { name: "g".into() };
        let one = MaterializeVolume::new(group.clone(), "p", "S", "v");
        let other = MaterializeVolume::new(group, "p", "S", "w");
        let key = Some("operation/step");
        assert_eq!(origin(key, &one), origin(key, &one.clone()));
        assert_ne!(origin(key, &one), origin(key, &other));
        assert_ne!(origin(key, &one), origin(Some("operation/other"), &one));
    }
}
