use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use protector_db::{Db, DbError};
use protector_framework::{
    Clock, ComputeDriver, DriverError, DriverKind, ExposeSecret as _, GroupId, IdentityDriver, Ids,
    ProjectId, Registry, SecretString, SiteId, StorageDriver,
};
use protector_model::{GroupDocument, Site};
use protector_peer::Remote;

use crate::arrays::{self, ArrayTrust, Opened};
use crate::cache::Cache;
use crate::error::ReachError;
use crate::http::HttpRemote;
use crate::settings::{self, SiteSecrets};
use crate::trust::Known;
use serde_json::Value;

/// The ways from this process to clouds, arrays and the other Protector. Clones share the drivers.
#[derive(Clone)]
pub struct Reach {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    registry: Registry,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    /// By site and project; `None` is the account's own project. The revision has the time the
    /// site's row last changed and the time the project's trust was made.
    compute: Cache<(SiteId, Option<ProjectId>), Revision, Arc<dyn ComputeDriver>>,
    identity: Cache<SiteId, Revision, Arc<dyn IdentityDriver>>,
    trust: ArrayTrust,
    /// By group and site; the revision is the array's URL and the time the policy last changed.
    storage: Cache<(GroupId, SiteId), PolicyRevision, Arc<dyn StorageDriver>>,
    remotes: Cache<SiteId, Revision, Arc<dyn Remote>>,
    joined: Mutex<HashMap<SiteId, Arc<dyn Remote>>>,
}

type Revision = (DateTime<Utc>, Option<DateTime<Utc>>);
type PolicyRevision = (String, DateTime<Utc>);

impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reach")
            .field("registry", &self.inner.registry)
            .finish_non_exhaustive()
    }
}

impl Reach {
    /// Ways by what `db` holds, with the drivers of `registry`. Arrays show certificates that the
    /// system trusts.
    pub fn new(db: Db, registry: Registry, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self::trusting(ArrayTrust::default(), db, registry, clock, ids)
    }

