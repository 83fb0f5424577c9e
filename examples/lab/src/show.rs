//! What a person sees: steps that move while they run on a terminal, and plain lines elsewhere.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use protector_framework::{Clock as _, SystemClock};
use protector_tests::sites::{OperationView, StepView};

/// Where the story is told.
pub(crate) struct Show {
    clock: SystemClock,
    chapter: Duration,
    live: bool,
    /// Lines of the present view that the next one is drawn over.
    drawn: usize,
    told: BTreeSet<String>,
}

impl Show {
    pub(crate) fn new() -> Self {
        Self {
            clock: SystemClock::new(),
            chapter: Duration::ZERO,
            live: std::io::stdout().is_terminal(),
            drawn: 0,
            told: BTreeSet::new(),
        }
    }

    /// A chapter begins.
    pub(crate) fn heading(&mut self, title: &str) {
        self.chapter = self.clock.monotonic();
        let title = match self.live {
            true => format!("\n\x1b[1m{title}\x1b[0m"),
            false => format!("\n== {title}"),
        };
        self.line(&title);
    }

    /// Says how long the chapter took.
    pub(crate) fn chapter_ends(&mut self) {
        let took = (self.clock.monotonic() - self.chapter).as_secs_f64();
        self.line(&format!("   done in {took:.1} s"));
    }

    /// One line. A reader that has gone away is no reason to stop.
    pub(crate) fn line(&mut self, text: &str) {
        self.drawn = 0;
        self.write(&format!("{text}\n"));
    }

    /// Something was checked and is so.
    pub(crate) fn fact(&mut self, text: &str) {
        self.line(&format!("   {text}"));
    }

    /// The story ends badly.
    pub(crate) fn failure(&mut self, text: &str) {
        let text = format!("\nlab: failed: {text}\n");
        std::io::stderr()
            .write_all(text.as_bytes())
            .unwrap_or_default();
    }

    /// An operation begins.
    pub(crate) fn operation_begins(&mut self) {
        self.told.clear();
        self.drawn = 0;
    }

    /// The operation as it is now.
    pub(crate) fn operation(&mut self, operation: &OperationView, steps: &[StepView]) {
        if self.live {
            self.redraw(operation, steps);
        } else {
            self.tell_ended(steps);
        }
    }

    fn tell_ended(&mut self, steps: &[StepView]) {
        for step in steps {
            let over = !matches!(step.status.as_str(), "pending" | "running");
            if over && self.told.insert(step.key.clone()) {
                self.line(&format!("   {}", describe(step)));
            }
        }
    }

    /// Draws all steps over the last drawing.
    fn redraw(&mut self, operation: &OperationView, steps: &[StepView]) {
        let mut text = String::new();
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A", self.drawn));
        }
        let head = format!(
            "{}: {} {} %",
            operation.kind, operation.phase, operation.progress
        );
        text.push_str(&format!("\x1b[2K   {head}\n"));
        for step in steps {
            let color = match step.status.as_str() {
                "done" => "\x1b[32m",
                "running" => "\x1b[33m",
                "failed" => "\x1b[31m",
                _ => "\x1b[2m",
            };
            text.push_str(&format!("\x1b[2K   {color}{}\x1b[0m\n", describe(step)));
        }
        self.write(&text);
        self.drawn = steps.len() + 1;
    }

    fn write(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).unwrap_or_default();
        out.flush().unwrap_or_default();
    }
}

fn describe(step: &StepView) -> String {
    let took = step
        .seconds()
        .map_or_else(|| "       ".to_owned(), |took| format!("{took:6.2}s"));
    format!("{took}  {:<28} {}", step.key, step.status)
}
