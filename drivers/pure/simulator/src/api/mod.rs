//! The REST API: requests become changes of the state, and the state becomes JSON. One file a family
//! of endpoints; nothing here knows sockets.

mod array_connections;
mod arrays;
mod body;
mod connections;
mod containers;
mod group_members;
mod group_snapshots;
mod groups;
mod hardware;
mod hosts;
mod list;
mod performance;
mod pods;
mod replica_links;
mod snapshot_changes;
mod snapshots;
mod tags;
mod volume_groups;
mod volumes;

use serde_json::{Value, json};

use crate::query::{Params, QueryError};
use crate::state::{ApiError, At, Fabric, Outcome};

/// One call under `/api/2.X/`, past login.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `GET`, `POST`, `PATCH`, `PUT` or `DELETE`.
    pub method: String,
    /// The X of the version in the path.
    pub minor: u16,
    /// What follows the version, such as `volumes/tags`.
    pub path: String,
    pub params: Params,
    /// Null when there is none.
    pub body: Value,
}

impl Request {
    /// Names of a parameter that has to be there.
    fn required(&self, parameter: &str) -> Outcome<Vec<String>> {
        match self.params.list(parameter) {
            Some(names) if !names.is_empty() => Ok(names),
            _ => Err(ApiError::bad_request(format!(
                "Missing required parameter: {parameter}."
            ))),
        }
    }

    /// Elements of a parameter; absent and empty are the same.
    fn elements(&self, parameter: &str) -> Vec<String> {
        self.params.list(parameter).unwrap_or_default()
    }

    fn flag(&self, parameter: &str) -> Outcome<bool> {
        Ok(self.params.flag(parameter)?.unwrap_or(false))
    }

