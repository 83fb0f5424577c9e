//! Who may do what: the check language of oslo.policy, read at start and again when a file changes.

mod check;
mod defaults;
mod deprecated;
mod file;
mod parse;
pub(crate) mod python;
mod remote;
mod store;
mod subject;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::{ConfigError, Place, Problem};
use crate::sections::PolicySection;
use crate::suggest::did_you_mean;

use check::{Check, Question, Stop};
use file::FileRule;

pub use defaults::{Deprecated, RuleDefault, defaults, sample};
pub use python::CheckError;
pub use remote::{Decision, RemoteAnswers, RemoteQuestion};
pub use store::PolicyStore;
pub use subject::{Credentials, Scope, ServiceIdentity, Target};

/// The rules in force.
#[derive(Debug, Clone)]
pub struct Policy {
    rules: BTreeMap<String, Check>,
    scopes: BTreeMap<&'static str, &'static [Scope]>,
    default_rule: String,
    enforce_scope: bool,
    /// Names that a file has set, with their place.
    from_files: BTreeMap<String, Place>,
    /// What does not stop a start but should be told.
    pub warnings: Vec<Problem>,
}

/// A rule in force, for lists.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PolicyRule {
    /// Its name.
    pub name: String,
    /// Its check, in its canonical form.
    pub check: String,
    /// The file and line it comes from, or `default`.
    pub source: String,
}

impl Policy {
    /// The rules in code.
    pub fn in_code() -> Self {
        Self::from_defaults(defaults(), "default", true)
    }

    /// The rules in code, with those of the files in their place.
    ///
    /// # Errors
    /// A file that cannot be read; every value that is no rule; rules that lead back to themselves.
    /// A file that was asked for and is not there is a warning: the rules in code hold.
    pub fn load(section: &PolicySection) -> Result<Self, ConfigError> {
        Self::load_over(defaults(), section)
    }

    pub(crate) fn load_over(
        defaults: &'static [RuleDefault],
        section: &PolicySection,
    ) -> Result<Self, ConfigError> {
        let mut policy = Self::from_defaults(
            defaults,
            &section.policy_default_rule,
            section.enforce_scope,
        );
        let main = &section.policy_file;
        if main.exists() {
            policy.apply(file::read(main, &text_of(main)?)?);
        } else if section.policy_file_written {
            let place = Place::File(main.clone());
            let reason = "there is no such file; the rules in code hold";
            policy.warnings.push(Problem::at(place, reason));
        }
        for path in files_of(&section.policy_dirs)? {
            policy.apply(file::read(&path, &text_of(&path)?)?);
        }
        policy.apply_deprecated(defaults, section.enforce_new_defaults);
        policy.check_references()?;
        policy.warn_of_unknown_names();
        Ok(policy)
    }

    /// As [`Policy::load`], from the text of one file.
    ///
    /// # Errors
    /// As [`Policy::load`].
    pub fn from_yaml(name: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut policy = Self::in_code();
        policy.apply(file::read(name, text)?);
        policy.check_references()?;
        policy.warn_of_unknown_names();
        Ok(policy)
    }

    /// Whether `credentials` may do `rule` to `target`. A rule that the code does not know, that
    /// cannot be decided, or that is not for the token's scope, refuses.
    pub fn allows(&self, rule: &str, credentials: &Credentials, target: &Target) -> bool {
        match self.verdict(rule, credentials, target) {
            Ok(verdict) => verdict,
            Err(error) => {
                tracing::warn!(rule, %error, "a policy rule cannot be decided, so it refuses");
                false
            }
        }
    }

    /// As [`Policy::allows`], with the reason where a rule cannot be decided; one that asks another
    /// program cannot.
    ///
    /// # Errors
    /// Why it cannot, which means no.
    pub fn verdict(
        &self,
        rule: &str,
        credentials: &Credentials,
        target: &Target,
    ) -> Result<bool, CheckError> {
        asked_nobody(self.decision(rule, credentials, target, &RemoteAnswers::default())?)
    }

    /// Whether `credentials` may do `rule` to `target`, as far as `answers` lead.
    ///
    /// # Errors
    /// Why it cannot be decided, which means no.
    pub fn decision(
        &self,
        rule: &str,
        credentials: &Credentials,
        target: &Target,
        answers: &RemoteAnswers,
    ) -> Result<Decision, CheckError> {
        if !self.scopes.contains_key(rule) {
            return Err(CheckError("the code has no such rule".to_owned()));
        }
        let attributes = credentials.attributes();
        let scope = credentials.scope();
        self.decide(rule, &attributes, scope, target.fields(), answers)
    }

    /// Whether `credentials` are an administrator's, by the rule `context_is_admin`, as far as `answers`
    /// lead. Ask once for a request and put the answer into [`Credentials::is_admin`].
    ///
    /// # Errors
    /// Why it cannot be decided, which means no.
    pub fn admin_decision(
        &self,
        credentials: &Credentials,
        answers: &RemoteAnswers,
    ) -> Result<Decision, CheckError> {
        let attributes = credentials.attributes();
        self.question("context_is_admin", &attributes, &attributes, answers)
    }

    /// As [`Policy::admin_decision`]; no, where the rule asks another program.
    pub fn is_admin(&self, credentials: &Credentials) -> bool {
        let decision = self.admin_decision(credentials, &RemoteAnswers::default());
        decision.and_then(asked_nobody).unwrap_or(false)
    }

