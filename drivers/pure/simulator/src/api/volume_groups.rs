//! `volume-groups`.

use serde_json::{Value, json};

use super::volumes::qos_item;
use super::{Request, body, items, list, nothing};
use crate::state::{ApiError, At, Fabric, Kind, Outcome, Qos};

pub(super) fn get(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let ids = fabric.arrays[at].volume_groups.keys();
    let all = ids.map(|id| item(fabric, at, id)).collect::<Outcome<_>>()?;
    list::reply(fabric, at, call, Kind::VolumeGroup, all)
}

fn item(fabric: &Fabric, at: At, id: &str) -> Outcome<Value> {
    let group = fabric.arrays[at].volume_groups.get(id);
    let group = group.ok_or_else(|| ApiError::missing(Kind::VolumeGroup, id))?;
    let volumes = fabric.volumes_of_volume_group(at, &group.name);
    let is_live = |id: &&String| fabric.volume(at, id).is_some_and(|v| v.destroyed.is_none());
    Ok(json!({
        "id": group.id,
        "name": group.name,
        "destroyed": group.destroyed.is_some(),
        "time_remaining": fabric.time_remaining(at, group.destroyed),
        "volume_count": volumes.iter().filter(is_live).count(),
        "qos": qos_item(group.qos),
        "pod": { "id": null, "name": null },
        "priority_adjustment": {
            "priority_adjustment_operator": "+",
            "priority_adjustment_value": 0,
        },
        "space": { "total_physical": 0, "total_provisioned": 0 },
    }))
}

pub(super) fn post(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let qos = body::qos(&call.body, Qos::default())?.unwrap_or_default();
    let mut made = Vec::new();
    for name in call.required("names")? {
        let id = fabric.create_volume_group(at, &name, qos)?;
        made.push(item(fabric, at, &id)?);
    }
    items(made)
}

pub(super) fn patch(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let mut changed = Vec::new();
    for name in call.required("names")? {
        let id = id(fabric, at, &name)?;
        let mut used = false;
        if let Some(destroyed) = body::flag(&call.body, "destroyed")? {
            fabric.destroy_volume_group(at, &id, destroyed)?;
            used = true;
        }
        if let Some(group) = fabric.arrays[at].volume_groups.get_mut(&id)
            && let Some(qos) = body::qos(&call.body, group.qos)?
        {
            group.qos = qos;
            used = true;
        }
        if !used {
            return Err(ApiError::no_attribute());
        }
        changed.push(item(fabric, at, &id)?);
    }
    items(changed)
}

pub(super) fn delete(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    for name in call.required("names")? {
        let id = id(fabric, at, &name)?;
        fabric.eradicate_volume_group(at, &id)?;
    }
    nothing()
}

fn id(fabric: &Fabric, at: At, name: &str) -> Outcome<String> {
    let id = fabric.volume_group_id(at, name);
    id.ok_or_else(|| ApiError::missing(Kind::VolumeGroup, name))
}