    /// Refuses what came with a later version than the one asked for.
    fn since(&self, minor: u16) -> Outcome<()> {
        match self.minor >= minor {
            true => Ok(()),
            false => Err(ApiError::no_path()),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        Self {
            status: 400,
            context: Some(error.parameter.clone()),
            message: error.to_string(),
        }
    }
}

/// Answers a call; `None` is an empty body.
pub(crate) fn handle(fabric: &mut Fabric, at: At, request: &Request) -> Outcome<Option<Value>> {
    check_context_names(request)?;
    let method = request.method.as_str();
    let call = request;
    match (method, request.path.trim_end_matches('/')) {
        ("GET", "arrays") => arrays::get(fabric, at, call),
        ("PATCH", "arrays") => arrays::patch(fabric, at, call),
        ("GET", "arrays/space") => arrays::space(fabric, at, call),
        ("GET", "arrays/performance") => performance::arrays(fabric, at, call),
        ("GET", "array-connections") => array_connections::get(fabric, at, call),
        ("POST", "array-connections") => array_connections::post(fabric, at, call),
        ("PATCH", "array-connections") => array_connections::patch(fabric, at, call),
        ("DELETE", "array-connections") => array_connections::delete(fabric, at, call),
        ("GET", "array-connections/connection-key") => array_connections::key(fabric, at, call),
        ("GET", "array-connections/path") => array_connections::path(fabric, at, call),
        ("GET", "volumes") => volumes::get(fabric, at, call),
        ("POST", "volumes") => volumes::post(fabric, at, call),
        ("POST", "volumes/batch") => volumes::post_batch(fabric, at, call),
        ("PATCH", "volumes") => volumes::patch(fabric, at, call),
        ("DELETE", "volumes") => volumes::delete(fabric, at, call),
        ("GET", "volumes/tags") => tags::get(fabric, at, call),
        ("PUT", "volumes/tags/batch") => tags::put_batch(fabric, at, call),
        ("DELETE", "volumes/tags") => tags::delete(fabric, at, call),
        ("GET", "volume-snapshots") => snapshots::get(fabric, at, call),
        ("POST", "volume-snapshots") => snapshots::post(fabric, at, call),
        ("PATCH", "volume-snapshots") => snapshots::patch(fabric, at, call),
        ("DELETE", "volume-snapshots") => snapshots::delete(fabric, at, call),
        ("GET", "volume-snapshots/transfer") => snapshots::transfer(fabric, at, call),
        ("GET", "protection-groups") => groups::get(fabric, at, call),
        ("POST", "protection-groups") => groups::post(fabric, at, call),
        ("PATCH", "protection-groups") => groups::patch(fabric, at, call),
        ("DELETE", "protection-groups") => groups::delete(fabric, at, call),
        ("GET", "protection-groups/volumes") => group_members::get_volumes(fabric, at, call),
        ("POST", "protection-groups/volumes") => group_members::post_volumes(fabric, at, call),
        ("DELETE", "protection-groups/volumes") => group_members::delete_volumes(fabric, at, call),
        ("GET", "protection-groups/targets") => group_members::get_targets(fabric, at, call),
        ("POST", "protection-groups/targets") => group_members::post_targets(fabric, at, call),
        ("PATCH", "protection-groups/targets") => group_members::patch_targets(fabric, at, call),
        ("DELETE", "protection-groups/targets") => group_members::delete_targets(fabric, at, call),
        ("GET", "protection-groups/performance/replication") => {
            performance::groups(fabric, at, call)
        }
        ("GET", "protection-groups/performance/replication/by-array") => {
            performance::groups_by_array(fabric, at, call)
        }
        ("GET", "protection-group-snapshots") => group_snapshots::get(fabric, at, call),
        ("POST", "protection-group-snapshots") => group_snapshots::post(fabric, at, call),
        ("PATCH", "protection-group-snapshots") => group_snapshots::patch(fabric, at, call),
        ("DELETE", "protection-group-snapshots") => group_snapshots::delete(fabric, at, call),
        ("GET", "protection-group-snapshots/transfer") => {
            group_snapshots::transfer(fabric, at, call)
        }
        ("POST", "protection-group-snapshots/replica") => {
            group_snapshots::post_replica(fabric, at, call)
        }
        ("POST", "protection-group-snapshots/test") => group_snapshots::test(fabric, at, call),
        ("GET", "pods") => pods::get(fabric, at, call),
        ("POST", "pods") => pods::post(fabric, at, call),
        ("PATCH", "pods") => pods::patch(fabric, at, call),
        ("DELETE", "pods") => pods::delete(fabric, at, call),
        ("GET", "pods/arrays") => pods::get_arrays(fabric, at, call),
        ("POST", "pods/arrays") => pods::post_arrays(fabric, at, call),
        ("DELETE", "pods/arrays") => pods::delete_arrays(fabric, at, call),
        ("GET", "pods/members") => pods::get_members(fabric, at, call),
        ("POST", "pods/members") => pods::post_members(fabric, at, call),
        ("DELETE", "pods/members") => pods::delete_members(fabric, at, call),
        ("GET", "remote-pods") => pods::remote(fabric, at, call),
        ("GET", "pod-replica-links") => replica_links::get(fabric, at, call),
        ("POST", "pod-replica-links") => replica_links::post(fabric, at, call),
        ("PATCH", "pod-replica-links") => replica_links::patch(fabric, at, call),
        ("DELETE", "pod-replica-links") => replica_links::delete(fabric, at, call),
        ("GET", "pod-replica-links/lag") => replica_links::lag(fabric, at, call),
        ("GET", "container-default-protections") => containers::get(fabric, at, call),
        ("PATCH", "container-default-protections") => containers::patch(fabric, at, call),
        ("GET", "volume-groups") => volume_groups::get(fabric, at, call),
        ("POST", "volume-groups") => volume_groups::post(fabric, at, call),
        ("PATCH", "volume-groups") => volume_groups::patch(fabric, at, call),
        ("DELETE", "volume-groups") => volume_groups::delete(fabric, at, call),
        ("GET", "hosts") => hosts::get(fabric, at, call),
        ("POST", "hosts") => hosts::post(fabric, at, call),
        ("PATCH", "hosts") => hosts::patch(fabric, at, call),
        ("DELETE", "hosts") => hosts::delete(fabric, at, call),
        ("GET", "connections") => connections::get(fabric, at, call),
        ("POST", "connections") => connections::post(fabric, at, call),
        ("DELETE", "connections") => connections::delete(fabric, at, call),
        ("GET", "controllers") => hardware::controllers(fabric, at, call),
        ("GET", "ports") => hardware::ports(fabric, at, call),
        ("GET", "network-interfaces") => hardware::network_interfaces(fabric, at, call),
        _ => Err(ApiError::no_path()),
    }
}

/// An array that belongs to no fleet chokes on the parameter from 2.50 on.
fn check_context_names(request: &Request) -> Outcome<()> {
    let sent_empty = request
        .params
        .list("context_names")
        .is_some_and(|names| names.is_empty());
    match sent_empty && request.minor >= 50 {
        true => Err(ApiError {
            status: 500,
            context: None,
            message: "Unidentified internal error.".to_owned(),
        }),
        false => Ok(()),
    }
}

/// The answer of a change: what it has made.
fn items(items: Vec<Value>) -> Outcome<Option<Value>> {
    Ok(Some(json!({ "items": items })))
}

/// The answer of a removal.
fn nothing() -> Outcome<Option<Value>> {
    Ok(None)
}
