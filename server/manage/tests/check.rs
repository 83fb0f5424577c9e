//! `driver check` as an operator runs it, on mock systems.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy does not see that the helpers of a test binary are tests"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use protector_driver_mock::world::{
    Fault, Furniture, LinkSettings, MockArray, MockCloud, PROTECTOR_PASSWORD, PROTECTOR_USER, Rule,
    Script, Tenant,
};
use protector_framework::{DriverEnv, ErrorKind, ExposeSecret as _, RandomIds, SystemClock};
use serde_json::{Value, json};

/// A site with a cloud and two arrays, and the file of a check.
struct Site {
    dir: tempfile::TempDir,
    cloud: MockCloud,
    arrays: [MockArray; 2],
    has: Furniture,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let env = DriverEnv {
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(RandomIds),
        };
        let array = |name: &str| {
            let pool = dir.path().join(name).join("pool");
            let array = MockArray::create(pool, name, "array-token", env.clone()).unwrap();
            array.record_connections().unwrap();
            array
        };
        let arrays = [array("one"), array("two")];
        arrays[0].link(&arrays[1], &LinkSettings::up()).unwrap();
        let cloud = MockCloud::create(dir.path().join("cloud"), "RegionOne", env.clone()).unwrap();
        let has = cloud.furnish(&arrays[0], "10.20.0.0/24").unwrap();
        Self {
            dir,
            cloud,
            arrays,
            has,
        }
    }

    fn tenant(&self) -> Tenant {
        self.cloud.tenant(&self.has.user, &self.has.project)
    }

    fn file(&self, settings: &Value) -> PathBuf {
        let path = self.dir.path().join("check.json");
        std::fs::write(&path, settings.to_string()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn check(&self, settings: &Value, arguments: &[&str]) -> Output {
        self.check_as("", settings, arguments)
    }

    /// With this configuration of the site.
    fn check_as(&self, config: &str, settings: &Value, arguments: &[&str]) -> Output {
        let file = self.file(settings);
        let of_site = self.dir.path().join("protector.conf");
        std::fs::write(&of_site, config).unwrap();
        Command::new(env!("CARGO_BIN_EXE_protector-manage"))
            .env_clear()
            .arg("--config-file")
            .arg(of_site)
            .args(["driver", "check", "mock", "--config"])
            .arg(file)
            .args(arguments)
            .output()
            .unwrap()
    }

    /// The settings of a driver, and its secrets.
    fn driver(config: &protector_framework::DriverConfig) -> Value {
        let secrets: serde_json::Map<_, _> = config
            .secrets
            .iter()
            .map(|(name, secret)| (name.clone(), json!(secret.expose_secret())))
            .collect();
        json!({"settings": config.settings, "secrets": secrets, "try_wrong_secret": true})
    }

    fn identity(&self) -> Value {
        let has = &self.has;
        let config =
            self.cloud
                .driver_config(PROTECTOR_USER, PROTECTOR_PASSWORD, &has.service_project);
        let token = self.cloud.issue_token(&has.user, &has.project).unwrap();
        json!({
            "driver": Self::driver(&config),
            "project": has.project.as_str(),
            "client": {"token": token.expose_secret(), "user": has.user.as_str(),
                "project": has.project.as_str(), "roles": ["member"]},
        })
    }

    fn compute(&self) -> Value {
        let has = &self.has;
        let config = self
            .cloud
            .driver_config(PROTECTOR_USER, PROTECTOR_PASSWORD, &has.project);
        json!({
            "driver": Self::driver(&config),
            "network": {"id": has.network.as_str(), "subnet": has.subnet.as_str(),
                "addresses": ["10.20.0.11", "10.20.0.12", "10.20.0.13", "10.20.0.14"]},
        })
    }

    fn storage(&self) -> Value {
        let driver = |array: &MockArray| Self::driver(&array.driver_config("array-token"));
        json!({"source": driver(&self.arrays[0]), "target": driver(&self.arrays[1])})
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn sums(report: &Value) -> (usize, usize, usize) {
    let all = report["cases"].as_array().unwrap();
    let of = |verdict: &str| all.iter().filter(|one| one["verdict"] == verdict).count();
    (of("passed"), of("failed"), of("skipped"))
}

#[test]
fn an_identity_service_is_checked_and_left_as_it_was() {
    let site = Site::new();
    let settings = json!({"identity": site.identity()});
    let output = site.check(&settings, &["-f", "json"]);
    let printed = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{printed}{}",
        text(&output.stderr)
    );
    let reports: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(reports[0]["kind"], "identity");
    let (passed, failed, skipped) = sums(&reports[0]);
    assert!(passed >= 18 && failed == 0 && skipped > 0, "{printed}");
    assert!(!printed.contains(PROTECTOR_PASSWORD), "{printed}");
}

#[test]
fn what_a_live_cloud_cannot_do_is_skipped_with_the_reason() {
    let site = Site::new();
    let settings = json!({"compute": site.compute()});
    let before = site.cloud.inventory().unwrap();
    let only = [
        "ports/",
        "claims/",
        "errors/",
        "resources/",
        "twice/ensure-port",
    ];
    let only: Vec<&str> = only.iter().flat_map(|text| ["--only", text]).collect();
    let output = site.check(&settings, &only);
    let printed = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{printed}{}",
        text(&output.stderr)
    );
    assert!(
        printed.starts_with("Compute conformance of the driver mock\n"),
        "{printed}"
    );
    for line in [
        "the bench cannot offer volumes to boot servers from (the settings have no `flavor`)",
        "the bench cannot make a port in another project (not on a live system)",
        " 0 failed, ",
    ] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    assert_eq!(site.cloud.inventory().unwrap(), before);
}

#[test]
fn servers_are_built_from_the_volumes_that_the_operator_names() {
    let site = Site::new();
    let tenant = site.tenant();
    let volumes: Vec<_> = ["scratch-1", "scratch-2"]
        .iter()
        .map(|name| {
            tenant
                .create_volume(name, 1, &site.has.plain_type, true)
                .unwrap()
        })
        .collect();
    let mut compute = site.compute();
    compute["flavor"] = json!(site.has.flavor.as_str());
    compute["volumes"] = volumes.iter().map(|id| id.as_str()).collect();
    let only = [
        "servers/as-asked",
        "volumes/properties",
        "at-once/ensure-server",
    ];
    let only: Vec<&str> = only.iter().flat_map(|text| ["--only", text]).collect();
    let output = site.check(&json!({"compute": compute}), &only);
    let printed = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{printed}{}",
        text(&output.stderr)
    );
    assert!(
        printed.contains("3 passed, 0 failed, 0 skipped"),
        "{printed}"
    );
    let after = site.cloud.inventory().unwrap();
    assert!(
        after.servers.is_empty() && after.ports.is_empty(),
        "{after:?}"
    );
    let mut names: Vec<_> = after.volumes.iter().map(|v| v.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["scratch-1", "scratch-2"]);
}

