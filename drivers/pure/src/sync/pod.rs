//! Pods: made, stretched over the other array, and dissolved.

use protector_framework::{DriverError, ErrorKind, Result};
use serde_json::json;

use crate::client::{Call, Cause, gone_is_fine, quoted, refused_is_looked_at};
use crate::names;
use crate::side::Side;
use crate::wire::{ArrayItem, DefaultProtections, Pod, PodArray, Volume};

const ONLINE: &str = "online";
const RESYNCING: &str = "resyncing";

/// The pod of a name, live or destroyed.
pub(super) async fn find(side: Side<'_>, pod: &str) -> Result<Option<Pod>> {
    let found: Vec<Pod> = side.find(Call::get("pods").with("names", pod)).await?;
    Ok(found.into_iter().find(|one| names::same(&one.name, pod)))
}

async fn live(side: Side<'_>, pod: &str) -> Result<Option<Pod>> {
    Ok(find(side, pod).await?.filter(|pod| !pod.destroyed))
}

/// An array's part of a pod, by the array's id or name.
pub(super) fn part<'p>(pod: &'p Pod, id: &str, name: &str) -> Option<&'p PodArray> {
    pod.arrays.iter().find(|one| {
        (!one.id.is_empty() && names::same(&one.id, id)) || names::same(&one.name, name)
    })
}

/// Whether this array serves the pod, so that what it holds is the present.
pub(super) async fn is_online(side: Side<'_>, pod: &str, me: &ArrayItem) -> Result<bool> {
    let pod = live(side, pod).await?;
    Ok(pod
        .is_some_and(|pod| part(&pod, &me.id, &me.name).is_some_and(|part| part.status == ONLINE)))
}

/// Whether another array has the whole pod.
pub(super) fn is_whole_at(pod: &Pod, id: &str, name: &str) -> bool {
    part(pod, id, name).is_some_and(|part| part.status == ONLINE)
}

/// A live pod of this name that puts nothing into groups by itself.
pub(super) async fn ensure(side: Side<'_>, name: &str, me: &ArrayItem) -> Result<Pod> {
    match find(side, name).await? {
        Some(pod) if !pod.destroyed => {}
        Some(_) => {
            let call = Call::patch("pods")
                .with("names", name)
                .json(json!({"destroyed": false}));
            side.send(call).await?;
        }
        None => {
            let call = Call::post("pods")
                .with("names", name)
                .json(json!({"failover_preferences": [{"name": me.name}]}));
            refused_is_looked_at(side.send(call).await)?;
        }
    }
    clear_defaults(side, name).await?;
    live(side, name).await?.ok_or_else(|| {
        DriverError::conflict(format!(
            "pod `{name}` could not be made on array `{}`",
            me.name
        ))
    })
}

/// A default group with a guarded retention would swallow every volume for good.
async fn clear_defaults(side: Side<'_>, pod: &str) -> Result<()> {
    if !side.abilities().await?.default_protection {
        return Ok(());
    }
    let call = Call::get("container-default-protections").with("names", pod);
    let found: Vec<DefaultProtections> = side.find(call).await?;
    let any = found
        .iter()
        .flat_map(|one| &one.default_protections)
        .any(|one| !one.name.is_empty());
    if !any {
        return Ok(());
    }
    let call = Call::patch("container-default-protections")
        .with("names", pod)
        .json(json!({"default_protections": []}));
    side.send(call).await?;
    Ok(())
}

/// The volumes of a pod that are not destroyed.
pub(super) async fn volumes(side: Side<'_>, pod: &str) -> Result<Vec<Volume>> {
    let call = Call::get("volumes")
        .with("filter", format!("pod.name={}", quoted(pod)))
        .with("destroyed", "false");
    let mut found = side.list_volumes(call).await?;
    found.retain(|volume| names::same(&volume.pod.name, pod));
    Ok(found)
}

