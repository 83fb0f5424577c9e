//! How every list is answered: names, ids, destroyed, then filter, sort and page.

use serde_json::{Value, json};

use super::Request;
use crate::query::{ListRequest, has_wildcard, matches_wildcard};
use crate::state::{ApiError, At, Fabric, Kind, Outcome, same};

/// Answers with those of all items that the request asks for.
pub(super) fn reply(
    fabric: &Fabric,
    at: At,
    request: &Request,
    kind: Kind,
    items: Vec<Value>,
) -> Outcome<Option<Value>> {
    page(fabric, at, request, named(request, kind, items, false)?)
}

/// Like [`reply`], where `*` in a name stands for anything.
pub(super) fn reply_wild(
    fabric: &Fabric,
    at: At,
    request: &Request,
    kind: Kind,
    items: Vec<Value>,
) -> Outcome<Option<Value>> {
    page(fabric, at, request, named(request, kind, items, true)?)
}

/// Like [`reply`] for items that `names` has already chosen.
pub(super) fn in_state(
    fabric: &Fabric,
    at: At,
    request: &Request,
    mut items: Vec<Value>,
) -> Outcome<Option<Value>> {
    if let Some(destroyed) = request.params.flag("destroyed")? {
        items.retain(|item| is_destroyed(item) == destroyed);
    }
    page(fabric, at, request, items)
}

/// Filter, sort and page alone.
pub(super) fn page(
    fabric: &Fabric,
    at: At,
    request: &Request,
    items: Vec<Value>,
) -> Outcome<Option<Value>> {
    let list = ListRequest::read(&request.params)?;
    let tag = |item: &Value, namespace: &str, key: &str| {
        let id = item.get("id")?.as_str()?;
        let tags = &fabric.arrays[at].tags;
        let found = tags
            .iter()
            .find(|tag| tag.volume == id && same(&tag.namespace, namespace) && same(&tag.key, key));
        found.map(|tag| tag.value.clone())
    };
    let selected = list.select(items, &tag);
    Ok(Some(
        list.page(selected, fabric.switches.page_size).into_body(),
    ))
}

/// Keeps what `names`, `ids` and `destroyed` ask for; a name or id that is not there is an error.
fn named(request: &Request, kind: Kind, items: Vec<Value>, wild: bool) -> Outcome<Vec<Value>> {
    let destroyed = request.params.flag("destroyed")?;
    let mut chosen = items;
    if let Some(names) = given(request, "names") {
        chosen = choose(&chosen, "name", &names, kind, wild)?;
        check_state(&chosen, destroyed, kind, wild)?;
    }
    if let Some(ids) = given(request, "ids") {
        chosen = choose(&chosen, "id", &ids, kind, false)?;
    }
    if let Some(destroyed) = destroyed {
        chosen.retain(|item| is_destroyed(item) == destroyed);
    }
    Ok(chosen)
}

fn given(request: &Request, parameter: &str) -> Option<Vec<String>> {
    request
        .params
        .list(parameter)
        .filter(|list| !list.is_empty())
}

fn choose(
    items: &[Value],
    key: &str,
    wanted: &[String],
    kind: Kind,
    wild: bool,
) -> Outcome<Vec<Value>> {
    let mut chosen: Vec<Value> = Vec::new();
    for name in wanted {
        let pattern = wild && has_wildcard(name);
        let fits = |item: &&Value| {
            let held = item[key].as_str().unwrap_or_default();
            same(held, name) || (pattern && matches_wildcard(name, held))
        };
        let before = chosen.len();
        chosen.extend(items.iter().filter(fits).cloned());
        if chosen.len() == before && !pattern {
            return Err(ApiError::missing(kind, name));
        }
    }
    Ok(chosen)
}

/// Asking by name for what is in another state than the one asked for is an error.
fn check_state(items: &[Value], wanted: Option<bool>, kind: Kind, wild: bool) -> Outcome<()> {
    if wild {
        return Ok(());
    }
    for item in items {
        let name = item["name"].as_str().unwrap_or_default();
        match (wanted, is_destroyed(item)) {
            (Some(false), true) => return Err(ApiError::destroyed(kind, name)),
            (Some(true), false) => return Err(ApiError::not_destroyed(kind, name)),
            _ => {}
        }
    }
    Ok(())
}

fn is_destroyed(item: &Value) -> bool {
    item["destroyed"].as_bool().unwrap_or(false)
}

/// A reference, whose members are null where there is nothing.
pub(super) fn reference(id: Option<&str>, name: Option<&str>) -> Value {
    json!({ "id": id, "name": name })
}
