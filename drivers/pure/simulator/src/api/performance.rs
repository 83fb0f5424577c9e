//! What arrays and groups do now. Only replication has a load here.

use serde_json::{Value, json};

use super::list::reference;
use super::{Request, list};
use crate::state::{At, Fabric, Group, Outcome, same};

/// No load: the arrays serve no one.
pub(super) fn arrays(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let array = &fabric.arrays[at];
    let item = json!({
        "id": array.id,
        "name": array.name,
        "time": fabric.now,
        "reads_per_sec": 0,
        "writes_per_sec": 0,
        "read_bytes_per_sec": 0,
        "write_bytes_per_sec": 0,
        "usec_per_read_op": 0,
        "usec_per_write_op": 0,
        "queue_usec_per_mirrored_write_op": 0,
        "queue_usec_per_read_op": 0,
        "queue_usec_per_write_op": 0,
        "queue_depth": 0,
        "bytes_per_op": 0,
    });
    list::page(fabric, at, call, vec![item])
}

pub(super) fn groups(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let item = |group: &Group| {
        json!({
            "group": reference(Some(&group.id), Some(&fabric.group_name(group))),
            "name": fabric.group_name(group),
            "bytes_per_sec": rate(fabric, at, group),
            "time": fabric.now,
        })
    };
    let all = wanted(fabric, at, call)?.into_iter().map(item).collect();
    list::page(fabric, at, call, all)
}

pub(super) fn groups_by_array(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let item = |group: &Group| {
        let other = match (&group.origin, group.targets.first()) {
            (Some((from, _)), _) => Some(*from),
            (None, target) => target.map(|target| target.array),
        };
        let (source, target) = match group.origin {
            Some(_) => (other, Some(at)),
            None => (Some(at), other),
        };
        let name = |at: Option<At>| at.map(|at| fabric.arrays[at].name.clone());
        json!({
            "group": reference(Some(&group.id), Some(&fabric.group_name(group))),
            "name": fabric.group_name(group),
            "source": name(source),
            "target": name(target),
            "bytes_per_sec": rate(fabric, at, group),
            "time": fabric.now,
        })
    };
    let all = wanted(fabric, at, call)?.into_iter().map(item).collect();
    list::page(fabric, at, call, all)
}

fn wanted<'a>(fabric: &'a Fabric, at: At, call: &Request) -> Outcome<Vec<&'a Group>> {
    let names = call.elements("names");
    for name in &names {
        fabric.group_id(at, name)?;
    }
    let named = |group: &&Group| {
        let held = fabric.group_name(group);
        names.is_empty() || names.iter().any(|name| same(name, &held))
    };
    Ok(fabric.arrays[at].groups.values().filter(named).collect())
}

fn rate(fabric: &Fabric, at: At, group: &Group) -> u64 {
    match &group.origin {
        Some((from, id)) => fabric.rate_of(*from, id),
        None => fabric.rate_of(at, &group.id),
    }
}
