//! One spelling for each path. Clients prepend the catalog's URL, which has a project in it, also
//! to paths that need none; and clients without one leave it out where it is needed.

/// A path as the routes know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Canonical {
    /// The path; where [`Canonical::needs_project`] is true, `{tenant_id}` stands for it.
    pub(crate) path: String,
    /// The project that the caller wrote.
    pub(crate) project: Option<String>,
    /// Whether the caller left out a project that the path needs.
    pub(crate) needs_project: bool,
}

/// What stands for a project that the caller left out.
pub(crate) const PROJECT: &str = "{tenant_id}";

const TENANT_PATHS: &[&str] = &["protection-groups", "operations", "trusts", "quota-sets"];
const COMMON_PATHS: &[&str] = &["admin", "health"];

/// Brings a path into its one spelling.
pub(crate) fn canonical(path: &str) -> Canonical {
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = trimmed.split('/').skip(1).collect();
    let plain = |path: &str| Canonical {
        path: path.to_owned(),
        project: None,
        needs_project: false,
    };
    match segments.as_slice() {
        [] => plain("/"),
        ["v1"] => plain("/v1"),
        ["v1", rest @ ..] => below_v1(rest),
        _ => plain(trimmed),
    }
}

fn below_v1(rest: &[&str]) -> Canonical {
    let first = spelled(rest[0]);
    if let Some(path) = common(&first, &rest[1..]) {
        return Canonical {
            path,
            project: None,
            needs_project: false,
        };
    }
    if TENANT_PATHS.contains(&first.as_str()) {
        return Canonical {
            path: tenant(PROJECT, &first, &rest[1..]),
            project: None,
            needs_project: true,
        };
    }
    let project = Some(rest[0].to_owned());
    let Some(second) = rest.get(1).map(|second| spelled(second)) else {
        // The catalog's URL alone: version discovery.
        return Canonical {
            path: "/v1".to_owned(),
            project: None,
            needs_project: false,
        };
    };
    let path = common(&second, &rest[2..]).unwrap_or_else(|| tenant(rest[0], &second, &rest[2..]));
    Canonical {
        path,
        project,
        needs_project: false,
    }
}

/// A path that works without a project, if it is one.
fn common(first: &str, rest: &[&str]) -> Option<String> {
    if first == "sites" {
        return Some(tenant("admin", "sites", rest));
    }
    if !COMMON_PATHS.contains(&first) {
        return None;
    }
    let tail: String = rest.iter().map(|s| format!("/{s}")).collect();
    Some(format!("/v1/{first}{tail}"))
}

fn tenant(project: &str, first: &str, rest: &[&str]) -> String {
    let tail: String = rest.iter().map(|s| format!("/{s}")).collect();
    format!("/v1/{project}/{first}{tail}")
}

/// Collections are accepted with underscores too.
fn spelled(segment: &str) -> String {
    match segment {
        "protection_groups" | "quota_sets" => segment.replace('_', "-"),
        _ => segment.to_owned(),
    }
}

/// Whether a text can be a project's id.
pub(crate) fn is_project(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
