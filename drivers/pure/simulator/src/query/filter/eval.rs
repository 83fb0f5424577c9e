//! Whether an item fits a filter.

use std::cmp::Ordering;

use serde_json::Value;

use super::super::property::Property;
use super::super::wildcard::{has_wildcard, matches_exactly, matches_wildcard};
use super::ast::{Comparison, Expr, Operand, Quantifier, Subject};

type TagLookup<'a> = &'a dyn Fn(&Value, &str, &str) -> Option<String>;

pub(super) fn fits(expr: &Expr, item: &Value, tag: TagLookup<'_>) -> bool {
    match expr {
        Expr::All(parts) => parts.iter().all(|part| fits(part, item, tag)),
        Expr::Any(parts) => parts.iter().any(|part| fits(part, item, tag)),
        Expr::Not(inner) => !fits(inner, item, tag),
        Expr::Exists(property) => property.find(item).into_iter().any(is_there),
        Expr::Contains { property, part } => property
            .find(item)
            .into_iter()
            .any(|value| holds(value, part, property.ignores_case())),
        Expr::Compare {
            subject,
            comparison,
            operands,
        } => compares(subject, *comparison, operands, item, tag),
    }
}

/// "Is there, and is not false". A reference whose members are all null refers to nothing.
fn is_there(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Object(members) => members.values().any(is_there),
        Value::Array(elements) => elements.iter().any(is_there),
        _ => true,
    }
}

fn holds(value: &Value, part: &str, ignore_case: bool) -> bool {
    match value {
        Value::String(text) if ignore_case => text.to_lowercase().contains(&part.to_lowercase()),
        Value::String(text) => text.contains(part),
        _ => false,
    }
}

fn compares(
    subject: &Subject,
    comparison: Comparison,
    operands: &[Operand],
    item: &Value,
    tag: TagLookup<'_>,
) -> bool {
    // Unequal is defined as not equal, for lists and for what is absent too.
    if comparison == Comparison::NotEqual {
        return !compares(subject, Comparison::Equal, operands, item, tag);
    }
    operands.iter().any(|operand| match subject {
        Subject::Property {
            property,
            quantifier,
        } => property_compares(property, *quantifier, comparison, operand, item),
        Subject::Tag { namespace, key } => match tag(item, namespace, key) {
            Some(text) => value_compares(&Value::String(text), comparison, operand, false),
            None => *operand == Operand::Null && comparison == Comparison::Equal,
        },
    })
}

fn property_compares(
    property: &Property,
    quantifier: Quantifier,
    comparison: Comparison,
    operand: &Operand,
    item: &Value,
) -> bool {
    let found = property.find(item);
    if *operand == Operand::Null {
        return comparison == Comparison::Equal && found.is_empty();
    }
    let fits = |value: &&Value| value_compares(value, comparison, operand, property.ignores_case());
    match quantifier {
        Quantifier::Any => found.iter().any(fits),
        Quantifier::All => !found.is_empty() && found.iter().all(fits),
    }
}

fn value_compares(
    value: &Value,
    comparison: Comparison,
    operand: &Operand,
    ignore_case: bool,
) -> bool {
    match (value, operand) {
        (Value::String(text), Operand::Text(pattern))
            if comparison == Comparison::Equal && has_wildcard(pattern) =>
        {
            if ignore_case {
                matches_wildcard(pattern, text)
            } else {
                matches_exactly(pattern, text)
            }
        }
        _ => order(value, operand, ignore_case).is_some_and(|order| allows(comparison, order)),
    }
}

/// How a value stands to an operand; `None` when the two cannot be compared. A string that spells
/// a number or a truth compares with one.
fn order(value: &Value, operand: &Operand, ignore_case: bool) -> Option<Ordering> {
    match (value, operand) {
        (Value::String(text), Operand::Text(other)) if ignore_case => {
            Some(text.to_lowercase().cmp(&other.to_lowercase()))
        }
        (Value::String(text), Operand::Text(other)) => Some(text.as_str().cmp(other)),
        (Value::String(text), Operand::Number(other)) => {
            text.parse::<f64>().ok()?.partial_cmp(other)
        }
        (Value::Number(number), Operand::Text(other)) => {
            number.as_f64()?.partial_cmp(&other.trim().parse().ok()?)
        }
        (Value::Number(number), Operand::Number(other)) => number.as_f64()?.partial_cmp(other),
        (Value::Bool(truth), Operand::Bool(other)) => Some(truth.cmp(other)),
        (Value::Bool(truth), Operand::Text(other)) => {
            Some(truth.cmp(&other.to_ascii_lowercase().parse().ok()?))
        }
        _ => None,
    }
}

fn allows(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::Greater => order.is_gt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}
