//! A site with a database in a file, whatever its schema, on which a test runs the program.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use protector_db::{Db, DbOptions, SecretBox};
use protector_framework::{
    Clock as _, GenericUuid as _, RandomIds, SecretString, SiteId, SystemClock,
};
use protector_model::site::Account;
use protector_model::{Reach, Site as Registered, SiteStatus};
use sea_orm::{ConnectionTrait as _, Database};
use serde_json::Value;

pub(crate) struct Site {
    pub(crate) dir: tempfile::TempDir,
}

impl Site {
    /// With a schema.
    pub(crate) fn new() -> Self {
        let site = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        site.configure("");
        let synced = site.run(&["db", "sync"]);
        assert!(synced.status.success(), "{}", text(&synced.stderr));
        site
    }

    /// With the schema of an earlier version, which had so many migrations.
    pub(crate) async fn at(migrations: u32) -> Self {
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

    pub(crate) fn configure(&self, more: &str) {
        let dir = self.dir.path().display();
        let written = format!(
            "[DEFAULT]\nstate_path = {dir}\n[database]\nconnection = sqlite:///{dir}/site.db\n\
             [keystone_authtoken]\nidentity_driver = mock\nauth_url = mock://{dir}/cloud\n\
             username = protector\npassword = marked\nproject_name = service\n{more}"
        );
        std::fs::write(self.path("protector.conf"), written).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
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
    pub(crate) fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["-f", "json"]].concat());
        let (printed, told) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{printed}{told}");
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}{told}"))
    }

    pub(crate) async fn db(&self) -> Db {
        let ids = Arc::new(RandomIds);
        let keys = SecretBox::open_or_create(&self.path("keys"), &*ids).unwrap();
        let url = SecretString::from(format!("sqlite://{}", self.path("site.db").display()));
        let clock = Arc::new(SystemClock::new());
        let opened = Db::connect(&url, DbOptions::default(), keys, clock, ids).await;
        opened.unwrap()
    }

    /// What time, or a program of another version, does to rows.
    pub(crate) async fn sql(&self, sql: &str) {
        let url = format!("sqlite://{}", self.path("site.db").display());
        let conn = Database::connect(url).await.unwrap();
        conn.execute_unprepared(sql).await.unwrap();
        conn.close().await.unwrap();
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn registered(name: &str, site_type: &str) -> Registered {
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
