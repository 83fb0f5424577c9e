//! `protection-group-snapshots`, their transfers, and sending one again.

use serde_json::{Value, json};

use super::list::reference;
use super::snapshot_changes::Snapshots;
use super::{Request, body, items, list};
use crate::query::{has_wildcard, matches_wildcard};
use crate::state::{ApiError, At, Fabric, Kind, Outcome, Point, TakePoint, same};

pub(super) fn get(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let points = fabric.arrays[at].points.values();
    let all = points.map(|point| item(fabric, at, point)).collect();
    of_groups(fabric, at, call, all)
}

fn item(fabric: &Fabric, at: At, point: &Point) -> Value {
    let source = fabric
        .group(at, &point.group)
        .map(|group| fabric.group_name(group));
    let pod = source
        .as_deref()
        .and_then(|name| name.split_once("::"))
        .map(|(pod, _)| pod);
    json!({
        "id": point.id,
        "name": fabric.point_name(at, &point.id),
        "created": point.created,
        "destroyed": point.destroyed.is_some(),
        "time_remaining": fabric.time_remaining(at, point.destroyed),
        "suffix": point.suffix,
        "source": reference(Some(&point.group), source.as_deref()),
        "pod": reference(None, pod),
        "eradication_config": { "manual_eradication": "enabled" },
        "space": { "snapshots": 0, "total_physical": 0, "total_provisioned": 0 },
    })
}

/// A name is that of a point, or of a group whose points are all meant.
fn of_groups(
    fabric: &Fabric,
    at: At,
    call: &Request,
    mut all: Vec<Value>,
) -> Outcome<Option<Value>> {
    let sources = call.elements("source_names");
    if !sources.is_empty() {
        for source in &sources {
            fabric.group_id(at, source)?;
        }
        all.retain(|item| names_one(&sources, &item["source"]["name"]));
    }
    let names = call.elements("names");
    if names.is_empty() {
        return list::reply_wild(fabric, at, call, Kind::GroupSnapshot, all);
    }
    let mut chosen: Vec<Value> = Vec::new();
    for name in &names {
        let fits = |item: &&Value| {
            let held = item["name"].as_str().unwrap_or_default();
            names_one(std::slice::from_ref(name), &item["source"]["name"])
                || same(held, name)
                || (has_wildcard(name) && matches_wildcard(name, held))
        };
        let found: Vec<Value> = all.iter().filter(fits).cloned().collect();
        if found.is_empty() && !has_wildcard(name) && fabric.group_id(at, name).is_err() {
            return Err(ApiError::missing(Kind::GroupSnapshot, name));
        }
        chosen.extend(found);
    }
    list::in_state(fabric, at, call, chosen)
}

fn names_one(names: &[String], held: &Value) -> bool {
    let held = held.as_str().unwrap_or_default();
    names.iter().any(|name| same(name, held))
}

pub(super) fn post(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let wanted = TakePoint {
        suffix: body::text(&call.body, "suffix")?
            .filter(|suffix| !suffix.is_empty())
            .map(str::to_owned),
        apply_retention: call.flag("apply_retention")?,
        for_replication: call.flag("for_replication")?,
        replicate: call.flag("replicate")?,
        replicate_now: call.flag("replicate_now")?,
    };
    let mut made = Vec::new();
    for name in call.required("source_names")? {
        let group = fabric.own_group_id(at, &name)?;
        let id = fabric.take_point(at, &group, &wanted)?;
        made.push(shown(fabric, at, &id)?);
    }
    items(made)
}

fn shown(fabric: &Fabric, at: At, id: &str) -> Outcome<Value> {
    let point = fabric.arrays[at].points.get(id);
    let point = point.ok_or_else(|| ApiError::missing(Kind::GroupSnapshot, id))?;
    Ok(item(fabric, at, point))
}

/// What taking a point would do, without doing it.
pub(super) fn test(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(25)?;
    let mut found = Vec::new();
    for name in call.required("source_names")? {
        let group = fabric.own_group_id(at, &name)?;
        found.push(json!({ "name": name, "source": reference(Some(&group), Some(&name)) }));
    }
    items(found)
}

const CHANGES: Snapshots = Snapshots {
    id: Fabric::point_id,
    destroy: Fabric::destroy_point,
    rename: Fabric::rename_point,
    eradicate: Fabric::eradicate_point,
    shown,
};

pub(super) fn patch(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    CHANGES.patch(fabric, at, call)
}

pub(super) fn delete(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    CHANGES.delete(fabric, at, call)
}

/// What has arrived, as the target sees it; what has been sent, where the source tells it.
pub(super) fn transfer(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let received = |point: &Point| {
        let tells = fabric.switches.source_lists_transfers;
        let sent = || fabric.sent(at, point).filter(|_| tells);
        let arrival = point.arrival.or_else(sent)?;
        let source = fabric
            .group(at, &point.group)
            .map(|group| fabric.group_name(group));
        Some(json!({
            "id": point.id,
            "name": fabric.point_name(at, &point.id),
            "source": reference(Some(&point.group), source.as_deref()),
            "destroyed": point.destroyed.is_some(),
            "started": arrival.started,
            "completed": arrival.completed,
            "progress": arrival.progress(),
            "data_transferred": arrival.bytes,
            "physical_bytes_written": arrival.bytes,
        }))
    };
    let points = fabric.arrays[at].points.values();
    let all = points.filter_map(received).collect();
    of_groups(fabric, at, call, all)
}

/// Sends an existing point again.
pub(super) fn post_replica(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(25)?;
    let on = call.required("on")?;
    let mut sent = Vec::new();
    for name in call.required("names")? {
        let id = fabric.point_id(at, &name)?;
        for target in &on {
            fabric.resend_point(at, &id, target)?;
        }
        sent.push(shown(fabric, at, &id)?);
    }
    items(sent)
}
