//! What a person sees: lines that stay, each with its seconds, and below them, on a terminal, what
//! runs now, redrawn in place.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::time::Duration;

use protector_framework::{Clock, SystemClock};
use protector_tests::sites::{OperationView, Outcome, StepView};

/// The time between two frames.
const FRAME: Duration = Duration::from_millis(100);
/// How many running steps are shown at once, so that the screen does not scroll.
const AT_ONCE: usize = 8;
const BAR: usize = 30;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// The only way to standard output. A reader that has gone away is no reason to stop.
#[derive(Debug)]
pub(crate) struct View {
    clock: SystemClock,
    live: bool,
    /// When the present chapter began.
    chapter: Option<Duration>,
    /// The sites' names by their ids.
    names: BTreeMap<String, String>,
    /// How each site is, in a word, and whether that is well.
    sites: BTreeMap<String, (String, bool)>,
    /// The steps that stand there already: operation, key and attempt.
    told: BTreeSet<(String, String, u32)>,
    /// How many lines the next frame is drawn over.
    drawn: usize,
}

impl View {
    pub(crate) fn of_stdout() -> Self {
        Self {
            clock: SystemClock::new(),
            live: std::io::stdout().is_terminal(),
            chapter: None,
            names: BTreeMap::new(),
            sites: BTreeMap::new(),
            told: BTreeSet::new(),
            drawn: 0,
        }
    }

    /// The time since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Lines that stay.
    pub(crate) fn say(&mut self, text: &str) {
        self.frame(&[text.to_owned()], &[]);
    }

    /// Ends the chapter before, with its time, and begins one.
    pub(crate) fn chapter(&mut self, title: &str) {
        let now = self.now();
        if let Some(began) = self.chapter.replace(now) {
            let took = (now - began).as_secs_f64();
            let line = format!("{took:15.2} s   in this chapter");
            let line = self.paint(DIM, &line);
            self.say(&line);
        }
        let title = self.paint(BOLD, &format!("== {title}"));
        self.say(&format!("\n{title}"));
    }

    /// What is called by this id in replies.
    pub(crate) fn name_site(&mut self, id: &str, name: &str) {
        self.names.insert(id.to_owned(), name.to_owned());
    }

    /// How a site is from now on, in a word.
    pub(crate) fn site(&mut self, name: &str, word: &str, well: bool) {
        self.sites.insert(name.to_owned(), (word.to_owned(), well));
    }

    /// Takes away what is drawn over, before the program ends.
    pub(crate) fn settle(&mut self) {
        self.frame(&[], &[]);
    }

    /// Does one thing and says how long it took.
    ///
    /// # Errors
    /// What the work fails with, after saying so.
    pub(crate) async fn step<T>(
        &mut self,
        what: &str,
        work: impl Future<Output = Outcome<T>>,
    ) -> Outcome<T> {
        let began = self.now();
        let outcome = self.while_it_runs(what, began, work).await;
        let took = (self.now() - began).as_secs_f64();
        let line = self.ended(took, outcome.is_ok(), what);
        self.say(&line);
        outcome
    }

    /// Lets time pass.
    pub(crate) async fn wait(&mut self, time: Duration) {
        let clock = SystemClock::new();
        let what = format!("time passes: {} s", time.as_secs());
        let began = self.now();
        self.while_it_runs(&what, began, clock.sleep(time)).await;
        let took = (self.now() - began).as_secs_f64();
        let line = self.ended(took, true, "time passes");
        self.say(&line);
    }

    async fn while_it_runs<T>(
        &mut self,
        what: &str,
        began: Duration,
        work: impl Future<Output = T>,
    ) -> T {
        if !self.live {
            return work.await;
        }
        let mut work = std::pin::pin!(work);
        loop {
            let running = self.runs((self.now() - began).as_secs_f64(), what);
            let lines = [running, self.status()];
            self.frame(&[], &lines);
            tokio::select! {
                done = &mut work => return done,
                () = self.clock.sleep(FRAME) => {}
            }
        }
    }

