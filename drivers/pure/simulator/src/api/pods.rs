//! `pods`, `pods/arrays`, `pods/members`, `remote-pods`.

use serde_json::{Value, json};

use super::list::reference;
use super::{Request, body, items, list, nothing};
use crate::state::{At, Fabric, Kind, Outcome, Pod, PodMember, PodState, same};

pub(super) fn get(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let pods = fabric.pods.values().filter(|pod| pod.is_on(at));
    let all = pods.map(|pod| item(fabric, at, pod)).collect();
    list::reply_wild(fabric, at, call, Kind::Pod, all)
}

fn item(fabric: &Fabric, at: At, pod: &Pod) -> Value {
    let arrays: Vec<Value> = pod
        .members
        .iter()
        .map(|member| array_item(fabric, at, pod, member))
        .collect();
    let preferences: Vec<Value> = pod
        .preferences
        .iter()
        .map(|at| reference(Some(&fabric.arrays[*at].id), Some(&fabric.arrays[*at].name)))
        .collect();
    let (sources, targets) = fabric.replica_link_counts(at, &pod.id);
    let volumes = fabric.volumes_of_pod(at, &pod.name);
    let volumes = volumes.iter().filter_map(|id| fabric.volume(at, id));
    let provisioned: u64 = volumes.map(|volume| volume.provisioned).sum();
    let promotion = if pod.promoted { "promoted" } else { "demoted" };
    json!({
        "id": pod.id,
        "name": pod.name,
        "created": pod.created,
        "destroyed": pod.destroyed.is_some(),
        "time_remaining": fabric.time_remaining(at, pod.destroyed),
        "array_count": pod.members.len(),
        "arrays": arrays,
        "link_source_count": sources,
        "link_target_count": targets,
        "promotion_status": promotion,
        "requested_promotion_state": promotion,
        "failover_preferences": preferences,
        "mediator": pod.mediator,
        "mediator_version": "1.0",
        "quota_limit": pod.quota,
        "source": reference(None, None),
        "footprint": provisioned,
        "space": { "total_provisioned": provisioned, "total_physical": 0 },
    })
}

/// One array of a pod as another array of it sees it.
#[allow(clippy::cast_precision_loss, reason = "a part of one, for people")]
fn array_item(fabric: &Fabric, at: At, pod: &Pod, member: &PodMember) -> Value {
    let array = &fabric.arrays[member.at];
    let seen = member.at == at || fabric.reaches(at, member.at);
    let (status, frozen_at, progress) = match member.state {
        _ if !seen => ("unknown", None, None),
        PodState::Online => ("online", None, None),
        PodState::Offline { frozen_at } => ("offline", Some(frozen_at), None),
        PodState::Resyncing { sent, bytes, .. } => {
            let total = (u128::from(bytes) * 1000).max(1);
            (
                "resyncing",
                None,
                Some((sent as f64 / total as f64).min(1.0)),
            )
        }
    };
    let mediator = match (seen, array.reaches_mediator) {
        (false, _) => "unknown",
        (true, true) => "online",
        (true, false) => "unreachable",
    };
    json!({
        "id": array.id,
        "name": array.name,
        "member": reference(Some(&array.id), Some(&array.name)),
        "status": status,
        "mediator_status": mediator,
        "pre_elected": pod.preferences.first() == Some(&member.at),
        "frozen_at": frozen_at,
        "progress": progress,
    })
}

pub(super) fn post(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let preferences = body::names_of(&call.body, "failover_preferences")?;
    let source = body::name_of(&call.body, "source")?;
    let mut made = Vec::new();
    for name in call.required("names")? {
        match source {
            Some(source) => fabric.clone_pod(at, source, &name)?,
            None => fabric.create_pod(at, &name, &preferences)?,
        };
        if let Some(quota) = body::size(&call.body, "quota_limit")? {
            call.since(23)?;
            fabric.change_pod(at, &name, |pod| pod.quota = Some(quota))?;
        }
        made.push(item(fabric, at, fabric.pod(at, &name)?));
    }
    items(made)
}

pub(super) fn patch(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let mut changed = Vec::new();
    for name in call.required("names")? {
        let name = change(fabric, at, &name, call)?;
        changed.push(item(fabric, at, fabric.pod(at, &name)?));
    }
    items(changed)
}

