//! Fields that may be left out may also be `null`, in requests and in answers; the document says so.

use serde_json::{Map, Value, json};

/// Fields for which `null` is not the same as nothing: an action that needs its options.
const NEVER: &[(&str, &str)] = &[("OperationActionBody", "skip")];

/// Marks every field of every schema that is not required.
pub(super) fn mark(document: &mut Value) {
    let schemas = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut);
    for (title, schema) in schemas.into_iter().flatten() {
        let required: Vec<String> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
        for (name, field) in fields.into_iter().flatten() {
            let never = required.contains(name) || NEVER.contains(&(title, name));
            if let (false, Some(field)) = (never, field.as_object_mut()) {
                mark_field(field);
            }
        }
    }
}

fn mark_field(field: &mut Map<String, Value>) {
    // Beside a reference nothing else counts.
    if let Some(reference) = field.remove("$ref") {
        field.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
    }
    if let Some(values) = field.get_mut("enum").and_then(Value::as_array_mut)
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    field.insert("nullable".to_owned(), Value::Bool(true));
}
