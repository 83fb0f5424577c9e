//! New volumes from points.

use protector_framework::{
    ArrayVolumeName, CallCtx, DiscardVolume, ErrorKind, GetVolume, MaterializeVolume,
};

use crate::storage::bench::Side;
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::{Rig, SIZE, Vol};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("materialize/made", "A volume is made with the name that was asked for and the point's size and bytes.", made),
        case!("materialize/is-a-volume", "What is made is told by its name as the reply told it, with no host connected.", is_a_volume),
        case!("materialize/who-made-it", "Where the array keeps who made a volume, it is the operation; of others it is not.", who_made_it),
        case!("materialize/same-call", "The same call finds its volume: the same reply, and no second volume.", same_call),
        case!("materialize/same-call-later", "The same call finds its volume also after somebody has written to it, and leaves the bytes.", same_call_later),
        case!("materialize/foreign-name", "A name that somebody else's volume has is AlreadyExists, and that volume keeps its bytes.", foreign_name),
        case!("materialize/other-operation", "A name that another operation's volume has is AlreadyExists.", other_operation),
        case!("materialize/other-source", "A name under which another volume of the point was made is AlreadyExists.", other_source),
        case!("materialize/point-absent", "A point that is not there is NotFound, and no volume is made.", point_absent),
        case!("materialize/volume-absent", "A volume that is not in the point is NotFound, and none is made.", volume_absent),
        case!("materialize/group-absent", "A group of which nothing was received is NotFound.", group_absent),
        case!("materialize/point-untouched", "Writing to a volume that was made changes neither the point nor another volume made from it.", point_untouched),
        case!("materialize/source-untouched", "Making a volume changes no byte of its source, and makes none there.", source_untouched),
        case!("materialize/two-names", "One volume of a point is made under two names, and both are volumes of their own.", two_names),
        case!("materialize/on-the-source", "A volume is made from a point at its source as well.", on_the_source),
        case!("materialize/grown-source", "A volume has the size that its source had when the point was taken.", grown_source),
        case!("materialize/not-a-member", "What is made is in no group: it is not in the points that are taken then.", not_a_member),
        case!("materialize/no-space", "Where space is short the answer is QuotaExceeded, and no half of a volume is left.", no_space, needs Capacity),
    ]
    .into_iter()
    .map(|case| case.claims(&[crate::storage::case::Claim::AsyncReplication]))
    .collect()
}

async fn made(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one", "two"]).await?;
    rig.write(Side::Source, &v[1].name, "later").await?;
    let copy = rig.copy("p1", &v[1], "copy").await?;
    let name = rig.name("copy");
    check!(copy.name.as_str() == name, "it is called `{}`", copy.name);
    check!(copy.size_bytes == SIZE, "its size is {}", copy.size_bytes);
    check!(copy.serial != v[1].serial, "it has its source's serial");
    rig.holds(Side::Target, &copy.name, "two").await
}

async fn is_a_volume(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let copy = rig.copy("p1", &v[0], "copy").await?;
    let told = rig
        .target
        .get_volume(&rig.ctx(), GetVolume::new(&copy.name))
        .await?;
    check!(told == copy, "made as {copy:?}, told as {told:?}");
    let wanted = rig.can().connection_state.then_some(false);
    check!(
        told.connected == wanted,
        "connected is {:?}",
        told.connected
    );
    Ok(())
}

async fn who_made_it(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let copy = rig.copy("p1", &v[0], "copy").await?;
    let operation = rig.operation().to_string();
    check!(
        copy.made_by.as_ref().is_none_or(|told| *told == operation),
        "it is told to be made by {:?} and not by {operation}",
        copy.made_by
    );
    let foreign = rig.volume(Side::Target, "foreign").await?;
    let told = rig
        .target
        .get_volume(&rig.ctx(), GetVolume::new(&foreign.name))
        .await?;
    check!(
        told.made_by.is_none(),
        "a foreign volume is told to be made by {:?}",
        told.made_by
    );
    Ok(())
}

async fn same_call(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let first = rig.copy("p1", &v[0], "copy").await?;
    let before = rig.names(Side::Target).await?;
    let again = rig.copy("p1", &v[0], "copy").await?;
    check!(first == again, "first {first:?}, then {again:?}");
    let other = rig.restarted(Side::Target)?;
    let request = rig.copy_of("p1", &v[0], "copy");
    let third = other.materialize_volume(&rig.step("copy"), request).await?;
    check!(
        first == third,
        "first {first:?}, then {third:?} from another instance"
    );
    let after = rig.names(Side::Target).await?;
    check!(
        before == after,
        "volumes before {before:?}, after {after:?}"
    );
    Ok(())
}

async fn same_call_later(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let first = rig.copy("p1", &v[0], "copy").await?;
    rig.write(Side::Target, &first.name, "by a guest").await?;
    let again = rig.copy("p1", &v[0], "copy").await?;
    check!(
        first.serial == again.serial,
        "first {first:?}, then {again:?}"
    );
    rig.holds(Side::Target, &again.name, "by a guest").await
}

async fn refuse(rig: &Rig, ctx: &CallCtx, request: MaterializeVolume, kind: ErrorKind) -> Outcome {
    let before = rig.names(Side::Target).await?;
    let made = rig.target.materialize_volume(ctx, request).await;
    rig.refused(made, &[kind])?;
    let after = rig.names(Side::Target).await?;
    check!(
        before == after,
        "volumes before {before:?}, after {after:?}"
    );
    Ok(())
}

