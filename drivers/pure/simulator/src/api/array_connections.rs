//! `array-connections`: which other arrays this one replicates with.

use serde_json::{Value, json};

use super::list::reference;
use super::{Request, body, items, list, nothing};
use crate::state::{ApiError, At, Fabric, Kind, Link, Outcome};

pub(super) fn get(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(4)?;
    let links = fabric.links.iter();
    let all = links
        .filter_map(|link| item(fabric, at, call, link))
        .collect();
    list::reply(fabric, at, call, Kind::ArrayConnection, all)
}

/// A link as one of its two arrays shows it; the array that made it is `a`.
fn item(fabric: &Fabric, at: At, call: &Request, link: &Link) -> Option<Value> {
    let other = &fabric.arrays[link.other(at)?];
    let made_here = link.a == at;
    let mut item = json!({
        "id": link.id,
        "name": other.name,
        "status": status(fabric, link),
        "type": link.kind,
        "version": other.profile.purity(),
        "management_address": made_here.then(|| other.address.clone()),
        "replication_addresses": [other.address],
        "replication_transport": "ip",
        "throttle": {
            "default_limit": link.throttle,
            "window": { "start": null, "end": null },
            "window_limit": null,
        },
    });
    if call.minor >= 33 {
        item["encryption"] = json!("unencrypted");
        item["encryption_mode"] = json!("none");
    }
    if call.minor >= 40 {
        item["remote"] = reference(Some(&other.id), Some(&other.name));
        item["os"] = json!("Purity//FA");
    }
    Some(item)
}

fn status(fabric: &Fabric, link: &Link) -> &'static str {
    match fabric.reaches(link.a, link.b) {
        true => "connected",
        false => "connecting",
    }
}

pub(super) fn path(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(4)?;
    let item = |link: &Link| {
        let (own, other) = (&fabric.arrays[at], &fabric.arrays[link.other(at)?]);
        Some(json!({
            "id": link.id,
            "name": other.name,
            "source": own.address,
            "destination": other.address,
            "local_port": "ct0.eth4",
            "remote_port": "ct0.eth4",
            "replication_transport": "ip",
            "status": status(fabric, link),
        }))
    };
    let all = fabric.links.iter().filter_map(item).collect();
    list::reply(fabric, at, call, Kind::ArrayConnection, all)
}

/// What another array has to show to be connected.
pub(super) fn key(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(4)?;
    let key = &fabric.arrays[at].connection_key;
    let item = json!({ "connection_key": key, "created": fabric.now, "expires": null });
    list::page(fabric, at, call, vec![item])
}

pub(super) fn post(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(4)?;
    let key = body::text(&call.body, "connection_key")?.unwrap_or_default();
    let address = body::text(&call.body, "management_address")?.unwrap_or_default();
    let kind = body::text(&call.body, "type")?.unwrap_or("async-replication");
    let other = fabric.arrays.iter().position(|array| {
        array.address == address || array.address.split(':').next() == Some(address)
    });
    let keyed = fabric
        .arrays
        .iter()
        .position(|array| array.connection_key == key);
    let Some(other) = keyed.filter(|keyed| other.is_some() && *keyed != at) else {
        return Err(ApiError::refused(
            address,
            "Invalid connection key or address.",
        ));
    };
    if fabric.link(at, other).is_some() {
        return Err(ApiError::exists(
            Kind::ArrayConnection,
            &fabric.arrays[other].name,
        ));
    }
    fabric.join(at, other);
    if let Some(link) = fabric.link_mut(at, other) {
        kind.clone_into(&mut link.kind);
    }
    let link = fabric.link(at, other);
    items(
        link.and_then(|link| item(fabric, at, call, link))
            .into_iter()
            .collect(),
    )
}

pub(super) fn patch(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(4)?;
    let kind = body::text(&call.body, "type")?;
    let throttle = body::size(&call.body["throttle"], "default_limit")?;
    let refresh = call.flag("refresh")?;
    if kind.is_none() && throttle.is_none() && !refresh {
        return Err(ApiError::no_attribute());
    }
    let mut changed = Vec::new();
    for name in call.required("names")? {
        let other = other(fabric, at, &name)?;
        if let Some(link) = fabric.link_mut(at, other) {
            if let Some(kind) = kind {
                kind.clone_into(&mut link.kind);
            }
            link.throttle = throttle.or(link.throttle);
        }
        let link = fabric.link(at, other);
        changed.extend(link.and_then(|link| item(fabric, at, call, link)));
    }
    items(changed)
}

pub(super) fn delete(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(4)?;
    for name in call.required("names")? {
        let other = other(fabric, at, &name)?;
        if fabric.link(at, other).is_some_and(|link| link.a != at) {
            let text = "Array connection can only be deleted from the array that created it.";
            return Err(ApiError::refused(&name, text));
        }
        fabric.links.retain(|link| !link.joins(at, other));
    }
    nothing()
}

fn other(fabric: &Fabric, at: At, name: &str) -> Outcome<At> {
    let known = fabric
        .array_at(name)
        .filter(|other| fabric.link(at, *other).is_some());
    known.ok_or_else(|| ApiError::missing(Kind::ArrayConnection, name))
}
