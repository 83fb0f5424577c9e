//! Verified cases: what oslo.policy decided. `PROTECTOR_VECTORS` names a directory with others of
//! the same form.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use crate::policy::{Decision, Deprecated, Policy, RemoteAnswers, RuleDefault, Scope};
use crate::sections::{PolicySection, RemoteSection};

/// What stops a start here, on purpose, although Python takes it: values that it reads as "everybody
/// may", and rules that lead back to themselves, which it only notices when it decides.
const STRICTER: &[&str] = &[
    "is no rule; write",
    "there is no rule behind this name",
    "leads back to itself",
];

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn defaults_of(vector: &Json) -> &'static [RuleDefault] {
    let scope = |name: &Json| match name.as_str().unwrap() {
        "system" => Scope::System,
        "domain" => Scope::Domain,
        _ => Scope::Project,
    };
    let rules: Vec<_> = vector["defaults"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|rule| {
            let scopes = rule["scope_types"].as_array();
            let scopes: Vec<_> = scopes.into_iter().flatten().map(scope).collect();
            RuleDefault {
                name: leak(rule["name"].as_str().unwrap()),
                check: leak(rule["check"].as_str().unwrap()),
                scopes: Box::leak(scopes.into_boxed_slice()),
                help: "",
                calls: &[],
                deprecated: rule.get("deprecated").map(|old| Deprecated {
                    name: leak(old["name"].as_str().unwrap()),
                    check: leak(old["check"].as_str().unwrap()),
                }),
            }
        })
        .collect();
    Box::leak(rules.into_boxed_slice())
}

fn section(dir: &Path, vector: &Json) -> PolicySection {
    let file = dir.join("policy.yaml");
    if let Some(text) = vector["policy_yaml"].as_str() {
        std::fs::write(&file, text).unwrap();
    } else if let Some(rules) = vector.get("rules") {
        std::fs::write(&file, rules.to_string()).unwrap();
    }
    let mut dirs = Vec::new();
    for (name, files) in vector["policy_dirs"].as_object().into_iter().flatten() {
        let path = dir.join(name);
        std::fs::create_dir(&path).unwrap();
        for (name, text) in files.as_object().unwrap() {
            std::fs::write(path.join(name), text.as_str().unwrap()).unwrap();
        }
        dirs.push(path);
    }
    PolicySection {
        policy_file: file,
        policy_file_written: false,
        policy_default_rule: vector["config"]["policy_default_rule"]
            .as_str()
            .unwrap_or("default")
            .to_owned(),
        policy_dirs: dirs,
        enforce_scope: vector["config"]["enforce_scope"].as_bool().unwrap_or(true),
        enforce_new_defaults: vector["config"]["enforce_new_defaults"]
            .as_bool()
            .unwrap_or(true),
        remote: RemoteSection::default(),
    }
}

fn object(value: Option<&Json>, otherwise: Json) -> Map<String, Json> {
    value.unwrap_or(&otherwise).as_object().unwrap().clone()
}

fn scope(credentials: &Map<String, Json>) -> Scope {
    let is_set = |name: &str| credentials.get(name).is_some_and(|value| !value.is_null());
    if is_set("system_scope") || is_set("system") {
        Scope::System
    } else if is_set("domain_id") {
        Scope::Domain
    } else {
        Scope::Project
    }
}

fn check(vector: &Json) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let loaded = Policy::load_over(defaults_of(vector), &section(dir.path(), vector));
    let expect = vector["expect"].as_str().unwrap();
    let policy = match loaded {
        Ok(policy) => policy,
        Err(_) if expect == "error" => return Ok(()),
        Err(error) if STRICTER.iter().any(|why| error.to_string().contains(why)) => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let credentials = object(
        vector.get("credentials"),
        json!({
            "user_id": "u1", "project_id": "p1", "roles": ["member", "reader"], "is_admin": false,
            "is_admin_project": true, "system_scope": null, "domain_id": null,
            "user_domain_id": "default", "project_domain_id": "default", "service_roles": [],
            "service_user_id": null,
        }),
    );
    let target = object(
        vector.get("target"),
        json!({"project_id": "p1", "user_id": "u1"}),
    );
    let rule = vector["rule"].as_str().unwrap();
    let answers = RemoteAnswers::default();
    let scope = scope(&credentials);
    let verdict = match policy.decide(rule, &credentials, scope, &target, &answers) {
        Ok(Decision::Is(true)) => "allow",
        Ok(Decision::Is(false)) => "deny",
        // Where the vectors were made there was nobody to ask.
        Ok(Decision::Ask(_)) | Err(_) => "error",
    };
    if verdict != expect {
        return Err(format!("expected {expect}, but it is {verdict}"));
    }
    let rules = policy.rules();
    let parsed = rules.iter().find(|r| r.name == rule).map(|r| &*r.check);
    match vector["parsed"].as_str() {
        Some(canonical) if parsed.is_some() && parsed != Some(canonical) => {
            Err(format!("expected {canonical}, but it reads {parsed:?}"))
        }
        _ => Ok(()),
    }
}

#[test]
fn rules_decide_as_oslo_policy_decides() {
    let vectors = super::vectors("policy-vectors.json");
    let wrong: Vec<_> = vectors
        .iter()
        .filter_map(|vector| {
            let reason = check(vector).err()?;
            Some(format!("{}: {reason}", vector["id"]))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