    /// Shows how an operation stands: what ended since the last look, and what runs.
    pub(crate) fn operation(&mut self, operation: &OperationView, steps: &[StepView]) {
        let mut ended: Vec<&StepView> = steps
            .iter()
            .filter(|step| step.finished_at.is_some())
            .filter(|step| {
                let id = operation.id.clone();
                self.told.insert((id, step.key.clone(), step.attempt))
            })
            .collect();
        ended.sort_by_key(|step| step.finished_at);
        let stay: Vec<String> = ended.iter().map(|step| self.ended_step(step)).collect();
        let go = if operation.is_over() {
            Vec::new()
        } else {
            self.running(operation, steps)
        };
        self.frame(&stay, &go);
    }

    fn running(&self, operation: &OperationView, steps: &[StepView]) -> Vec<String> {
        let now = self.clock.now();
        let mut lines: Vec<String> = steps
            .iter()
            .filter(|step| step.status == "running")
            .take(AT_ONCE)
            .map(|step| {
                let since = step.started_at.map(|began| now - began);
                let seconds = since.map_or(0.0, |since| since.num_milliseconds() as f64 / 1e3);
                self.runs(seconds.max(0.0), &self.words(step))
            })
            .collect();
        let full = BAR * usize::from(operation.progress.min(100)) / 100;
        lines.push(format!(
            "{:20}[{}{}] {:3} %  {} {}",
            "",
            "#".repeat(full),
            ".".repeat(BAR - full),
            operation.progress,
            operation.kind,
            operation.phase
        ));
        lines.push(self.status());
        lines
    }

    fn ended_step(&self, step: &StepView) -> String {
        let well = step.status == "done";
        let mut words = self.words(step);
        if !well {
            let error = step.error.as_ref().map(|error| error.message.as_str());
            words = format!("{words}: {} {}", step.status, error.unwrap_or_default());
        }
        self.ended(step.seconds().unwrap_or_default(), well, words.trim_end())
    }

    fn words(&self, step: &StepView) -> String {
        let id = step.site_id.as_deref().unwrap_or_default();
        let site = self.names.get(id).map_or(id, String::as_str);
        format!("{}  ({site})", step.key)
    }

    fn ended(&self, seconds: f64, well: bool, what: &str) -> String {
        let mark = match well {
            true => self.paint(GREEN, "\u{2713}"),
            false => self.paint(RED, "\u{2717}"),
        };
        let now = self.now().as_secs_f64();
        format!("{now:7.1}{seconds:8.2} s {mark} {what}")
    }

    fn runs(&self, seconds: f64, what: &str) -> String {
        self.paint(DIM, &format!("{seconds:15.1} s   {what} ..."))
    }

    fn status(&self) -> String {
        let sites: Vec<String> = self
            .sites
            .iter()
            .map(|(name, (word, well))| {
                let colour = if *well { GREEN } else { RED };
                format!("{name} {}", self.paint(colour, word))
            })
            .collect();
        format!("{:20}{}", "", sites.join("   "))
    }

    /// Lines that stay, and below them lines that the next frame is drawn over; the latter on a
    /// terminal only.
    fn frame(&mut self, stay: &[String], go: &[String]) {
        let mut text = String::new();
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A\r\x1b[J", self.drawn));
        }
        for line in stay {
            text.push_str(line);
            text.push('\n');
        }
        self.drawn = 0;
        if self.live && !go.is_empty() {
            // A line that is too long must not become two, else the way up is not known.
            text.push_str("\x1b[?7l");
            text.push_str(&go.join("\n"));
            text.push_str("\n\x1b[?7h");
            self.drawn = go.len();
        }
        let mut out = std::io::stdout().lock();
        drop(out.write_all(text.as_bytes()));
        drop(out.flush());
    }

    fn paint(&self, how: &str, text: &str) -> String {
        match self.live {
            true => format!("{how}{text}{PLAIN}"),
            false => text.to_owned(),
        }
    }
}
