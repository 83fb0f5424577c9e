//! The published specification: what the handlers declare, and what holds for all of them.

mod examples;
mod nullable;
mod refusals;

use poem_openapi::OpenApiService;
use serde_json::{Map, Value, json};

use self::examples::Examples;
use crate::listing::ListSpec;
use crate::routes::{Api, apis};
use crate::rules;

/// Where an operation of the document names the policy rule that guards it.
pub(crate) const RULE: &str = "x-policy-rule";

const DESCRIPTION: &str = "Disaster recovery for OpenStack: protection groups of servers, \
    replicated by storage arrays to a second cloud, failed over and brought home by one call.\n\n\
    Clients send a Keystone token in `X-Auth-Token`. Paths below `/v1/{tenant_id}` may also be \
    written without the project, which is then the token's; `/v1/{tenant_id}/admin/...`, \
    `/v1/{tenant_id}/health` and `/v1/{tenant_id}/sites` lead to the same as without the project. \
    The header `OpenStack-API-Version: protector <version>` chooses the microversion. Every answer \
    has `X-Openstack-Request-Id`.";

/// The service around these handlers.
pub(crate) fn service(api: Api) -> OpenApiService<impl poem_openapi::OpenApi, ()> {
    OpenApiService::new(apis(api), "Protector", "1.2").description(DESCRIPTION)
}

/// The specification as a JSON value, the same on every machine.
pub(crate) fn describe<T: poem_openapi::OpenApi>(service: &OpenApiService<T, ()>) -> Value {
    let mut document: Value = serde_json::from_str(&service.spec()).unwrap_or_default();
    let mut requested = Vec::new();
    let mut refusals = Map::new();
    let mut actions = Vec::new();
    let examples = Examples::read();
    each_operation(&mut document, |method, path, operation| {
        describe_operation(method, path, operation);
        share_refusals(operation, &mut refusals);
        name_json_plainly(operation);
        if let Some(operation) = operation.as_object_mut() {
            examples.describe(path, operation);
        }
        collect_references(operation.get("requestBody"), &mut requested);
        if is_action(operation) {
            collect_references(operation.get("requestBody"), &mut actions);
        }
    });
    for name in &actions {
        one_field(&mut document, name);
    }
    close_schemas(&mut document, requested);
    nullable::mark(&mut document);
    if let Some(document) = document.as_object_mut() {
        add_components(document, refusals);
    }
    sorted(document)
}

fn each_operation(document: &mut Value, mut visit: impl FnMut(&str, &str, &mut Value)) {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, methods) in paths.into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            visit(method, path, operation);
        }
    }
}

fn describe_operation(method: &str, path: &str, operation: &mut Value) {
    let Some(operation) = operation.as_object_mut() else {
        return;
    };
    let id = operation
        .get("operationId")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    match rules::of(&id) {
        Some(rule) => {
            operation.insert(RULE.to_owned(), rule.into());
        }
        None => {
            debug_assert!(rules::is_public(&id), "{method} {path} has no rule");
            operation.insert("security".to_owned(), json!([]));
        }
    }
    refusals::keep_real(method, path, &id, rules::is_public(&id), operation);
    if let Some(list) = ListSpec::of(&id) {
        let parameters = operation
            .entry("parameters")
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Some(parameters) = parameters.as_array_mut() {
            parameters.extend(list.parameters());
        }
    }
}

/// Whether the body of a request names one action, each with a rule of its own.
fn is_action(operation: &Value) -> bool {
    let rule = operation.get(RULE).and_then(Value::as_str);
    rule.is_some_and(|rule| rule.ends_with('*'))
}

/// Exactly one action is asked for at a time.
fn one_field(document: &mut Value, schema: &str) {
    let schema = document.pointer_mut(&format!("/components/schemas/{schema}"));
    if let Some(schema) = schema.and_then(Value::as_object_mut) {
        schema.insert("minProperties".to_owned(), 1.into());
        schema.insert("maxProperties".to_owned(), 1.into());
    }
}

/// JSON has one encoding, so that its media type needs no `charset`.
fn name_json_plainly(operation: &mut Value) {
    let content = operation.pointer_mut("/requestBody/content");
    if let Some(content) = content.and_then(Value::as_object_mut)
        && let Some(body) = content.remove("application/json; charset=utf-8")
    {
        content.insert("application/json".to_owned(), body);
    }
}

/// All operations are refused in the same form; the document says so once.
fn share_refusals(operation: &mut Value, shared: &mut Map<String, Value>) {
    let responses = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut);
    for (status, response) in responses.into_iter().flatten() {
        let schema = response.pointer("/content/application~1json/schema/$ref");
        if schema.and_then(Value::as_str) == Some("#/components/schemas/Error") {
            let name = format!("Error{status}");
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            shared.insert(name, std::mem::replace(response, reference));
        }
    }
}

/// Objects in bodies of requests have no other fields than those described.
fn close_schemas(document: &mut Value, mut open: Vec<String>) {
    let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    let mut seen = std::collections::BTreeSet::new();
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let Some(schema) = schemas.get_mut(&name) else {
            continue;
        };
        collect_references(Some(schema), &mut open);
        if let Some(schema) = schema.as_object_mut()
            && schema.get("type").and_then(Value::as_str) == Some("object")
        {
            schema
                .entry("additionalProperties")
                .or_insert(Value::Bool(false));
        }
    }
}

fn collect_references(value: Option<&Value>, found: &mut Vec<String>) {
    match value {
        Some(Value::Object(fields)) => {
            let reference = fields.get("$ref").and_then(Value::as_str);
            let name = reference.and_then(|r| r.strip_prefix("#/components/schemas/"));
            found.extend(name.map(str::to_owned));
            for inner in fields.values() {
                collect_references(Some(inner), found);
            }
        }
        Some(Value::Array(items)) => {
            for item in items {
                collect_references(Some(item), found);
            }
        }
        _ => {}
    }
}

fn add_components(document: &mut Map<String, Value>, refusals: Map<String, Value>) {
    let components = document.entry("components").or_insert_with(|| json!({}));
    if let Some(components) = components.as_object_mut() {
        components.insert("responses".to_owned(), refusals.into());
        components.insert(
            "securitySchemes".to_owned(),
            json!({ "X-Auth-Token": {
                "type": "apiKey", "in": "header", "name": "X-Auth-Token",
                "description": "A token of this site's Keystone.",
            } }),
        );
    }
    document.insert("security".to_owned(), json!([{ "X-Auth-Token": [] }]));
}

/// Keys in order, so that the text does not depend on how a library keeps maps.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: std::collections::BTreeMap<_, _> = fields.into_iter().collect();
            let fields = fields.into_iter().map(|(k, v)| (k, sorted(v)));
            Value::Object(fields.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
