//! What a rule asks of another program, by an `http:` or `https:` check. Rules are decided here as far as
//! they can be; whoever decides asks what is missing and begins again with the answer, so that nothing is
//! asked that the rest of the rule makes needless.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Whether a rule holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// It does, or does not.
    Is(bool),
    /// That depends on another program.
    Ask(Box<RemoteQuestion>),
}

/// What another program is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteQuestion {
    /// Where, with `POST`.
    pub url: String,
    /// The rule that is decided.
    pub rule: String,
    /// What it is decided on.
    pub target: Map<String, Value>,
    /// Who calls.
    pub credentials: Map<String, Value>,
}

impl RemoteQuestion {
    /// The fields of a form, each of which holds JSON.
    pub fn form(&self) -> [(&'static str, String); 3] {
        [
            ("rule", json!(self.rule).to_string()),
            ("target", json!(self.target).to_string()),
            ("credentials", json!(self.credentials).to_string()),
        ]
    }

    /// All of it as one JSON object.
    pub fn json(&self) -> Value {
        json!({ "rule": self.rule, "target": self.target, "credentials": self.credentials })
    }

    /// Whether an answer lets the caller in: it reads `True`, in quotes or not, whatever its status is.
    pub fn is_allowed_by(answer: &str) -> bool {
        answer.trim_matches('"') == "True"
    }
}

/// What other programs have said while one rule is decided.
#[derive(Debug, Clone, Default)]
pub struct RemoteAnswers(BTreeMap<String, bool>);

impl RemoteAnswers {
    /// Adds the answer to a question.
    pub fn add(&mut self, question: &RemoteQuestion, allowed: bool) {
        self.0.insert(question.url.clone(), allowed);
    }

    pub(super) fn to(&self, url: &str) -> Option<bool> {
        self.0.get(url).copied()
    }
}
