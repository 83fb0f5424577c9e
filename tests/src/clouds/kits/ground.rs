//! What all cases share: the project, and what is handed out one by one.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use protector_conformance::BenchError;
use protector_framework::{
    DriverConfig, DriverEnv, RandomIds, Registry, SecretString, SystemClock,
};
use serde_json::{Value, json};

use crate::clouds::failure::{Failure, Outcome, fail};
use crate::clouds::http::{list, text};
use crate::clouds::testbed::{REGION, Side, Testbed};
use crate::clouds::world::{Secrets, Site};

/// How many addresses a case has.
pub(super) const ADDRESSES: usize = 4;

/// The project and what is in it for all cases.
pub(super) struct Ground {
    pub(super) testbed: Testbed,
    pub(super) site: Site,
    pub(super) secrets: Secrets,
    /// `host@backend#pool` of the files.
    pub(super) host: String,
    /// The directory of the files.
    pub(super) files: PathBuf,
    /// The id of the group type that drivers name `protector`.
    pub(super) group_type: String,
    registry: Registry,
    free: Mutex<Vec<[u8; ADDRESSES]>>,
    cases: AtomicU64,
}

impl Ground {
    pub(super) async fn new(testbed: &Testbed, site: Site, secrets: &Secrets) -> Outcome<Self> {
        let pools = site.admin.cinder.get("/scheduler-stats/get_pools").await?;
        let mut names = list(&pools, "/pools")
            .iter()
            .filter_map(|p| p["name"].as_str());
        let Some(host) = names.find(|name| name.contains("@file1#")) else {
            return fail(format!("no pool of the file driver: {pools}"));
        };
        let types = site.admin.cinder.get("/group_types").await?;
        let of_ours = |one: &&Value| one["name"] == "protector";
        let Some(kind) = list(&types, "/group_types").iter().find(of_ours) else {
            return fail(format!("no group type `protector`: {types}"));
        };
        let env = DriverEnv {
            clock: std::sync::Arc::new(SystemClock::new()),
            ids: std::sync::Arc::new(RandomIds),
        };
        let block = |n: u8| [n, n + 1, n + 2, n + 3];
        Ok(Self {
            testbed: testbed.clone(),
            host: host.to_owned(),
            files: testbed.pool(Side::A),
            group_type: text(kind, "/id")?,
            registry: Registry::from_linked(env)?,
            free: Mutex::new((10..50).map(|n| block(n * 4)).collect()),
            cases: AtomicU64::new(0),
            secrets: secrets.clone(),
            site,
        })
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The number of a new case.
    pub(super) fn number(&self) -> u64 {
        self.cases.fetch_add(1, Ordering::Relaxed)
    }

    /// Addresses that no other case has.
    pub(super) fn addresses(&self) -> Result<[u8; ADDRESSES], BenchError> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.pop()
            .ok_or_else(|| BenchError::new("no address is left; run fewer cases at once"))
    }

    /// Gives addresses back.
    pub(super) fn give_back(&self, addresses: [u8; ADDRESSES]) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(addresses);
    }

    /// The settings of a driver for a project of the cloud, by way of a front.
    pub(super) fn config(
        &self,
        auth_url: &str,
        project: (&str, &str),
        password: &str,
    ) -> DriverConfig {
        let (key, value) = project;
        let mut settings = json!({
            "auth_url": auth_url,
            "region_name": REGION,
            "username": self.site.service_login.user,
        });
        settings[key] = json!(value);
        DriverConfig::new(settings).secret("password", SecretString::from(password))
    }

    pub(super) fn wrong_password(&self) -> String {
        self.secrets.of("wrong")
    }

    /// All passwords of the run carry its mark.
    pub(super) fn marked(&self) -> Vec<SecretString> {
        vec![SecretString::from(self.secrets.mark.as_str())]
    }
}

/// The bench has failed.
pub(super) fn failed(failure: Failure) -> BenchError {
    BenchError::new(failure)
}
