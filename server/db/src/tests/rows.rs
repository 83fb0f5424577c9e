use std::sync::Arc;

use protector_framework::{
    ExposeSecret as _, GenericUuid as _, SecretString, SeededIds, SystemClock, TenantMappingId,
};
use protector_model::{Reach, Site, SiteStatus, TenantMapping};
use uuid::Uuid;

use super::{MARK, site, start, with_group, world};
use crate::{Condition, Db, DbError, DbOptions, Page, Quotas, SecretBox};

pub(super) fn cloud(n: u128, name: &str) -> Site {
    Site {
        id: site(n),
        name: name.to_owned(),
        description: "a cloud".to_owned(),
        site_type: "openstack".to_owned(),
        auth_url: "http://keystone/v3".to_owned(),
        region_name: "RegionOne".to_owned(),
        account: protector_model::site::Account::default(),
        status: SiteStatus::Registered,
        status_reason: Some("not validated".to_owned()),
        is_local: n == 1,
        reach: Reach::default(),
        created_at: start() + chrono::TimeDelta::seconds(i64::try_from(n).unwrap()),
        updated_at: start(),
    }
}

#[tokio::test]
async fn sites_keep_every_field_and_their_names_are_unique() {
    let world = world().await;
    let a = cloud(1, "site-a");
    world.db.insert_site(&a).await.unwrap();
    assert_eq!(world.db.find_site("site-a").await.unwrap(), Some(a.clone()));
    assert_eq!(
        world.db.find_site(&a.id.to_string()).await.unwrap(),
        Some(a.clone())
    );
    let twin = world.db.insert_site(&cloud(2, "site-a")).await;
    assert!(matches!(twin, Err(DbError::Duplicate(what)) if what.contains("site-a")));
    assert_eq!(world.db.local_site().await.unwrap(), Some(a));
}

#[tokio::test]
async fn lists_come_in_pages_in_a_stable_order() {
    let world = world().await;
    for n in 1..=5 {
        world
            .db
            .insert_site(&cloud(n, &format!("site-{n}")))
            .await
            .unwrap();
    }
    let mut seen = Vec::new();
    let mut page = Page {
        limit: Some(2),
        ..Page::default()
    };
    loop {
        let got = world.db.page_sites(&page).await.unwrap();
        let Some(last) = got.last() else { break };
        page.marker = Some(last.id.into_untyped_uuid());
        seen.extend(got.into_iter().map(|s| s.name));
    }
    assert_eq!(seen, ["site-5", "site-4", "site-3", "site-2", "site-1"]);
    let by = Page {
        filters: vec![("name".into(), "site-3".into())],
        ..Page::default()
    };
    assert_eq!(world.db.page_sites(&by).await.unwrap().len(), 1);
    let unknown = Page {
        sort: vec![("colour".into(), false)],
        ..Page::default()
    };
    assert!(matches!(
        world.db.page_sites(&unknown).await,
        Err(DbError::BadQuery(_))
    ));
    let nowhere = Page {
        marker: Some(Uuid::from_u128(999)),
        ..Page::default()
    };
    assert!(matches!(
        world.db.page_sites(&nowhere).await,
        Err(DbError::BadMarker)
    ));
}

