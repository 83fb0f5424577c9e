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

/// A value as Python's `repr` writes it.
pub(crate) fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => exponent(number.to_string()),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(repr).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => mapping(map),
    }
}

/// An exponent has two digits at least.
fn exponent(number: String) -> String {
    match number.split_once("e-") {
        Some((digits, exponent)) if exponent.len() == 1 => format!("{digits}e-0{exponent}"),
        _ => number,
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

/// Fills `%(name)s` and its like from `target`; `None` where a name is not in it. Dots in a name are
/// part of it.
///
/// # Errors
/// A `%` that Python would not accept, or one of the rarer of its forms.
pub(crate) fn fill(
    template: &str,
    target: &Map<String, Value>,
) -> Result<Option<String>, CheckError> {
    let refuse = || CheckError(format!("`{template}` is no valid % format"));
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
            let (form, after) = Form::read(after).ok_or_else(refuse)?;
            out.push_str(&form.write(value).ok_or_else(refuse)?);
            rest = after;
        } else {
            return Err(refuse());
        }
    }
    out.push_str(rest);
    Ok(Some(out))
}

/// How a value is written: what stands between `%(name)` and its letter.
struct Form<'a> {
    flags: &'a str,
    width: usize,
    precision: Option<usize>,
    letter: char,
}

impl<'a> Form<'a> {
    fn read(text: &'a str) -> Option<(Self, &'a str)> {
        let (flags, rest) = span(text, |c| "-+ 0#".contains(c));
        let (width, rest) = span(rest, |c| c.is_ascii_digit());
        let (precision, rest) = match rest.strip_prefix('.') {
            Some(rest) => {
                let (digits, rest) = span(rest, |c| c.is_ascii_digit());
                (Some(digits), rest)
            }
            None => (None, rest),
        };
        let rest = rest.strip_prefix(['h', 'l', 'L']).unwrap_or(rest);
        let letter = rest.chars().next()?;
        // What asks for more than this is no rule but an attack on memory.
        let number = |digits: &str| match digits {
            "" => Some(0),
            digits => digits.parse::<usize>().ok().filter(|number| *number < 1000),
        };
        let form = Self {
            flags,
            width: number(width)?,
            precision: match precision {
                Some(digits) => Some(number(digits)?),
                None => None,
            },
            letter,
        };
        Some((form, rest.get(letter.len_utf8()..)?))
    }

    fn write(&self, value: &Value) -> Option<String> {
        match self.letter {
            's' => Some(self.text(text(value))),
            'r' => Some(self.text(repr(value))),
            'd' | 'i' | 'u' => Some(self.number(whole(value)?, |n| n.to_string())),
            'x' | 'X' | 'o' if value.is_f64() => None,
            'x' => Some(self.number(whole(value)?, |n| format!("{n:x}"))),
            'X' => Some(self.number(whole(value)?, |n| format!("{n:X}"))),
            'o' => Some(self.number(whole(value)?, |n| format!("{n:o}"))),
            _ => None,
        }
    }

    fn text(&self, text: String) -> String {
        let text: String = match self.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text,
        };
        let blanks = " ".repeat(self.width.saturating_sub(text.chars().count()));
        match self.flags.contains('-') {
            true => text + &blanks,
            false => blanks + &text,
        }
    }

    fn number(&self, number: i128, digits: impl Fn(u128) -> String) -> String {
        let sign = match number {
            ..0 => "-",
            _ if self.flags.contains('+') => "+",
            _ if self.flags.contains(' ') => " ",
            _ => "",
        };
        let mut digits = digits(number.unsigned_abs());
        let left = self.flags.contains('-');
        let least = match self.flags.contains('0') && !left {
            true => self.width.saturating_sub(sign.len()),
            false => self.precision.unwrap_or(0),
        };
        digits.insert_str(0, &"0".repeat(least.saturating_sub(digits.len())));
        let form = Self {
            precision: None,
            ..*self
        };
        form.text(format!("{sign}{digits}"))
    }
}

fn span(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// As Python's `int` takes it: decimals are cut off.
fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Bool(yes) => Some(i128::from(*yes)),
        Value::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
            // A cast of a float ends at the type's limits.
            .or_else(|| number.as_f64().map(|float| float.trunc() as i128)),
        _ => None,
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
