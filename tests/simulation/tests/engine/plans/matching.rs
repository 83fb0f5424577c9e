//! Compares the calls that clouds and arrays received with the plans of the operations that made
//! them.

use std::collections::BTreeMap;

use protector_driver_mock::world::{Effect, RecordedCall};
use protector_framework::{GenericUuid as _, GroupRef, OperationId, SiteId};
use protector_model::outputs::{Chosen, Progress, Stopped, read};
use protector_model::plan::Condition;
use protector_model::translate::{server_tag, test_mac};
use protector_model::{Call, GroupDocument, Operation, Plan, Step, StepRecord, StepStatus};
use serde_json::Value;

use protector_simulation::world::World;

/// A mutating call and where it was received.
#[derive(Debug, Clone)]
pub(super) struct Received {
    site: SiteId,
    service: &'static str,
    call: RecordedCall,
}

/// An operation with what it planned and did.
pub(super) struct Executed {
    operation: Operation,
    plan: Plan,
    journal: Vec<StepRecord>,
}

/// All operations of a world, and all calls that its clouds and arrays received.
pub(super) struct Record {
    group: GroupDocument,
    executed: Vec<Executed>,
    received: Vec<Received>,
}

impl Record {
    pub(super) async fn of(world: &World) -> Self {
        let mut executed = Vec::new();
        let mut received = Vec::new();
        for site in [&world.a, &world.b] {
            let page = protector_db::Page::default();
            for operation in site.db.page_operations(None, None, &page).await.unwrap() {
                let plan = site.db.plan(operation.id).await.unwrap();
                if let Some(plan) = plan.filter(|_| operation.executor_site_id == site.id) {
                    executed.push(Executed {
                        journal: site.db.steps(operation.id).await.unwrap(),
                        operation,
                        plan,
                    });
                }
            }
            let both = [
                ("compute", site.cloud.calls().unwrap()),
                ("storage", site.array.calls().unwrap()),
            ];
            for (service, calls) in both {
                received.extend(calls.into_iter().map(|call| Received {
                    site: site.id,
                    service,
                    call,
                }));
            }
        }
        Self {
            group: world.document(world.primary().await).await,
            executed,
            received,
        }
    }

    /// Every call instantiates a planned one of its step.
    pub(super) fn assert_all_were_planned(&self, context: &str) {
        for received in &self.received {
            let key = received.call.step.as_ref();
            let key = key.unwrap_or_else(|| panic!("{context}: of no step: {received:#?}"));
            let (operation, step) = key.split_once('/').unwrap();
            let of = self
                .executed
                .iter()
                .find(|e| e.operation.id.to_string() == operation);
            let of = of.unwrap_or_else(|| panic!("{context}: of no operation: {received:#?}"));
            let step = of
                .plan
                .step(step)
                .unwrap_or_else(|| panic!("{context}: {received:#?}"));
            let mut planned = step.calls.iter().chain(&step.undo);
            assert!(
                planned.any(|call| self.instantiates(of, step, call, received)),
                "{context}: {} of {} did not plan {received:#?}\nbut {step:#?}",
                step.key,
                of.operation.kind
            );
        }
    }

    /// No call took effect twice in one run of an operation.
    pub(super) fn assert_nothing_took_effect_twice(&self, context: &str) {
        let mut effects: BTreeMap<String, u32> = BTreeMap::new();
        for received in &self.received {
            if received.call.effect != Effect::Changed {
                continue;
            }
            let call = &received.call;
            let key = format!("{:?} {} {}", call.step, call.verb, call.request);
            let count = effects.entry(key.clone()).or_default();
            *count += 1;
            assert_eq!(*count, 1, "{context}: took effect again: {key}");
        }
    }

    /// Every planned call of a step that is done was received and took effect, or was so already.
    /// Returns how many were looked at.
    pub(super) fn assert_all_took_effect(&self, context: &str) -> usize {
        let mut looked_at = 0;
        for of in &self.executed {
            for step in &of.plan.steps {
                let record = of.journal.iter().find(|r| r.key == step.key).unwrap();
                let mine = |r: &&Received| {
                    r.call.step.as_deref() == Some(&*format!("{}/{}", of.operation.id, step.key))
                };
                if record.attempt == 0 {
                    let any = self.received.iter().find(mine);
                    assert!(
                        any.is_none(),
                        "{context}: {} never began: {any:#?}",
                        step.key
                    );
                }
                if record.status != StepStatus::Done {
                    continue;
                }
                for call in step.calls.iter().filter(|call| self.must(of, step, call)) {
                    let mut received = self.received.iter().filter(mine);
                    let took = received.any(|received| {
                        !matches!(received.call.effect, Effect::Refused(_))
                            && self.instantiates(of, step, call, received)
                    });
                    assert!(
                        took,
                        "{context}: {} of {} ({}) did not send {call:#?}: {:#?}",
                        step.key,
                        of.operation.kind,
                        of.operation.status,
                        self.received.iter().filter(mine).collect::<Vec<_>>()
                    );
                    looked_at += 1;
                }
            }
        }
        looked_at
    }

