//! `policy list`, `policy check` and `policy sample`.

use std::path::Path;

use protector_config::{Config, Credentials, Policy, Target, defaults};
use serde_json::{Value, json};

use crate::command::PolicyQuestion;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn list(config: &Config) -> Result<Output, Failure> {
    let rules = Policy::load(&config.policy)?.rules();
    Ok(Output::List {
        columns: vec!["Name", "Check", "Source"],
        rows: rules
            .into_iter()
            .map(|rule| vec![rule.name, rule.check, rule.source])
            .collect(),
    })
}

pub(crate) fn sample() -> Output {
    Output::Text(protector_config::sample())
}

/// What is wrong with the files, or what the owner of a token may do by them. Decides as the API does:
/// it is that code.
pub(crate) fn check(config: &Config, question: &PolicyQuestion) -> Result<Output, Failure> {
    let policy = match Policy::load(&config.policy) {
        Ok(policy) => policy,
        Err(error) => {
            let errors: Vec<_> = error.problems.iter().map(ToString::to_string).collect();
            return Ok(Output::Checked {
                lines: errors
                    .iter()
                    .map(|line| format!("error: {line}\n"))
                    .collect(),
                value: json!({ "valid": false, "errors": errors, "warnings": [] }),
                valid: false,
            });
        }
    };
    let warnings: Vec<_> = policy.warnings.iter().map(ToString::to_string).collect();
    match &question.access {
        Some(file) => decided(&policy, &credentials(&policy, file)?, question),
        None => Ok(Output::Checked {
            lines: warnings
                .iter()
                .map(|line| format!("warning: {line}\n"))
                .chain(["The policy is valid.\n".to_owned()])
                .collect(),
            value: json!({ "valid": true, "errors": [], "warnings": warnings }),
            valid: true,
        }),
    }
}

fn decided(
    policy: &Policy,
    credentials: &Credentials,
    question: &PolicyQuestion,
) -> Result<Output, Failure> {
    let mut target = Target::none();
    for (name, value) in &question.target {
        target = target.with(name, value);
    }
    if question.target.is_empty() {
        if let Some(project) = &credentials.project_id {
            target = target.with("project_id", project);
        }
        target = target.with("user_id", &credentials.user_id);
    }
    let names = defaults().iter().map(|rule| rule.name);
    let asked: Vec<_> = names
        .filter(|name| question.rule.as_deref().is_none_or(|only| only == *name))
        .collect();
    if let (Some(rule), true) = (&question.rule, asked.is_empty()) {
        return Err(Failure::UnknownRule(rule.clone()));
    }
    let rows = asked.into_iter().map(|name| {
        let verdict = match policy.verdict(name, credentials, &target) {
            Ok(true) => "passed".to_owned(),
            Ok(false) => "failed".to_owned(),
            Err(error) => format!("failed: {error}"),
        };
        vec![name.to_owned(), verdict]
    });
    Ok(Output::List {
        columns: vec!["Name", "Verdict"],
        rows: rows.collect(),
    })
}

/// Who a token's content says that its owner is.
fn credentials(policy: &Policy, file: &Path) -> Result<Credentials, Failure> {
    let unreadable = |reason: String| Failure::Access {
        file: file.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
    let read: Value = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    let token = read.get("token").unwrap_or(&read);
    let text = |pointer: &str| {
        let found = token.pointer(pointer).and_then(Value::as_str);
        found.map(str::to_owned)
    };
    let roles = token.get("roles").and_then(Value::as_array);
    let names = roles
        .into_iter()
        .flatten()
        .filter_map(|role| role["name"].as_str());
    let mut credentials = Credentials {
        user_id: text("/user/id").ok_or_else(|| unreadable("it names no user".to_owned()))?,
        user_domain_id: text("/user/domain/id"),
        project_id: text("/project/id"),
        project_domain_id: text("/project/domain/id"),
        domain_id: text("/domain/id"),
        system_scope: (token.pointer("/system/all") == Some(&Value::Bool(true)))
            .then(|| "all".to_owned()),
        roles: names.map(str::to_owned).collect(),
        is_admin_project: token["is_admin_project"].as_bool().unwrap_or(true),
        ..Credentials::default()
    };
    credentials.is_admin = policy.is_admin(&credentials);
    Ok(credentials)
}
