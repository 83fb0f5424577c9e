//! The database of an earlier version, as an operator looks at it before an upgrade.

use std::sync::Arc;

use protector_framework::{ManualClock, SecretString, SeededIds};

use super::server::Server;
use super::{MARK, start, world_at};
use crate::{Db, DbOptions, SecretBox};

/// An unfinished operation that nobody can read.
const OPERATION: &str =
    "INSERT INTO dr_operations (id, group_id, project_id, kind, status, executor_site_id, body,
        attempt, fence, clean, cancel_requested, created_at, updated_at)
     VALUES ('o', 'g', 'p', 'sync', 'running', 's', '{\"of\": \"old\"}', 1, 1, 0, 0, 'x', 'x')";
const DOCUMENT: &str =
    "INSERT INTO metadata_sync (id, version, hash, document, pending, created_at, updated_at)
     VALUES ('g', 1, 'h', '{}', 0, 'x', 'x')";
const POLICY: &str = "INSERT INTO replication_policies
        (id, group_id, driver, rpo_minutes, body, created_at, updated_at)
     VALUES ('r', 'g', 'of-old', 1, '{}', 'x', 'x')";

#[tokio::test]
async fn what_each_earlier_schema_holds_is_read_and_nothing_else() {
    let ids = Arc::new(SeededIds::new(1));
    let clock = Arc::new(ManualClock::new(start()));
    let versions = protector_migrations::versions();
    for (count, version) in (1..).zip(&versions) {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", dir.path().join("old.db").display());
        protector_migrations::sync_by(&url, count).await.unwrap();
        let keys = SecretBox::open_or_create(&dir.path().join("keys"), &*ids).unwrap();
        let (url, options) = (SecretString::from(url), DbOptions::default());
        let opened = Db::connect_as_it_is(&url, options, keys, clock.clone(), ids.clone()).await;
        let db = opened.unwrap();
        db.put_secret("site/1", "password", &MARK.into())
            .await
            .unwrap();
        assert_eq!(db.check_sealed().await.unwrap().len(), 1, "{version}");
        assert!(db.site_drivers().await.unwrap().is_empty(), "{version}");

        let tables = [
            ("metadata_sync", DOCUMENT),
            ("dr_operations", OPERATION),
            ("replication_policies", POLICY),
        ];
        let mut rows = 0;
        for (table, insert) in tables {
            if db.has_table(table).await.unwrap() {
                db.run(insert, []).await.unwrap();
                rows += usize::from(table != "replication_policies");
            }
        }
        let forms = db.forms().await.unwrap();
        assert_eq!(forms.unreadable.len(), rows, "{version}: {forms:?}");
        assert_eq!(forms.without_turn.len() as u64, forms.unfinished);
        let drivers = db.policy_drivers().await.unwrap();
        assert_eq!(drivers.contains("of-old"), rows > 0, "{version}");
    }
}

#[tokio::test]
async fn a_table_that_mariadb_does_not_have_yet_is_not_read() {
    let Some(server) = Server::start().await else {
        return;
    };
    let url = server.url(server.port);
    let world = world_at(tempfile::tempdir().unwrap(), url).await;
    for sql in [OPERATION, DOCUMENT, "DROP TABLE operation_turns"] {
        world.db.run(sql, []).await.unwrap();
    }
    let forms = world.db.forms().await.unwrap();
    assert_eq!(forms.unreadable.len(), 2, "{forms:?}");
    assert_eq!(forms.without_turn, ["o"]);
    world.db.run("DROP TABLE metadata_sync", []).await.unwrap();
    assert_eq!(world.db.forms().await.unwrap().unreadable.len(), 1);
    assert!(world.db.check_sealed().await.unwrap().is_empty());
}
