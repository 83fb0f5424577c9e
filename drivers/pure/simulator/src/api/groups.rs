//! `protection-groups`.

use serde_json::{Value, json};

use super::list::reference;
use super::{Request, body, items, list, nothing};
use crate::state::{
    ApiError, At, Blackout, Fabric, Group, GroupPatch, Kind, NewVolume, Outcome, Retention,
    Schedule, Scoped, SnapshotOf, same,
};

pub(super) fn get(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let groups = fabric.arrays[at].groups.values();
    let all = groups.map(|group| item(fabric, at, group)).collect();
    list::reply(fabric, at, call, Kind::Group, all)
}

fn item(fabric: &Fabric, at: At, group: &Group) -> Value {
    let place = Scoped::parse(&group.name);
    let own_pod = place.pod.filter(|_| group.origin.is_none());
    let pod = own_pod.and_then(|name| fabric.pod(at, &name).ok());
    let source = match &group.origin {
        None => reference(Some(&fabric.arrays[at].id), Some(&fabric.arrays[at].name)),
        Some((from, _)) => match Scoped::parse(&group.name).pod {
            Some(pod) => reference(None, Some(&pod)),
            None => {
                let from = &fabric.arrays[*from];
                reference(Some(&from.id), Some(&from.name))
            }
        },
    };
    let members = match &group.origin {
        None => group.members.len(),
        Some((from, id)) => fabric
            .group(*from, id)
            .map_or(0, |source| source.members.len()),
    };
    json!({
        "id": group.id,
        "name": fabric.group_name(group),
        "created": group.created,
        "destroyed": group.destroyed.is_some(),
        "time_remaining": fabric.time_remaining(at, group.destroyed),
        "is_local": group.origin.is_none(),
        "source": source,
        "pod": reference(pod.map(|pod| pod.id.as_str()), pod.map(|pod| pod.name.as_str())),
        "host_count": 0,
        "host_group_count": 0,
        "volume_count": members,
        "target_count": group.targets.len(),
        "retention_lock": if group.ratcheted { "ratcheted" } else { "unlocked" },
        "replication_schedule": schedule_item(&group.replication),
        "snapshot_schedule": snapshot_schedule_item(&group.local_snapshots),
        "source_retention": retention_item(&group.source_retention),
        "target_retention": retention_item(&group.target_retention),
        "eradication_config": {
            "manual_eradication": if group.ratcheted { "disabled" } else { "enabled" },
        },
        "space": { "total_physical": 0, "snapshots": 0, "total_provisioned": 0 },
    })
}

fn schedule_item(schedule: &Schedule) -> Value {
    json!({
        "enabled": schedule.enabled,
        "frequency": schedule.frequency,
        "at": schedule.at,
        "blackout": {
            "start": schedule.blackout.map(|blackout| blackout.start),
            "end": schedule.blackout.map(|blackout| blackout.end),
        },
    })
}

fn snapshot_schedule_item(schedule: &Schedule) -> Value {
    json!({
        "enabled": schedule.enabled,
        "frequency": schedule.frequency,
        "at": schedule.at,
    })
}

fn retention_item(retention: &Retention) -> Value {
    json!({
        "all_for_sec": retention.all_for_sec,
        "per_day": retention.per_day,
        "days": retention.days,
    })
}

pub(super) fn post(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let names = call.required("names")?;
    if let Some(source) = call.elements("source_names").first() {
        let name = names.first().cloned().unwrap_or_default();
        let id = restore(fabric, at, &name, source, call.flag("overwrite")?)?;
        return items(vec![shown(fabric, at, &id)?]);
    }
    let mut made = Vec::new();
    for name in names {
        let id = fabric.create_group(at, &name)?;
        made.push(shown(fabric, at, &id)?);
    }
    items(made)
}

/// Makes a group of copies of all volumes of a point, named as they were there.
fn restore(
    fabric: &mut Fabric,
    at: At,
    name: &str,
    source: &str,
    overwrite: bool,
) -> Outcome<String> {
    let point = fabric.point_id(at, source)?;
    let group = match fabric.group_id(at, name) {
        Ok(id) if overwrite => id,
        Ok(_) => return Err(ApiError::exists(Kind::Group, name)),
        Err(_) => fabric.create_group(at, name)?,
    };
    for part in fabric.parts_of(at, &point) {
        let Some(snapshot) = fabric.arrays[at].snapshots.get(&part) else {
            continue;
        };
        let SnapshotOf::Point { label, .. } = &snapshot.of else {
            continue;
        };
        let label = label.clone();
        let wanted = NewVolume {
            source: Some(fabric.snapshot_name(at, snapshot)),
            overwrite,
            ..NewVolume::default()
        };
        let volume = fabric.create_volume(at, &label, &wanted)?;
        if !fabric.groups_of(at, &volume).contains(&group) {
            fabric.add_member(at, &group, &volume)?;
        }
    }
    Ok(group)
}

