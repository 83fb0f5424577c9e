//! `sort=name,started-`: properties in order of weight, each with a minus behind it to turn the
//! order round.

use std::cmp::Ordering;

use serde_json::Value;

use super::QueryError;
use super::property::Property;

/// An order of items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sort {
    keys: Vec<Key>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    property: Property,
    descending: bool,
}

impl Sort {
    /// Reads the elements of a `sort` parameter. The minus stands behind the property; in front
    /// of it, it is an error, as the published pattern of the parameter has it.
    pub(crate) fn parse(elements: &[String]) -> Result<Self, QueryError> {
        let keys = elements
            .iter()
            .map(|element| Key::parse(element))
            .collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// Puts the items in order. Items that do not differ stay as they are to each other. An item
    /// without the property comes first, last when descending.
    pub(crate) fn apply(&self, items: &mut [Value]) {
        items.sort_by(|a, b| {
            self.keys
                .iter()
                .map(|key| key.compare(a, b))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        });
    }
}

impl Key {
    fn parse(element: &str) -> Result<Self, QueryError> {
        let (path, descending) = match element.strip_suffix('-') {
            Some(path) => (path, true),
            None => (element, false),
        };
        let well_formed = !path.is_empty()
            && path.split('.').all(|segment| {
                segment.starts_with(|c: char| c.is_ascii_lowercase())
                    && segment
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            });
        if !well_formed {
            return Err(QueryError::new(
                "sort",
                format!("'{element}' is not a property, with or without a minus behind it"),
            ));
        }
        Ok(Self {
            property: Property::new(path),
            descending,
        })
    }

    fn compare(&self, a: &Value, b: &Value) -> Ordering {
        let ignore_case = self.property.ignores_case();
        let a = self.property.find(a).first().copied();
        let b = self.property.find(b).first().copied();
        let order = match (a, b) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => compare_values(a, b, ignore_case),
        };
        if self.descending {
            order.reverse()
        } else {
            order
        }
    }
}

fn compare_values(a: &Value, b: &Value, ignore_case: bool) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a
                .as_f64()
                .partial_cmp(&b.as_f64())
                .unwrap_or(Ordering::Equal),
        },
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) if ignore_case => {
            a.to_lowercase().cmp(&b.to_lowercase())
        }
        (Value::String(a), Value::String(b)) => a.cmp(b),
        // A property has one type; for values of two there is no order to keep.
        _ => Ordering::Equal,
    }
}