#[tokio::test]
async fn a_list_may_be_of_what_meets_conditions() {
    let world = world().await;
    for n in 1..=4 {
        let site = cloud(n, &format!("site-{n}"));
        world.db.insert_site(&site).await.unwrap();
    }
    let name = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let at = |n: i64| {
        let at = start() + chrono::TimeDelta::seconds(n);
        at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
    };
    for (field, condition, expected) in [
        (
            "name",
            Condition::In(name(&["site-1", "site-3"])),
            &[3, 1][..],
        ),
        (
            "name",
            Condition::NotIn(name(&["site-1", "site-3"])),
            &[4, 2],
        ),
        ("created_at", Condition::Above(at(2)), &[4, 3]),
        ("created_at", Condition::AtLeast(at(2)), &[4, 3, 2]),
        ("created_at", Condition::Below(at(2)), &[1]),
        ("created_at", Condition::AtMost(at(2)), &[2, 1]),
    ] {
        let page = Page {
            conditions: vec![(field.to_owned(), condition)],
            limit: Some(10),
            ..Page::default()
        };
        let found = world.db.page_sites(&page).await.unwrap();
        let names: Vec<_> = found.into_iter().map(|site| site.name).collect();
        let expected: Vec<_> = expected.iter().map(|n| format!("site-{n}")).collect();
        assert_eq!(names, expected, "{page:?}");
    }
    let both = Page {
        conditions: vec![
            ("created_at".into(), Condition::Above(at(1))),
            ("created_at".into(), Condition::Below(at(4))),
        ],
        marker: Some(site(3).into_untyped_uuid()),
        ..Page::default()
    };
    let found = world.db.page_sites(&both).await.unwrap();
    assert_eq!(found.len(), 1, "the rest of the list after the marker");
    let unknown = Page {
        conditions: vec![("colour".into(), Condition::Above(at(1)))],
        ..Page::default()
    };
    let refused = world.db.page_sites(&unknown).await;
    assert!(matches!(refused, Err(DbError::BadQuery(_))));
}

#[tokio::test]
async fn a_tenant_mapping_is_found_from_both_sides() {
    let world = world().await;
    let mapping = TenantMapping {
        id: TenantMappingId::from_untyped_uuid(Uuid::from_u128(5)),
        primary_site_id: site(1),
        primary_project_id: "p1".into(),
        secondary_site_id: site(2),
        secondary_project_id: "p2".into(),
        created_at: start(),
        updated_at: start(),
    };
    world.db.insert_tenant_mapping(&mapping).await.unwrap();
    let find = async |a, p: &str, b| {
        world
            .db
            .tenant_mapping_for(site(a), &p.into(), site(b))
            .await
            .unwrap()
    };
    assert_eq!(find(1, "p1", 2).await, Some(mapping.clone()));
    assert_eq!(find(2, "p2", 1).await, Some(mapping));
    assert_eq!(find(1, "p2", 2).await, None);
}

#[tokio::test]
async fn secrets_come_back_and_are_nowhere_in_the_files() {
    let world = world().await;
    with_group(&world).await;
    world
        .db
        .put_secret("site/1", "password", &SecretString::from(MARK))
        .await
        .unwrap();
    world
        .db
        .put_secret("site/1", "password", &SecretString::from(MARK))
        .await
        .unwrap();
    let got = world
        .db
        .get_secret("site/1", "password")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(got.expose_secret(), MARK);
    let key = world.db.deployment().await.unwrap().box_secret;
    for entry in std::fs::read_dir(world.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for secret in [MARK, key.expose_secret()] {
                assert!(
                    !bytes.windows(secret.len()).any(|w| w == secret.as_bytes()),
                    "a secret stands in {}",
                    path.display()
                );
            }
        }
    }
    assert!(!format!("{:?}", world.db).contains(MARK));
}

#[tokio::test]
async fn a_sealed_value_opens_only_in_its_place() {
    let world = world().await;
    let sealed = world
        .db
        .secret_box
        .seal("secrets/a/x", &SecretString::from(MARK), &*world.db.ids)
        .unwrap();
    assert!(world.db.secret_box.open("secrets/a/x", &sealed).is_ok());
    assert!(world.db.secret_box.open("secrets/b/x", &sealed).is_err());
}

#[tokio::test]
async fn the_deployment_is_made_once() {
    let world = world().await;
    let (a, b) = tokio::join!(world.db.deployment(), world.db.deployment());
    assert_eq!(a.unwrap().id, b.unwrap().id);
}