#[test]
fn arrays_are_checked_as_far_as_a_driver_goes() {
    let site = Site::new();
    let output = site.check(&json!({"storage": site.storage()}), &["-f", "json"]);
    let printed = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{printed}{}",
        text(&output.stderr)
    );
    let reports: Value = serde_json::from_str(&printed).unwrap();
    let (passed, failed, skipped) = sums(&reports[0]);
    assert!(passed >= 25 && failed == 0 && skipped > 80, "{printed}");
    let why = "the settings have no `volume_program`";
    assert!(printed.contains(why), "{printed}");
    for array in &site.arrays {
        assert!(array.groups().unwrap().is_empty(), "a group is left");
    }
}

/// A program that keeps volumes as the mock array does: files of a directory.
const VOLUMES: &str = r#"#!/bin/sh
set -e
case "$1" in source) cd "$ONE";; *) cd "$TWO";; esac
case "$2" in
  create)
    case "$3" in cinder) name="volume-$4-cinder";; *) name="$4";; esac
    truncate -s "$5" "$name"; echo "$name";;
  list) ls;;
  write) dd of="$3" bs=1 seek="$4" conv=notrunc status=none;;
  read) tail -c +$(($4 + 1)) "$3" | head -c "$5";;
  delete) rm "$3";;
esac
"#;

