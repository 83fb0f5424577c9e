//! `pod-replica-links`: continuous replication of a pod to another one.

use serde_json::{Value, json};

use super::list::reference;
use super::{Request, body, items, list, nothing};
use crate::state::{ApiError, At, Fabric, Kind, Outcome, ReplicaLink, same};

pub(super) fn get(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(2)?;
    let links = wanted(fabric, at, call);
    let all = links
        .into_iter()
        .map(|link| item(fabric, at, link))
        .collect();
    list::page(fabric, at, call, all)
}

pub(super) fn lag(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(2)?;
    let item = |link: &ReplicaLink| {
        let mut item = item(fabric, at, link);
        item["time"] = json!(fabric.now);
        item
    };
    let all = wanted(fabric, at, call).into_iter().map(item).collect();
    list::page(fabric, at, call, all)
}

/// The links of this array that the call names.
fn wanted<'a>(fabric: &'a Fabric, at: At, call: &Request) -> Vec<&'a ReplicaLink> {
    let local = call.elements("local_pod_names");
    let remote = call.elements("remote_pod_names");
    let fits =
        |names: &[String], pod: &str| names.is_empty() || names.iter().any(|name| same(name, pod));
    let ends = |link: &&ReplicaLink| {
        let (own, other) = link.seen_from(at)?;
        let own = fabric.pods.get(&own.1)?;
        let other = fabric.pods.get(&other.1)?;
        Some(fits(&local, &own.name) && fits(&remote, &other.name))
    };
    let links = fabric.replica_links.iter();
    links.filter(|link| ends(link).unwrap_or(false)).collect()
}

fn item(fabric: &Fabric, at: At, link: &ReplicaLink) -> Value {
    let name = |end: &(At, String)| fabric.pods.get(&end.1).map(|pod| pod.name.clone());
    let Some((own, other)) = link.seen_from(at) else {
        return Value::Null;
    };
    let array = &fabric.arrays[other.0];
    let lag = link.recovery_point.map(|point| fabric.now - point);
    json!({
        "id": link.id,
        "direction": if link.source.0 == at { "outbound" } else { "inbound" },
        "status": fabric.replica_link_status(link),
        "paused": link.paused,
        "lag": { "avg": lag, "max": lag },
        "recovery_point": link.recovery_point,
        "local_pod": reference(Some(&own.1), name(own).as_deref()),
        "remote_pod": reference(Some(&other.1), name(other).as_deref()),
        "remotes": [reference(Some(&array.id), Some(&array.name))],
    })
}

pub(super) fn post(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(2)?;
    let first = |parameter: &str| -> Outcome<String> {
        Ok(call
            .required(parameter)?
            .into_iter()
            .next()
            .unwrap_or_default())
    };
    let (local, remote) = (first("local_pod_names")?, first("remote_pod_names")?);
    let array = first("remote_names")?;
    let id = fabric.create_replica_link(at, &local, &array, &remote)?;
    let link = fabric.replica_links.iter().find(|link| link.id == id);
    items(
        link.map(|link| item(fabric, at, link))
            .into_iter()
            .collect(),
    )
}

fn ids(fabric: &Fabric, at: At, call: &Request) -> Outcome<Vec<String>> {
    let name = call.required("local_pod_names")?.join(",");
    let ids: Vec<String> = wanted(fabric, at, call)
        .iter()
        .map(|link| link.id.clone())
        .collect();
    match ids.is_empty() {
        true => Err(ApiError::missing(Kind::ReplicaLink, &name)),
        false => Ok(ids),
    }
}

pub(super) fn patch(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(2)?;
    let paused = body::flag(&call.body, "paused")?.ok_or_else(ApiError::no_attribute)?;
    let ids = ids(fabric, at, call)?;
    for link in &mut fabric.replica_links {
        if ids.contains(&link.id) {
            link.paused = paused;
        }
    }
    let changed = fabric
        .replica_links
        .iter()
        .filter(|link| ids.contains(&link.id));
    items(changed.map(|link| item(fabric, at, link)).collect())
}

pub(super) fn delete(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(2)?;
    let ids = ids(fabric, at, call)?;
    fabric.replica_links.retain(|link| !ids.contains(&link.id));
    nothing()
}
