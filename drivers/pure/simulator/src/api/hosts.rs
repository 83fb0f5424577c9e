//! `hosts`: who may see volumes, by the addresses of its initiators.

use serde_json::{Value, json};

use super::list::reference;
use super::{Request, body, items, list, nothing};
use crate::state::{ApiError, At, Fabric, Host, Kind, Outcome};

pub(super) fn get(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let hosts = fabric.arrays[at].hosts.values();
    let all = hosts.map(|host| item(fabric, at, host)).collect();
    list::reply(fabric, at, call, Kind::Host, all)
}

fn item(fabric: &Fabric, at: At, host: &Host) -> Value {
    let connections = fabric.arrays[at].connections.iter();
    json!({
        "id": host.id,
        "name": host.name,
        "is_local": true,
        "iqns": host.iqns,
        "wwns": host.wwns,
        "nqns": host.nqns,
        "personality": host.personality,
        "connection_count": connections.filter(|c| c.host == host.id).count(),
        "host_group": reference(None, None),
        "preferred_arrays": [],
        "chap": {
            "host_user": null, "host_password": null, "target_user": null, "target_password": null,
        },
        "port_connectivity": { "details": "None", "status": "critical" },
        "destroyed": false,
    })
}

pub(super) fn post(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let mut made = Vec::new();
    for name in call.required("names")? {
        let mut host = Host {
            name,
            ..Host::default()
        };
        patch_host(&mut host, &call.body)?;
        let id = fabric.create_host(at, host)?;
        made.extend(shown(fabric, at, &id));
    }
    items(made)
}

pub(super) fn patch(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let mut changed = Vec::new();
    for name in call.required("names")? {
        let id = fabric.host_id(at, &name)?;
        let held = fabric.arrays[at].hosts.get(&id).cloned();
        let mut host = held.ok_or_else(|| ApiError::missing(Kind::Host, &name))?;
        if !says_something(&call.body) {
            return Err(ApiError::no_attribute());
        }
        patch_host(&mut host, &call.body)?;
        if let Some(name) = body::text(&call.body, "name")? {
            name.clone_into(&mut host.name);
        }
        fabric.change_host(at, host)?;
        changed.extend(shown(fabric, at, &id));
    }
    items(changed)
}

pub(super) fn delete(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    for name in call.required("names")? {
        let id = fabric.host_id(at, &name)?;
        fabric.delete_host(at, &id)?;
    }
    nothing()
}

fn shown(fabric: &Fabric, at: At, id: &str) -> Option<Value> {
    let host = fabric.arrays[at].hosts.get(id)?;
    Some(item(fabric, at, host))
}

/// What POST and PATCH may say of a host. Credentials of CHAP are taken and not kept: they are
/// secrets, and nothing here checks them.
fn patch_host(host: &mut Host, body: &Value) -> Outcome<()> {
    patch_initiators(&mut host.iqns, body, "iqns", &checked_iqn)?;
    patch_initiators(&mut host.wwns, body, "wwns", &checked_wwn)?;
    patch_initiators(&mut host.nqns, body, "nqns", &checked_iqn)?;
    if let Some(personality) = body::text(body, "personality")? {
        host.personality = Some(personality.to_owned()).filter(|text| !text.is_empty());
    }
    Ok(())
}

/// Whether a body has any member that a host has.
fn says_something(body: &Value) -> bool {
    const PLAIN: [&str; 4] = ["name", "personality", "chap", "preferred_arrays"];
    const INITIATORS: [&str; 3] = ["iqns", "wwns", "nqns"];
    body.as_object().is_some_and(|members| {
        members.keys().any(|member| {
            let stripped = member
                .trim_start_matches("add_")
                .trim_start_matches("remove_");
            PLAIN.contains(&member.as_str()) || INITIATORS.contains(&stripped)
        })
    })
}

/// The whole list, or what is added to and removed from it.
fn patch_initiators(
    held: &mut Vec<String>,
    body: &Value,
    member: &str,
    checked: &dyn Fn(&str) -> Option<String>,
) -> Outcome<()> {
    let read = |member: &str| -> Outcome<Option<Vec<String>>> {
        let Some(texts) = body::texts(body, member)? else {
            return Ok(None);
        };
        let read = texts.iter().map(|text| {
            let initiator = checked(text);
            initiator.ok_or_else(|| ApiError::refused(text, "Invalid initiator."))
        });
        read.collect::<Outcome<_>>().map(Some)
    };
    if let Some(all) = read(member)? {
        *held = all;
    }
    held.extend(read(&format!("add_{member}"))?.unwrap_or_default());
    for gone in read(&format!("remove_{member}"))?.unwrap_or_default() {
        held.retain(|initiator| !initiator.eq_ignore_ascii_case(&gone));
    }
    Ok(())
}

/// A qualified name, of iSCSI or NVMe, is kept as it is written.
fn checked_iqn(text: &str) -> Option<String> {
    let plausible = (4..=223).contains(&text.len()) && !text.contains(char::is_whitespace);
    plausible.then(|| text.to_owned())
}

/// A world wide name is 16 hexadecimal digits, with colons or without; the array tells it in
/// capital letters without.
fn checked_wwn(text: &str) -> Option<String> {
    let digits = text.replace(':', "").to_ascii_uppercase();
    let good = digits.len() == 16 && digits.chars().all(|c| c.is_ascii_hexdigit());
    good.then_some(digits)
}
