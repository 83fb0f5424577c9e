//! The fabric for people who look for what went wrong.

use serde_json::{Map, Value, json};

use crate::state::{At, Fabric};

/// Names and states, array by array, and what is on its way.
pub(super) fn dump(fabric: &Fabric) -> Value {
    let arrays: Map<String, Value> = (0..fabric.arrays.len())
        .map(|at| (fabric.arrays[at].name.clone(), array(fabric, at)))
        .collect();
    let name = |at: At| fabric.arrays[at].name.as_str();
    let links: Vec<Value> = fabric
        .links
        .iter()
        .map(|link| {
            json!({
                "between": [name(link.a), name(link.b)],
                "up": link.up,
                "bytes_per_second": link.bytes_per_second,
            })
        })
        .collect();
    let transfers: Vec<Value> = fabric
        .sessions
        .iter()
        .map(|session| {
            json!({
                "from": name(session.from),
                "to": name(session.to),
                "point": fabric.point_name(session.from, &session.point),
                "bytes": session.bytes,
                "bytes_sent": session.sent.map(|sent| u64::try_from(sent / 1000).unwrap_or(0)),
            })
        })
        .collect();
    json!({ "now": fabric.now, "arrays": arrays, "links": links, "transfers": transfers })
}

fn array(fabric: &Fabric, at: At) -> Value {
    let array = &fabric.arrays[at];
    let volumes: Map<String, Value> = array
        .volumes
        .values()
        .map(|volume| {
            let shown = json!({
                "id": volume.id,
                "serial": volume.serial,
                "provisioned": volume.provisioned,
                "destroyed": volume.destroyed.is_some(),
                "connections": fabric.connection_count(at, &volume.id),
                "content": volume.known.content_id(),
            });
            (volume.name.clone(), shown)
        })
        .collect();
    let groups: Map<String, Value> = array
        .groups
        .values()
        .map(|group| {
            let points = array
                .points
                .values()
                .filter(|point| point.group == group.id);
            let points: Vec<Value> = points
                .map(|point| {
                    json!({
                        "name": fabric.point_name(at, &point.id),
                        "created": point.created,
                        "destroyed": point.destroyed.is_some(),
                        "complete": fabric.point_is_complete(at, &point.id),
                    })
                })
                .collect();
            let shown = json!({
                "destroyed": group.destroyed.is_some(),
                "members": group.members.len(),
                "allowed": group.allowed,
                "points": points,
            });
            (fabric.group_name(group), shown)
        })
        .collect();
    let pods: Vec<&str> = fabric
        .pods
        .values()
        .filter(|pod| pod.is_on(at))
        .map(|pod| pod.name.as_str())
        .collect();
    json!({
        "id": array.id,
        "powered": array.powered,
        "used_bytes": array.used_bytes(),
        "capacity": array.capacity,
        "volumes": volumes,
        "protection_groups": groups,
        "pods": pods,
    })
}
