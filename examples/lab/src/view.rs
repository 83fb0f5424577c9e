//! An operation as it goes on: each step that ended in a line of its own, and below them, where
//! somebody looks on, what runs.

use std::collections::BTreeSet;
use std::time::Duration;

use protector_framework::Clock;
use protector_tests::clouds::failure::Outcome;
use protector_tests::sites::{OperationView, StepView};

use crate::show::Show;

/// How many running steps are shown at once, so that the screen does not scroll.
const AT_ONCE: usize = 8;
const BAR: usize = 30;

/// One operation.
#[derive(Debug)]
pub(crate) struct View<'a> {
    show: &'a mut Show,
    began: Duration,
    told: BTreeSet<(String, u32)>,
    outcome: Outcome,
}

impl<'a> View<'a> {
    pub(crate) fn new(show: &'a mut Show) -> Self {
        Self {
            began: show.now(),
            show,
            told: BTreeSet::new(),
            outcome: Ok(()),
        }
    }

    /// Shows how it stands.
    pub(crate) fn update(&mut self, operation: &OperationView, steps: &[StepView]) {
        let mut ended: Vec<&StepView> = steps
            .iter()
            .filter(|step| step.finished_at.is_some())
            .filter(|step| self.told.insert((step.key.clone(), step.attempt)))
            .collect();
        ended.sort_by_key(|step| step.finished_at);
        let stay: Vec<String> = ended.iter().map(|step| self.line(step)).collect();
        let go = if self.show.is_live() {
            self.running(operation, steps)
        } else {
            Vec::new()
        };
        if self.outcome.is_ok() {
            self.outcome = self.show.frame(&stay, &go);
        }
    }

    /// Says how it ended.
    ///
    /// # Errors
    /// Where nobody reads.
    pub(crate) fn end(self, operation: &OperationView) -> Outcome {
        self.outcome?;
        let steps = self.told.len();
        let said = format!(
            "{} {}, {steps} {}",
            operation.kind.replace('_', " "),
            operation.status,
            if steps == 1 { "step" } else { "steps" }
        );
        self.show.done(self.began, &said)
    }

    fn line(&self, step: &StepView) -> String {
        let seconds = step.seconds().unwrap_or_default();
        let mut line = self.columns(step, seconds);
        if step.status != "done" {
            let error = step.error.as_ref().map(|error| error.message.as_str());
            line = format!("{line}: {} {}", step.status, error.unwrap_or_default());
        }
        line.trim_end().to_owned()
    }

    fn running(&self, operation: &OperationView, steps: &[StepView]) -> Vec<String> {
        let now = self.show.clock().now();
        let mut lines: Vec<String> = steps
            .iter()
            .filter(|step| step.status == "running")
            .take(AT_ONCE)
            .map(|step| {
                let since = step.started_at.map(|began| now - began);
                let seconds = since.map_or(0.0, |since| since.num_milliseconds() as f64 / 1e3);
                format!("{} ...", self.columns(step, seconds.max(0.0)))
            })
            .collect();
        let full = BAR * usize::from(operation.progress.min(100)) / 100;
        lines.push(format!(
            "             [{}{}] {:3} %  {} {}",
            "#".repeat(full),
            ".".repeat(BAR - full),
            operation.progress,
            operation.kind.replace('_', " "),
            operation.phase
        ));
        lines
    }

    fn columns(&self, step: &StepView, seconds: f64) -> String {
        let site = step.site_id.as_deref().map_or("", |id| self.show.name(id));
        let phase = step.phase.as_deref().unwrap_or_default();
        format!("{seconds:9.2} s    {site:6}  {phase:9}  {}", step.key)
    }
}