    /// Every rule with its place.
    pub fn rules(&self) -> Vec<PolicyRule> {
        let rules = self.rules.iter();
        rules
            .map(|(name, check)| PolicyRule {
                name: name.clone(),
                check: check.to_string(),
                source: self
                    .from_files
                    .get(name)
                    .map_or_else(|| "default".to_owned(), Place::to_string),
            })
            .collect()
    }

    fn from_defaults(
        defaults: &'static [RuleDefault],
        default_rule: &str,
        enforce_scope: bool,
    ) -> Self {
        let checks = defaults.iter();
        Self {
            rules: checks
                .map(|rule| (rule.name.to_owned(), parse::text(rule.check).check))
                .collect(),
            scopes: defaults.iter().map(|r| (r.name, r.scopes)).collect(),
            default_rule: default_rule.to_owned(),
            enforce_scope,
            from_files: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    fn question(
        &self,
        rule: &str,
        credentials: &Map<String, Value>,
        target: &Map<String, Value>,
        answers: &RemoteAnswers,
    ) -> Result<Decision, CheckError> {
        let question = Question {
            rules: &self.rules,
            default_rule: &self.default_rule,
            credentials,
            target,
            answers,
        };
        match question.rule(rule) {
            Ok(verdict) => Ok(Decision::Is(verdict)),
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Ask(url)) => Ok(Decision::Ask(Box::new(RemoteQuestion {
                url,
                rule: rule.to_owned(),
                target: target.clone(),
                credentials: credentials.clone(),
            }))),
        }
    }

    pub(crate) fn decide(
        &self,
        rule: &str,
        credentials: &Map<String, Value>,
        scope: Scope,
        target: &Map<String, Value>,
        answers: &RemoteAnswers,
    ) -> Result<Decision, CheckError> {
        let scopes = self.scopes.get(rule).copied().unwrap_or_default();
        if self.enforce_scope && !scopes.is_empty() && !scopes.contains(&scope) {
            return Ok(Decision::Is(false));
        }
        self.question(rule, credentials, target, answers)
    }

    fn apply(&mut self, rules: BTreeMap<String, FileRule>) {
        for (name, rule) in rules {
            for warning in rule.parsed.warnings {
                let problem = Problem::at(rule.place.clone(), warning);
                self.warnings.push(problem.about(&name));
            }
            self.rules.insert(name.clone(), rule.parsed.check);
            self.from_files.insert(name, rule.place);
        }
    }

    /// Refuses rules that lead back to themselves; warns of references to rules that are not there.
    fn check_references(&mut self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        for name in self.rules.keys() {
            if let Some(cycle) = self.cycle(name) {
                let reason = format!("leads back to itself: {}", cycle.join(" -> "));
                problems.push(Problem {
                    place: self.from_files.get(name).cloned(),
                    subject: Some(name.clone()),
                    reason,
                });
            }
        }
        if !problems.is_empty() {
            return Err(ConfigError { problems });
        }
        for (name, check) in &self.rules {
            for reference in check.references() {
                if !self.rules.contains_key(reference) {
                    let known = self.rules.keys().map(String::as_str);
                    self.warnings.push(Problem {
                        place: self.from_files.get(name).cloned(),
                        subject: Some(name.clone()),
                        reason: format!(
                            "there is no rule `{reference}`; `{}` stands in for it{}",
                            self.default_rule,
                            did_you_mean(reference, known)
                        ),
                    });
                }
            }
        }
        Ok(())
    }

    /// The way from a rule back to itself.
    fn cycle<'a>(&'a self, start: &'a str) -> Option<Vec<&'a str>> {
        let mut stack = vec![vec![start]];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(path) = stack.pop() {
            let at = path.last().copied().unwrap_or(start);
            let check = self.rules.get(at);
            for next in check.map(Check::references).unwrap_or_default() {
                let next = if self.rules.contains_key(next) {
                    next
                } else {
                    self.default_rule.as_str()
                };
                let mut longer = path.clone();
                longer.push(next);
                if next == start {
                    return Some(longer);
                }
                if seen.insert(next) {
                    stack.push(longer);
                }
            }
        }
        None
    }

    fn warn_of_unknown_names(&mut self) {
        let referenced: std::collections::BTreeSet<&str> =
            self.rules.values().flat_map(Check::references).collect();
        for (name, place) in &self.from_files {
            if self.scopes.contains_key(name.as_str()) || referenced.contains(name.as_str()) {
                continue;
            }
            let reason = format!(
                "no such rule is asked for{}",
                did_you_mean(name, self.scopes.keys().copied())
            );
            self.warnings
                .push(Problem::at(place.clone(), reason).about(name));
        }
    }
}

fn asked_nobody(decision: Decision) -> Result<bool, CheckError> {
    match decision {
        Decision::Is(verdict) => Ok(verdict),
        Decision::Ask(question) => Err(CheckError(format!("it depends on {}", question.url))),
    }
}

fn text_of(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| {
        let reason = format!("the policy file cannot be read: {error}");
        Problem::at(Place::File(path.to_owned()), reason).into()
    })
}

/// The files of the directories, whatever their ending, in the order of their names.
fn files_of(dirs: &[PathBuf]) -> Result<Vec<PathBuf>, ConfigError> {
    let mut all = Vec::new();
    for dir in dirs.iter().filter(|dir| dir.is_dir()) {
        let failed = |error: std::io::Error| {
            let reason = format!("the policy directory cannot be read: {error}");
            ConfigError::from(Problem::at(Place::File(dir.clone()), reason))
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !hidden && entry.path().is_file() {
                found.push(entry.path());
            }
        }
        found.sort();
        all.append(&mut found);
    }
    Ok(all)
}