/// Puts the pod onto another array, of this id and name.
///
/// # Errors
/// `Conflict` where the array says "already" and does not mean this one.
pub(super) async fn stretch(side: Side<'_>, pod: &str, id: &str, target: &str) -> Result<()> {
    let call = Call::post("pods/arrays")
        .with("group_names", pod)
        .with("member_names", target);
    match side.send(call).await {
        Err(failure) if failure.is_refusal() && failure.cause == Cause::Exists => {
            let now = live(side, pod).await?;
            match now.is_some_and(|now| part(&now, id, target).is_some()) {
                true => Ok(()),
                false => Err(DriverError::conflict(format!(
                    "pod `{pod}` is not on array `{target}` and cannot be put there: {}",
                    failure.error
                ))),
            }
        }
        Err(failure) => Err(failure.into()),
        Ok(_) => Ok(()),
    }
}

/// Takes another array out of a pod that this one serves. It keeps what it has for a while, so that
/// a return is short.
///
/// # Errors
/// As [`serves`].
pub(super) async fn unstretch(
    side: Side<'_>,
    pod: &Pod,
    me: &ArrayItem,
    target: &str,
) -> Result<()> {
    serves(pod, me)?;
    let call = Call::delete("pods/arrays")
        .with("group_names", &pod.name)
        .with("member_names", target);
    gone_is_fine(side.send(call).await)
}

/// Whether this array has the present of a pod. Where it has not, the other one may be the only
/// place where it is, and must not be taken out.
///
/// # Errors
/// `Busy` while this array catches up, else `Conflict`.
fn serves(pod: &Pod, me: &ArrayItem) -> Result<()> {
    let status = part(pod, &me.id, &me.name).map_or("absent", |part| part.status.as_str());
    let kind = match status {
        ONLINE => return Ok(()),
        RESYNCING => ErrorKind::Busy,
        _ => ErrorKind::Conflict,
    };
    Err(DriverError::new(
        kind,
        format!(
            "pod `{}` is `{status}` on array `{}`: what the other array holds may be newer, so the \
             pod stays on both; it has to be online here first",
            pod.name, me.name
        ),
    ))
}

/// Moves a volume into a pod, or to the array's root where the pod has no name.
pub(super) async fn moved(side: Side<'_>, volume: &Volume, pod: &str) -> Result<()> {
    let call = Call::patch("volumes")
        .with("ids", &volume.id)
        .json(json!({"pod": {"name": pod}}));
    let Err(failure) = side.send(call).await else {
        return Ok(());
    };
    let now = match failure.is_refusal() {
        true => side.volume_by_id(&volume.id).await?,
        false => None,
    };
    match now {
        Some(now) if names::same(&now.pod.name, pod) => Ok(()),
        _ => Err(failure.into()),
    }
}

/// Points every so many seconds inside the pod, or on demand only.
pub(super) async fn schedule(side: Side<'_>, inner: &str, seconds: Option<u64>) -> Result<()> {
    let Some(group) = side.group(inner).await?.filter(|group| !group.destroyed) else {
        return Ok(());
    };
    let now = &group.snapshot_schedule;
    let wanted = match seconds.map(|seconds| seconds.saturating_mul(1000)) {
        None if !now.enabled => return Ok(()),
        Some(frequency) if now.enabled && now.frequency == Some(frequency) => return Ok(()),
        None => json!({"enabled": false}),
        Some(frequency) => json!({"enabled": true, "frequency": frequency}),
    };
    let call = Call::patch("protection-groups")
        .with("names", inner)
        .json(json!({"snapshot_schedule": wanted}));
    side.send(call).await?;
    Ok(())
}

/// Ends a pod of the driver: on one array only, its volumes in the root, then destroyed. The array
/// refuses that for a pod that somebody has put something into meanwhile.
///
/// # Errors
/// As [`serves`].
pub(super) async fn dissolve(side: Side<'_>, name: &str, me: &ArrayItem) -> Result<()> {
    let Some(pod) = live(side, name).await? else {
        return Ok(());
    };
    serves(&pod, me)?;
    for other in pod
        .arrays
        .iter()
        .filter(|one| !names::same(&one.id, &me.id) && !names::same(&one.name, &me.name))
    {
        unstretch(side, &pod, me, &other.name).await?;
    }
    for volume in volumes(side, name).await? {
        moved(side, &volume, "").await?;
    }
    let call = Call::patch("pods")
        .with("names", name)
        .json(json!({"destroyed": true}));
    gone_is_fine(side.send(call).await)
}
