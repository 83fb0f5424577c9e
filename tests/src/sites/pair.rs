//! Two sites that know each other.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use protector_driver_mock::world::{LinkSettings, PROTECTOR_USER};
use protector_drivers as _;
use protector_framework::{Clock, DriverEnv, ExposeSecret, Ids, RandomIds, Registry, SystemClock};
use serde_json::json;

use super::client::Seen;
use super::reply::SiteView;
use super::site::{Site, Timing};
use crate::clouds::failure::{Outcome, ensure, fail};
use crate::mariadb::MariaDb;
use crate::plugin::add_plugin;

/// One of the two sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The site's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "site-a",
            Self::B => "site-b",
        }
    }

    /// The site's letter.
    pub const fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
        }
    }

    /// The site's region.
    pub const fn region(self) -> &'static str {
        match self {
            Self::A => "RegionA",
            Self::B => "RegionB",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// The addresses of the tenant's network: the same on both, so that servers keep theirs.
    pub(super) const fn range(self) -> &'static str {
        "10.20.0.0/24"
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What all services share.
#[derive(Debug, Clone)]
pub struct Env {
    /// Time.
    pub clock: Arc<SystemClock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// All drivers.
    pub registry: Registry,
    /// The storage driver that the policies name.
    pub driver: String,
    /// The server of both sites' databases, `protector_a` and `protector_b`; without it each has a file.
    pub databases: Option<Arc<MariaDb>>,
}

impl Env {
    /// With `plugin`, the driver of that file is the policies' one.
    fn new(plugin: Option<&Path>) -> Outcome<Self> {
        let clock = Arc::new(SystemClock::new());
        let ids: Arc<dyn Ids> = Arc::new(RandomIds);
        let env = DriverEnv {
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let mut registry = Registry::from_linked(env)?;
        let driver = match plugin {
            None => "mock".to_owned(),
            Some(file) => add_plugin(&mut registry, file)?,
        };
        Ok(Self {
            clock,
            ids,
            registry,
            driver,
            databases: None,
        })
    }

    /// Whether the arrays are reached over HTTP, as a driver in a file does.
    pub(super) fn over_http(&self) -> bool {
        !["mock", "moody"].contains(&self.driver.as_str())
    }
}

/// Two sites.
#[derive(Debug)]
pub struct Pair {
    /// The first.
    pub a: Site,
    /// The second.
    pub b: Site,
    /// What they share.
    pub env: Env,
    /// Every reply of both APIs.
    pub seen: Seen,
    /// Begins every password and array token of this pair, and nothing else.
    pub mark: String,
}

impl Pair {
    /// Builds both sites below a directory that is empty, and starts their services.
    ///
    /// # Errors
    /// What fails.
    pub async fn start(dir: &Path, timing: Timing) -> Outcome<Self> {
        Self::start_with(dir, timing, None).await
    }

    /// The same with the storage driver of a file, which speaks to Shelf arrays; the one that is called `moody`
    /// to mock arrays.
    ///
    /// # Errors
    /// What fails.
    pub async fn start_with(dir: &Path, timing: Timing, plugin: Option<&Path>) -> Outcome<Self> {
        // Another provider may be installed already; then that one serves.
        drop(rustls::crypto::ring::default_provider().install_default());
        Self::start_in(dir, timing, Env::new(plugin)?).await
    }

    async fn start_in(dir: &Path, timing: Timing, env: Env) -> Outcome<Self> {
        let seen = Seen::default();
        let mark = format!("marked{}", env.ids.uuid().simple());
        let mut a = Site::build(Side::A, dir, &mark, &env, &seen, timing).await?;
        let mut b = Site::build(Side::B, dir, &mark, &env, &seen, timing).await?;
        a.array.link(&b.array, &LinkSettings::up())?;
        for site in [&mut a, &mut b] {
            site.start_api().await?;
            site.start_engine().await?;
        }
        Ok(Self {
            a,
            b,
            env,
            seen,
            mark,
        })
    }

    /// Starts both sites and makes them known to each other.
    ///
    /// # Errors
    /// What fails.
    pub async fn ready(dir: &Path) -> Outcome<Self> {
        Self::start(dir, Timing::default()).await?.known().await
    }

    /// The same with the storage driver of a file.
    ///
    /// # Errors
    /// What fails.
    pub async fn ready_with(dir: &Path, plugin: &Path) -> Outcome<Self> {
        let pair = Self::start_with(dir, Timing::default(), Some(plugin)).await?;
        pair.known().await
    }

    /// The same on a MariaDB of their own.
    ///
    /// # Errors
    /// What fails.
    pub async fn ready_on_mariadb(dir: &Path) -> Outcome<Self> {
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut env = Env::new(None)?;
        let databases = ["protector_a", "protector_b"];
        let server = MariaDb::start(&dir.join("mariadb"), &databases, &env.clock).await?;
        env.databases = Some(Arc::new(server));
        Self::start_in(dir, Timing::default(), env)
            .await?
            .known()
            .await
    }

    /// Makes both sites known to each other.
    async fn known(self) -> Outcome<Self> {
        let pair = self;
        for side in Side::BOTH {
            pair.register(side).await?;
        }
        pair.map_tenant().await?;
        pair.enrol().await?;
        Ok(pair)
    }

    /// One of them.
    pub fn site(&self, side: Side) -> &Site {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    /// One of them, to change.
    pub fn site_mut(&mut self, side: Side) -> &mut Site {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    /// Registers a site at site-a, which tells site-b, and has it looked at.
    ///
    /// # Errors
    /// What the API says, or a service that does not answer.
    pub async fn register(&self, side: Side) -> Outcome<SiteView> {
        let admin = self.a.admin()?;
        let site = self.site(side);
        let body = json!({"site": {
            "name": side.name(),
            "description": "a mock cloud in a directory",
            "site_type": "mock",
            "auth_url": site.cloud.auth_url(),
            "region_name": side.region(),
            "credentials": {
                "username": PROTECTOR_USER,
                "password": site.password.expose_secret(),
                "project_name": "service",
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            },
        }});
        admin.post("/admin/sites", &body).await?.expect(201)?;
        let path = format!("/admin/sites/{}/validate", side.name());
        let validated: SiteView = admin.post(&path, &json!({})).await?.read(200, "site")?;
        let all = validated.keystone_reachable
            && validated.nova_reachable
            && validated.cinder_reachable
            && validated.neutron_reachable
            && validated.protector_reachable;
        ensure(all && validated.status == "active", || {
            format!("not all of {side} answers: {validated:?}")
        })?;
        Ok(validated)
    }

    /// Maps the tenant's project of one site to that of the other.
    ///
    /// # Errors
    /// What the API says.
    pub async fn map_tenant(&self) -> Outcome {
        let body = json!({"tenant_mapping": {
            "primary_site_id": Side::A.name(),
            "primary_project_id": self.a.furniture.project,
            "secondary_site_id": Side::B.name(),
            "secondary_project_id": self.b.furniture.project,
        }});
        let admin = self.a.admin()?;
        admin
            .post("/admin/tenant-mappings", &body)
            .await?
            .expect(201)?;
        Ok(())
    }

    /// The tenant lets Protector act for it, on both sites.
    ///
    /// # Errors
    /// What the API says.
    pub async fn enrol(&self) -> Outcome {
        for site in [&self.a, &self.b] {
            let reply = site.tenant()?.post("/trusts", &json!({})).await?;
            if !(200..300).contains(&reply.status) {
                return fail(reply.describe());
            }
        }
        Ok(())
    }

    /// The id of a site, which is the same on both.
    ///
    /// # Errors
    /// What the API of `at` says.
    pub async fn site_id(&self, at: Side, of: Side) -> Outcome<String> {
        let sites = self.site(at).admin()?.sites().await?;
        match sites.into_iter().find(|site| site.name == of.name()) {
            Some(site) => Ok(site.id),
            None => fail(format!("{at} does not know {of}")),
        }
    }

    /// Looks often until something holds.
    ///
    /// # Errors
    /// What `look` said last when the time was over.
    pub async fn until<F>(&self, seconds: u64, mut look: F) -> Outcome
    where
        F: AsyncFnMut() -> Outcome,
    {
        let clock = &self.env.clock;
        let deadline = clock.monotonic() + std::time::Duration::from_secs(seconds);
        loop {
            let failure = match look().await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            if clock.monotonic() > deadline {
                return fail(format!("not within {seconds} s: {failure}"));
            }
            clock.sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Kills all services.
    ///
    /// # Errors
    /// Where threads do not end.
    pub async fn kill(&mut self) -> Outcome {
        for site in [&mut self.a, &mut self.b] {
            site.kill_engine().await?;
            site.kill_api().await?;
        }
        Ok(())
    }

    /// Ends all services in order.
    ///
    /// # Errors
    /// Where one does not end.
    pub async fn stop(mut self) -> Outcome {
        self.a.stop().await?;
        self.b.stop().await
    }
}