#[tokio::test]
async fn quotas_fall_back_to_their_defaults() {
    let world = world().await;
    let tight = Quotas {
        protection_groups: 1,
        ..Quotas::default()
    };
    world.db.set_quotas(&"p1".into(), &tight).await.unwrap();
    assert_eq!(world.db.quotas(&"p1".into()).await.unwrap(), tight);
    world.db.reset_quotas(&"p1".into()).await.unwrap();
    assert_eq!(
        world.db.quotas(&"p1".into()).await.unwrap(),
        Quotas::default()
    );
}

#[tokio::test]
async fn a_service_is_up_for_a_minute_after_its_heartbeat() {
    let world = world().await;
    world
        .db
        .heartbeat("protector-engine", "host-1")
        .await
        .unwrap();
    world
        .db
        .heartbeat("protector-engine", "host-1")
        .await
        .unwrap();
    let up = world.db.list_services().await.unwrap();
    assert_eq!(up.len(), 1);
    assert!(up[0].up);
    world.clock.advance(std::time::Duration::from_secs(61));
    assert!(!world.db.list_services().await.unwrap()[0].up);
}

#[tokio::test]
async fn a_service_is_forgotten_only_while_it_is_down() {
    let world = world().await;
    let db = &world.db;
    db.heartbeat("protector-engine", "host-1").await.unwrap();
    let id = db.list_services().await.unwrap()[0].id;
    assert!(!db.forget_service(id).await.unwrap(), "it lives");
    world.clock.advance(std::time::Duration::from_secs(61));
    db.heartbeat("protector-engine", "host-1").await.unwrap();
    assert!(!db.forget_service(id).await.unwrap(), "it came back");
    world.clock.advance(std::time::Duration::from_secs(61));
    assert!(db.forget_service(id).await.unwrap());
    assert!(db.list_services().await.unwrap().is_empty());
    assert!(!db.forget_service(id).await.unwrap(), "it is gone");
}

#[tokio::test]
async fn a_database_without_a_schema_says_what_to_run() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite://{}?mode=rwc",
        dir.path().join("empty.db").display()
    );
    let ids = std::sync::Arc::new(protector_framework::SeededIds::new(1));
    let secret_box = crate::SecretBox::open_or_create(&dir.path().join("keys"), &*ids).unwrap();
    let clock = std::sync::Arc::new(protector_framework::ManualClock::new(start()));
    let options = crate::DbOptions::default();
    let error = crate::Db::connect(&SecretString::from(url), options, secret_box, clock, ids).await;
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("protector-manage db sync")
    );
}

#[tokio::test]
async fn a_server_that_refuses_is_told_with_its_reason_and_without_the_password() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = port.local_addr().unwrap();
    drop(port);
    let directory = tempfile::tempdir().unwrap();
    let ids = Arc::new(SeededIds::new(1));
    let keys = SecretBox::open_or_create(directory.path(), &*ids).unwrap();
    let url = SecretString::from(format!("mysql://protector:{MARK}@{place}/protector"));
    let clock = Arc::new(SystemClock::new());
    let opened = Db::connect(&url, DbOptions::default(), keys, clock, ids).await;
    let error = opened.unwrap_err();
    assert!(matches!(error, DbError::Unreachable(_)));
    // A pool would say after half a minute that it has waited.
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(!error.to_string().contains(MARK));
}

#[tokio::test]
async fn every_table_is_counted() {
    let world = world().await;
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table'";
    let found = world.db.rows(sql, []).await.unwrap();
    let mut tables: Vec<String> = found
        .iter()
        .map(|row| crate::connection::text(row, "name").unwrap())
        // The migration library's and the database's own.
        .filter(|name| !name.starts_with("seaql") && !name.starts_with("sqlite"))
        .collect();
    tables.sort();
    let counts = world.db.row_counts().await.unwrap();
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), tables);
    world.db.insert_site(&cloud(1, "site-a")).await.unwrap();
    let after = world.db.row_counts().await.unwrap();
    assert_eq!(after["sites"], counts["sites"] + 1);
}
