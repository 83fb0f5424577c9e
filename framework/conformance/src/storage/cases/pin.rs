//! Points are kept from retention by those who need them.

use protector_framework::{ErrorKind, GroupRef, PinPoint};

use crate::storage::bench::Side;
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::Rig;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("pin/told", "A pinned point tells who keeps it; others tell nobody.", told, claims PinPoints),
        case!("pin/one-holder-once", "A holder that pins twice lets go with one unpin.", one_holder_once, claims PinPoints),
        case!("pin/holders-apart", "Two holders are counted apart: the point is free when both let go.", holders_apart, claims PinPoints),
        case!("pin/other-instance", "A pin is seen and let go by another instance.", other_instance, claims PinPoints),
        case!("pin/point-absent", "A point that is not there is not pinned: NotFound.", point_absent, claims PinPoints),
        case!("pin/group-absent", "A point of a group that nobody knows is not pinned: NotFound.", group_absent, claims PinPoints),
        case!(
            "pin/unpin-absent",
            "Letting go what is not pinned, not there or pinned by another is success.",
            unpin_absent,
            claims PinPoints
        ),
        case!("pin/on-the-source", "A point is pinned at its source as well.", on_the_source, claims PinPoints),
        case!("pin/sides-apart", "A pin on the target is none at the source.", sides_apart, claims PinPoints),
    ]
}

/// Checks who keeps `p1`.
async fn kept_by(rig: &Rig, holders: &[&str]) -> Outcome {
    let mut told = rig.point(&rig.group(), "p1").await?.pinned_by;
    told.sort();
    check!(
        told == holders,
        "it is kept by {told:?} and not by {holders:?}"
    );
    Ok(())
}

async fn told(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    rig.send(&rig.group(), "p2").await?;
    kept_by(rig, &[]).await?;
    rig.pin("p1", "holder").await?;
    kept_by(rig, &["holder"]).await?;
    let other = rig.point(&rig.group(), "p2").await?.pinned_by;
    check!(other.is_empty(), "another point is kept by {other:?}");
    Ok(())
}

async fn one_holder_once(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    rig.pin("p1", "holder").await?;
    rig.pin("p1", "holder").await?;
    kept_by(rig, &["holder"]).await?;
    rig.unpin("p1", "holder").await?;
    kept_by(rig, &[]).await
}

async fn holders_apart(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    rig.pin("p1", "first").await?;
    rig.pin("p1", "second").await?;
    kept_by(rig, &["first", "second"]).await?;
    rig.unpin("p1", "first").await?;
    kept_by(rig, &["second"]).await?;
    rig.unpin("p1", "second").await?;
    kept_by(rig, &[]).await
}

async fn other_instance(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    rig.pin("p1", "holder").await?;
    let other = rig.restarted(Side::Target)?;
    let request = PinPoint::new(rig.replica(&rig.group()), "p1", "holder");
    other.unpin_point(&rig.ctx(), request).await?;
    kept_by(rig, &[]).await
}

async fn refuse(rig: &Rig, group: GroupRef, point: &str) -> Outcome {
    let request = PinPoint::new(group, point, "holder");
    let pinned = rig.target.pin_point(&rig.ctx(), request).await;
    rig.refused(pinned, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn point_absent(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    refuse(rig, rig.replica(&rig.group()), "p9").await
}

async fn group_absent(rig: &Rig) -> Outcome {
    refuse(rig, rig.replica(&rig.group_named("nobody")), "p1").await
}

async fn unpin_absent(rig: &Rig) -> Outcome {
    rig.unpin("p1", "holder").await?;
    rig.sent(&["one"]).await?;
    rig.pin("p1", "holder").await?;
    rig.unpin("p9", "holder").await?;
    rig.unpin("p1", "somebody-else").await?;
    kept_by(rig, &["holder"]).await
}

async fn on_the_source(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let local = rig.local(&rig.group());
    let request = PinPoint::new(local.clone(), "p1", "holder");
    rig.source.pin_point(&rig.ctx(), request).await?;
    let list = protector_framework::ListPoints::new(local);
    let listed = rig.source.list_points(&rig.ctx(), list).await?;
    let found = listed.iter().find(|point| point.name.as_str() == "p1");
    check!(
        found.is_some_and(|point| point.pinned_by == ["holder"]),
        "the source tells {found:?}"
    );
    Ok(())
}

async fn sides_apart(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    rig.pin("p1", "holder").await?;
    let list = protector_framework::ListPoints::new(rig.local(&rig.group()));
    let listed = rig.source.list_points(&rig.ctx(), list).await?;
    check!(
        listed.iter().all(|point| point.pinned_by.is_empty()),
        "the source tells {listed:?}"
    );
    Ok(())
}
