//! `volume-snapshots`.

use serde_json::{Value, json};

use super::list::reference;
use super::snapshot_changes::Snapshots;
use super::{Request, body, items, list};
use crate::state::{ApiError, At, Fabric, Kind, Outcome, Scoped, Snapshot, SnapshotOf, same};

pub(super) fn get(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let snapshots = fabric.arrays[at].snapshots.values();
    let mut all: Vec<Value> = snapshots.map(|held| item(fabric, at, held)).collect();
    keep_sources(call, &mut all);
    list::reply_wild(fabric, at, call, Kind::Snapshot, all)
}

/// Keeps what belongs to the volumes named in `source_names`.
fn keep_sources(call: &Request, items: &mut Vec<Value>) {
    let sources = call.elements("source_names");
    if !sources.is_empty() {
        items.retain(|item| {
            let source = item["source"]["name"].as_str().unwrap_or_default();
            sources.iter().any(|wanted| same(wanted, source))
        });
    }
}

fn item(fabric: &Fabric, at: At, snapshot: &Snapshot) -> Value {
    let destroyed = fabric.snapshot_destroyed(at, snapshot);
    let (id, name) = &snapshot.source;
    // A received one has no volume of its own on this array.
    let id = id
        .as_deref()
        .filter(|_| !name.contains(':') || name.contains("::"));
    let suffix = match &snapshot.of {
        SnapshotOf::Volume { .. } => snapshot.suffix.clone(),
        SnapshotOf::Point { label, .. } => format!("{}.{label}", snapshot.suffix),
    };
    let full = fabric.snapshot_name(at, snapshot);
    let place = Scoped::parse(&full);
    let pod = place
        .pod
        .as_deref()
        .and_then(|pod| fabric.pod(at, pod).ok());
    json!({
        "id": snapshot.id,
        "name": full,
        "created": snapshot.created,
        "destroyed": destroyed.is_some(),
        "time_remaining": fabric.time_remaining(at, destroyed),
        "provisioned": snapshot.provisioned,
        "suffix": suffix,
        "serial": snapshot.serial,
        "source": reference(id, Some(name)),
        "pod": reference(pod.map(|pod| pod.id.as_str()), pod.map(|pod| pod.name.as_str())),
        "volume_group": reference(None, place.vgroup.as_deref()),
        "space": {
            "total_provisioned": snapshot.provisioned,
            "total_physical": snapshot.manifest.data_bytes(),
            "snapshots": snapshot.manifest.data_bytes(),
        },
    })
}

pub(super) fn post(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let suffix = body::text(&call.body, "suffix")?.filter(|suffix| !suffix.is_empty());
    let mut made = Vec::new();
    for name in call.required("source_names")? {
        let volume = fabric.live_volume_id(at, &name)?;
        let id = fabric.snapshot_volume(at, &volume, suffix)?;
        made.push(shown(fabric, at, &id)?);
    }
    items(made)
}

fn shown(fabric: &Fabric, at: At, id: &str) -> Outcome<Value> {
    let snapshot = fabric.arrays[at].snapshots.get(id);
    let snapshot = snapshot.ok_or_else(|| ApiError::missing(Kind::Snapshot, id))?;
    Ok(item(fabric, at, snapshot))
}

const CHANGES: Snapshots = Snapshots {
    id: Fabric::snapshot_id,
    destroy: Fabric::destroy_snapshot,
    rename: Fabric::rename_snapshot,
    eradicate: Fabric::eradicate_snapshot,
    shown,
};

pub(super) fn patch(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    CHANGES.patch(fabric, at, call)
}

pub(super) fn delete(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    CHANGES.delete(fabric, at, call)
}

/// How far the parts of received points are.
pub(super) fn transfer(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let mut all = Vec::new();
    for snapshot in fabric.arrays[at].snapshots.values() {
        let SnapshotOf::Point { point, .. } = &snapshot.of else {
            continue;
        };
        let point = fabric.arrays[at].points.get(point);
        let Some(arrival) = point.and_then(|point| point.arrival) else {
            continue;
        };
        all.push(json!({
            "id": snapshot.id,
            "name": fabric.snapshot_name(at, snapshot),
            "destroyed": fabric.snapshot_destroyed(at, snapshot).is_some(),
            "source": reference(None, Some(&snapshot.source.1)),
            "started": arrival.started,
            "completed": arrival.completed,
            "progress": arrival.progress(),
            "data_transferred": snapshot.manifest.data_bytes(),
        }));
    }
    keep_sources(call, &mut all);
    list::reply_wild(fabric, at, call, Kind::Snapshot, all)
}
