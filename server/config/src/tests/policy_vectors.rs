use std::path::Path;

use serde_json::{Map, Value as Json, json};

use crate::policy::{Policy, RuleDefault, Scope};
use crate::sections::PolicySection;

/// Files that Python takes, and reads as "everybody may" or fails on only when it decides; and
/// checks by HTTP. They stop a start here.
const REFUSED_AT_START: &[&str] = &[
    "http-unreachable",
    "rule-cycle-shortcircuit",
    "rule-self",
    "yaml-false",
    "yaml-null",
    "yaml-true",
    "yaml-zero",
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
        policy_file_required: false,
        policy_default_rule: vector["config"]["policy_default_rule"]
            .as_str()
            .unwrap_or("default")
            .to_owned(),
        policy_dirs: dirs,
        enforce_scope: true,
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
    let id = vector["id"].as_str().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let loaded = Policy::load_over(defaults_of(vector), &section(dir.path(), vector));
    if REFUSED_AT_START.contains(&id) {
        let error = loaded.err().ok_or("the file was taken")?.to_string();
        return match error.contains("policy.yaml:1: ") {
            true => Ok(()),
            false => Err(format!("no place in {error}")),
        };
    }
    let expect = vector["expect"].as_str().unwrap();
    let policy = match loaded {
        Ok(policy) => policy,
        Err(_) if expect == "error" => return Ok(()),
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
    let verdict = match policy.decide(rule, &credentials, scope(&credentials), &target) {
        Ok(true) => "allow",
        Ok(false) => "deny",
        Err(_) => "error",
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
    let vectors: Vec<Json> = serde_json::from_str(include_str!("vectors/policy.json")).unwrap();
    assert!(vectors.len() > 110);
    for id in REFUSED_AT_START {
        assert!(vectors.iter().any(|vector| vector["id"] == *id), "{id}");
    }
    let wrong: Vec<_> = vectors
        .iter()
        .filter_map(|vector| {
            let reason = check(vector).err()?;
            Some(format!("{}: {reason}", vector["id"]))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
