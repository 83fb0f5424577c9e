//! The commands on what a site's database holds, as an operator runs them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy does not see that the helpers of a test binary are tests"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use protector_db::{Db, DbOptions, SecretBox};
use protector_framework::{
    Clock as _, GenericUuid as _, RandomIds, SecretString, SiteId, SystemClock,
};
use protector_model::site::Account;
use protector_model::{Actor, Reach, Site as Registered, SiteStatus};
use sea_orm::{ConnectionTrait as _, Database};
use serde_json::Value;

struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    /// With a schema.
    fn new() -> Self {
        let site = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        site.configure("");
        let synced = site.run(&["db", "sync"]);
        assert!(synced.status.success(), "{}", text(&synced.stderr));
        site
    }

    /// With the schema of an earlier version, which had so many migrations.
    async fn at(migrations: u32) -> Self {
        let site = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        site.configure("");
        let url = format!("sqlite://{}?mode=rwc", site.path("site.db").display());
        protector_migrations::sync_by(&url, migrations)
            .await
            .unwrap();
        site
    }

    fn configure(&self, more: &str) {
        let dir = self.dir.path().display();
        let written = format!(
            "[DEFAULT]\nstate_path = {dir}\n[database]\nconnection = sqlite:///{dir}/site.db\n\
             [keystone_authtoken]\nidentity_driver = mock\nauth_url = mock://{dir}/cloud\n\
             username = protector\npassword = marked\nproject_name = service\n{more}"
        );
        std::fs::write(self.path("protector.conf"), written).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_protector-manage"))
            .env_clear()
            .arg("--config-file")
            .arg(self.path("protector.conf"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs a command that exits with this.
    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["-f", "json"]].concat());
        let (printed, told) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{printed}{told}");
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}{told}"))
    }

    async fn db(&self) -> Db {
        let ids = Arc::new(RandomIds);
        let keys = SecretBox::open_or_create(&self.path("keys"), &*ids).unwrap();
        let url = SecretString::from(format!("sqlite://{}", self.path("site.db").display()));
        let clock = Arc::new(SystemClock::new());
        let opened = Db::connect(&url, DbOptions::default(), keys, clock, ids).await;
        opened.unwrap()
    }

    /// What time, or a program of another version, does to rows.
    async fn sql(&self, sql: &str) {
        let url = format!("sqlite://{}", self.path("site.db").display());
        let conn = Database::connect(url).await.unwrap();
        conn.execute_unprepared(sql).await.unwrap();
        conn.close().await.unwrap();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn registered(name: &str, site_type: &str) -> Registered {
    let at = SystemClock::new().now();
    Registered {
        id: SiteId::from_untyped_uuid(uuid::Uuid::from_u128(1)),
        name: name.to_owned(),
        description: "a cloud".to_owned(),
        site_type: site_type.to_owned(),
        auth_url: "http://controller:5000".to_owned(),
        region_name: "RegionOne".to_owned(),
        account: Account {
            username: Some("protector".to_owned()),
            ..Account::default()
        },
        status: SiteStatus::Active,
        status_reason: None,
        is_local: true,
        reach: Reach::default(),
        created_at: at,
        updated_at: at,
    }
}

#[tokio::test]
async fn sites_and_services_are_told_without_an_api() {
    let site = Site::new();
    let db = site.db().await;
    db.insert_site(&registered("site-a", "mock")).await.unwrap();
    let password = SecretString::from("marked-of-site");
    let owner = "site/00000000-0000-0000-0000-000000000001";
    db.put_secret(owner, "password", &password).await.unwrap();
    db.heartbeat("protector-api", "node-1").await.unwrap();
    let sites = site.json(0, &["site", "list"]);
    assert_eq!(sites[0]["name"], "site-a");
    assert_eq!(sites[0]["local"], "yes");
    let shown = site.json(0, &["site", "show", "site-a"]);
    assert_eq!(shown["auth_url"], "http://controller:5000");
    assert_eq!(shown["account"]["username"], "protector");
    assert!(!shown.to_string().contains("marked"), "{shown}");
    let services = site.json(0, &["service", "list"]);
    assert_eq!(services[0]["binary"], "protector-api");
    assert_eq!(services[0]["host"], "node-1");
    assert_eq!(services[0]["state"], "up");
    let unknown = site.run(&["site", "show", "nowhere"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("no site `nowhere`"));
}

#[tokio::test]
async fn a_service_that_is_gone_for_good_is_removed_by_host_or_id_and_one_that_lives_is_not() {
    let site = Site::new();
    let db = site.db().await;
    for (binary, host) in [
        ("protector-api", "node-1"),
        ("protector-engine", "node-1"),
        ("protector-engine", "node-2"),
    ] {
        db.heartbeat(binary, host).await.unwrap();
    }
    db.close().await;
    let listed = || {
        site.json(0, &["service", "list"])
            .as_array()
            .unwrap()
            .clone()
    };
    let refused = |which: &str, says: &str| {
        let output = site.run(&["service", "remove", which]);
        assert_eq!(output.status.code(), Some(1));
        let told = text(&output.stderr);
        assert!(told.contains(says), "{told}");
    };
    refused(
        "node-2",
        "protector-engine on node-2 lives: it was seen at 20",
    );
    refused("node-3", "no service on a host `node-3`");
    assert_eq!(listed().len(), 3);

    // The engine of the first node has gone, its API lives: the host stands for both.
    site.sql(
        "UPDATE services SET last_seen_at = '2026-01-01T00:00:00.000000Z'
            WHERE service = 'protector-engine'",
    )
    .await;
    refused("node-1", "protector-api on node-1 lives");
    let rows = listed();
    let mut rows = rows.iter();
    let engine = rows.find(|row| row["host"] == "node-1" && row["state"] == "down");
    let id = engine.unwrap()["id"].as_str().unwrap().to_owned();
    let gone = site.json(0, &["service", "remove", &id]);
    assert_eq!(gone[0]["id"], id.as_str());
    refused(&id, "no service on a host");
    let gone = site.json(0, &["service", "remove", "node-2"]);
    assert_eq!(gone[0]["binary"], "protector-engine");
    assert_eq!(listed().len(), 1);
    assert_eq!(listed()[0]["binary"], "protector-api");
}

#[tokio::test]
async fn keys_are_changed_at_once_or_in_two_halves() {
    let site = Site::new();
    let password = SecretString::from("marked-of-site");
    let db = site.db().await;
    db.put_secret("site/1", "password", &password)
        .await
        .unwrap();
    let keys_of = |expected: &str| {
        let checked = site.json(0, &["secret", "check"]);
        assert_eq!(checked[0]["place"], "secrets/site/1/password");
        assert_eq!(checked[0]["key"], expected, "{checked}");
        assert_eq!(checked[0]["opens"], true);
        assert!(!checked.to_string().contains("marked"), "{checked}");
    };
    keys_of("0001");
    let done = site.json(0, &["secret", "rotate"]);
    assert_eq!(
        (&done["key"], &done["sealed_anew"]),
        (&"0002".into(), &1.into())
    );
    keys_of("0002");
    let mode = site.path("keys/0002.key").metadata().unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);

    let made = site.json(0, &["secret", "rotate", "--only", "key"]);
    assert!(made["new_key"].as_str().unwrap().ends_with("0003.key"));
    keys_of("0002");
    let sealed = site.json(0, &["secret", "rotate", "--only", "seal"]);
    assert_eq!(sealed["new_key"], Value::Null);
    keys_of("0003");
}

#[tokio::test]
async fn what_is_old_is_told_then_written_down_and_removed() {
    let site = Site::new();
    let db = site.db().await;
    let lost = SecretString::from("marked");
    db.put_secret("site/lost", "password", &lost).await.unwrap();
    db.heartbeat("protector-engine", "node-1").await.unwrap();
    db.close().await;
    site.sql(
        "UPDATE services SET last_seen_at = '2026-01-01T00:00:00.000000Z';
         UPDATE secrets SET updated_at = '2026-01-01T00:00:00.000000Z';",
    )
    .await;
    let young = site.json(0, &["db", "purge", "--older-than", "36500", "--dry-run"]);
    assert_eq!(young["rows"], serde_json::json!({}));
    let would = site.json(0, &["db", "purge", "--older-than", "30", "--dry-run"]);
    assert_eq!(
        would["rows"],
        serde_json::json!({"secrets": 1, "services": 1})
    );
    assert_eq!(
        site.json(0, &["service", "list"]).as_array().unwrap().len(),
        1
    );

    let file = site.path("archive.jsonl");
    let to = file.display().to_string();
    let archive = [
        "db",
        "archive",
        "--older-than",
        "30",
        "--to",
        &to,
        "--batch",
        "1",
    ];
    let gone = site.json(0, &archive);
    assert_eq!(gone["rows"], would["rows"]);
    let written = std::fs::read_to_string(&file).unwrap();
    let tables: Vec<Value> = written
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["table"].clone())
        .collect();
    assert_eq!(tables, ["services", "secrets"]);
    assert!(!written.contains("v1.0001"), "{written}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        site.json(0, &["service", "list"]).as_array().unwrap().len(),
        0
    );
    let again = site.json(0, &["db", "purge", "--older-than", "30"]);
    assert_eq!(again["rows"], serde_json::json!({}));
    assert_eq!(
        site.run(&["db", "purge"]).status.code(),
        Some(2),
        "an age is needed"
    );
    let none = site.run(&["db", "purge", "--older-than", "0"]);
    assert_eq!(none.status.code(), Some(2), "of today nothing goes");
}

