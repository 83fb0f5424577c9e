//! What the published document promises is what the server enforces: paths, methods, query fields
//! and bodies are checked against the document itself before a handler sees them.

mod schema;

use std::collections::BTreeMap;

use poem::http::{Method, StatusCode, header};
use serde_json::{Map, Value};

use crate::failure::Failure;
pub(crate) use schema::{Checker, from_text};

/// The document as a table of routes.
#[derive(Debug)]
pub(crate) struct Contract {
    schemas: Map<String, Value>,
    routes: Vec<Route>,
}

#[derive(Debug)]
struct Route {
    segments: Vec<Segment>,
    operations: BTreeMap<String, Operation>,
}

#[derive(Debug)]
enum Segment {
    Literal(String),
    Parameter,
}

/// One method of one path.
#[derive(Debug)]
pub(crate) struct Operation {
    /// Its `operationId`.
    pub(crate) id: String,
    /// The policy rule that guards it; `None` where it answers everybody.
    pub(crate) rule: Option<String>,
    query: BTreeMap<String, Value>,
    body: Option<Value>,
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// An operation.
    Operation(&'a Operation),
    /// The path exists; these are its methods, as the `Allow` header writes them.
    OtherMethods(String),
    /// There is no such path.
    Nothing,
}

impl Contract {
    /// Reads the document. What it leaves out is not served.
    pub(crate) fn new(document: &Value) -> Self {
        let object = |value: Option<&Value>| {
            value
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default()
        };
        let routes = object(document.get("paths"))
            .iter()
            .map(|(path, methods)| Route {
                segments: split(path).map(Segment::of).collect(),
                operations: object(Some(methods))
                    .iter()
                    .filter_map(|(method, operation)| {
                        Some((method.to_ascii_uppercase(), Operation::read(operation)?))
                    })
                    .collect(),
            })
            .collect();
        Self {
            schemas: object(document.pointer("/components/schemas")),
            routes,
        }
    }

    /// What a path leads to, a literal segment before a parameter. `HEAD` is `GET` without a body.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let asked: Vec<&str> = split(path).collect();
        let route = self
            .routes
            .iter()
            .filter(|route| route.matches(&asked))
            .min_by_key(|route| route.parameters());
        let Some(route) = route else {
            return Found::Nothing;
        };
        let name = if *method == Method::HEAD {
            "GET"
        } else {
            method.as_str()
        };
        match route.operations.get(name) {
            Some(operation) => Found::Operation(operation),
            None => Found::OtherMethods(route.allow()),
        }
    }

    /// Names every query field that is unknown, repeated or wrong.
    pub(crate) fn check_query(
        &self,
        operation: &Operation,
        query: &[(String, String)],
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let checker = Checker {
            schemas: &self.schemas,
        };
        for (name, text) in query {
            if !seen.insert(name) {
                wrong.push(format!("{name}: is given more than once"));
            } else if let Some(schema) = operation.query.get(name) {
                checker.check(schema, &from_text(schema, text), name, &mut wrong);
            } else {
                let known: Vec<_> = operation.query.keys().map(String::as_str).collect();
                wrong.push(match known.is_empty() {
                    true => format!("{name}: is not a query field; this call has none"),
                    false => format!("{name}: is not a query field (known: {})", known.join(", ")),
                });
            }
        }
        wrong
    }

    /// The body that the handler gets; `null` for a call that takes none.
    ///
    /// # Errors
    /// A line for each thing that is wrong.
    pub(crate) fn check_body(
        &self,
        operation: &Operation,
        bytes: &[u8],
    ) -> Result<Value, Vec<String>> {
        let given = match bytes.iter().all(u8::is_ascii_whitespace) {
            true => None,
            false => Some(
                serde_json::from_slice(bytes)
                    .map_err(|error| vec![format!("body: is not JSON: {error}")])?,
            ),
        };
        // No body at all is one without fields; the schema says whether that will do.
        let value = given.unwrap_or_else(|| Value::Object(Map::new()));
        let Some(schema) = &operation.body else {
            return match value.as_object().is_some_and(Map::is_empty) {
                true => Ok(Value::Null),
                false => Err(vec!["body: this call takes none".to_owned()]),
            };
        };
        // Here, and not by each schema: the parser behind this takes `null` for an object without fields.
        if value.is_null() {
            return Err(vec!["body: must be an object".to_owned()]);
        }
        let mut wrong = Vec::new();
        let checker = Checker {
            schemas: &self.schemas,
        };
        checker.check(schema, &value, "body", &mut wrong);
        match wrong.is_empty() {
            true => Ok(value),
            false => Err(wrong),
        }
    }
}

impl Segment {
    fn of(text: &str) -> Self {
        match text.starts_with('{') {
            true => Self::Parameter,
            false => Self::Literal(text.to_owned()),
        }
    }
}

impl Route {
    fn matches(&self, asked: &[&str]) -> bool {
        self.segments.len() == asked.len()
            && self
                .segments
                .iter()
                .zip(asked)
                .all(|(segment, text)| match segment {
                    Segment::Literal(literal) => literal == text,
                    Segment::Parameter => !text.is_empty(),
                })
    }

    fn parameters(&self) -> usize {
        self.segments
            .iter()
            .filter(|s| matches!(s, Segment::Parameter))
            .count()
    }

    fn allow(&self) -> String {
        let mut methods: Vec<&str> = self.operations.keys().map(String::as_str).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.sort_unstable();
        methods.join(", ")
    }
}

impl Operation {
    /// `None` for an operation that no rule guards and that is not meant for everybody.
    fn read(operation: &Value) -> Option<Self> {
        let text = |name: &str| {
            operation
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let parameters = operation
            .get("parameters")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let query = parameters
            .iter()
            .filter(|p| p.get("in").and_then(Value::as_str) == Some("query"))
            .filter_map(|p| {
                let name = p.get("name")?.as_str()?.to_owned();
                Some((name, p.get("schema")?.clone()))
            })
            .collect();
        let body = operation.get("requestBody").and_then(|body| {
            let content = body.get("content")?.as_object()?.values().next()?;
            content.get("schema").cloned()
        });
        let id = text("operationId")?;
        let rule = text(crate::document::RULE);
        let served = rule.is_some() || crate::rules::is_public(&id);
        served.then_some(Self {
            id,
            rule,
            query,
            body,
        })
    }
}

/// 405 with the methods that there are.
pub(crate) fn method_not_allowed(method: &Method, allow: &str) -> Failure {
    Failure::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "protector.method_not_allowed",
        format!("{method} is not possible here; possible: {allow}"),
    )
    .with_header(header::ALLOW, allow)
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    path.trim_matches('/').split('/')
}
