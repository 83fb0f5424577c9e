//! `/volumes`.

use protector_framework::{
    DiscardVolume, GetVolume, MaterializeVolume, OperationId, OverwriteVolume, SnapshotVolume,
    StorageDriver,
};

use crate::answer::{Answer, Refusal};
use crate::request::Received;
use crate::routes::no_such_call;
use crate::wire::{NewContent, NewVolume, Volume};

pub(crate) async fn dispatch(
    array: &dyn StorageDriver,
    call: &Received,
    path: &[&str],
) -> Result<Answer, Refusal> {
    let ctx = &call.ctx;
    match (call.method.as_str(), path) {
        ("POST", []) => make(array, call).await,
        ("GET", [name]) => {
            let volume = array.get_volume(ctx, GetVolume::new(*name)).await?;
            Answer::ok(Volume::from(volume))
        }
        ("DELETE", [name]) => {
            let serial = call.parameter("serial")?;
            let discard = DiscardVolume::new(*name, serial);
            array.discard_volume(ctx, discard).await?;
            Ok(Answer::nothing())
        }
        ("PUT", [name, "content"]) => {
            let NewContent { serial, from } = call.json()?;
            let (group, point, source) = from.parts();
            let overwrite = OverwriteVolume::new(group, point, source, *name, serial);
            let volume = array.overwrite_volume(ctx, overwrite).await?;
            Answer::ok(Volume::from(volume))
        }
        ("PUT", [name, "snapshots", snapshot]) => {
            let keep = SnapshotVolume::new(*name, *snapshot);
            array.snapshot_volume(ctx, keep).await?;
            Ok(Answer::nothing())
        }
        _ => Err(no_such_call(call)),
    }
}

async fn make(array: &dyn StorageDriver, call: &Received) -> Result<Answer, Refusal> {
    let NewVolume { name, from, tag } = call.json()?;
    let mut ctx = call.ctx.clone();
    ctx.operation_id = match tag {
        None => None,
        Some(tag) => {
            let id = tag.parse::<OperationId>();
            Some(id.map_err(|_| Refusal::bad_request("`tag` is not a UUID"))?)
        }
    };
    let (group, point, source) = from.parts();
    let make = MaterializeVolume::new(group, point, source, name);
    Answer::ok(Volume::from(array.materialize_volume(&ctx, make).await?))
}
