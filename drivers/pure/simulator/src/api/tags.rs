//! `volumes/tags`.

use serde_json::{Value, json};

use super::list::reference;
use super::{Request, body, items, list, nothing};
use crate::state::{At, DEFAULT_NAMESPACE, Fabric, Outcome, Tag, put_tag, remove_tags};

pub(super) fn get(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(2)?;
    let volumes = volumes(fabric, at, &call.elements("resource_names"))?;
    let namespaces = call.elements("namespaces");
    let wanted = |tag: &&Tag| {
        (volumes.is_empty() || volumes.contains(&tag.volume)) && is_in(&namespaces, &tag.namespace)
    };
    let tags = fabric.arrays[at].tags.iter().filter(wanted);
    let all = tags.map(|tag| item(fabric, at, tag)).collect();
    list::page(fabric, at, call, all)
}

fn is_in(namespaces: &[String], namespace: &str) -> bool {
    match namespaces {
        [] => namespace == DEFAULT_NAMESPACE,
        some => some
            .iter()
            .any(|wanted| wanted == namespace || wanted == "*"),
    }
}

fn item(fabric: &Fabric, at: At, tag: &Tag) -> Value {
    let volume = fabric
        .volume(at, &tag.volume)
        .map(|volume| volume.name.as_str());
    json!({
        "resource": reference(Some(&tag.volume), volume),
        "namespace": tag.namespace,
        "key": tag.key,
        "value": tag.value,
        "copyable": tag.copyable,
    })
}

pub(super) fn put_batch(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(2)?;
    let names = call.required("resource_names")?;
    let mut put = Vec::new();
    for id in volumes(fabric, at, &names)? {
        put.extend(put_all(fabric, at, &id, &call.body)?);
    }
    items(put)
}

/// Writes a list of tags onto a volume; no list is fine.
pub(super) fn put_all(fabric: &mut Fabric, at: At, id: &str, tags: &Value) -> Outcome<Vec<Value>> {
    let Value::Array(tags) = tags else {
        return Ok(Vec::new());
    };
    let name = fabric
        .volume(at, id)
        .map(|volume| volume.name.clone())
        .unwrap_or_default();
    let mut put = Vec::new();
    for each in tags {
        let member = |member: &str| -> Outcome<String> {
            let text = body::text(each, member)?;
            text.map(str::to_owned).ok_or_else(|| body::invalid(member))
        };
        let tag = Tag {
            volume: id.to_owned(),
            namespace: body::text(each, "namespace")?
                .unwrap_or(DEFAULT_NAMESPACE)
                .to_owned(),
            key: member("key")?,
            value: member("value")?,
            copyable: body::flag(each, "copyable")?.unwrap_or(true),
        };
        put.push(item(fabric, at, &tag));
        put_tag(&mut fabric.arrays[at], &name, tag)?;
    }
    Ok(put)
}

pub(super) fn delete(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    call.since(2)?;
    let names = call.required("resource_names")?;
    let keys = call.params.list("keys").filter(|keys| !keys.is_empty());
    let namespaces = call.elements("namespaces");
    let namespace = namespaces.first().map_or(DEFAULT_NAMESPACE, String::as_str);
    for id in volumes(fabric, at, &names)? {
        remove_tags(&mut fabric.arrays[at], &id, namespace, keys.as_deref());
    }
    nothing()
}

fn volumes(fabric: &Fabric, at: At, names: &[String]) -> Outcome<Vec<String>> {
    names
        .iter()
        .map(|name| fabric.volume_id(at, name))
        .collect()
}
