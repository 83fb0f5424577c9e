//! Sites, services, keys, and what is old.

use std::os::unix::fs::PermissionsExt as _;

use protector_framework::SecretString;
use protector_model::Actor;
use serde_json::Value;

use crate::site::{Site, registered, text};

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
