//! The few habits of Python that the language of oslo.policy shows: how values become text, how
//! `%(name)s` is filled in, and which words are literals.

use serde_json::{Map, Value};

/// Why a check cannot be decided; whoever asks is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CheckError(pub(crate) String);

/// A value as Python's `str` writes it.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => repr(other),
    }
}

fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(repr).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => mapping(map),
    }
}

fn mapping(map: &Map<String, Value>) -> String {
    let pairs: Vec<_> = map
        .iter()
        .map(|(key, value)| format!("{}: {}", quoted(key), repr(value)))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c == quote => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// Fills `%(name)s` and `%(name)d` from `target`; `None` where a name is not in it. Dots in a name
/// are part of it.
///
/// # Errors
/// A `%` that Python would not accept.
pub(crate) fn fill(
    template: &str,
    target: &Map<String, Value>,
) -> Result<Option<String>, CheckError> {
    let refuse = || Err(CheckError(format!("`{template}` is no valid % format")));
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
        } else if let Some(after) = after.strip_prefix('s') {
            out.push_str(&mapping(target));
            rest = after;
        } else if let Some((name, after)) = after
            .strip_prefix('(')
            .and_then(|inner| inner.split_once(')'))
        {
            let Some(value) = target.get(name) else {
                return Ok(None);
            };
            rest = match (after.chars().next(), value) {
                (Some('s'), value) => {
                    out.push_str(&text(value));
                    &after[1..]
                }
                (Some('d'), Value::Number(number)) => {
                    out.push_str(&whole(number));
                    &after[1..]
                }
                _ => return refuse(),
            };
        } else {
            return refuse();
        }
    }
    out.push_str(rest);
    Ok(Some(out))
}

fn whole(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => format!("{:.0}", float.trunc()),
        _ => number.to_string(),
    }
}

/// What the left side of a check is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    /// A literal, as text.
    Literal(String),
    /// A path into the credentials.
    Path(Vec<String>),
}

/// Reads the left side of a check.
///
/// # Errors
/// Where it is neither a literal nor a name.
pub(crate) fn left(source: &str) -> Result<Left, CheckError> {
    let literal = match source {
        "True" | "False" | "None" => Some(source.to_owned()),
        _ => string(source).or_else(|| number(source)),
    };
    if let Some(literal) = literal {
        return Ok(Left::Literal(literal));
    }
    let is_name = source.split('.').all(|part| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part
                .chars()
                .all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    });
    if is_name {
        Ok(Left::Path(source.split('.').map(str::to_owned).collect()))
    } else {
        Err(CheckError(format!(
            "`{source}` is neither a literal nor the name of a credential"
        )))
    }
}

fn string(source: &str) -> Option<String> {
    ['\'', '"'].into_iter().find_map(|quote| {
        let inner = source.strip_prefix(quote)?.strip_suffix(quote)?;
        // Escapes are too rare in rules to be worth their code: they stay what they are not.
        (!inner.contains([quote, '\\'])).then(|| inner.to_owned())
    })
}

fn number(source: &str) -> Option<String> {
    let (sign, digits) = match source.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", source.strip_prefix('+').unwrap_or(source)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let Some(value) = whole_number(digits) {
        return Some(if value == 0 {
            "0".to_owned()
        } else {
            format!("{sign}{value}")
        });
    }
    let is_float = digits.contains(['.', 'e', 'E'])
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '-' | '+'));
    let value = digits.parse::<f64>().ok().filter(|_| is_float)?;
    Some(format!("{sign}{value:?}"))
}

fn whole_number(digits: &str) -> Option<u64> {
    let lower = digits.to_ascii_lowercase();
    let (radix, body) = ["0x", "0o", "0b"]
        .iter()
        .zip([16, 8, 2])
        .find_map(|(prefix, radix)| Some((radix, lower.strip_prefix(prefix)?)))
        .unwrap_or((10, lower.as_str()));
    let grouped = !body.contains("__") && !body.ends_with('_') && !body.starts_with('_');
    let body = body.replace('_', "");
    let zero_first = radix == 10 && body.starts_with('0') && body.chars().any(|c| c != '0');
    if !grouped || zero_first || body.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(&body, radix).ok()
}
