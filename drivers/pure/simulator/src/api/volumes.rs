//! `volumes` and `volumes/batch`.

use serde_json::{Value, json};

use super::list::reference;
use super::{Request, body, items, list, nothing};
use crate::state::{ApiError, At, Fabric, Kind, Move, NewVolume, Outcome, Qos, Scoped, Volume};

pub(super) fn get(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let volumes = fabric.arrays[at].volumes.values();
    let all = volumes.map(|volume| item(fabric, at, volume)).collect();
    list::reply(fabric, at, call, Kind::Volume, all)
}

fn item(fabric: &Fabric, at: At, volume: &Volume) -> Value {
    let array = &fabric.arrays[at];
    let place = Scoped::parse(&volume.name);
    let pod = place
        .pod
        .as_deref()
        .and_then(|name| fabric.pod(at, name).ok());
    let group = place.vgroup.as_deref().and_then(|name| {
        let id = fabric.volume_group_id(at, name)?;
        array.volume_groups.get(&id)
    });
    let source = volume.source.as_ref();
    let promotion = if volume.promoted {
        "promoted"
    } else {
        "demoted"
    };
    json!({
        "id": volume.id,
        "name": volume.name,
        "serial": volume.serial,
        "provisioned": volume.provisioned,
        "created": volume.created,
        "destroyed": volume.destroyed.is_some(),
        "time_remaining": fabric.time_remaining(at, volume.destroyed),
        "connection_count": fabric.connection_count(at, &volume.id),
        "subtype": "regular",
        "source": reference(
            source.and_then(|source| source.0.as_deref()),
            source.map(|source| source.1.as_str()),
        ),
        "pod": reference(pod.map(|pod| pod.id.as_str()), pod.map(|pod| pod.name.as_str())),
        "volume_group": reference(
            group.map(|group| group.id.as_str()),
            group.map(|group| group.name.as_str()),
        ),
        "qos": qos_item(volume.qos),
        "promotion_status": promotion,
        "requested_promotion_state": promotion,
        "priority": 0,
        "priority_adjustment": {
            "priority_adjustment_operator": "+",
            "priority_adjustment_value": 0,
        },
        "host_encryption_key_status": "none",
        "space": {
            "total_provisioned": volume.provisioned,
            "total_physical": volume.known.data_bytes(),
            "total_used": volume.known.data_bytes(),
            "unique": volume.known.data_bytes(),
            "snapshots": 0,
        },
    })
}

pub(super) fn qos_item(qos: Qos) -> Value {
    json!({ "iops_limit": qos.iops, "bandwidth_limit": qos.bandwidth })
}

pub(super) fn post(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let names = call.required("names")?;
    let wanted = wanted(fabric, call, &call.body)?;
    let mut made = Vec::new();
    for name in names {
        made.push(create(fabric, at, &name, &wanted, &call.body)?);
    }
    items(made)
}

pub(super) fn post_batch(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(32)?;
    let Value::Array(bodies) = &call.body else {
        return Err(body::invalid("volumes"));
    };
    let mut made = Vec::new();
    for each in bodies {
        let name = body::text(each, "name")?.ok_or_else(|| body::invalid("name"))?;
        let wanted = wanted(fabric, call, each)?;
        made.push(create(fabric, at, name, &wanted, each)?);
    }
    items(made)
}

fn create(
    fabric: &mut Fabric,
    at: At,
    name: &str,
    wanted: &NewVolume,
    with: &Value,
) -> Outcome<Value> {
    let id = fabric.create_volume(at, name, wanted)?;
    super::tags::put_all(fabric, at, &id, &with["tags"])?;
    shown(fabric, at, &id)
}

fn shown(fabric: &Fabric, at: At, id: &str) -> Outcome<Value> {
    let volume = fabric.volume(at, id);
    let volume = volume.ok_or_else(|| ApiError::missing(Kind::Volume, id))?;
    Ok(item(fabric, at, volume))
}

fn wanted(fabric: &Fabric, call: &Request, with: &Value) -> Outcome<NewVolume> {
    let overwrite = call.flag("overwrite")?;
    let default_protection = call.params.flag("with_default_protection")?;
    if default_protection.is_some() && overwrite && fabric.switches.strict_overwrite {
        return Err(ApiError::bad_request(
            "Cannot specify with_default_protection with overwrite.",
        ));
    }
    Ok(NewVolume {
        provisioned: body::size(with, "provisioned")?,
        source: body::name_of(with, "source")?.map(str::to_owned),
        qos: body::qos(with, Qos::default())?.unwrap_or_default(),
        overwrite,
        with_default_protection: default_protection.unwrap_or(true) && !overwrite,
        groups: call.elements("add_to_protection_group_names"),
    })
}

pub(super) fn patch(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let ids = ids(fabric, at, call)?;
    if ids.len() > 1 && !call.body["name"].is_null() {
        return Err(ApiError::bad_request(
            "Cannot give several volumes one name.",
        ));
    }
    let mut changed = Vec::new();
    for id in ids {
        change(fabric, at, &id, call)?;
        changed.push(shown(fabric, at, &id)?);
    }
    items(changed)
}

/// The volumes that `names` or `ids` name.
fn ids(fabric: &Fabric, at: At, call: &Request) -> Outcome<Vec<String>> {
    let ids = call.elements("ids");
    if ids.is_empty() {
        let names = call.required("names")?;
        return names
            .iter()
            .map(|name| fabric.volume_id(at, name))
            .collect();
    }
    let known = |id: String| match fabric.volume(at, &id) {
        Some(_) => Ok(id),
        None => Err(ApiError::missing(Kind::Volume, &id)),
    };
    ids.into_iter().map(known).collect()
}

fn change(fabric: &mut Fabric, at: At, id: &str, call: &Request) -> Outcome<()> {
    let with = &call.body;
    let mut used = false;
    if let Some(destroyed) = body::flag(with, "destroyed")? {
        fabric.destroy_volume(at, id, destroyed)?;
        used = true;
    }
    if let Some(size) = body::size(with, "provisioned")? {
        fabric.resize_volume(at, id, size, call.flag("truncate")?)?;
        used = true;
    }
    let held = fabric
        .volume(at, id)
        .map(|volume| volume.qos)
        .unwrap_or_default();
    if let Some(qos) = body::qos(with, held)? {
        fabric.set_volume_qos(at, id, qos)?;
        used = true;
    }
    if let Some(state) = body::text(with, "requested_promotion_state")? {
        fabric.promote_volume(at, id, state == "promoted")?;
        used = true;
    }
    let pod = body::name_of(with, "pod")?.map(str::to_owned);
    let volume_group = body::name_of(with, "volume_group")?.map(str::to_owned);
    if pod.is_some() || volume_group.is_some() {
        let wanted = Move {
            pod,
            volume_group,
            leaves: call.elements("remove_from_protection_group_names"),
            enters: call.elements("add_to_protection_group_names"),
        };
        fabric.move_volume(at, id, &wanted)?;
        used = true;
    }
    if let Some(name) = body::text(with, "name")? {
        fabric.rename_volume(at, id, name)?;
        used = true;
    }
    match used {
        true => Ok(()),
        false => Err(ApiError::no_attribute()),
    }
}

pub(super) fn delete(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    for id in ids(fabric, at, call)? {
        fabric.eradicate_volume(at, &id)?;
    }
    nothing()
}
