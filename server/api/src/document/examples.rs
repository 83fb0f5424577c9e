//! Examples: `examples.json` holds what is asked, by hand; `answers.json` what was answered to it, as
//! a test wrote it down that asks all of them (`tests/examples.rs`).

use serde_json::{Map, Value, json};

const ASKED: &str = include_str!("examples.json");
const ANSWERED: &str = include_str!("answers.json");

/// All examples with their answers, by operation.
#[derive(Debug)]
pub(super) struct Examples {
    asked: Map<String, Value>,
    answered: Map<String, Value>,
}

impl Examples {
    /// Reads both files; a test fails for each operation that is in neither.
    pub(super) fn read() -> Self {
        let read = |text| serde_json::from_str(text).unwrap_or_default();
        Self {
            asked: read(ASKED),
            answered: read(ANSWERED),
        }
    }

    /// Puts the examples of an operation where the document has them: at its parameters, its body
    /// and its answers.
    pub(super) fn describe(&self, path: &str, operation: &mut Map<String, Value>) {
        let id = operation.get("operationId").and_then(Value::as_str);
        let id = id.unwrap_or_default().to_owned();
        let all = self.asked.get(&id).and_then(Value::as_array);
        for example in all.into_iter().flatten() {
            let name = example["name"].as_str().unwrap_or_default();
            if let Some(body) = example.get("body") {
                let content = operation
                    .get_mut("requestBody")
                    .and_then(|body| body.get_mut("content"));
                let shown = json!({ "summary": example["summary"], "value": body });
                add(content, name, shown);
            }
            let status = example["status"].as_u64().unwrap_or(200).to_string();
            let answer = operation
                .get_mut("responses")
                .and_then(|responses| responses.get_mut(&status));
            if let Some(answer) = answer {
                self.describe_answer(&id, example, answer);
            }
        }
        let first = all.and_then(|all| all.first());
        let parameters = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            describe_parameter(path, first, parameter);
        }
    }

    fn describe_answer(&self, id: &str, example: &Value, answer: &mut Value) {
        let name = example["name"].as_str().unwrap_or_default();
        let told = self.answered.get(id).and_then(|all| all.get(name));
        match answer.get_mut("content") {
            content @ Some(_) => {
                let mut shown = json!({ "summary": example["summary"] });
                if let Some(told) = told {
                    shown["value"] = told.clone();
                }
                add(content, name, shown);
            }
            // There is nothing to show of an answer without a body.
            None => answer["x-example"] = name.into(),
        }
    }
}

/// Adds an example to the media type of a body; where there are several, to plain text.
fn add(content: Option<&mut Value>, name: &str, example: Value) {
    let Some(types) = content.and_then(Value::as_object_mut) else {
        return;
    };
    let text = types.contains_key("text/plain");
    let mut all = types.iter_mut();
    let media = all.find(|(kind, _)| !text || *kind == "text/plain");
    if let Some((_, media)) = media {
        media["examples"][name] = example;
    }
}

fn describe_parameter(path: &str, first: Option<&Value>, parameter: &mut Value) {
    let name = parameter["name"].as_str().unwrap_or_default();
    let given = match parameter["in"].as_str() {
        Some("path") => Some(in_path(path, name).into()),
        Some("query") => first.and_then(|first| first["query"].get(name).cloned()),
        Some("header") => first.and_then(|first| first["headers"].get(name).cloned()),
        _ => None,
    };
    if let Some(value) = given {
        parameter["example"] = value;
    }
}

/// What stands for a parameter of a path.
fn in_path(path: &str, name: &str) -> &'static str {
    match name {
        "tenant_id" => "a1b2c3",
        "pg" => "web",
        "site" => "site-1",
        "member" => "00000000-0000-0000-0000-000000000028",
        "op" => "00000000-0000-0000-0000-0000000000c9",
        _ if path.contains("quota-sets") => "a1b2c3",
        _ if path.contains("tenant-mappings") => "00000000-0000-0000-0000-000000000005",
        _ if path.contains("operations") => "00000000-0000-0000-0000-0000000000c9",
        _ => "00000000-0000-0000-0000-000000000065",
    }
}
