//! A rule as a tree, and its decision.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::python::{CheckError, Left, fill, left, text};
use super::remote::RemoteAnswers;

/// One rule, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Check {
    /// `@`.
    Always,
    /// `!`, and whatever cannot be read.
    Never,
    Not(Box<Check>),
    All(Vec<Check>),
    Any(Vec<Check>),
    /// `rule:name`.
    Rule(String),
    /// `role:name`.
    Role(String),
    /// `http:...` or `https:...`, which asks another program.
    Remote(String),
    /// `left:right`.
    Compare {
        left: String,
        right: String,
    },
}

/// What a rule is decided on.
pub(crate) struct Question<'a> {
    pub(crate) rules: &'a BTreeMap<String, Check>,
    /// The rule that stands in for an undefined one.
    pub(crate) default_rule: &'a str,
    pub(crate) credentials: &'a Map<String, Value>,
    pub(crate) target: &'a Map<String, Value>,
    pub(crate) answers: &'a RemoteAnswers,
}

/// Why a rule is not decided.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It cannot be, which means no.
    Error(CheckError),
    /// Not before this URL was asked.
    Ask(String),
}

impl From<CheckError> for Stop {
    fn from(error: CheckError) -> Self {
        Self::Error(error)
    }
}

/// Rules have no cycles when they are loaded; this is the second lock.
const DEEPEST: usize = 100;

impl Question<'_> {
    /// Decides a rule by name.
    ///
    /// # Errors
    /// Where the rule cannot be decided, or not yet.
    pub(crate) fn rule(&self, name: &str) -> Result<bool, Stop> {
        self.named(name, 0)
    }

    fn named(&self, name: &str, depth: usize) -> Result<bool, Stop> {
        if depth > DEEPEST {
            return Err(CheckError(format!("rule `{name}` leads back to itself")).into());
        }
        let found = self
            .rules
            .get(name)
            .or_else(|| self.rules.get(self.default_rule));
        match found {
            Some(check) => self.check(check, depth + 1),
            None => Ok(false),
        }
    }

    fn check(&self, check: &Check, depth: usize) -> Result<bool, Stop> {
        match check {
            Check::Always => Ok(true),
            Check::Never => Ok(false),
            Check::Not(inner) => Ok(!self.check(inner, depth)?),
            Check::All(parts) => {
                for part in parts {
                    if !self.check(part, depth)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Check::Any(parts) => {
                for part in parts {
                    if self.check(part, depth)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Check::Rule(name) => self.named(name, depth),
            Check::Role(name) => Ok(self.role(name)?),
            Check::Remote(template) => {
                let url = fill(template, self.target)?.ok_or_else(|| {
                    CheckError(format!("`{template}` names what the target does not have"))
                })?;
                self.answers.to(&url).ok_or(Stop::Ask(url))
            }
            Check::Compare { left, right } => Ok(self.compare(left, right)?),
        }
    }

    /// Roles are the same in any case.
    fn role(&self, template: &str) -> Result<bool, CheckError> {
        let Some(wanted) = fill(template, self.target)? else {
            return Ok(false);
        };
        let wanted = wanted.to_lowercase();
        let Some(Value::Array(roles)) = self.credentials.get("roles") else {
            return Ok(false);
        };
        Ok(roles
            .iter()
            .filter_map(Value::as_str)
            .any(|role| role.to_lowercase() == wanted))
    }

    fn compare(&self, source: &str, template: &str) -> Result<bool, CheckError> {
        let Some(wanted) = fill(template, self.target)? else {
            return Ok(false);
        };
        match left(source)? {
            Left::Literal(literal) => Ok(literal == wanted),
            Left::Path(path) => self.credential(&path, &wanted),
        }
    }

    fn credential(&self, path: &[String], wanted: &str) -> Result<bool, CheckError> {
        let Some((first, rest)) = path.split_first() else {
            return Ok(false);
        };
        match self.credentials.get(first) {
            Some(value) => matches(value, rest, wanted),
            None => Ok(false),
        }
    }
}

/// Follows `path` into `value`; each element of a list on the way is tried.
fn matches(value: &Value, path: &[String], wanted: &str) -> Result<bool, CheckError> {
    if let Value::Array(items) = value {
        for item in items {
            if matches_item(item, path, wanted)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    matches_item(value, path, wanted)
}

fn matches_item(value: &Value, path: &[String], wanted: &str) -> Result<bool, CheckError> {
    let Some((first, rest)) = path.split_first() else {
        return Ok(text(value) == wanted);
    };
    match value {
        Value::Object(map) => match map.get(first) {
            Some(inner) => matches(inner, rest, wanted),
            None => Ok(false),
        },
        _ => Err(CheckError(format!(
            "`{first}` is looked for in a credential that has no parts"
        ))),
    }
}

impl Check {
    /// The rules that it refers to.
    pub(crate) fn references(&self) -> Vec<&str> {
        match self {
            Self::Rule(name) => vec![name],
            Self::Not(inner) => inner.references(),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().flat_map(Self::references).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut joined = |parts: &[Self], word: &str| {
            let parts: Vec<_> = parts.iter().map(Self::to_string).collect();
            write!(f, "({})", parts.join(word))
        };
        match self {
            Self::All(parts) => joined(parts, " and "),
            Self::Any(parts) => joined(parts, " or "),
            Self::Always => f.write_str("@"),
            Self::Never => f.write_str("!"),
            Self::Not(inner) => write!(f, "not {inner}"),
            Self::Rule(name) => write!(f, "rule:{name}"),
            Self::Role(name) => write!(f, "role:{name}"),
            Self::Remote(url) => f.write_str(url),
            Self::Compare { left, right } => write!(f, "{left}:{right}"),
        }
    }
}