async fn foreign_name(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let foreign = rig.plain_volume(Side::Target, "copy").await?;
    let request = rig.copy_of("p1", &v[0], "copy");
    refuse(rig, &rig.step("copy"), request, ErrorKind::AlreadyExists).await?;
    rig.holds(Side::Target, &foreign, "copy").await
}

async fn other_operation(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let copy = rig.copy("p1", &v[0], "copy").await?;
    rig.write(Side::Target, &copy.name, "in use").await?;
    let request = rig.copy_of("p1", &v[0], "copy");
    refuse(
        rig,
        &rig.step_of_another("copy"),
        request,
        ErrorKind::AlreadyExists,
    )
    .await?;
    rig.holds(Side::Target, &copy.name, "in use").await
}

async fn other_source(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one", "two"]).await?;
    let copy = rig.copy("p1", &v[0], "copy").await?;
    let request = rig.copy_of("p1", &v[1], "copy");
    refuse(rig, &rig.step("copy"), request, ErrorKind::AlreadyExists).await?;
    rig.holds(Side::Target, &copy.name, "one").await
}

async fn point_absent(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let request = rig.copy_of("p9", &v[0], "copy");
    refuse(rig, &rig.step("copy"), request, ErrorKind::NotFound).await
}

async fn volume_absent(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let stranger = rig.volume(Side::Source, "stranger").await?;
    let request = rig.copy_of("p1", &stranger, "copy");
    refuse(rig, &rig.step("copy"), request, ErrorKind::NotFound).await
}

async fn group_absent(rig: &Rig) -> Outcome {
    let stranger = rig.volume(Side::Source, "stranger").await?;
    let request = rig.copy_of("p1", &stranger, "copy");
    refuse(rig, &rig.step("copy"), request, ErrorKind::NotFound).await
}

async fn point_untouched(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let first = rig.copy("p1", &v[0], "first").await?;
    let second = rig.copy("p1", &v[0], "second").await?;
    rig.write(Side::Target, &first.name, "by a guest").await?;
    rig.holds(Side::Target, &second.name, "one").await?;
    let third = rig.copy("p1", &v[0], "third").await?;
    rig.holds(Side::Target, &third.name, "one").await
}

async fn source_untouched(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let before = rig.names(Side::Source).await?;
    let copy = rig.copy("p1", &v[0], "copy").await?;
    rig.write(Side::Target, &copy.name, "by a guest").await?;
    rig.holds(Side::Source, &v[0].name, "one").await?;
    let after = rig.names(Side::Source).await?;
    check!(
        before == after,
        "volumes before {before:?}, after {after:?}"
    );
    Ok(())
}

async fn two_names(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let first = rig.copy("p1", &v[0], "first").await?;
    let second = rig.copy("p1", &v[0], "second").await?;
    check!(
        first.serial != second.serial,
        "both have the serial `{}`",
        first.serial
    );
    let request = DiscardVolume::new(&first.name, &first.serial);
    rig.target.discard_volume(&rig.ctx(), request).await?;
    rig.holds(Side::Target, &second.name, "one").await
}

async fn on_the_source(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    rig.write(Side::Source, &v[0].name, "later").await?;
    let name = rig.name("copy");
    let local = rig.local(&rig.group());
    let request = MaterializeVolume::new(local, "p1", &v[0].serial, name.as_str());
    let copy = rig
        .source
        .materialize_volume(&rig.step("copy"), request)
        .await?;
    check!(copy.name.as_str() == name, "it is called `{}`", copy.name);
    rig.holds(Side::Source, &copy.name, "one").await
}

async fn grown_source(rig: &Rig) -> Outcome {
    let large = rig.volume_sized(Side::Source, "large", 3 * SIZE).await?;
    rig.protect(&rig.group(), std::slice::from_ref(&large))
        .await?;
    let point = rig.send(&rig.group(), "p1").await?;
    let told: Vec<_> = point.volumes.iter().map(|v| v.size_bytes).collect();
    check!(told == [3 * SIZE], "the point tells the sizes {told:?}");
    let copy = rig.copy("p1", &large, "copy").await?;
    check!(
        copy.size_bytes == 3 * SIZE,
        "its size is {}",
        copy.size_bytes
    );
    Ok(())
}

/// What was made from a point is a volume of its own, in nobody's group.
async fn not_a_member(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let local = rig.local(&rig.group());
    let name = ArrayVolumeName::from(rig.name("copy"));
    let request = MaterializeVolume::new(local, "p1", &v[0].serial, &name);
    rig.source
        .materialize_volume(&rig.step("copy"), request)
        .await?;
    let status = rig.status(&rig.group()).await?;
    check!(
        status.volumes.len() == 1,
        "the group holds {:?}",
        status.volumes
    );
    let point = rig.send(&rig.group(), "p2").await?;
    check!(
        point.volumes.len() == 1,
        "the next point holds {:?}",
        point.volumes
    );
    Ok(())
}

async fn no_space(rig: &Rig) -> Outcome {
    let v: Vec<Vol> = rig.sent(&["one"]).await?;
    rig.bench.fill(Side::Target).await?;
    let request = rig.copy_of("p1", &v[0], "copy");
    refuse(rig, &rig.step("copy"), request, ErrorKind::QuotaExceeded).await?;
    let told = rig
        .target
        .get_volume(&rig.ctx(), GetVolume::new(rig.name("copy")))
        .await;
    rig.refused(told, &[ErrorKind::NotFound])?;
    Ok(())
}
