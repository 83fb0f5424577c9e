//! Dotted paths into an item, `eth.subtype`, and what they find there.

use serde_json::Value;

/// A path to a property. Along the way every list is entered, so that a path may find any number
/// of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Property {
    segments: Vec<String>,
}

impl Property {
    /// Splits a path at its dots.
    pub(super) fn new(path: &str) -> Self {
        Self {
            segments: path.split('.').map(str::to_owned).collect(),
        }
    }

    /// Everything the path leads to. A list at its end is entered too; null is nothing.
    pub(super) fn find<'a>(&self, item: &'a Value) -> Vec<&'a Value> {
        let mut found = Vec::new();
        follow(item, &self.segments, &mut found);
        found
    }

    /// Whether the case of letters does not matter in this property: names, and the addresses of
    /// initiators, whose notation differs between clients.
    pub(super) fn ignores_case(&self) -> bool {
        self.segments.last().is_some_and(|last| {
            matches!(last.as_str(), "name" | "iqns" | "wwns" | "nqns") || last.ends_with("_name")
        })
    }
}

fn follow<'a>(value: &'a Value, segments: &[String], found: &mut Vec<&'a Value>) {
    match (value, segments.split_first()) {
        (Value::Array(elements), _) => {
            for element in elements {
                follow(element, segments, found);
            }
        }
        (Value::Null, _) => {}
        (value, None) => found.push(value),
        (Value::Object(members), Some((first, rest))) => {
            if let Some(member) = members.get(first) {
                follow(member, rest, found);
            }
        }
        (_, Some(_)) => {}
    }
}
