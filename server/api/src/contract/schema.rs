//! Checks a value against its schema in the published document and collects everything that is
//! wrong, where a parser would stop at the first mistake.

use serde_json::{Map, Value};

/// Checks values against the schemas of one document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checker<'a> {
    /// `components.schemas` of the document.
    pub(crate) schemas: &'a Map<String, Value>,
}

impl Checker<'_> {
    /// Adds one line to `wrong` for each part of `value` that the schema does not allow.
    pub(crate) fn check(&self, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
        let schema = self.resolve(schema);
        if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
            for part in all {
                self.check(part, value, at, wrong);
            }
            return;
        }
        let Some(kind) = schema.get("type").and_then(Value::as_str) else {
            return;
        };
        let before = wrong.len();
        match (kind, value) {
            ("object", Value::Object(fields)) => self.check_object(schema, fields, at, wrong),
            ("array", Value::Array(items)) => self.check_array(schema, items, at, wrong),
            ("string", Value::String(text)) => check_text(schema, text, at, wrong),
            ("integer", Value::Number(n)) if n.is_i64() || n.is_u64() => {
                check_number(schema, n.as_f64(), at, wrong);
            }
            ("number", Value::Number(n)) => check_number(schema, n.as_f64(), at, wrong),
            ("boolean", Value::Bool(_)) => {}
            _ => wrong.push(format!("{at}: must be {}", article(kind))),
        }
        if wrong.len() == before {
            check_enum(schema, value, at, wrong);
        }
    }

    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let name = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| reference.strip_prefix("#/components/schemas/"));
        name.and_then(|name| self.schemas.get(name))
            .unwrap_or(schema)
    }

    fn check_object(
        &self,
        schema: &Value,
        fields: &Map<String, Value>,
        at: &str,
        wrong: &mut Vec<String>,
    ) {
        let nothing = Map::new();
        let known = schema
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(&nothing);
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        for name in &required {
            if fields.get(*name).is_none_or(Value::is_null) {
                wrong.push(format!("{}: is missing", join(at, name)));
            }
        }
        for (name, value) in fields {
            let place = join(at, name);
            match (known.get(name), schema.get("additionalProperties")) {
                // `null` is the same as leaving the field out.
                (Some(_), _) if value.is_null() => {}
                (Some(schema), _) => self.check(schema, value, &place, wrong),
                (None, Some(Value::Bool(false))) => {
                    wrong.push(format!("{place}: is not a field{}", hint(name, known)));
                }
                (None, Some(schema @ Value::Object(_))) => self.check(schema, value, &place, wrong),
                (None, _) => {}
            }
        }
    }

    fn check_array(&self, schema: &Value, items: &[Value], at: &str, wrong: &mut Vec<String>) {
        let limit = |name| schema.get(name).and_then(Value::as_u64);
        let count = items.len() as u64;
        if let Some(most) = limit("maxItems").filter(|most| count > *most) {
            wrong.push(format!("{at}: must not have more than {most} entries"));
        }
        if let Some(least) = limit("minItems").filter(|least| count < *least) {
            wrong.push(format!("{at}: must have at least {least} entries"));
        }
        if let Some(schema) = schema.get("items") {
            for (i, item) in items.iter().enumerate() {
                self.check(schema, item, &format!("{at}[{i}]"), wrong);
            }
        }
    }
}

/// Reads a query parameter as the JSON value that its schema describes.
pub(crate) fn from_text(schema: &Value, text: &str) -> Value {
    let parsed = || serde_json::from_str::<Value>(text).ok();
    match schema.get("type").and_then(Value::as_str) {
        Some("integer" | "number") => parsed().filter(Value::is_number),
        Some("boolean") => match text.to_ascii_lowercase().as_str() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    }
    .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn check_text(schema: &Value, text: &str, at: &str, wrong: &mut Vec<String>) {
    let limit = |name| schema.get(name).and_then(Value::as_u64);
    let length = text.chars().count() as u64;
    if let Some(most) = limit("maxLength").filter(|most| length > *most) {
        wrong.push(format!("{at}: must not be longer than {most} characters"));
    }
    if let Some(least) = limit("minLength").filter(|least| length < *least) {
        wrong.push(match least {
            1 => format!("{at}: must not be empty"),
            _ => format!("{at}: must have at least {least} characters"),
        });
    }
    if text.contains('\0') {
        wrong.push(format!("{at}: must not contain a NUL character"));
    }
    let is = match schema.get("format").and_then(Value::as_str) {
        Some("uuid") => (uuid::Uuid::try_parse(text).is_ok(), "a UUID"),
        Some("uri") => (is_url(text), "a URL without a user or password in it"),
        Some("date-time") => (
            chrono::DateTime::parse_from_rfc3339(text).is_ok(),
            "a time such as 2026-11-23T15:04:05Z",
        ),
        _ => (true, ""),
    };
    if !is.0 {
        wrong.push(format!("{at}: must be {}", is.1));
    }
}

/// An absolute URL without a user or a password in it; which schemes make sense is the driver's
/// to say.
fn is_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        text.contains("://") && url.username().is_empty() && url.password().is_none()
    })
}

fn check_number(schema: &Value, n: Option<f64>, at: &str, wrong: &mut Vec<String>) {
    let limit = |name| schema.get(name).and_then(Value::as_f64);
    let n = n.unwrap_or(f64::NAN);
    let (least, most) = (limit("minimum"), limit("maximum"));
    if least.is_some_and(|least| n < least) || most.is_some_and(|most| n > most) {
        wrong.push(match (least, most) {
            (Some(least), Some(most)) => format!("{at}: must be from {least} to {most}"),
            (Some(least), None) => format!("{at}: must be at least {least}"),
            (_, most) => format!("{at}: must be at most {}", most.unwrap_or_default()),
        });
    }
}

fn check_enum(schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    if let Some(known) = schema.get("enum").and_then(Value::as_array)
        && !known.contains(value)
    {
        let known: Vec<_> = known.iter().filter_map(Value::as_str).collect();
        wrong.push(format!("{at}: must be one of {}", known.join(", ")));
    }
}

fn join(at: &str, name: &str) -> String {
    match at {
        "" | "body" => name.to_owned(),
        _ => format!("{at}.{name}"),
    }
}

fn article(kind: &str) -> &'static str {
    match kind {
        "object" => "an object",
        "array" => "a list",
        "string" => "a text",
        "integer" => "an integer",
        "boolean" => "true or false",
        _ => "a number",
    }
}

/// The fields that there are, for whoever mistyped one.
fn hint(name: &str, known: &Map<String, Value>) -> String {
    let plain = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
    let close = known.keys().find(|k| plain(k) == plain(name));
    match close {
        Some(close) => format!(" (did you mean `{close}`?)"),
        None if known.is_empty() => String::new(),
        None => {
            let names: Vec<_> = known.keys().map(String::as_str).collect();
            format!(" (known: {})", names.join(", "))
        }
    }
}
