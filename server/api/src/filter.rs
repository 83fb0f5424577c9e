//! What a list can be filtered by: the value of a field, or an operator and what it compares with.

use chrono::{DateTime, Utc};
use protector_db::{Condition, stamp};
use serde_json::{Value, json};

/// What a field of a list can be, and so what it can be filtered by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values {
    /// Any text. It is compared as it is: a name may begin like an operator.
    Text,
    /// A moment.
    Time,
    /// A boot tier.
    Tier,
    /// One of the words of a state.
    Words(fn() -> Vec<&'static str>),
}

/// What an entry of a list must be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Its field is this.
    Is(String),
    /// Its field meets this.
    Meets(Condition),
}

impl Values {
    /// Reads a filter as a caller writes it.
    ///
    /// # Errors
    /// What it must be. One that no entry can meet would look like an empty list.
    pub(crate) fn read(self, text: &str) -> Result<Filter, String> {
        let (operator, rest) = match text.split_once(':') {
            Some((operator, rest)) if self.operators().contains(&operator) => (operator, rest),
            _ => ("", text),
        };
        let one = || self.value(rest);
        let many = || -> Result<Vec<String>, String> {
            rest.split(',').map(|part| self.value(part)).collect()
        };
        Ok(Filter::Meets(match operator {
            "in" => Condition::In(many()?),
            "nin" => Condition::NotIn(many()?),
            "neq" => Condition::NotIn(vec![one()?]),
            "gt" => Condition::Above(one()?),
            "gte" => Condition::AtLeast(one()?),
            "lt" => Condition::Below(one()?),
            "lte" => Condition::AtMost(one()?),
            _ => return Ok(Filter::Is(one()?)),
        }))
    }

    fn operators(self) -> &'static [&'static str] {
        match self {
            Self::Text => &[],
            Self::Time => &["neq", "gt", "gte", "lt", "lte"],
            Self::Tier => &["in", "nin", "neq", "gt", "gte", "lt", "lte"],
            Self::Words(_) => &["in", "nin", "neq"],
        }
    }

    /// One value in the form in which it is kept.
    fn value(self, text: &str) -> Result<String, String> {
        match self {
            Self::Text => Ok(text.to_owned()),
            Self::Time => {
                // A plus that was not encoded has come as a blank.
                let read = DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
                let wrong = |_| "must be a time such as 2026-11-23T15:04:05Z".to_owned();
                let at = read.map_err(wrong)?.with_timezone(&Utc);
                Ok(stamp(at))
            }
            Self::Tier => match text.as_bytes() {
                [b'1'..=b'5'] => Ok(text.to_owned()),
                _ => Err("must be from 1 to 5".to_owned()),
            },
            Self::Words(words) => match words().contains(&text) {
                true => Ok(text.to_owned()),
                false => Err(format!("must be one of {}", words().join(", "))),
            },
        }
    }

    /// What the document says of such a filter.
    pub(crate) fn schema(self) -> Value {
        let pattern = match self {
            Self::Text => return json!({ "type": "string" }),
            Self::Time => {
                let time = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}";
                format!("^((neq|gte?|lte?):)?{time}")
            }
            Self::Tier => "^(((neq|gte?|lte?):)?[1-5]|n?in:[1-5](,[1-5])*)$".to_owned(),
            Self::Words(words) => {
                let word = format!("({})", words().join("|"));
                format!("^((neq:)?{word}|n?in:{word}(,{word})*)$")
            }
        };
        json!({ "type": "string", "pattern": pattern })
    }

    /// For people.
    pub(crate) fn description(self) -> String {
        let text = "Only entries whose field has this value";
        match self.operators() {
            [] => format!("{text}."),
            operators => format!(
                "{text}, or meets `operator:value`: {}.",
                operators.join(", ")
            ),
        }
    }
}