#[tokio::test]
async fn audit_events_are_archived_only_where_their_age_is_given() {
    let site = Site::new();
    let db = site.db().await;
    for object in ["site-a", "site-b"] {
        let (actor, detail) = (Actor::engine("req-1"), serde_json::json!({}));
        db.audit("site.delete", object, &actor, &detail)
            .await
            .unwrap();
    }
    db.close().await;
    site.sql(
        "UPDATE audit_events SET created_at = '2026-01-01T00:00:00.000000Z'
            WHERE object = 'site-a'",
    )
    .await;
    let without = site.json(0, &["db", "purge", "--older-than", "1"]);
    assert_eq!(without["rows"], serde_json::json!({}));
    let days = ["--older-than", "36500", "--audit-days", "30"];
    let dry = [&["db", "purge", "--dry-run"][..], &days].concat();
    let one = serde_json::json!({"audit_events": 1});
    assert_eq!(site.json(0, &dry)["rows"], one);
    let file = site.path("archive.jsonl").display().to_string();
    let archive = [&["db", "archive", "--to", &file][..], &days].concat();
    assert_eq!(site.json(0, &archive)["rows"], one);
    let written = std::fs::read_to_string(&file).unwrap();
    let line: Value = serde_json::from_str(written.trim()).unwrap();
    assert_eq!(line["table"], "audit_events");
    assert_eq!(line["row"]["object"], "site-a");
    assert_eq!(site.json(0, &dry)["rows"], serde_json::json!({}));
}

