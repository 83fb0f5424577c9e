//! A site whose every part is well, of which a test breaks one.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use protector_db::{Db, DbOptions, SecretBox};
use protector_framework::{
    Clock as _, GenericUuid as _, Ids as _, RandomIds, SecretString, SiteId, SystemClock,
    TenantMappingId,
};
use protector_model::site::Account;
use protector_model::{Reach, Site, SiteStatus, TenantMapping};
use sea_orm::{ConnectionTrait as _, Database};
use serde_json::Value;

use crate::cloud::{Cloud, KEY, MARK};

pub(crate) struct Stage {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) cloud: Cloud,
    /// Options of protector.conf by section and name.
    pub(crate) options: BTreeMap<(&'static str, &'static str), String>,
    pub(crate) user: String,
}

impl Stage {
    /// With a schema in a file, and no other site.
    pub(crate) async fn new() -> Self {
        let stage = Self::bare().await;
        stage.write();
        let synced = stage.run(&["db", "sync"]);
        assert!(synced.status.success(), "{}", text(&synced.stderr));
        stage
    }

    /// Without a database.
    pub(crate) async fn bare() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cloud = Cloud::start(free_port()).await;
        let at = |name: &str| dir.path().join(name).display().to_string();
        for part in ["log", "state"] {
            std::fs::create_dir(dir.path().join(part)).unwrap();
        }
        let options = [
            (("DEFAULT", "log_dir"), at("log")),
            (("DEFAULT", "state_path"), at("state")),
            (("api", "bind_host"), "127.0.0.1".to_owned()),
            (("api", "bind_port"), free_port().to_string()),
            (
                ("database", "connection"),
                format!("sqlite:///{}", at("state/site.db")),
            ),
            (("keystone_authtoken", "auth_url"), cloud.url()),
            (("keystone_authtoken", "username"), "protector".to_owned()),
            (("keystone_authtoken", "password"), MARK.to_owned()),
            (
                ("keystone_authtoken", "user_domain_name"),
                "Default".to_owned(),
            ),
            (("keystone_authtoken", "project_name"), "service".to_owned()),
            (
                ("keystone_authtoken", "project_domain_name"),
                "Default".to_owned(),
            ),
            (
                ("keystone_authtoken", "region_name"),
                "RegionOne".to_owned(),
            ),
        ];
        let user = Command::new("id").arg("-un").output().unwrap();
        Self {
            options: options.into(),
            user: text(&user.stdout).trim().to_owned(),
            dir,
            cloud,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn set(&mut self, group: &'static str, name: &'static str, value: impl ToString) {
        self.options.insert((group, name), value.to_string());
        self.write();
    }

    pub(crate) fn write(&self) {
        let mut written = String::new();
        for ((group, name), value) in &self.options {
            written.push_str(&format!("[{group}]\n{name} = {value}\n"));
        }
        let file = self.path("protector.conf");
        std::fs::write(&file, written).unwrap();
        mode(&file, 0o640);
    }

    /// The services run as another user, whose these files are. Only root can give files away.
    pub(crate) fn runs_as_nobody(&mut self, files: &[&str]) {
        self.user = "nobody".to_owned();
        mode(self.dir.path(), 0o755);
        for file in files {
            self.give(file, "nobody");
        }
    }

    pub(crate) fn give(&self, path: &str, owner: &str) {
        let mut chown = Command::new("chown");
        let given = chown.args(["-R", owner]).arg(self.path(path)).status();
        assert!(given.unwrap().success());
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_protector-manage"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .arg("--config-file")
            .arg(self.path("protector.conf"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What the doctor finds: every check that is neither well nor skipped, with its verdict.
    pub(crate) fn found(&self) -> Vec<(String, String)> {
        let output = self.run(&["doctor", "--user", &self.user, "-f", "json"]);
        let printed = text(&output.stdout);
        assert!(!printed.contains("marked"), "a secret is shown: {printed}");
        let all: Vec<Value> = serde_json::from_str(&printed)
            .unwrap_or_else(|error| panic!("{error}: {printed}{}", text(&output.stderr)));
        let mut found = Vec::new();
        for one in &all {
            let word = |field: &str| one[field].as_str().unwrap_or_default().to_owned();
            if ["ok", "skipped"].contains(&one["result"].as_str().unwrap()) {
                assert_eq!(one["fix"], Value::Null, "{one}");
                continue;
            }
            for field in ["tried", "found", "fix"] {
                assert!(!word(field).is_empty(), "{field} is missing: {one}");
            }
            found.push((word("check"), word("result")));
        }
        let expected = match &found[..] {
            [] => 0,
            all if all.iter().any(|(_, result)| result == "problem") => 2,
            _ => 1,
        };
        assert_eq!(output.status.code(), Some(expected), "{printed}");
        found
    }

    /// The doctor finds this one thing, which it calls so, and its words hold these.
    pub(crate) fn finds(&self, check: &str, result: &str, words: &[&str]) {
        let expected = vec![(check.to_owned(), result.to_owned())];
        let shown = self.shown();
        assert_eq!(self.found(), expected, "{shown}");
        for word in words {
            assert!(shown.contains(word), "no `{word}` in:\n{shown}");
        }
    }

    /// What the doctor says against what this check has found.
    pub(crate) fn fix_of(&self, check: &str) -> String {
        let output = self.run(&["doctor", "--user", &self.user, "-f", "json"]);
        let all: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let one = all.iter().find(|one| one["check"] == check).unwrap();
        one["fix"].as_str().unwrap().to_owned()
    }

    /// What the doctor says to people.
    pub(crate) fn shown(&self) -> String {
        let output = self.run(&["doctor", "--user", &self.user]);
        let shown = text(&output.stdout);
        assert!(!shown.contains("marked"), "a secret is shown: {shown}");
        shown
    }

    pub(crate) async fn db(&self) -> Db {
        let ids = Arc::new(RandomIds);
        let keys = SecretBox::open_or_create(&self.path("state/keys"), &*ids).unwrap();
        let url = format!("sqlite://{}", self.path("state/site.db").display());
        let clock = Arc::new(SystemClock::new());
        Db::connect(
            &SecretString::from(url),
            DbOptions::default(),
            keys,
            clock,
            ids,
        )
        .await
        .unwrap()
    }

    /// Maps projects of the pair, one after the other: `x` is `x-at-1` here and `x-at-2` there.
    pub(crate) async fn map(&self, projects: &[&str]) {
        let (db, ids) = (self.db().await, RandomIds);
        for (n, project) in (0..).zip(projects) {
            let at = SystemClock::new().now() + chrono::TimeDelta::seconds(n);
            let id = |n| SiteId::from_untyped_uuid(uuid::Uuid::from_u128(n));
            let mapping = TenantMapping {
                id: TenantMappingId::from_untyped_uuid(ids.uuid()),
                primary_site_id: id(1),
                primary_project_id: format!("{project}-at-1").as_str().into(),
                secondary_site_id: id(2),
                secondary_project_id: format!("{project}-at-2").as_str().into(),
                created_at: at,
                updated_at: at,
            };
            db.insert_tenant_mapping(&mapping).await.unwrap();
        }
        db.close().await;
    }

    /// What time does to rows.
    pub(crate) async fn sql(&self, sql: &str) {
        let url = format!("sqlite://{}", self.path("state/site.db").display());
        let conn = Database::connect(url).await.unwrap();
        conn.execute_unprepared(sql).await.unwrap();
        conn.close().await.unwrap();
    }

    /// Registers this site and another one, whose key is known.
    pub(crate) async fn pair(&self, other: &Cloud) {
        let db = self.db().await;
        db.deployment().await.unwrap();
        for (n, name, cloud) in [(1, "site-a", &self.cloud), (2, "site-b", other)] {
            let site = site(n, name, &cloud.url());
            db.insert_site(&site).await.unwrap();
            let owner = format!("site/{}", site.id);
            let password = SecretString::from(MARK);
            db.put_secret(&owner, "password", &password).await.unwrap();
            if n == 2 {
                db.learn_peer_key(site.id, &KEY.repeat(32)).await.unwrap();
            }
        }
        db.close().await;
    }
}

fn site(n: u128, name: &str, auth_url: &str) -> Site {
    let at = SystemClock::new().now();
    Site {
        id: SiteId::from_untyped_uuid(uuid::Uuid::from_u128(n)),
        name: name.to_owned(),
        description: String::new(),
        site_type: "openstack".to_owned(),
        auth_url: auth_url.to_owned(),
        region_name: "RegionOne".to_owned(),
        account: Account {
            username: Some("protector".to_owned()),
            user_domain_name: Some("Default".to_owned()),
            project_name: Some("service".to_owned()),
            project_domain_name: Some("Default".to_owned()),
            ..Account::default()
        },
        status: SiteStatus::Active,
        status_reason: None,
        is_local: n == 1,
        reach: Reach::default(),
        created_at: at,
        updated_at: at,
    }
}

pub(crate) fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Nobody listens there; another test may take it, but none of this binary does.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
