//! Which call is which verb of the array.

use hyper::StatusCode;
use protector_framework::{
    ArrayIdentity, CallCtx, GetLink, GroupRef, Link, LinkState, StorageDriver,
};
use serde_json::json;

use crate::answer::{Answer, Refusal};
use crate::request::Received;
use crate::wire::Array;
use crate::{groups, volumes};

pub(crate) async fn dispatch(array: &dyn StorageDriver, call: Received) -> Result<Answer, Refusal> {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["array"] if call.method == "GET" => {
            Answer::ok(Array::from(array.describe(&call.ctx).await?))
        }
        ["links", id] if call.method == "GET" => link(array, &call.ctx, id).await,
        ["volumes", rest @ ..] => volumes::dispatch(array, &call, rest).await,
        ["groups", name, rest @ ..] => groups::own(array, &call, name, rest).await,
        ["received", source, name, rest @ ..] => {
            let group = GroupRef::Replica {
                name: (*name).into(),
                source: known_by_id(source),
            };
            groups::any(array, &call, group, rest).await
        }
        _ => Err(no_such_call(&call)),
    }
}

/// What a path that leads nowhere is answered with.
pub(crate) fn no_such_call(call: &Received) -> Refusal {
    let message = format!("there is no {} /{}", call.method, call.path.join("/"));
    Refusal::error(StatusCode::NOT_FOUND, "no_such_call", &message)
}

/// The Shelf knows other arrays by their ids alone.
pub(crate) fn known_by_id(id: &str) -> ArrayIdentity {
    ArrayIdentity {
        id: id.into(),
        name: id.to_owned(),
    }
}

async fn link(array: &dyn StorageDriver, ctx: &CallCtx, id: &str) -> Result<Answer, Refusal> {
    let Link { state, detail, .. } = array.get_link(ctx, GetLink::new(known_by_id(id))).await?;
    let state = match state {
        LinkState::Connected => "up",
        LinkState::Partial => "degraded",
        LinkState::Unknown => {
            let message = format!("there is no link to array `{id}`");
            return Err(Refusal::error(StatusCode::NOT_FOUND, "not_found", &message));
        }
        _ => "down",
    };
    Answer::ok(json!({"state": state, "detail": detail}))
}
