//! Reading bodies: lenient as an array is, and each complaint with the member's name.

use serde_json::Value;

use crate::state::{ApiError, Outcome, Qos};

/// A text member; absent and null are none.
pub(super) fn text<'a>(body: &'a Value, member: &str) -> Outcome<Option<&'a str>> {
    match &body[member] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(invalid(member)),
    }
}

pub(super) fn flag(body: &Value, member: &str) -> Outcome<Option<bool>> {
    match &body[member] {
        Value::Null => Ok(None),
        Value::Bool(value) => Ok(Some(*value)),
        _ => Err(invalid(member)),
    }
}

/// A whole number.
pub(super) fn number(body: &Value, member: &str) -> Outcome<Option<i64>> {
    match &body[member] {
        Value::Null => Ok(None),
        value => value
            .as_i64()
            .or_else(|| value.as_str()?.parse().ok())
            .map(Some)
            .ok_or_else(|| invalid(member)),
    }
}

pub(super) fn size(body: &Value, member: &str) -> Outcome<Option<u64>> {
    let number = number(body, member)?;
    number
        .map(|n| u64::try_from(n).map_err(|_| invalid(member)))
        .transpose()
}

/// The name in a reference, such as `{"source": {"name": …}}`.
pub(super) fn name_of<'a>(body: &'a Value, member: &str) -> Outcome<Option<&'a str>> {
    match &body[member] {
        Value::Null => Ok(None),
        reference @ Value::Object(_) => text(reference, "name"),
        _ => Err(invalid(member)),
    }
}

/// The names in a list of references.
pub(super) fn names_of(body: &Value, member: &str) -> Outcome<Vec<String>> {
    let list = match &body[member] {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list,
        _ => return Err(invalid(member)),
    };
    list.iter()
        .map(|reference| {
            let name = text(reference, "name")?;
            name.map(str::to_owned).ok_or_else(|| invalid(member))
        })
        .collect()
}

/// A list of texts.
pub(super) fn texts(body: &Value, member: &str) -> Outcome<Option<Vec<String>>> {
    match &body[member] {
        Value::Null => Ok(None),
        Value::Array(list) => list
            .iter()
            .map(|text| {
                text.as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| invalid(member))
            })
            .collect::<Outcome<_>>()
            .map(Some),
        _ => Err(invalid(member)),
    }
}

/// Limits over those that are held; the empty text and null clear one.
pub(super) fn qos(body: &Value, held: Qos) -> Outcome<Option<Qos>> {
    let Some(wanted) = body.get("qos").and_then(Value::as_object) else {
        return Ok(None);
    };
    let limit = |member: &str, held: Option<u64>| match wanted.get(member) {
        None => Ok(held),
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(_) => size(&body["qos"], member),
    };
    Ok(Some(Qos {
        iops: limit("iops_limit", held.iops)?,
        bandwidth: limit("bandwidth_limit", held.bandwidth)?,
    }))
}

pub(super) fn invalid(member: &str) -> ApiError {
    ApiError {
        status: 400,
        context: Some(member.to_owned()),
        message: format!("Invalid value for {member}."),
    }
}
