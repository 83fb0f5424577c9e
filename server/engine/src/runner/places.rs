//! Which steps may begin beside others.

use protector_model::plan::{Action, Phase, Step};
use protector_model::{Plan, StepStatus};

use super::Runner;
use crate::journal::Journal;

impl Runner {
    /// Whether copies have all the places they may take: those that take their time hold up neither
    /// the passing of authority nor the start of what is ready.
    pub(super) fn copies_enough(&self, plan: &Plan, began: &[String]) -> bool {
        let copies = began
            .iter()
            .filter_map(|key| plan.step(key))
            .filter(|step| is_copying(plan, step));
        copies.count() >= (self.options.parallel_steps * 3).div_ceil(4)
    }
}

/// What will not be begun any more. The end is written all the same: the document must say what
/// there is.
pub(super) fn pending(plan: &Plan, journal: &Journal, began: &[String]) -> Vec<String> {
    let records = journal.records();
    let open = records.iter().filter(|r| r.status == StepStatus::Pending);
    let finishes = |key: &String| {
        let step = plan.step(key);
        step.is_some_and(|step| matches!(step.action, Action::Finish))
    };
    open.map(|r| r.key.clone())
        .filter(|key| !began.contains(key) && !finishes(key))
        .collect()
}

/// Whether a step makes a copy, or makes place for one.
pub(super) fn is_copying(plan: &Plan, step: &Step) -> bool {
    let clears = step.phase == Phase::Cleaning && step.member.is_some() && plan.commit().is_some();
    step.phase == Phase::Copying || clears
}

pub(super) fn is_probe(step: &Step) -> bool {
    matches!(step.action, Action::ProbeServer { .. })
}

pub(super) fn probes(plan: &Plan, began: &[String]) -> usize {
    let steps = began.iter().filter_map(|key| plan.step(key));
    steps.filter(|step| is_probe(step)).count()
}