#[tokio::test]
async fn an_archive_that_cannot_be_written_removes_nothing() {
    let site = Site::new();
    let db = site.db().await;
    db.heartbeat("protector-engine", "node-1").await.unwrap();
    db.close().await;
    site.sql("UPDATE services SET last_seen_at = '2026-01-01T00:00:00.000000Z'")
        .await;
    let archive = ["db", "archive", "--older-than", "30", "--to", "/nowhere/a"];
    let failed = site.run(&archive);
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed.stderr).contains("/nowhere/a"));
    assert_eq!(
        site.json(0, &["service", "list"]).as_array().unwrap().len(),
        1
    );
}

/// The results of an upgrade check by its checks, and what each of those that are no success says.
fn results(report: &Value) -> Vec<(String, String, String)> {
    let all = report.as_array().unwrap().iter();
    let word = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
    all.filter(|one| one["result"] != "Success")
        .map(|one| {
            (
                word(one, "check"),
                word(one, "result"),
                word(one, "details"),
            )
        })
        .collect()
}

fn is_found(report: &Value, check: &str, result: &str, says: &str) {
    let found = results(report);
    assert_eq!(found.len(), 1, "{report:#}");
    let (in_check, with, details) = &found[0];
    assert_eq!((in_check.as_str(), with.as_str()), (check, result));
    assert!(details.contains(says), "no `{says}` in {details}");
}

#[tokio::test]
async fn an_upgrade_that_can_begin_is_told_in_the_form_of_openstack() {
    let site = Site::new();
    let output = site.run(&["status", "upgrade", "check"]);
    let shown = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{shown}{}",
        text(&output.stderr)
    );
    for line in [
        "| Upgrade Check Results",
        "| Check: Database Schema",
        "| Result: Success",
        "| Details: None",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
}

#[tokio::test]
async fn what_must_be_done_before_an_upgrade_is_a_failure() {
    let check = ["status", "upgrade", "check"];
    let site = Site::new();
    site.sql(
        "DELETE FROM seaql_migrations
            WHERE version = (SELECT MAX(version) FROM seaql_migrations)",
    )
    .await;
    is_found(
        &site.json(2, &check),
        "Database Schema",
        "Failure",
        "db sync",
    );
    site.sql("INSERT INTO seaql_migrations VALUES ('m9_of_a_later_version', 0)")
        .await;
    is_found(&site.json(2, &check), "Database Schema", "Failure", "newer");

    let site = Site::new();
    let db = site.db().await;
    db.insert_site(&registered("site-a", "unheard-of"))
        .await
        .unwrap();
    let report = site.json(2, &check);
    is_found(
        &report,
        "Drivers",
        "Failure",
        "no compute driver `unheard-of`",
    );

    let site = Site::new();
    site.sql(
        "INSERT INTO dr_operations (id, group_id, project_id, kind, status, executor_site_id, body,
            attempt, fence, clean, cancel_requested, created_at, updated_at)
         VALUES ('o', 'g', 'p', 'sync', 'running', 's', '{\"of\": \"old\"}', 1, 1, 0, 0, 'x', 'x');
         INSERT INTO operation_turns VALUES ('o', 3, 0, NULL, 'x', 'x')",
    )
    .await;
    is_found(
        &site.json(2, &check),
        "Readable Rows",
        "Failure",
        "operation o",
    );

    let site = Site::new();
    let value = SecretString::from("marked");
    let db = site.db().await;
    db.put_secret("site/1", "password", &value).await.unwrap();
    std::fs::remove_dir_all(site.path("keys")).unwrap();
    is_found(
        &site.json(2, &check),
        "Sealed Values",
        "Failure",
        "secret check",
    );

    let site = Site::new();
    std::fs::write(site.path("policy.yaml"), "protector:sites:index: !\n").unwrap();
    is_found(
        &site.json(2, &check),
        "Policy Rules",
        "Failure",
        "policy.yaml:1",
    );
}

