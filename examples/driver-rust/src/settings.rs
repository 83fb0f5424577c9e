//! What an administrator sets for an array.

use serde::Deserialize;
use serde_json::{Value, json};

/// The settings. The secret beside them is `api_token`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where the array's API is.
    pub(crate) url: String,
}

/// The JSON Schema of [`Settings`]: `protector-manage driver show shelf` prints it.
pub(crate) fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "url": {
                "type": "string",
                "format": "uri",
                "description": "Where the array's API is, such as http://shelf-1.example:8080.",
            },
        },
        "required": ["url"],
        "additionalProperties": false,
    })
}
