//! `protection-groups/volumes` and `protection-groups/targets`.

use serde_json::{Value, json};

use super::list::reference;
use super::{Request, body, items, list, nothing};
use crate::state::{ApiError, At, Fabric, Group, Kind, Outcome, same};

pub(super) fn get_volumes(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let groups = call.elements("group_names");
    let members = call.elements("member_names");
    for group in &groups {
        fabric.group_id(at, group)?;
    }
    let mut all = Vec::new();
    for group in fabric.arrays[at].groups.values() {
        let name = fabric.group_name(group);
        if groups.is_empty() || groups.iter().any(|wanted| same(wanted, &name)) {
            all.extend(volumes_of(fabric, at, group));
        }
    }
    if !members.is_empty() {
        all.retain(|item| {
            let name = item["member"]["name"].as_str().unwrap_or_default();
            members.iter().any(|wanted| same(wanted, name))
        });
    }
    list::page(fabric, at, call, all)
}

fn volumes_of(fabric: &Fabric, at: At, group: &Group) -> Vec<Value> {
    let name = fabric.group_name(group);
    let (array, members, prefix) = match &group.origin {
        None => (at, group.members.clone(), String::new()),
        Some((from, id)) => {
            let members = fabric.group(*from, id).map(|source| source.members.clone());
            let prefix = format!("{}:", fabric.arrays[*from].name);
            (*from, members.unwrap_or_default(), prefix)
        }
    };
    let volumes = members.iter().filter_map(|id| fabric.volume(array, id));
    volumes
        .map(|volume| {
            json!({
                "group": reference(Some(&group.id), Some(&name)),
                "member": {
                    "id": volume.id,
                    "name": format!("{prefix}{}", volume.name),
                    "destroyed": volume.destroyed.is_some(),
                },
            })
        })
        .collect()
}

/// Every pair of the groups and members of a call, by id.
fn pairs(fabric: &Fabric, at: At, call: &Request) -> Outcome<Vec<(String, String)>> {
    let groups = call.required("group_names")?;
    let members = call.elements("member_names");
    let mut pairs = Vec::new();
    for group in &groups {
        let group = fabric.own_group_id(at, group)?;
        for member in &members {
            pairs.push((group.clone(), fabric.volume_id(at, member)?));
        }
    }
    Ok(pairs)
}

pub(super) fn post_volumes(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let pairs = pairs(fabric, at, call)?;
    for (_, volume) in &pairs {
        let name = fabric
            .volume(at, volume)
            .map(|v| v.name.clone())
            .unwrap_or_default();
        fabric.live_volume_id(at, &name)?;
    }
    let mut added = Vec::new();
    for (group, volume) in pairs {
        fabric.add_member(at, &group, &volume)?;
        let name = fabric.volume(at, &volume).map(|v| v.name.as_str());
        let group_name = fabric.group(at, &group).map(|group| group.name.as_str());
        added.push(json!({
            "group": reference(Some(&group), group_name),
            "member": { "id": volume, "name": name, "destroyed": false },
        }));
    }
    items(added)
}

pub(super) fn delete_volumes(
    fabric: &mut Fabric,
    at: At,
    call: &Request,
) -> Outcome<Option<Value>> {
    call.since(1)?;
    for (group, volume) in pairs(fabric, at, call)? {
        fabric.remove_member(at, &group, &volume)?;
    }
    nothing()
}

pub(super) fn get_targets(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let groups = call.elements("group_names");
    for group in &groups {
        fabric.group_id(at, group)?;
    }
    let members = call.elements("member_names");
    let mut all = Vec::new();
    for group in fabric.arrays[at].groups.values() {
        let name = fabric.group_name(group);
        if groups.is_empty() || groups.iter().any(|wanted| same(wanted, &name)) {
            all.extend(targets_of(fabric, at, call, group));
        }
    }
    if !members.is_empty() {
        all.retain(|item| {
            let name = item["member"]["name"].as_str().unwrap_or_default();
            members.iter().any(|wanted| same(wanted, name))
        });
    }
    list::page(fabric, at, call, all)
}

/// The targets of an own group; of one from elsewhere, this array as its target.
fn targets_of(fabric: &Fabric, at: At, call: &Request, group: &Group) -> Vec<Value> {
    let name = fabric.group_name(group);
    let of = |array: At, allowed: bool| {
        let array_name = &fabric.arrays[array].name;
        let mut item = json!({
            "group": reference(Some(&group.id), Some(&name)),
            "member": reference(Some(&fabric.arrays[array].id), Some(array_name)),
            "allowed": allowed,
        });
        if call.minor >= 37 {
            let status = match (allowed, group.replication.enabled) {
                (false, _) => "disallowed",
                (true, true) => "replicating",
                (true, false) => "suspended",
            };
            item["status"] = json!(status);
        }
        item
    };
    match group.origin {
        Some(_) => vec![of(at, group.allowed)],
        None => {
            let targets = group.targets.iter();
            targets
                .map(|target| of(target.array, target.allowed))
                .collect()
        }
    }
}

pub(super) fn post_targets(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let mut added = Vec::new();
    for group in call.required("group_names")? {
        let id = fabric.own_group_id(at, &group)?;
        for member in call.required("member_names")? {
            let target = peer(fabric, at, &member)?;
            fabric.add_target(at, &id, target)?;
        }
        if let Some(group) = fabric.group(at, &id) {
            added.extend(targets_of(fabric, at, call, group));
        }
    }
    items(added)
}

fn peer(fabric: &Fabric, at: At, name: &str) -> Outcome<At> {
    let known = fabric
        .array_at(name)
        .filter(|peer| fabric.link(at, *peer).is_some());
    known.ok_or_else(|| ApiError::missing(Kind::ArrayConnection, name))
}

pub(super) fn patch_targets(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let allowed = body::flag(&call.body, "allowed")?.ok_or_else(ApiError::no_attribute)?;
    let mut changed = Vec::new();
    for group in call.required("group_names")? {
        let id = fabric.live_group_id(at, &group)?;
        fabric.allow(at, &id, allowed)?;
        if let Some(group) = fabric.group(at, &id) {
            changed.extend(targets_of(fabric, at, call, group));
        }
    }
    items(changed)
}

pub(super) fn delete_targets(
    fabric: &mut Fabric,
    at: At,
    call: &Request,
) -> Outcome<Option<Value>> {
    call.since(1)?;
    for group in call.required("group_names")? {
        let id = fabric.own_group_id(at, &group)?;
        for member in call.required("member_names")? {
            let target = peer(fabric, at, &member)?;
            fabric.remove_target(at, &id, target)?;
        }
    }
    nothing()
}
