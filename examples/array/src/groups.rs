//! `/groups`, what this array sends, and `/received`, what it has of other arrays' groups.

use protector_framework::{
    DeleteGroup, EnsureGroup, GetGroup, GetReplication, GetWritten, GroupRef, ListPoints, PinPoint,
    ReadManifest, ReplicationMode, SetGroupVolumes, StartReplication, StorageDriver, SuspendGroup,
    WriteManifest,
};
use serde_json::json;

use crate::answer::{Answer, Refusal};
use crate::request::Received;
use crate::routes::no_such_call;
use crate::wire::{Document, Group, Members, NewGroup, Point, Sending};

/// Calls on a group that this array sends.
pub(crate) async fn own(
    array: &dyn StorageDriver,
    call: &Received,
    name: &str,
    path: &[&str],
) -> Result<Answer, Refusal> {
    let ctx = &call.ctx;
    match (call.method.as_str(), path) {
        ("GET", []) => {
            let group = array.get_group(ctx, GetGroup::new(name)).await?;
            Answer::ok(Group::from(group))
        }
        ("PUT", []) => {
            let wanted: NewGroup = call.json()?;
            let ensure = EnsureGroup::new(name, ReplicationMode::Async, wanted.target)
                .interval_seconds(wanted.interval_seconds)
                .keep_points(wanted.keep_points);
            let group = array.ensure_group(ctx, ensure).await?;
            Answer::ok(Group::from(group))
        }
        ("PUT", ["volumes"]) => {
            let Members { volumes } = call.json()?;
            let volumes: Vec<_> = volumes.into_iter().map(Into::into).collect();
            let set = SetGroupVolumes::new(name, volumes);
            let group = array.set_group_volumes(ctx, set).await?;
            Answer::ok(Group::from(group))
        }
        ("PUT", ["suspended"]) => {
            array.suspend_group(ctx, SuspendGroup::new(name)).await?;
            Ok(Answer::nothing())
        }
        ("PUT", ["points", point]) => {
            let start = StartReplication::new(name, *point);
            let sending = array.start_replication(ctx, start).await?;
            Answer::ok(Sending::from(sending))
        }
        ("GET", ["points", point]) => {
            let get = GetReplication::new(name, *point);
            let sending = array.get_replication(ctx, get).await?;
            Answer::ok(Sending::from(sending))
        }
        ("GET", ["points", point, "changes", serial]) => {
            let get = GetWritten::new(name, *point, *serial);
            let bytes = array.get_written(ctx, get).await?;
            Answer::ok(json!({"bytes": bytes}))
        }
        ("PUT", ["document"]) => {
            let Document { document } = call.json()?;
            let write = WriteManifest::new(name, document);
            array.write_manifest(ctx, write).await?;
            Ok(Answer::nothing())
        }
        _ => any(array, call, GroupRef::Local { name: name.into() }, path).await,
    }
}

/// Calls on a group wherever it comes from.
pub(crate) async fn any(
    array: &dyn StorageDriver,
    call: &Received,
    group: GroupRef,
    path: &[&str],
) -> Result<Answer, Refusal> {
    let ctx = &call.ctx;
    match (call.method.as_str(), path) {
        ("DELETE", []) => {
            array.delete_group(ctx, DeleteGroup::new(group)).await?;
            Ok(Answer::nothing())
        }
        ("GET", ["points"]) => {
            let points = array.list_points(ctx, ListPoints::new(group)).await?;
            let points: Vec<Point> = points.into_iter().map(Point::from).collect();
            Answer::ok(json!({"points": points}))
        }
        ("PUT", ["points", point, "holders", holder]) => {
            let pin = PinPoint::new(group, *point, *holder);
            array.pin_point(ctx, pin).await?;
            Ok(Answer::nothing())
        }
        ("DELETE", ["points", point, "holders", holder]) => {
            let unpin = PinPoint::new(group, *point, *holder);
            array.unpin_point(ctx, unpin).await?;
            Ok(Answer::nothing())
        }
        ("GET", ["document"]) => {
            let document = array.read_manifest(ctx, ReadManifest::new(group)).await?;
            Answer::ok(json!({"document": document}))
        }
        _ => Err(no_such_call(call)),
    }
}