    /// Whether a call has to be sent, by what the journal says of its condition.
    fn must(&self, of: &Executed, step: &Step, call: &Call) -> bool {
        let output = of.journal.iter().find(|r| r.key == step.key);
        let output = output.and_then(|r| r.output.as_ref());
        if call.service == "peer" {
            return false;
        }
        match call.when {
            None => true,
            Some(Condition::Runs) => read::<Stopped>(output).is_some_and(|s| s.was_running),
            Some(Condition::CanShelve) => !output.is_some_and(|o| o["gone"] == true),
            Some(Condition::HasPorts) => !self.bound(of, &call.target).is_empty(),
            Some(Condition::PointIsUsed) => self.chosen(of).is_some(),
            Some(Condition::PointHoldsMember) => !output.is_some_and(|o| o["kept"] == true),
            Some(Condition::Diverged) => output.is_some_and(|o| o["kept_as"].is_string()),
            Some(_) => false,
        }
    }

    fn chosen(&self, of: &Executed) -> Option<Chosen> {
        let test = of.operation.options.test;
        let own = Some(of);
        let tested = self.executed.iter().find(|e| Some(e.operation.id) == test);
        own.into_iter().chain(tested).find_map(|e| {
            let (plan, journal) = (&e.plan, &e.journal);
            Progress { plan, journal }.chosen()
        })
    }

    /// Whether a received call is what a template says once its symbols are bound.
    fn instantiates(&self, of: &Executed, step: &Step, call: &Call, received: &Received) -> bool {
        let RecordedCall { verb, request, .. } = &received.call;
        if call.service != received.service || call.verb != *verb || step.site != received.site {
            return false;
        }
        let text = |field: &str| request[field].as_str().unwrap_or_default().to_owned();
        let member = step.member.and_then(|id| self.group.member(id));
        match verb.as_str() {
            "ensure_server" => {
                let tag = server_tag(
                    of.operation.id.into_untyped_uuid(),
                    step.member.unwrap().into_untyped_uuid(),
                );
                let is_named = member.is_none_or(|m| call.target.starts_with(&m.name));
                is_named && text("tag") == tag
            }
            "ensure_port" => self.bound(of, &call.target).contains(&text("mac_address")),
            "set_delete_on_termination" => self.bound(of, &call.target).contains(&text("server")),
            "ensure_managed_volume" => self.bound(of, &call.target).contains(&text("source_name")),
            "ensure_volume_group" => text("name") == call.target,
            "ensure_group" | "set_group_volumes" | "suspend_group" | "start_replication" => {
                text("group") == call.target
            }
            "delete_group" => match serde_json::from_value(request["group"].clone()).unwrap() {
                GroupRef::Local { name } => name.as_str() == call.target,
                GroupRef::Replica { name, .. } => format!("{name} (received)") == call.target,
            },
            "pin_point" | "unpin_point" => {
                let named = self
                    .chosen(of)
                    .is_some_and(|c| text("point") == c.point.to_string());
                match call.target.as_str() {
                    "*" => call.when == Some(Condition::EndedMoveHolds),
                    target => target == "$point.name" && named,
                }
            }
            "materialize_volume" => {
                let (_, slot) = call.target.rsplit_once('/').unwrap();
                let held = self.chosen(of).unwrap().volumes;
                let in_point = held.iter().any(|v| v.serial.to_string() == text("source"));
                in_point && text("name").ends_with(&format!("-{slot}"))
            }
            "discard_volume" => {
                let bound = self.bound(of, &call.target);
                bound.contains(&text("serial")) || bound.contains(&text("name"))
            }
            "overwrite_volume" => text("name") == call.target,
            "snapshot_volume" => text("volume") == call.target,
            _ => self.bound(of, &call.target).contains(&text("id")),
        }
    }

    /// What a target stands for.
    fn bound(&self, of: &Executed, target: &str) -> Vec<String> {
        let Some(symbol) = target.strip_prefix('$') else {
            return vec![target.to_owned()];
        };
        if let Some(mac) = symbol.strip_prefix("test_mac/") {
            return vec![test_mac(of.operation.id.into_untyped_uuid(), mac)];
        }
        let (key, field) = match symbol.strip_suffix("/*") {
            Some(key) => (key, "ports"),
            None => symbol.rsplit_once('.').unwrap(),
        };
        let mut found = Vec::new();
        for id in [Some(of.operation.id), of.operation.options.test] {
            let Some(id) = id else { continue };
            if let Some(output) = self.output(id, key) {
                found.extend(values(&output, field));
            }
            // A step that was broken off has no result; what it made is what it was answered.
            let step = format!("{id}/{key}");
            let answers = self
                .received
                .iter()
                .filter(|r| r.call.step.as_ref() == Some(&step));
            for answer in answers {
                found.extend(values(&answer.call.reply, field));
                found.extend(values(&answer.call.reply, "id"));
            }
        }
        found
    }

    fn output(&self, id: OperationId, key: &str) -> Option<Value> {
        let of = self.executed.iter().find(|e| e.operation.id == id)?;
        of.journal.iter().find(|r| r.key == key)?.output.clone()
    }
}

/// The texts that a field of a result holds.
fn values(result: &Value, field: &str) -> Vec<String> {
    let one = |value: &Value| value.as_str().map(str::to_owned);
    if let (Some(ports), "ports") = (result["blueprint"]["ports"].as_array(), field) {
        return ports
            .iter()
            .filter_map(|port| one(&port["mac_address"]))
            .collect();
    }
    match &result[field] {
        Value::Array(all) => all.iter().filter_map(one).collect(),
        value => one(value).into_iter().collect(),
    }
}
