//! `status upgrade check`.

use protector_framework::SecretString;
use serde_json::Value;

use crate::site::{Site, registered, text};

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