/// Changes one pod; gives its name after that.
fn change(fabric: &mut Fabric, at: At, name: &str, call: &Request) -> Outcome<String> {
    let with = &call.body;
    let mut name = fabric.pod(at, name)?.name.clone();
    let mut used = false;
    if let Some(destroyed) = body::flag(with, "destroyed")? {
        let contents = call.flag("destroy_contents")?;
        fabric.destroy_pod(at, &name, destroyed, contents)?;
        used = true;
    }
    if with["failover_preferences"].is_array() {
        let names = body::names_of(with, "failover_preferences")?;
        let preferences = fabric.preferred(&name, &names)?;
        fabric.change_pod(at, &name, |pod| pod.preferences = preferences)?;
        used = true;
    }
    if let Some(mediator) = body::text(with, "mediator")? {
        fabric.change_pod(at, &name, |pod| mediator.clone_into(&mut pod.mediator))?;
        used = true;
    }
    if let Some(quota) = body::size(with, "quota_limit")? {
        call.since(23)?;
        fabric.change_pod(at, &name, |pod| pod.quota = Some(quota))?;
        used = true;
    }
    if let Some(state) = body::text(with, "requested_promotion_state")? {
        call.since(2)?;
        match state {
            "demoted" => fabric.demote_pod(at, &name)?,
            "promoted" => {
                let from = call.params.text("promote_from");
                fabric.promote_pod(at, &name, from.as_deref())?;
            }
            _ => return Err(body::invalid("requested_promotion_state")),
        }
        used = true;
    }
    if let Some(to) = body::text(with, "name")? {
        fabric.rename_pod(at, &name, to)?;
        to.clone_into(&mut name);
        used = true;
    }
    match used {
        true => Ok(name),
        false => Err(crate::state::ApiError::no_attribute()),
    }
}

pub(super) fn delete(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let contents = call.flag("eradicate_contents")?;
    for name in call.required("names")? {
        fabric.eradicate_pod(at, &name, contents)?;
    }
    nothing()
}

pub(super) fn get_arrays(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    memberships(fabric, at, call, "group_names", "group")
}

pub(super) fn get_members(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(36)?;
    memberships(fabric, at, call, "pod_names", "pod")
}

fn memberships(
    fabric: &Fabric,
    at: At,
    call: &Request,
    parameter: &str,
    member: &str,
) -> Outcome<Option<Value>> {
    let pods = call.elements(parameter);
    for pod in &pods {
        fabric.pod(at, pod)?;
    }
    let arrays = call.elements("member_names");
    let mut all = Vec::new();
    for pod in fabric.pods.values().filter(|pod| pod.is_on(at)) {
        if !pods.is_empty() && !pods.iter().any(|name| same(name, &pod.name)) {
            continue;
        }
        for array in &pod.members {
            let name = &fabric.arrays[array.at].name;
            if arrays.is_empty() || arrays.iter().any(|wanted| same(wanted, name)) {
                let mut item = array_item(fabric, at, pod, array);
                item[member] = reference(Some(&pod.id), Some(&pod.name));
                all.push(item);
            }
        }
    }
    list::page(fabric, at, call, all)
}

pub(super) fn post_arrays(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    stretch(fabric, at, call, "group_names", "group")
}

pub(super) fn post_members(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(36)?;
    stretch(fabric, at, call, "pod_names", "pod")
}

fn stretch(
    fabric: &mut Fabric,
    at: At,
    call: &Request,
    parameter: &str,
    member: &str,
) -> Outcome<Option<Value>> {
    let mut made = Vec::new();
    for pod in call.required(parameter)? {
        for array in call.required("member_names")? {
            fabric.stretch(at, &pod, &array)?;
            let pod = fabric.pod(at, &pod)?;
            let joined = pod
                .members
                .iter()
                .filter(|m| fabric.array_at(&array) == Some(m.at));
            made.extend(joined.map(|joined| {
                let mut item = array_item(fabric, at, pod, joined);
                item[member] = reference(Some(&pod.id), Some(&pod.name));
                item
            }));
        }
    }
    items(made)
}

pub(super) fn delete_arrays(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    unstretch(fabric, at, call, "group_names")
}

pub(super) fn delete_members(
    fabric: &mut Fabric,
    at: At,
    call: &Request,
) -> Outcome<Option<Value>> {
    call.since(36)?;
    unstretch(fabric, at, call, "pod_names")
}

fn unstretch(
    fabric: &mut Fabric,
    at: At,
    call: &Request,
    parameter: &str,
) -> Outcome<Option<Value>> {
    let with_unknown = call.flag("with_unknown")?;
    for pod in call.required(parameter)? {
        for array in call.required("member_names")? {
            fabric.unstretch(at, &pod, &array, with_unknown)?;
        }
    }
    nothing()
}

/// The pods of the arrays that this one is connected to.
pub(super) fn remote(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(1)?;
    let mut all = Vec::new();
    for pod in fabric.pods.values().filter(|pod| pod.destroyed.is_none()) {
        for member in &pod.members {
            if member.at != at && fabric.link(at, member.at).is_some() {
                let array = &fabric.arrays[member.at];
                all.push(json!({
                    "id": pod.id,
                    "name": pod.name,
                    "remote": reference(Some(&array.id), Some(&array.name)),
                }));
            }
        }
    }
    list::page(fabric, at, call, all)
}
