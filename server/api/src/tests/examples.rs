//! Every example of the document, asked. Their answers are in the document too: with
//! `PROTECTOR_WRITE_EXAMPLES=1` this test writes them anew.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::World;
use crate::contract::Checker;

const ANSWERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/document/answers.json");

/// One example: what the document says is asked and answered.
struct Example {
    operation: String,
    name: String,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<Value>,
    status: u16,
    /// The answers of this operation with this status.
    answer: Value,
}

/// All examples, and what is wrong with the operations that have none.
fn examples(document: &Value) -> (Vec<Example>, Vec<String>) {
    let (mut all, mut missing) = (Vec::new(), Vec::new());
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let found = of_operation(path, method, operation);
            if found.is_empty() {
                missing.push(format!("{method} {path} has no example"));
            }
            all.extend(found);
        }
    }
    (all, missing)
}

fn of_operation(path: &str, method: &str, operation: &Value) -> Vec<Example> {
    let bodies = operation.pointer("/requestBody/content/application~1json/examples");
    let names = answers(operation);
    if let Some(bodies) = bodies.and_then(Value::as_object) {
        let asked: BTreeSet<&String> = bodies.keys().collect();
        let answered: BTreeSet<&String> = names.iter().map(|(name, ..)| name).collect();
        assert_eq!(asked, answered, "{method} {path}");
    }
    let (url, headers) = placed(path, operation);
    let made = names.into_iter().map(|(name, status, answer)| Example {
        operation: operation["operationId"].as_str().unwrap().to_owned(),
        method: method.to_uppercase(),
        url: url.clone(),
        headers: headers.clone(),
        body: bodies.map(|bodies| bodies[&name]["value"].clone()),
        name,
        status,
        answer,
    });
    made.collect()
}

/// The examples among the answers of an operation: name, status and the answer's description.
fn answers(operation: &Value) -> Vec<(String, u16, Value)> {
    let mut all = Vec::new();
    for (status, response) in operation["responses"].as_object().unwrap() {
        let status: u16 = status.parse().unwrap();
        let mut add = |name: &str| all.push((name.to_owned(), status, response.clone()));
        if let Some(name) = response["x-example"].as_str() {
            add(name);
        }
        let examples = media(response).and_then(|media| media["examples"].as_object());
        examples
            .into_iter()
            .flat_map(Map::keys)
            .for_each(|n| add(n));
    }
    all
}

fn media(response: &Value) -> Option<&Value> {
    let types = response["content"].as_object()?;
    types.get("text/plain").or_else(|| types.values().next())
}

/// The URL and the headers that the examples of the parameters give.
fn placed(path: &str, operation: &Value) -> (String, Vec<(String, String)>) {
    let mut url = path.to_owned();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let mut headers = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let text = match &parameter["example"] {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match parameter["in"].as_str().unwrap() {
            "path" => url = url.replace(&format!("{{{name}}}"), &text),
            "query" => drop(query.append_pair(name, &text)),
            _ => headers.push((name.to_owned(), text)),
        }
    }
    let query = query.finish();
    match query.is_empty() {
        true => (url, headers),
        false => (format!("{url}?{query}"), headers),
    }
}

fn token(operation: &str) -> &'static str {
    match operation {
        "fail_over_site" => "dr_site_admin@a1b2c3",
        _ if operation.starts_with("peer_") => "service@services",
        _ => "admin@a1b2c3",
    }
}

impl Example {
    /// Asks, and gives back what was answered, `None` for nothing.
    async fn ask(&self, world: &World, document: &Value) -> Result<Option<Value>, String> {
        let what = format!("{} `{}`", self.operation, self.name);
        assert!(!self.url.contains('{'), "{what}: {}", self.url);
        let mut headers = vec![
            ("X-Auth-Token", token(&self.operation)),
            ("Host", "protector.example.com:8788"),
        ];
        headers.extend(self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let body = self.body.as_ref().map(Value::to_string);
        let answer = world
            .ask(&self.method, &self.url, &headers, body.as_deref())
            .await;
        if answer.status != self.status {
            return Err(format!("{what}: {} {}", answer.status, answer.text));
        }
        let Some(media) = media(&self.answer) else {
            return match answer.text.is_empty() {
                true => Ok(None),
                false => Err(format!("{what}: a body where there is none")),
            };
        };
        let told = match answer
            .header("content-type")
            .starts_with("application/json")
        {
            true => answer.json(),
            false => Value::from(answer.text),
        };
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut wrong = Vec::new();
        Checker { schemas }.check(&media["schema"], &told, "body", &mut wrong);
        match wrong.is_empty() {
            true => Ok(Some(told)),
            false => Err(format!("{what}: {}", wrong.join("; "))),
        }
    }
}

#[tokio::test]
async fn every_operation_has_examples_and_each_is_answered_as_the_document_says() {
    let document = crate::openapi_document();
    let write = std::env::var_os("PROTECTOR_WRITE_EXAMPLES").is_some();
    let (examples, mut wrong) = examples(&document);
    let world = World::new();
    let mut all = json!({});
    for example in &examples {
        match example.ask(&world, &document).await {
            Ok(told) => {
                let kept = media(&example.answer)
                    .map(|media| media["examples"][&example.name]["value"].clone());
                if !write && told != kept {
                    wrong.push(format!(
                        "{} `{}`: the document says {kept:?}, it was {told:?}",
                        example.operation, example.name
                    ));
                }
                if let Some(told) = told {
                    all[&example.operation][&example.name] = told;
                }
            }
            Err(reason) => wrong.push(reason),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(examples.len() > 70, "{}", examples.len());
    if write {
        let text = serde_json::to_string_pretty(&all).unwrap();
        std::fs::write(ANSWERS, text + "\n").unwrap();
    }
}
