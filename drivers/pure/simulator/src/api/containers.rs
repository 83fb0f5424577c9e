//! `container-default-protections`: what new volumes of an array or pod are protected by.

use serde_json::{Value, json};

use super::{Request, body, items, list};
use crate::state::{At, Fabric, Outcome, same};

pub(super) fn get(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(16)?;
    let names = call.elements("names");
    let mut all = Vec::new();
    if names.is_empty() {
        all.push(item(fabric, at, ""));
        let pods = fabric.pods.values().filter(|pod| pod.is_on(at));
        all.extend(pods.map(|pod| item(fabric, at, &pod.name)));
    }
    for name in names {
        all.push(item(fabric, at, &container(fabric, at, &name)?));
    }
    list::page(fabric, at, call, all)
}

/// The array itself has the empty name, and its own.
fn container(fabric: &Fabric, at: At, name: &str) -> Outcome<String> {
    match name.is_empty() || same(name, &fabric.arrays[at].name) {
        true => Ok(String::new()),
        false => Ok(fabric.pod(at, name)?.name.clone()),
    }
}

fn item(fabric: &Fabric, at: At, container: &str) -> Value {
    let groups = fabric.arrays[at].default_protections.get(container);
    let groups: Vec<Value> = groups
        .into_iter()
        .flatten()
        .map(|group| {
            let id = fabric.group_id(at, group).ok();
            json!({ "id": id, "name": group, "type": "protection_group" })
        })
        .collect();
    let pod = fabric.pod(at, container).ok();
    json!({
        "name": container,
        "id": pod.map_or(fabric.arrays[at].id.as_str(), |pod| pod.id.as_str()),
        "type": if container.is_empty() { "" } else { "pod" },
        "default_protections": groups,
    })
}

pub(super) fn patch(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(16)?;
    let groups = body::names_of(&call.body, "default_protections")?;
    fabric.group_ids(at, &groups)?;
    let mut names = call.elements("names");
    if names.is_empty() {
        names.push(String::new());
    }
    let mut changed = Vec::new();
    for name in names {
        let container = container(fabric, at, &name)?;
        let protections = &mut fabric.arrays[at].default_protections;
        protections.insert(container.clone(), groups.clone());
        changed.push(item(fabric, at, &container));
    }
    items(changed)
}
