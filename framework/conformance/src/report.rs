//! What came of a run, for people and for programs.

use std::time::Duration;

use protector_framework::DriverKind;
use serde::Serialize;

/// How a case came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "why", rename_all = "snake_case")]
pub enum Verdict {
    /// The promise was kept.
    Passed,
    /// It was not, and why.
    Failed(String),
    /// It could not be tested, and why.
    Skipped(String),
}

/// One case of a report.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The case's id.
    pub id: String,
    /// What it promises.
    pub promise: String,
    /// How it came out.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// How long it took.
    pub milliseconds: u64,
}

impl std::fmt::Display for Line {
    /// What came of it, how long it took, and the case.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = Duration::from_millis(self.milliseconds).as_secs_f64();
        write!(f, "{:7}  {time:7.2} s  {}", self.verdict.word(), self.id)
    }
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "FAILED",
            Self::Skipped(_) => "skipped",
        }
    }

    fn why(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Failed(why) | Self::Skipped(why) => Some(why),
        }
    }
}

/// The report of one run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The kind of driver.
    pub kind: DriverKind,
    /// What was tested.
    pub subject: String,
    /// The cases, by id.
    pub cases: Vec<Line>,
    /// Cases that do not bind this driver, because it does not claim what they are about. That it
    /// refuses those verbs is a case of its own in the group `claims`.
    pub not_claimed: Vec<String>,
    /// How long the whole run took.
    pub milliseconds: u64,
}

impl Report {
    /// How many cases passed.
    pub fn passed(&self) -> usize {
        self.count(|verdict| *verdict == Verdict::Passed)
    }

    /// How many cases failed.
    pub fn failed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Failed(_)))
    }

    /// How many cases could not be tested.
    pub fn skipped(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Skipped(_)))
    }

    /// Whether nothing failed; where `strict`, also nothing was skipped.
    pub fn is_green(&self, strict: bool) -> bool {
        self.failed() == 0 && !(strict && self.skipped() > 0) && !self.cases.is_empty()
    }

    /// The report as text: a line for each case, what went wrong under its case, and the sums alone
    /// on the last line.
    pub fn table(&self) -> String {
        let kind = match self.kind {
            DriverKind::Storage => "Storage",
            DriverKind::Compute => "Compute",
            DriverKind::Identity => "Identity",
        };
        let mut text = format!("{kind} conformance of {}\n\n", self.subject);
        for line in &self.cases {
            text += &format!("{line}\n");
            if let Some(why) = line.verdict.why() {
                text += &format!("    {}\n    {}\n", line.promise, why.replace('\n', " "));
            }
        }
        if !self.not_claimed.is_empty() {
            text += &format!(
                "\nNot claimed by the driver and therefore left out: {}\n",
                self.not_claimed.join(", ")
            );
        }
        text += &format!(
            "\n{} passed, {} failed, {} skipped\n",
            self.passed(),
            self.failed(),
            self.skipped()
        );
        text
    }

    fn count(&self, which: impl Fn(&Verdict) -> bool) -> usize {
        self.cases
            .iter()
            .filter(|line| which(&line.verdict))
            .count()
    }
}
