//! Builds a plan step by step, with stable keys and needs that always stand before.

use protector_framework::SiteId;

use super::calls::{calls, undo};
use crate::document::{GroupDocument, Member};
use crate::plan::{Action, Phase, Plan, Step};
use crate::status::OperationKind;

pub(super) struct Builder<'a> {
    pub(super) document: &'a GroupDocument,
    operation: OperationKind,
    /// Members that were changed since they were captured are moved as they are found.
    drifts: bool,
    steps: Vec<Step>,
}

pub(super) struct StepBuilder<'a, 'b> {
    plan: &'b mut Builder<'a>,
    step: Step,
}

impl<'a> Builder<'a> {
    pub(super) fn new(document: &'a GroupDocument, operation: OperationKind, drifts: bool) -> Self {
        Self {
            document,
            operation,
            drifts,
            steps: Vec::new(),
        }
    }

    /// Begins a step; it is part of the plan once `done` is called.
    pub(super) fn add(
        &mut self,
        key: &str,
        site: SiteId,
        phase: Phase,
        action: Action,
    ) -> StepBuilder<'a, '_> {
        let step = Step {
            key: key.to_owned(),
            site,
            phase,
            action,
            needs: Vec::new(),
            gathers: false,
            member: None,
            calls: Vec::new(),
            undo: Vec::new(),
        };
        StepBuilder { plan: self, step }
    }

    /// The step that asks the sites whether they can take part.
    pub(super) fn check(&mut self, sites: &[SiteId]) -> String {
        let action = Action::CheckSites {
            sites: sites.to_vec(),
        };
        self.add("check", sites[0], Phase::Checking, action).done()
    }

    /// The last step, which writes the outcome however the others ended.
    pub(super) fn finish(&mut self, site: SiteId, needs: impl IntoIterator<Item = String>) {
        let mut needs: Vec<String> = needs.into_iter().collect();
        if needs.is_empty() {
            needs.extend(self.steps.last().map(|s| s.key.clone()));
        }
        self.add("finish", site, Phase::Verifying, Action::Finish)
            .needs(&needs)
            .gathers()
            .done();
    }

    pub(super) fn build(self) -> Plan {
        Plan {
            operation: self.operation,
            epoch: Some(self.document.epoch.id),
            steps: self.steps,
        }
    }
}

impl StepBuilder<'_, '_> {
    /// Makes the step one of a member: its key ends in the member's name.
    pub(super) fn member(mut self, member: &Member) -> Self {
        let slug = slug(self.plan.document, member);
        self.step.key = match self.step.key.split_once('#') {
            Some((verb, slot)) => format!("{verb}/{slug}/{slot}"),
            None => format!("{}/{slug}", self.step.key),
        };
        self.step.member = Some(member.id);
        self
    }

    pub(super) fn needs<S: AsRef<str>>(mut self, keys: impl IntoIterator<Item = S>) -> Self {
        self.step
            .needs
            .extend(keys.into_iter().map(|k| k.as_ref().to_owned()));
        self
    }

    pub(super) fn gathers(mut self) -> Self {
        self.step.gathers = true;
        self
    }

    pub(super) fn gathers_if(mut self, gathers: bool) -> Self {
        self.step.gathers = gathers;
        self
    }

    /// Adds the step and returns its key.
    pub(super) fn done(mut self) -> String {
        self.step.calls = calls(self.plan.document, &self.step, self.plan.drifts);
        self.step.undo = undo(self.plan.document, &self.step);
        let key = self.step.key.clone();
        self.plan.steps.push(self.step);
        key
    }
}

/// The member's name where it is unique in its group, else with the end of its id.
pub(super) fn slug(document: &GroupDocument, member: &Member) -> String {
    let twins = document
        .members
        .iter()
        .filter(|m| m.name == member.name)
        .count();
    if twins < 2 {
        return member.name.clone();
    }
    let id = member.id.to_string();
    format!("{}~{}", member.name, &id[id.len() - 12..])
}
