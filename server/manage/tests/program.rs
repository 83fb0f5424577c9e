//! The program as an operator runs it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy does not see that the helpers of a test binary are tests"
)]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let site = Self { dir };
        let config = config.replace("{dir}", &site.dir.path().display().to_string());
        std::fs::write(site.path("protector.conf"), config).unwrap();
        site
    }

    /// A site with a SQLite file that does not exist yet.
    fn sqlite() -> Self {
        Self::new("[database]\nconnection = sqlite:///{dir}/site a.db\n")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_protector-manage"));
        command
            .env_clear()
            .env("RUST_BACKTRACE", "1")
            .arg("--config-file")
            .arg(self.path("protector.conf"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.run(&[arguments, &["-f", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr))
        })
    }

    /// Runs what must fail, and returns the lines of its complaint.
    fn fails(&self, arguments: &[&str]) -> Vec<String> {
        let output = self.run(arguments);
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert_eq!(text(&output.stdout), "");
        for line in complaint.lines() {
            assert!(line.starts_with("protector-manage: error: "), "{complaint}");
        }
        complaint.lines().map(str::to_owned).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_schema_is_made_once_and_told() {
    let site = Site::sqlite();
    let before = site.json(&["db", "version"]);
    assert_eq!(before["version"], serde_json::Value::Null);
    assert!(!site.path("site a.db").exists(), "asking made the file");

    for _ in 0..2 {
        let output = site.run(&["db", "sync"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("up to date"));
    }
    let after = site.json(&["db", "version"]);
    assert_eq!(after["version"], after["latest"]);
    assert_eq!(after["state"], "up to date");
}

#[test]
fn two_syncs_at_once_both_succeed() {
    let site = Site::sqlite();
    let runs: Vec<_> = (0..2)
        .map(|_| site.command(&["db", "sync"]).spawn().unwrap())
        .collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    assert_eq!(site.json(&["db", "version"])["state"], "up to date");
}

#[test]
fn a_database_that_is_away_is_one_line_without_the_password() {
    let site = Site::new("[database]\nconnection = mysql+pymysql://p:marked@127.0.0.1:1/d\n");
    let lines = site.fails(&["db", "sync"]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let told = "mysql://p:****@127.0.0.1:1/d: the database cannot be reached";
    assert!(lines[0].contains(told), "{lines:?}");
    assert!(!lines[0].contains("marked"), "{lines:?}");
    let site = Site::new("[database]\nconnection = sqlite:////nowhere/at/all.db\n");
    assert_eq!(site.fails(&["db", "sync"]).len(), 1);
}

#[test]
fn a_database_that_is_not_configured_is_named() {
    let lines = Site::new("").fails(&["db", "sync"]);
    assert_eq!(
        lines,
        ["protector-manage: error: [database] connection: is not set, and it is needed"]
    );
}

#[test]
fn every_wrong_option_is_one_line_with_its_place() {
    let site = Site::new("[api]\nbind_port = 70000\n[keystone_authtoken]\npassword = a$marked\n");
    let lines = site.fails(&["db", "version"]);
    assert_eq!(lines.len(), 2, "{lines:?}");
    let file = site.path("protector.conf").display().to_string();
    assert!(lines[0].contains(&format!("{file}:2: [api] bind_port: 70000")));
    assert!(lines[1].contains(&format!("{file}:4: [keystone_authtoken] password: ")));
    assert!(!lines[1].contains("marked"));
}

#[test]
fn the_environment_overrides_the_file() {
    let site = Site::new("[api]\nbind_port = 1\n");
    let output = site
        .command(&["config", "list", "-f", "json"])
        .env("OS_API__BIND_PORT", "2")
        .output()
        .unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let port = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["option"] == "bind_port")
        .unwrap();
    assert_eq!(port["value"], "2");
    assert_eq!(port["source"], "environment variable OS_API__BIND_PORT");
}

#[test]
fn a_configuration_is_validated_as_a_whole() {
    let complete = "\
[api]
bind_prot = 1
[database]
connection = sqlite:///{dir}/a.db
[keystone_authtoken]
auth_url = http://127.0.0.1:5000
username = protector
password = marked
user_domain_name = Default
project_name = service
project_domain_name = Default
";
    let site = Site::new(complete);
    let output = site.run(&["config", "check"]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(
        shown.contains("bind_prot: there is no such option"),
        "{shown}"
    );
    assert!(shown.ends_with("The configuration is valid.\n"), "{shown}");

    std::fs::write(site.path("policy.yaml"), "protector:members:index: !\n").unwrap();
    std::fs::write(site.path("api-paste.ini"), "[filter\n").unwrap();
    let report = site.json(&["config", "check"]);
    assert_eq!(report["valid"], false);
    let errors = report["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{report}");
    assert_eq!(site.run(&["config", "check"]).status.code(), Some(1));

    let site = Site::new(&complete.replace("username", "identity_driver = nonsense\nusername"));
    let report = site.json(&["config", "check"]).to_string();
    assert!(
        report.contains("no identity driver named `nonsense`"),
        "{report}"
    );
    assert!(!report.contains("marked"), "{report}");
}

#[test]
fn drivers_are_listed_and_described() {
    let site = Site::new("");
    let listed = site.json(&["driver", "list"]);
    let has = |kind: &str, name: &str| {
        let mut rows = listed.as_array().unwrap().iter();
        rows.any(|row| row["kind"] == kind && row["name"] == name)
    };
    for (kind, name) in [
        ("compute", "openstack"),
        ("identity", "openstack"),
        ("storage", "mock"),
    ] {
        assert!(has(kind, name), "{kind} {name} is not in {listed}");
    }
    let shown = site.json(&["driver", "show", "openstack"]);
    assert_eq!(shown.as_array().unwrap().len(), 2);
    assert!(shown[0]["example"].is_object(), "{shown}");
    assert!(shown[0]["schema"].is_object(), "{shown}");
    assert_eq!(shown[0]["origin"], "linked", "{shown}");
    assert_eq!(shown[0]["capabilities"]["shelve"], true, "{shown}");

    let lines = site.fails(&["driver", "show", "nonsense"]);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("no driver named `nonsense`; known: mock, openstack"));
}

#[test]
fn a_file_that_is_no_driver_stands_in_the_list_with_the_reason() {
    let site = Site::new("[drivers]\nplugin_dir = {dir}/drivers\n");
    std::fs::create_dir(site.path("drivers")).unwrap();
    std::fs::write(site.path("drivers/notes.so"), "no library").unwrap();
    let listed = site.json(&["driver", "list"]);
    let rows = listed.as_array().unwrap();
    let row = rows.last().unwrap();
    assert!(
        row["origin"]
            .as_str()
            .unwrap()
            .ends_with("drivers/notes.so")
    );
    let said = row["summary"].as_str().unwrap();
    assert!(
        said.starts_with("not loaded: it is not a shared library"),
        "{said}"
    );
    assert_eq!(rows[0]["origin"], "linked", "{listed}");
    let report = site.json(&["config", "check"]).to_string();
    assert!(report.contains("notes.so is not loaded"), "{report}");
    assert!(rows[0]["capabilities"].is_string(), "{listed}");
    assert_eq!(row["schema"], serde_json::Value::Null, "{listed}");
}

#[test]
fn a_list_of_drivers_tells_the_schema_of_each_and_for_people_its_settings() {
    let site = Site::new("");
    let listed = site.json(&["driver", "list"]);
    for row in listed.as_array().unwrap() {
        assert!(row["schema"]["properties"].is_object(), "{row}");
    }
    let mut command = site.command(&["driver", "list"]);
    let table = text(&command.env("COLUMNS", "400").output().unwrap().stdout);
    let pure = table.lines().find(|line| line.contains(" pure ")).unwrap();
    assert!(pure.contains(" url* "), "{table}");
    assert!(pure.contains(" verify "), "{table}");
}

#[test]
fn rules_are_listed_with_their_source_and_the_sample_is_a_policy_file() {
    let site = Site::new("");
    let sample = site.run(&["policy", "sample"]);
    assert!(sample.status.success());
    let uncommented = text(&sample.stdout).replace("#\"", "\"");
    std::fs::write(site.path("policy.yaml"), uncommented).unwrap();
    let rules = site.json(&["policy", "list"]);
    let rules = rules.as_array().unwrap();
    assert!(rules.len() > 50);
    for rule in rules {
        let source = rule["source"].as_str().unwrap();
        assert!(source.contains("policy.yaml:"), "{rule}");
    }
}

#[test]
fn the_sample_of_the_configuration_is_a_valid_file_that_changes_nothing() {
    let site = Site::new("");
    let before = site.json(&["config", "list"]);
    let sample = text(&site.run(&["config", "sample"]).stdout);
    std::fs::write(site.path("protector.conf"), &sample).unwrap();
    assert_eq!(site.json(&["config", "list"]), before);
    // Every default that is written out is one that is taken.
    let written: String = sample
        .lines()
        .filter(|line| !line.ends_with(" = <None>"))
        .map(|line| {
            format!(
                "{}\n",
                line.strip_prefix('#')
                    .filter(|l| !l.starts_with(' '))
                    .unwrap_or(line)
            )
        })
        .collect();
    std::fs::write(site.path("protector.conf"), written).unwrap();
    let (before, after) = (before.as_array().unwrap(), site.json(&["config", "list"]));
    for (before, after) in before.iter().zip(after.as_array().unwrap()) {
        assert_eq!(before["value"], after["value"], "{after}");
    }
}

#[test]
fn what_a_token_may_do_is_told_by_rule() {
    let site = Site::new("");
    let policy = "\"protector:operations:action:failover\": \"role:dr_operator\"\n";
    std::fs::write(site.path("policy.yaml"), policy).unwrap();
    let token = r#"{"token": {"user": {"id": "u1", "name": "u", "domain": {"id": "default"}},
        "project": {"id": "p1", "domain": {"id": "default"}}, "roles": [{"id": "r", "name": "member"}]}}"#;
    std::fs::write(site.path("token.json"), token).unwrap();
    let file = site.path("token.json").display().to_string();
    let verdict = |rule: &str, more: &[&str]| {
        let arguments = ["policy", "check", "--access", &file, "--rule", rule];
        let rows = site.json(&[&arguments, more].concat());
        rows[0]["verdict"].as_str().unwrap().to_owned()
    };
    let test = "protector:operations:action:test_failover";
    assert_eq!(
        verdict("protector:operations:action:failover", &[]),
        "failed"
    );
    assert_eq!(verdict(test, &[]), "passed");
    assert_eq!(verdict(test, &["--target", "project_id=p2"]), "failed");
    assert_eq!(verdict("protector:sites:index", &[]), "failed");
    let all = site.json(&["policy", "check", "--access", &file]);
    assert!(all.as_array().unwrap().len() > 50);
    // An administrator of the whole cloud has no project: what is a tenant's is not theirs.
    let token = r#"{"token": {"user": {"id": "u1", "domain": {"id": "default"}},
        "system": {"all": true}, "roles": [{"id": "r", "name": "admin"}]}}"#;
    std::fs::write(site.path("token.json"), token).unwrap();
    assert_eq!(verdict("protector:sites:index", &[]), "passed");
    assert_eq!(verdict("protector:protection_groups:index", &[]), "failed");

    let lines = site.fails(&["policy", "check", "--access", &file, "--rule", "nonsense"]);
    assert!(lines[0].contains("no rule named `nonsense`"), "{lines:?}");
    let lines = site.fails(&["policy", "check", "--access", "/nowhere"]);
    assert!(lines[0].contains("/nowhere"), "{lines:?}");
}

#[test]
fn policy_files_are_checked_without_a_token() {
    let site = Site::new("");
    let checked = site.json(&["policy", "check"]);
    assert_eq!(checked["valid"], true);
    std::fs::write(site.path("policy.yaml"), "protector:sites:idex: role:x\n").unwrap();
    let output = site.run(&["policy", "check"]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(
        shown.contains("did you mean `protector:sites:index`?"),
        "{shown}"
    );
    std::fs::write(
        site.path("policy.yaml"),
        "x: role:a\nprotector:sites:index: !\n",
    )
    .unwrap();
    let output = site.run(&["policy", "check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("policy.yaml:2: protector:sites:index: "));
}

#[test]
fn a_wrong_command_line_exits_with_2_and_the_version_with_0() {
    let site = Site::new("");
    assert_eq!(site.run(&["db", "nonsense"]).status.code(), Some(2));
    let version = site.run(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    let expected = format!("protector-manage {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&version.stdout), expected);
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let site = Site::new("");
    let mut run = site.command(&["policy", "sample"]).spawn().unwrap();
    drop(run.stdout.take());
    let output = run.wait_with_output().unwrap();
    assert!(!text(&output.stderr).contains("panicked"));
}