    /// The same with arrays that show other certificates.
    pub fn trusting(
        trust: ArrayTrust,
        db: Db,
        registry: Registry,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                trust,
                db,
                registry,
                clock,
                ids,
                compute: Cache::default(),
                identity: Cache::default(),
                storage: Cache::default(),
                remotes: Cache::default(),
                joined: Mutex::default(),
            }),
        }
    }

    /// The drivers of this process.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    pub(crate) fn db(&self) -> &Db {
        &self.inner.db
    }

    /// Reaches the Protector of `site` this way from now on instead of over HTTP: for sites that
    /// live in one process.
    pub fn join(&self, site: SiteId, remote: Arc<dyn Remote>) {
        let joined = self.inner.joined.lock();
        joined
            .unwrap_or_else(PoisonError::into_inner)
            .insert(site, remote);
    }

    /// A site's cloud as one project sees it.
    ///
    /// # Errors
    /// Where the site is not known or its driver refuses the settings; nothing is sent yet.
    pub async fn compute(
        &self,
        site: SiteId,
        project: &ProjectId,
    ) -> Result<Arc<dyn ComputeDriver>, ReachError> {
        let site = self.site(site).await?;
        let trust = self.inner.db.get_trust(site.id, project).await?;
        let trust = trust.filter(|t| t.state == "active");
        let key = (site.id, Some(project.clone()));
        let revision = (site.updated_at, trust.as_ref().map(|t| t.created_at));
        if let Some(driver) = self.inner.compute.get(&key, &revision) {
            return Ok(driver);
        }
        let secrets = self.site_secrets(&site).await?;
        let trust = trust.map(|t| SecretString::from(t.trust.id.as_str()));
        let config = settings::in_project(&site, &secrets, project, trust);
        let driver = self.inner.registry.compute(&site.site_type, config);
        let driver = driver.map_err(|error| refused(&site, error))?;
        Ok(self.inner.compute.keep(key, revision, driver))
    }

    /// A site's cloud as the account's own project sees it.
    ///
    /// # Errors
    /// As [`Reach::compute`].
    pub async fn own_compute(&self, site: SiteId) -> Result<Arc<dyn ComputeDriver>, ReachError> {
        let site = self.site(site).await?;
        let (key, revision) = ((site.id, None), (site.updated_at, None));
        if let Some(driver) = self.inner.compute.get(&key, &revision) {
            return Ok(driver);
        }
        let secrets = self.site_secrets(&site).await?;
        let driver = self.compute_with(&site, &secrets)?;
        Ok(self.inner.compute.keep(key, revision, driver))
    }

    /// A site's identity service with the account in its own project.
    ///
    /// # Errors
    /// As [`Reach::compute`].
    pub async fn identity(&self, site: SiteId) -> Result<Arc<dyn IdentityDriver>, ReachError> {
        let site = self.site(site).await?;
        let revision = (site.updated_at, None);
        if let Some(driver) = self.inner.identity.get(&site.id, &revision) {
            return Ok(driver);
        }
        let secrets = self.site_secrets(&site).await?;
        let driver = self.identity_with(&site, &secrets)?;
        Ok(self.inner.identity.keep(site.id, revision, driver))
    }

    /// The cloud of a site that is not stored yet, in the account's own project.
    ///
    /// # Errors
    /// Where the driver is not known or refuses the settings.
    pub fn compute_with(
        &self,
        site: &Site,
        secrets: &SiteSecrets,
    ) -> Result<Arc<dyn ComputeDriver>, ReachError> {
        let config = settings::own(site, secrets);
        let driver = self.inner.registry.compute(&site.site_type, config);
        driver.map_err(|error| refused(site, error))
    }

    /// The identity service of a site that is not stored yet.
    ///
    /// # Errors
    /// As [`Reach::compute_with`].
    pub fn identity_with(
        &self,
        site: &Site,
        secrets: &SiteSecrets,
    ) -> Result<Arc<dyn IdentityDriver>, ReachError> {
        let config = settings::own(site, secrets);
        let driver = self.inner.registry.identity(&site.site_type, config);
        driver.map_err(|error| refused(site, error))
    }

    /// The array of a site that a group's policy names.
    ///
    /// # Errors
    /// Where there is no policy, its token is not stored here, or the driver refuses the settings.
    pub async fn storage(
        &self,
        document: &GroupDocument,
        site: SiteId,
    ) -> Result<Arc<dyn StorageDriver>, ReachError> {
        let policy = document.policy.as_ref().ok_or(ReachError::NoPolicy)?;
        let array = policy.arrays.get(&site).ok_or(ReachError::NoArray(site))?;
        let key = (document.id, site);
        let revision = (array.url.clone(), policy.updated_at);
        if let Some(driver) = self.inner.storage.get(&key, &revision) {
            return Ok(driver);
        }
        let owner = settings::policy_owner(document.id);
        let token = async |site| {
            let name = settings::secret_name(site);
            self.inner.db.get_secret(&owner, &name).await
        };
        let other = policy.arrays.iter().find(|(other, _)| **other != site);
        let partner = match other {
            Some((other, array)) => token(*other).await?.map(|token| Opened {
                url: &array.url,
                token,
            }),
            None => None,
        };
        let token = token(site).await?;
        let site = self.site(site).await?;
        let token = token.ok_or_else(|| ReachError::SecretMissing {
            site: site.name.clone(),
            what: format!("the token of array {}", array.url),
        })?;
        let array = Opened {
            url: &array.url,
            token,
        };
        let driver = self
            .array(&policy.driver, array, partner)
            .map_err(|error| refused(&site, error))?;
        Ok(self.inner.storage.keep(key, revision, driver))
    }

    /// An array that no stored policy names.
    ///
    /// # Errors
    /// `InvalidConfig` where the driver is not known or refuses the settings.
    pub fn array_at(
        &self,
        driver: &str,
        url: &str,
        token: SecretString,
    ) -> Result<Arc<dyn StorageDriver>, DriverError> {
        self.array(driver, Opened { url, token }, None)
    }

    fn array(
        &self,
        driver: &str,
        array: Opened<'_>,
        partner: Option<Opened<'_>>,
    ) -> Result<Arc<dyn StorageDriver>, DriverError> {
        let known = self.inner.registry.driver(DriverKind::Storage, driver);
        let schema = known.map_or(&Value::Null, |known| &known.schema);
        let config = arrays::config(schema, &self.inner.trust, array, partner);
        self.inner.registry.storage(driver, config)
    }

    /// The Protector of a site. It tells its identity, and with it the key that secrets are sealed
    /// to, only while that is the one which is known of the site; else `Untrusted`.
    ///
    /// # Errors
    /// As [`Reach::compute`]; its endpoint is looked up at the first call.
    pub async fn remote(&self, site: SiteId) -> Result<Arc<dyn Remote>, ReachError> {
        let remote = self.stranger(site).await?;
        match self.inner.db.get_site(site).await? {
            Some(site) => Ok(Arc::new(Known {
                db: self.inner.db.clone(),
                site,
                remote,
            })),
            None => Err(ReachError::NoSite(site)),
        }
    }

    /// Whoever answers as the Protector of a site.
    pub(crate) async fn stranger(&self, site: SiteId) -> Result<Arc<dyn Remote>, ReachError> {
        let joined = self.inner.joined.lock();
        let joined = joined
            .unwrap_or_else(PoisonError::into_inner)
            .get(&site)
            .cloned();
        if let Some(remote) = joined {
            return Ok(remote);
        }
        let site = self.site(site).await?;
        let revision = (site.updated_at, None);
        if let Some(remote) = self.inner.remotes.get(&site.id, &revision) {
            return Ok(remote);
        }
        let identity = self.identity(site.id).await?;
        let (clock, ids) = (self.inner.clock.clone(), self.inner.ids.clone());
        let remote =
            HttpRemote::new(&site, identity, clock, ids).map_err(|error| refused(&site, error))?;
        Ok(self.inner.remotes.keep(site.id, revision, Arc::new(remote)))
    }

    /// What is kept of a site's account beside its row.
    ///
    /// # Errors
    /// `SecretMissing` where nothing is.
    pub async fn site_secrets(&self, site: &Site) -> Result<SiteSecrets, ReachError> {
        let secrets = self
            .inner
            .db
            .secrets_of(&settings::site_owner(site.id))
            .await?;
        let missing = !secrets
            .values()
            .any(|secret| !secret.expose_secret().is_empty());
        if missing {
            return Err(ReachError::SecretMissing {
                site: site.name.clone(),
                what: "the password of its account".to_owned(),
            });
        }
        Ok(secrets)
    }

    async fn site(&self, id: SiteId) -> Result<Site, ReachError> {
        self.inner
            .db
            .get_site(id)
            .await?
            .ok_or(ReachError::NoSite(id))
    }
}

fn refused(site: &Site, error: DriverError) -> ReachError {
    ReachError::Driver {
        site: site.name.clone(),
        error,
    }
}

/// The sites that are not this one, by name; none while this site does not know which one it is.
///
/// # Errors
/// Where the database does not answer.
pub async fn peer_sites(db: &Db) -> Result<Vec<Site>, DbError> {
    if db.local_site().await?.is_none() {
        return Ok(Vec::new());
    }
    let sites = db.list_sites().await?;
    Ok(sites.into_iter().filter(|site| !site.is_local).collect())
}

/// The other site.
///
/// # Errors
/// Where the database does not answer.
pub async fn peer_site(db: &Db) -> Result<Option<Site>, DbError> {
    Ok(peer_sites(db).await?.into_iter().next())
}