#[test]
fn with_a_program_for_volumes_their_data_are_checked_too() {
    let site = Site::new();
    let program = site.dir.path().join("volumes.sh");
    std::fs::write(&program, VOLUMES).unwrap();
    let pool = |array: &MockArray| array.directory().display().to_string();
    let set = |name: &str, array: &MockArray| format!("{name}={}", pool(array));
    let mut storage = site.storage();
    storage["volume_program"] = json!([
        "/usr/bin/env",
        "PATH=/usr/bin:/bin",
        set("ONE", &site.arrays[0]),
        set("TWO", &site.arrays[1]),
        "/bin/sh",
        program.display().to_string(),
    ]);
    let arguments = ["--at-once", "64", "-f", "json"];
    let output = site.check(&json!({"storage": storage}), &arguments);
    let printed = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{printed}{}",
        text(&output.stderr)
    );
    let reports: Value = serde_json::from_str(&printed).unwrap();
    let (passed, failed, skipped) = sums(&reports[0]);
    assert!(failed == 0 && passed > skipped, "{printed}");
    for array in &site.arrays {
        assert_eq!(array.volumes().unwrap(), []);
        assert_eq!(array.groups().unwrap(), []);
        assert_eq!(array.replicas().unwrap(), []);
    }
}

#[test]
fn a_promise_that_is_broken_exits_with_1() {
    let site = Site::new();
    let mut identity = site.identity();
    identity["client"]["user"] = json!("somebody-else");
    let output = site.check(&json!({"identity": identity}), &["--only", "tokens/"]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("tokens/who-calls"), "{printed}");
    assert!(printed.contains("FAILED"), "{printed}");
}

#[test]
fn a_call_that_fails_once_is_not_made_again() {
    let site = Site::new();
    let fault = Fault::Error {
        kind: ErrorKind::Busy,
        message: "not now".to_owned(),
    };
    // The first is that of the bench which is asked for the claims.
    let rules = vec![Rule::new("describe", fault).nth(2)];
    site.arrays[0].set_faults(&Script { rules }).unwrap();
    let config = "[drivers]\nretries = mock:3\n";
    let settings = json!({"storage": site.storage()});
    let output = site.check_as(config, &settings, &["--only", "describe/identity"]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("not now"), "{printed}");
}

#[test]
fn what_is_warned_of_stands_on_the_standard_error() {
    let site = Site::new();
    let config = format!(
        "[drivers]\nplugin_dir = {}\n",
        site.dir.path().join("drivers").display()
    );
    std::fs::create_dir(site.dir.path().join("drivers")).unwrap();
    std::fs::write(site.dir.path().join("drivers/notes.so"), "no library").unwrap();
    let settings = json!({"storage": site.storage()});
    let output = site.check_as(&config, &settings, &["--only", "describe/identity"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("ERROR") && told.contains("notes.so is not loaded"),
        "{told}"
    );
}

#[test]
fn settings_that_are_wrong_are_one_line() {
    let site = Site::new();
    let mut wrong = site.identity();
    wrong["driver"]["settings"]["auth_url"] = json!("nonsense");
    let mut unknown = site.identity();
    unknown["cilent"] = json!({});
    let mut typed = site.identity();
    typed["driver"]["secrets"]["password"] = json!([PROTECTOR_PASSWORD]);
    for (settings, kind, told) in [
        (json!({"identity": wrong}), "identity", "auth_url"),
        (
            json!({"identity": unknown}),
            "identity",
            "unknown field `cilent`",
        ),
        (
            json!({"identity": typed}),
            "identity",
            "a value of the wrong type",
        ),
        (json!({}), "compute", "no section `compute`"),
        (json!({}), "", "no section for a kind"),
    ] {
        let arguments: &[&str] = match kind {
            "" => &[],
            _ => &["--kind", kind],
        };
        let output = site.check(&settings, arguments);
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        assert!(complaint.contains(told), "{told}: {complaint}");
        assert!(!complaint.contains(PROTECTOR_PASSWORD), "{complaint}");
    }
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let site = Site::new();
    let path = site.file(&json!({"identity": site.identity()}));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_protector-manage"))
        .args(["driver", "check", "mock", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("chmod 600"), "{complaint}");
}
