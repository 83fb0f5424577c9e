//! ARCHITECTURE's rules of which crate may know which, as cargo and the sources have it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

impl Package {
    /// What it is built with, apart from its tests.
    fn uses(&self) -> impl Iterator<Item = &str> {
        let built = self.dependencies.iter();
        let built = built.filter(|d| d.kind.as_deref() != Some("dev"));
        built.map(|d| d.name.as_str())
    }

    fn uses_of_the_house(&self) -> impl Iterator<Item = &str> {
        self.uses()
            .filter_map(|name| name.strip_prefix("protector-"))
    }

    fn sources(&self) -> Vec<(PathBuf, String)> {
        let root = self.manifest_path.parent().unwrap();
        let mut all = Vec::new();
        read(&root.join("src"), &mut all);
        assert!(!all.is_empty(), "{} has no sources", self.name);
        all
    }
}

fn read(directory: &Path, all: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, all);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            all.push((path, text));
        }
    }
}

fn house() -> BTreeMap<String, Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {errors}");
    let metadata: Metadata = serde_json::from_slice(&output.stdout).unwrap();
    let named = metadata.packages.into_iter().map(|package| {
        let name = package.name.strip_prefix("protector-").unwrap().to_owned();
        (name, package)
    });
    named.collect()
}

/// The crates of the service, each with those of the house that it may be built with.
const MAY_USE: &[(&str, &[&str])] = &[
    ("framework", &[]),
    ("conformance", &["framework"]),
    ("driver-mock", &["framework"]),
    ("driver-openstack", &["framework"]),
    ("driver-pure", &["framework"]),
    (
        "drivers",
        &[
            "driver-mock",
            "driver-openstack",
            "driver-pure",
            "framework",
        ],
    ),
    ("migrations", &[]),
    ("model", &["framework"]),
    ("config", &["framework", "model"]),
    ("db", &["framework", "model"]),
    ("peer", &["framework", "model", "db"]),
    ("reach", &["framework", "model", "db", "peer"]),
    ("readiness", &["framework", "model", "db", "peer", "reach"]),
    (
        "control",
        &["framework", "model", "db", "peer", "reach", "readiness"],
    ),
    (
        "daemon",
        &[
            "framework",
            "model",
            "config",
            "db",
            "drivers",
            "migrations",
        ],
    ),
    (
        "engine",
        &[
            "framework",
            "model",
            "config",
            "db",
            "peer",
            "reach",
            "readiness",
            "daemon",
        ],
    ),
    (
        "api",
        &[
            "framework",
            "model",
            "config",
            "db",
            "peer",
            "reach",
            "control",
            "daemon",
        ],
    ),
    (
        "manage",
        &[
            "framework",
            "conformance",
            "model",
            "config",
            "db",
            "reach",
            "migrations",
            "drivers",
            "daemon",
        ],
    ),
];

/// Crates that stand outside: they may use all.
const OUTSIDE: &[&str] = &[
    "openapi",
    "tests",
    "simulation",
    "lab",
    "pure-simulator",
    "example-array",
];

#[test]
fn no_crate_knows_one_that_it_must_not_know() {
    let house = house();
    for name in house.keys() {
        let known = MAY_USE.iter().any(|(of, _)| of == name) || OUTSIDE.contains(&name.as_str());
        assert!(known, "`{name}` is new: say here which crates it may use");
    }
    for (name, may) in MAY_USE {
        for used in house[*name].uses_of_the_house() {
            assert!(
                may.contains(&used),
                "`{name}` must not be built with `{used}`"
            );
        }
    }
}

#[test]
fn the_web_server_and_the_database_stay_where_they_belong() {
    let only: &[(&str, &[&str])] = &[
        ("poem", &["api"]),
        ("poem-openapi", &["api"]),
        ("sea-orm", &["db", "migrations"]),
        ("sea-orm-migration", &["migrations"]),
        // By way of sea-orm: a pool does not say why a server cannot be reached.
        ("sqlx", &["db", "migrations"]),
    ];
    for (name, package) in house() {
        for (library, places) in only {
            if places.contains(&name.as_str()) {
                continue;
            }
            assert!(
                package.uses().all(|used| used != *library),
                "`{name}` must not be built with {library}"
            );
            let word = library.replace('-', "_");
            for (path, text) in package.sources() {
                let named =
                    text.contains(&format!("{word}::")) || text.contains(&format!("use {word}"));
                assert!(!named, "{} names {library}", path.display());
            }
        }
    }
}

#[test]
fn the_engine_and_the_services_name_no_driver() {
    let house = house();
    for name in [
        "engine",
        "reach",
        "readiness",
        "control",
        "api",
        "peer",
        "db",
        "model",
    ] {
        for (path, text) in house[name].sources() {
            let shown = path.display().to_string();
            if shown.contains("/tests") {
                continue;
            }
            for driver in ["protector_driver_", "protector_drivers"] {
                assert!(!text.contains(driver), "{shown} names {driver}");
            }
        }
    }
}