/// The check is made with the new program before the upgrade, when the schema is still the old one.
#[tokio::test]
async fn what_an_earlier_schema_holds_is_looked_at_before_the_upgrade() {
    let check = ["status", "upgrade", "check"];
    let versions = protector_migrations::versions();
    let before = u32::try_from(versions.len()).unwrap() - 1;
    let operations = versions.iter().position(|name| name.contains("operations"));
    let oldest = u32::try_from(operations.unwrap()).unwrap() + 1;
    for migrations in [before, oldest] {
        let site = Site::at(migrations).await;
        is_found(
            &site.json(2, &check),
            "Database Schema",
            "Failure",
            "db sync",
        );
        site.sql(
            "INSERT INTO dr_operations (id, group_id, project_id, kind, status, executor_site_id,
                body, attempt, fence, clean, cancel_requested, created_at, updated_at)
             VALUES ('o', 'g', 'p', 'sync', 'running', 's', '{}', 1, 1, 0, 0, 'x', 'x');
             INSERT INTO metadata_sync (id, version, hash, document, pending, created_at, updated_at)
             VALUES ('g', 1, 'h', '{}', 0, 'x', 'x');
             INSERT INTO secrets (id, owner, name, sealed, created_at, updated_at)
             VALUES ('s', 'site/1', 'password', 'v1.0001.lost.key', 'x', 'x');
             INSERT INTO sites (id, name, description, site_type, auth_url, region_name, account,
                status, is_local, reach, created_at, updated_at)
             VALUES ('s', 'site-a', '', 'unheard-of', '', '', '{}', 'active', 1, '{}', 'x', 'x')",
        )
        .await;
        let report = site.json(2, &check);
        let found = results(&report);
        let names: Vec<_> = found.iter().map(|(name, ..)| name.as_str()).collect();
        let expected = [
            "Database Schema",
            "Readable Rows",
            "Unfinished Operations",
            "Drivers",
            "Sealed Values",
        ];
        assert_eq!(names, expected, "{report:#}");
        for (index, says) in [
            (1, "operation o: "),
            (1, "protection group g: "),
            (2, "operation o "),
            (3, "unheard-of"),
            (4, "secrets/site/1/password"),
        ] {
            assert!(found[index].2.contains(says), "no `{says}` in {report:#}");
        }
        // Nothing was changed by looking.
        let version = site.json(0, &["db", "version"]);
        let same = versions[usize::try_from(migrations).unwrap() - 1].as_str();
        assert_eq!(version["version"], same);
    }
    // Of the first schema there is less to look at, and it is.
    let site = Site::at(1).await;
    let report = site.json(2, &check);
    is_found(&report, "Database Schema", "Failure", "db sync");
}

#[tokio::test]
async fn what_should_be_looked_at_before_an_upgrade_is_a_warning() {
    let check = ["status", "upgrade", "check"];
    let site = Site::new();
    site.configure("[api]\nbind_prot = 1\n");
    is_found(
        &site.json(1, &check),
        "Configuration",
        "Warning",
        "bind_prot",
    );

    let site = Site::new();
    let rule = "{\"protector:sites:index\": \"role:admin\"}";
    std::fs::write(site.path("policy.yaml"), rule).unwrap();
    let name = "Policy File JSON to YAML Migration";
    is_found(&site.json(1, &check), name, "Warning", "JSON");

    let site = Site::new();
    std::fs::create_dir(site.path("drivers")).unwrap();
    std::fs::write(site.path("drivers/notes.so"), "no library").unwrap();
    let dir = site.path("drivers");
    site.configure(&format!("[drivers]\nplugin_dir = {}\n", dir.display()));
    is_found(&site.json(1, &check), "Driver Files", "Warning", "notes.so");
}

#[test]
fn a_check_that_cannot_be_made_exits_with_255() {
    let site = Site::new();
    site.configure("[api]\nworkers = many\n");
    let output = site.run(&["status", "upgrade", "check"]);
    assert_eq!(output.status.code(), Some(255));
    assert!(text(&output.stderr).contains("[api] workers"));
}
