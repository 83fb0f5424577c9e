//! What a check has found, and what to do about it.

use serde_json::{Value, json};

use crate::output::Output;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Ok,
    /// Something else that was found must be put right first.
    Skipped,
    Warning,
    Problem,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Ok | Self::Skipped => 0,
            Self::Warning => 1,
            Self::Problem => 2,
        }
    }
}

#[derive(Debug)]
struct Finding {
    check: String,
    verdict: Verdict,
    tried: String,
    found: String,
    fix: Option<String>,
}

/// One check: its name and what it tries.
#[derive(Debug, Clone)]
pub(super) struct Check {
    name: String,
    tried: String,
}

pub(super) fn check(name: impl Into<String>, tried: impl Into<String>) -> Check {
    Check {
        name: name.into(),
        tried: tried.into(),
    }
}

/// All that was found, in the order in which it was looked for.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Finding>);

impl Report {
    pub(super) fn ok(&mut self, check: &Check, found: impl Into<String>) {
        self.add(check, Verdict::Ok, found.into(), None);
    }

    /// `why`: what must be put right first.
    pub(super) fn skip(&mut self, names: &[&str], why: &str) {
        for name in names {
            let check = check(*name, "nothing");
            self.add(&check, Verdict::Skipped, why.to_owned(), None);
        }
    }

    pub(super) fn warn(&mut self, check: &Check, found: impl Into<String>, fix: impl Into<String>) {
        self.add(check, Verdict::Warning, found.into(), Some(fix.into()));
    }

    pub(super) fn fail(&mut self, check: &Check, found: impl Into<String>, fix: impl Into<String>) {
        self.add(check, Verdict::Problem, found.into(), Some(fix.into()));
    }

    /// Nothing found is `ok`; warnings are one finding.
    pub(super) fn warnings(&mut self, check: &Check, all: &[String], ok: &str, fix: &str) {
        match all.is_empty() {
            true => self.ok(check, ok),
            false => self.warn(check, all.join("\n"), fix),
        }
    }

    fn add(&mut self, check: &Check, verdict: Verdict, found: String, fix: Option<String>) {
        self.0.push(Finding {
            check: check.name.clone(),
            verdict,
            tried: check.tried.clone(),
            found,
            fix,
        });
    }

    pub(super) fn output(self) -> Output {
        let code = self.0.iter().map(|one| one.verdict.code()).max();
        let count = |verdict| self.0.iter().filter(|one| one.verdict == verdict).count();
        let mut text = String::new();
        for one in &self.0 {
            text.push_str(&one.shown());
        }
        text.push_str(&format!(
            "problems: {}, warnings: {}, without a finding: {}, skipped: {}\n",
            count(Verdict::Problem),
            count(Verdict::Warning),
            count(Verdict::Ok),
            count(Verdict::Skipped),
        ));
        Output::Judged {
            shown: Box::new(Output::Text(text)),
            value: self.0.iter().map(Finding::value).collect::<Vec<_>>().into(),
            code: code.unwrap_or(0),
        }
    }
}

impl Finding {
    /// What is well takes one line. What is not says what was tried, what came of it and what to do.
    fn shown(&self) -> String {
        let indent = |text: &str| text.replace('\n', &format!("\n{:11}", ""));
        let found = indent(&self.found);
        let mut text = format!("{:8}   {}: {found}\n", self.verdict.word(), self.check);
        if matches!(self.verdict, Verdict::Warning | Verdict::Problem) {
            text.push_str(&format!("{:11}tried: {}\n", "", indent(&self.tried)));
        }
        if let Some(fix) = &self.fix {
            text.push_str(&format!("{:11}fix: {}\n", "", indent(fix)));
        }
        text
    }

    fn value(&self) -> Value {
        json!({
            "check": self.check,
            "result": self.verdict.word(),
            "tried": self.tried,
            "found": self.found,
            "fix": self.fix,
        })
    }
}
