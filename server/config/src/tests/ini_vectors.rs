//! Verified cases: what oslo.config made of these files. `PROTECTOR_VECTORS` names a directory with
//! others of the same form.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use protector_framework::ExposeSecret;
use serde_json::{Value as Json, json};

use crate::option::{Kind, OptionSpec, Value};
use crate::resolve::{Resolved, resolve};
use crate::sources::Sources;

const fn option(
    group: &'static str,
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
) -> OptionSpec {
    old(group, name, kind, default, &[])
}

const fn old(
    group: &'static str,
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    old_names: &'static [(&'static str, &'static str)],
) -> OptionSpec {
    OptionSpec {
        group,
        name,
        kind,
        default,
        old_names,
        mutable: false,
        help: "",
    }
}

const D: &str = "DEFAULT";
const AUTH: &str = "keystone_authtoken";

/// What was registered when the verdicts were made.
#[rustfmt::skip] // one option a line
const OPTIONS: &[OptionSpec] = &[
    option(D, "debug", Kind::Flag, Some("false")),
    option(D, "log_dir", Kind::Text, Some("/var/log/protector")),
    option(D, "state_path", Kind::Text, Some("/var/lib/protector")),
    option(D, "lock_path", Kind::Text, Some("$state_path/lock")),
    option(D, "s", Kind::Text, None),
    option(D, "s2", Kind::Text, Some("d2")),
    option(D, "n", Kind::Integer(1, 100), Some("7")),
    option(D, "f", Kind::Float(f64::MIN, f64::MAX), Some("1.5")),
    option(D, "l", Kind::List, Some("a,b")),
    option(D, "d", Kind::Pairs, Some("")),
    option(D, "m", Kind::Texts, Some("m0")),
    option(D, "choice", Kind::Choice(&["one", "two"]), Some("one")),
    option(D, "ci", Kind::ChoiceAnyCase(&["None", "MAC", "ENCRYPT"]), Some("None")),
    old(D, "new_name", Kind::Text, None, &[(D, "old-name"), (D, "old_name")]),
    old(D, "moved", Kind::Text, None, &[("oldgrp", "was")]),
    option(D, "uri", Kind::Url, None),
    option(D, "host", Kind::Host, None),
    option(D, "ip", Kind::Address, None),
    option("api", "bind_host", Kind::Host, Some("0.0.0.0")),
    option("api", "bind_port", Kind::Integer(0, 65535), Some("8788")),
    option("api", "workers", Kind::Integer(1, i64::MAX), Some("4")),
    option("database", "connection", Kind::Secret, None),
    old("database", "max_retries", Kind::Integer(i64::MIN, i64::MAX), Some("10"), &[(D, "sql_max_retries"), ("sql", "reconnect")]),
    option(AUTH, "password", Kind::Secret, None),
    option(AUTH, "username", Kind::Text, None),
    old(AUTH, "memcached_servers", Kind::List, None, &[(AUTH, "memcache_servers")]),
    option("service_credentials", "default_trust_roles", Kind::List, Some("member,_member_")),
];

struct Given {
    files: Vec<PathBuf>,
    dirs: Vec<PathBuf>,
}

fn write(dir: &Path, files: &Json) -> Given {
    let mut given = Given {
        files: Vec::new(),
        dirs: Vec::new(),
    };
    for file in files.as_array().unwrap() {
        let path = dir.join(file[0].as_str().unwrap());
        match &file[1] {
            Json::String(text) => {
                std::fs::write(&path, text).unwrap();
                given.files.push(path);
            }
            inner => {
                std::fs::create_dir(&path).unwrap();
                write(&path, inner);
                given.dirs.push(path);
            }
        }
    }
    given
}

fn shown(value: Option<&Value>) -> Json {
    match value {
        None => Json::Null,
        Some(Value::Text(text)) => json!(text),
        Some(Value::Secret(text)) => json!(text.expose_secret()),
        Some(Value::Flag(flag)) => json!(flag),
        Some(Value::Integer(number)) => json!(number),
        Some(Value::Float(number)) => json!(number),
        Some(Value::List(items)) => json!(items),
        Some(Value::Pairs(pairs)) => json!(pairs),
    }
}

fn check(vector: &Json) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let given = write(dir.path(), &vector["files"]);
    let environment: BTreeMap<String, String> = vector
        .get("env")
        .map(|env| serde_json::from_value(env.clone()).unwrap())
        .unwrap_or_default();
    let sources = Sources::read("no-such-program", &given.files, &given.dirs, environment);
    if let Some(wrong) = vector.get("load_error") {
        let error = sources.err().ok_or("the file was read")?.to_string();
        // The library stops at the first line, and tells an option before any section at the line
        // after it; ours tells every line.
        let place = wrong.as_str().unwrap().split(" at ").nth(1);
        let place = place.and_then(|rest| rest.split(',').next());
        let place = dir.path().join(place.unwrap_or_default());
        let place = place.display().to_string();
        let told = error.lines().any(|line| {
            let early = line.ends_with("must follow a section such as [DEFAULT]");
            line.starts_with(&place) || early
        });
        return match told {
            true => Ok(()),
            false => Err(format!("not at {place}: {error}")),
        };
    }
    let sources = sources.map_err(|error| error.to_string())?;
    let Resolved {
        values, problems, ..
    } = resolve(&sources, OPTIONS, &[]);
    for (key, expected) in vector["expect"].as_object().unwrap() {
        let (group, name) = key.split_once('.').unwrap_or((D, key));
        let spec = OPTIONS
            .iter()
            .find(|o| (o.group, o.name) == (group, name))
            .ok_or_else(|| format!("{key} is not registered"))?;
        let subject = format!("[{group}] {name}");
        let failed = problems
            .iter()
            .any(|p| p.subject.as_deref() == Some(&subject));
        let found = shown(values.get(spec.group, spec.name));
        let right = match expected.get("error") {
            Some(_) => failed,
            None => !failed && found == *expected,
        };
        if !right {
            return Err(format!("{key}: {expected}, but got {found}; {problems:?}"));
        }
    }
    Ok(())
}

#[test]
fn files_read_as_oslo_config_reads_them() {
    let vectors = super::vectors("oslo-config-vectors.json");
    let wrong: Vec<_> = vectors
        .iter()
        .filter_map(|vector| {
            let reason = check(vector).err()?;
            Some(format!("{}: {reason}", vector["id"]))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
