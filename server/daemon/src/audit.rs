//! The audit trail: who did what, on which group, when it was asked, and what came of it. One JSON
//! object a line, with the words of CADF, as other OpenStack services audit. It holds no secret: it is
//! made of names, ids and outcomes, never of what a request carried.

use chrono::{DateTime, SecondsFormat, Utc};
use protector_model::{Actor, Operation, OperationStatus};
use serde_json::{Map, Value, json};

/// What the log knows events of the trail by.
pub(crate) const TARGET: &str = "protector_audit";

/// How far an action has come that is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It has begun, as an operation whose end is told too.
    Accepted,
    /// It is done.
    Done,
    /// It was not begun.
    Refused,
    /// The operation has ended.
    Ended,
}

/// What an action is done to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// What kind of thing, such as `protection_group`.
    pub kind: &'static str,
    /// Which one, by id or, as the caller wrote it, by name.
    pub id: Option<String>,
    /// The group that it belongs to.
    pub group: Option<String>,
}

/// One event of the trail.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// Names the event; one that is told again has the same.
    pub id: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// When it was asked for.
    pub asked_at: DateTime<Utc>,
    /// What was done.
    pub action: String,
    /// How far it has come.
    pub stage: Stage,
    /// What says so: an HTTP status or an operation's.
    pub reason: Reason,
    /// Who asked.
    pub actor: Actor,
    /// From which address, where it was a request.
    pub address: Option<String>,
    /// What it is done to.
    pub target: Target,
    /// The operations that it has begun or ended.
    pub operations: Vec<String>,
    /// The program and the node that tell it.
    pub observer: Observer,
}

/// What says how an action went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The status of the answer.
    Http(u16),
    /// The status of the operation.
    Operation(OperationStatus),
}

/// Who tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observer {
    /// The program.
    pub program: &'static str,
    /// The node.
    pub host: String,
}

impl Observer {
    /// An operation that an engine has begun by itself.
    pub fn began(&self, operation: &Operation) -> AuditEvent {
        AuditEvent {
            id: format!("{}:{}:accepted", operation.id, operation.attempt),
            at: operation.created_at,
            stage: Stage::Accepted,
            ..self.of(operation)
        }
    }

    /// An operation that has ended.
    pub fn ended(&self, operation: &Operation) -> AuditEvent {
        AuditEvent {
            id: format!("{}:{}:ended", operation.id, operation.attempt),
            at: operation.finished_at.unwrap_or(operation.updated_at),
            stage: Stage::Ended,
            ..self.of(operation)
        }
    }

    fn of(&self, operation: &Operation) -> AuditEvent {
        let group = operation.group_id.to_string();
        AuditEvent {
            id: String::new(),
            at: operation.updated_at,
            asked_at: operation.created_at,
            action: format!("protection_group.{}", operation.kind),
            stage: Stage::Accepted,
            reason: Reason::Operation(operation.status),
            actor: operation.actor.clone(),
            address: None,
            target: Target {
                kind: "protection_group",
                id: Some(group.clone()),
                group: Some(group),
            },
            operations: vec![operation.id.to_string()],
            observer: self.clone(),
        }
    }
}

impl AuditEvent {
    /// Sends it to the trail; [`crate::AuditTrail`] is for who must know that it is there.
    pub fn write(&self) {
        let line = self.text();
        tracing::info!(target: TARGET, "{line}");
    }

    /// CADF's word for it.
    fn outcome(&self) -> &'static str {
        match (self.stage, self.reason) {
            (Stage::Accepted, _) => "pending",
            (Stage::Done, _) | (_, Reason::Operation(OperationStatus::Completed)) => "success",
            _ => "failure",
        }
    }

    /// Its line in the trail.
    pub(crate) fn text(&self) -> String {
        self.line().to_string()
    }

    fn line(&self) -> Value {
        let (reason_type, reason) = match self.reason {
            Reason::Http(status) => ("HTTP", status.to_string()),
            Reason::Operation(status) => ("operation", status.to_string()),
        };
        let mut initiator = match &self.actor.user_id {
            Some(user) => entity("service/security/account/user", Some(&user.to_string())),
            // An engine, by itself.
            None => entity("service/protector", Some(self.observer.program)),
        };
        initiator.insert("request_id".to_owned(), json!(self.actor.request_id));
        if let Some(project) = &self.actor.project_id {
            initiator.insert("project_id".to_owned(), json!(project));
        }
        if let Some(address) = &self.address {
            initiator.insert("host".to_owned(), json!({ "address": address }));
        }
        let kind = format!("service/protector/{}", self.target.kind);
        let mut target = entity(&kind, self.target.id.as_deref());
        if let Some(group) = &self.target.group {
            target.insert("protection_group".to_owned(), json!(group));
        }
        let Observer { program, host } = &self.observer;
        json!({
            "typeURI": "http://schemas.dmtf.org/cloud/audit/1.0/event",
            "eventType": "activity",
            "id": self.id,
            "eventTime": stamp(self.at),
            "action": self.action,
            "stage": match self.stage {
                Stage::Accepted => "accepted",
                Stage::Done => "done",
                Stage::Refused => "refused",
                Stage::Ended => "ended",
            },
            "outcome": self.outcome(),
            "reason": { "reasonType": reason_type, "reasonCode": reason },
            "initiator": initiator,
            "target": target,
            "observer": { "typeURI": "service/protector", "id": program, "host": host },
            "asked_at": stamp(self.asked_at),
            "operations": self.operations,
        })
    }
}

fn entity(kind: &str, id: Option<&str>) -> Map<String, Value> {
    let mut entity = Map::new();
    entity.insert("typeURI".to_owned(), kind.into());
    if let Some(id) = id {
        entity.insert("id".to_owned(), id.into());
    }
    entity
}

fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