fn shown(fabric: &Fabric, at: At, id: &str) -> Outcome<Value> {
    let group = fabric
        .group(at, id)
        .ok_or_else(|| ApiError::missing(Kind::Group, id))?;
    Ok(item(fabric, at, group))
}

pub(super) fn patch(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let mut changed = Vec::new();
    for name in call.required("names")? {
        let id = fabric.group_id(at, &name)?;
        change(fabric, at, &id, call)?;
        changed.push(shown(fabric, at, &id)?);
    }
    items(changed)
}

fn change(fabric: &mut Fabric, at: At, id: &str, call: &Request) -> Outcome<()> {
    let held = fabric.group(at, id).cloned();
    let held = held.ok_or_else(|| ApiError::missing(Kind::Group, id))?;
    let mut used = false;
    if let Some(destroyed) = body::flag(&call.body, "destroyed")? {
        fabric.destroy_group(at, id, destroyed)?;
        used = true;
    }
    if let Some(patch) = read_patch(&call.body, &held)? {
        if held.origin.is_some() {
            let name = fabric.group_name(&held);
            return Err(ApiError::refused(&name, "Protection group is not local."));
        }
        fabric.patch_group(at, id, &patch)?;
        used = true;
    }
    if let Some(name) = body::text(&call.body, "name")?
        && !same(name, &held.name)
    {
        fabric.rename_group(at, id, name)?;
        used = true;
    }
    match used || call.body["name"].is_string() {
        true => Ok(()),
        false => Err(ApiError::no_attribute()),
    }
}

fn read_patch(with: &Value, held: &Group) -> Outcome<Option<GroupPatch>> {
    let lock = body::text(with, "retention_lock")?;
    let patch = GroupPatch {
        replication: read_schedule(&with["replication_schedule"], held.replication)?,
        local_snapshots: read_schedule(&with["snapshot_schedule"], held.local_snapshots)?,
        source_retention: read_retention(&with["source_retention"], held.source_retention)?,
        target_retention: read_retention(&with["target_retention"], held.target_retention)?,
        ratcheted: lock.map(|lock| lock == "ratcheted"),
    };
    let says_something = patch.replication.is_some()
        || patch.local_snapshots.is_some()
        || patch.source_retention.is_some()
        || patch.target_retention.is_some()
        || patch.ratcheted.is_some();
    Ok(says_something.then_some(patch))
}

fn read_schedule(with: &Value, held: Schedule) -> Outcome<Option<Schedule>> {
    if with.is_null() {
        return Ok(None);
    }
    let at = match body::number(with, "at")? {
        None => held.at,
        Some(at) if at < 0 => None,
        Some(at) => Some(at),
    };
    let blackout = &with["blackout"];
    let bound = |member: &str| body::number(blackout, member);
    let blackout = match (bound("start")?, bound("end")?) {
        (Some(start), Some(end)) if start >= 0 && end >= 0 => Some(Blackout { start, end }),
        (Some(_), Some(_)) => None,
        _ => held.blackout,
    };
    Ok(Some(Schedule {
        enabled: body::flag(with, "enabled")?.unwrap_or(held.enabled),
        frequency: body::number(with, "frequency")?.unwrap_or(held.frequency),
        at,
        blackout,
        last: held.last,
    }))
}

fn read_retention(with: &Value, held: Retention) -> Outcome<Option<Retention>> {
    if with.is_null() {
        return Ok(None);
    }
    Ok(Some(Retention {
        all_for_sec: body::number(with, "all_for_sec")?.unwrap_or(held.all_for_sec),
        per_day: body::number(with, "per_day")?.unwrap_or(held.per_day),
        days: body::number(with, "days")?.unwrap_or(held.days),
    }))
}

pub(super) fn delete(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    for name in call.required("names")? {
        let id = fabric.group_id(at, &name)?;
        fabric.eradicate_group(at, &id)?;
    }
    nothing()
}
