//! Making a volume from a point.
//!
//! It is made under a name that only this call can have made up, tagged, and then given the name
//! that was asked for: whatever is found after a crash says by itself how far the call came.

use protector_framework::{
    ArrayVolume, DriverError, ErrorKind, GroupRef, MaterializeVolume, Result,
};

use super::{RUN, destroy, held, recover, rename, shown, source, told};
use crate::client::{Call, Cause, quoted};
use crate::names;
use crate::side::{Side, no_volume};
use crate::tags::{NAMESPACE, set_tags, tags};
use crate::wire::Volume;

/// The tag that says which call made a volume.
const ORIGIN: &str = "origin";

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
    let found = side.list_volumes(call).await?;
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
            let call = side.new_volume(aside).await?.json(source(&from.snapshot));
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
