//! What is learned of a request on its way in, for whoever tells of it when it has been answered: the
//! log, the metrics and the audit trail.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use poem::Request;
use poem::http::{Method, StatusCode};
use protector_daemon::{AuditEvent, Observer, Reason, Stage, Target};
use protector_framework::TokenScope;
use protector_model::{Actor, Operation};
use serde_json::Value;

use crate::call::Caller;

/// The name under which metrics count what is no operation of the API.
const NO_OPERATION: &str = "none";

/// What is known of a request so far. Cheap to clone: all clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Noted(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
struct Notes {
    /// The `operationId`.
    operation: Option<String>,
    act: Option<Act>,
}

/// What a caller does that changes something.
#[derive(Debug)]
struct Act {
    action: String,
    actor: Actor,
    address: Option<String>,
    target: Target,
    operations: Vec<String>,
    /// What the other site's service does is in that site's trail; only who is not let in is in this one.
    only_refused: bool,
}

/// What belongs to every event of this process.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) asked_at: DateTime<Utc>,
    pub(crate) at: DateTime<Utc>,
    pub(crate) observer: Observer,
}

impl Noted {
    /// The notes of a request that came through the edge.
    pub(crate) fn of(request: &Request) -> Self {
        request.data::<Self>().cloned().unwrap_or_default()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which operation of the API it is.
    pub(crate) fn operation(&self, id: &str) {
        self.notes().operation = Some(id.to_owned());
    }

    /// Who calls, from where, and for which path. A call that only reads is not an act.
    pub(crate) fn acts(
        &self,
        method: &Method,
        caller: &Caller,
        request_id: &str,
        address: Option<String>,
        path: &str,
    ) {
        if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
            return;
        }
        let mut notes = self.notes();
        let Some(operation) = notes.operation.clone() else {
            return;
        };
        notes.act = Some(Act {
            only_refused: operation.starts_with("peer_"),
            action: operation,
            actor: Actor {
                request_id: request_id.to_owned(),
                user_id: Some(caller.token.user_id.clone()),
                project_id: caller.project().cloned(),
            },
            address,
            target: target(path),
            operations: Vec::new(),
        });
    }

    /// What is asked for; with `dry_run` nothing is done, and there is nothing to tell.
    pub(crate) fn body(&self, body: &Value) {
        let parts = body.as_object().into_iter().flat_map(|body| body.values());
        if parts.into_iter().any(|part| part["dry_run"] == true) {
            self.notes().act = None;
        }
    }

    /// The one action of the body.
    pub(crate) fn action(&self, name: &str) {
        if let Some(act) = &mut self.notes().act
            && let Some(of) = act.action.strip_suffix("_action")
        {
            act.action = format!("{of}.{name}");
        }
    }

    /// An operation was begun or steered.
    pub(crate) fn began(&self, operation: &Operation) {
        if let Some(act) = &mut self.notes().act {
            if act.target.kind != "site" {
                act.target.group = Some(operation.group_id.to_string());
            }
            act.operations.push(operation.id.to_string());
        }
    }

    /// Counts the answer.
    pub(crate) fn count(&self, status: StatusCode, took: std::time::Duration) {
        let operation = self.notes().operation.clone();
        let operation = operation.unwrap_or_else(|| NO_OPERATION.to_owned());
        let code = status.as_u16().to_string();
        metrics::counter!("protector_api_requests_total", "operation" => operation.clone(),
            "code" => code)
        .increment(1);
        metrics::histogram!("protector_api_request_seconds", "operation" => operation)
            .record(took.as_secs_f64());
    }

    /// What the audit trail has to say, once; `None`: nothing.
    pub(crate) fn event(&self, status: StatusCode, told: Told) -> Option<AuditEvent> {
        let act = self.notes().act.take()?;
        if act.only_refused && status != StatusCode::FORBIDDEN {
            return None;
        }
        Some(AuditEvent {
            id: told.id,
            at: told.at,
            asked_at: told.asked_at,
            action: act.action,
            stage: match status {
                StatusCode::ACCEPTED => Stage::Accepted,
                status if status.is_success() => Stage::Done,
                _ => Stage::Refused,
            },
            reason: Reason::Http(status.as_u16()),
            actor: act.actor,
            address: act.address,
            target: act.target,
            operations: act.operations,
            observer: told.observer,
        })
    }
}

/// Says whose request the log lines of this one belong to.
pub(crate) fn log_caller(caller: &Caller) {
    let token = &caller.token;
    let span = tracing::Span::current();
    span.record("user_id", token.user_id.as_str());
    span.record("user_domain_id", &*token.user_domain_id);
    match &token.scope {
        TokenScope::Project { id, domain_id, .. } => {
            span.record("project_id", id.as_str());
            span.record("project_domain_id", &**domain_id);
        }
        TokenScope::Domain { id } => {
            span.record("domain_id", &**id);
        }
        TokenScope::System => {
            span.record("system_scope", "all");
        }
        TokenScope::Unscoped => {}
    }
}

/// What a path leads to: the last collection in it, and what of it is named.
fn target(path: &str) -> Target {
    let mut target = Target {
        kind: "service",
        ..Target::default()
    };
    let mut segments = path.split('/');
    while let Some(segment) = segments.next() {
        let Some((_, kind)) = COLLECTIONS.iter().find(|(name, _)| *name == segment) else {
            continue;
        };
        target.kind = kind;
        target.id = segments.next().map(str::to_owned);
        if *kind == "protection_group" {
            target.group.clone_from(&target.id);
        }
    }
    target
}

const COLLECTIONS: &[(&str, &str)] = &[
    ("protection-groups", "protection_group"),
    ("members", "member"),
    ("operations", "operation"),
    ("sites", "site"),
    ("tenant-mappings", "tenant_mapping"),
    ("trusts", "trust"),
    ("quota-sets", "quota_set"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_collection_of_a_path_is_what_an_act_is_about() {
        let of = |path: &str| {
            let found = target(path);
            (found.kind, found.id, found.group)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            of("/v1/p/protection-groups/shop/members/m1/action"),
            ("member", some("m1"), some("shop"))
        );
        assert_eq!(
            of("/v1/p/protection-groups/shop/policy"),
            ("protection_group", some("shop"), some("shop"))
        );
        assert_eq!(of("/v1/admin/sites"), ("site", None, None));
    }
}
