use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use protector_db::{Db, GroupRecord, IdempotencyKey};
use protector_framework::{CallCtx, Clock, Ids, ProjectId, SiteId};
use protector_model::document::hash;
use protector_model::{Actor, Site};
use protector_peer::{PeerLink, Remote};
use protector_reach::Reach;
use serde_json::Value;
use uuid::Uuid;

use crate::refusal::{Refusal, Result};
use crate::services::Credentials;

/// How long a driver call of a request may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// What the administrator of this deployment decided.
#[derive(Debug, Clone, Default)]
pub struct ControlOptions {
    /// The name of this process, by which its changes on the way to the other site are known.
    pub owner: String,
    /// The service's own account of `[keystone_authtoken]`, tried on sites that are registered
    /// without one.
    pub own_account: Option<Credentials>,
    /// Array endpoints that tenants may name: `[storage] allowed_endpoints`.
    pub allowed_endpoints: Vec<String>,
    /// The roles that a trust asks for: `[service_credentials] default_trust_roles`.
    pub default_trust_roles: Vec<String>,
}

/// The application logic of one site. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Control {
    pub(crate) db: Db,
    pub(crate) reach: Reach,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) options: Arc<ControlOptions>,
}

impl Control {
    /// The logic over a site's database and its ways to clouds, arrays and the other site.
    pub fn new(
        db: Db,
        reach: Reach,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        options: ControlOptions,
    ) -> Self {
        Self {
            db,
            reach,
            clock,
            ids,
            options: Arc::new(options),
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn uuid(&self) -> Uuid {
        self.ids.uuid()
    }

    /// What a driver call on behalf of an actor carries.
    pub(crate) fn ctx(&self, actor: &Actor) -> CallCtx {
        CallCtx::new(actor.request_id.clone(), DEADLINE)
    }

    /// The site of this deployment.
    pub(crate) async fn local(&self) -> Result<Site> {
        self.db.local_site().await?.ok_or_else(|| {
            Refusal::conflict(
                "protector.no_local_site",
                "this deployment does not know which site it belongs to; register its site and \
                 validate it",
            )
        })
    }

    /// The site of this id or name.
    pub(crate) async fn site(&self, id_or_name: &str) -> Result<Site> {
        self.db
            .find_site(id_or_name)
            .await?
            .ok_or_else(|| Refusal::not_found(format_args!("site `{id_or_name}`")))
    }

    /// A site that a document names.
    pub(crate) async fn site_of(&self, id: SiteId) -> Result<Site> {
        self.db
            .get_site(id)
            .await?
            .ok_or_else(|| Refusal::not_found(format_args!("site {id}")))
    }

    /// The Protector of a site.
    pub(crate) async fn remote(&self, site: SiteId) -> Result<Arc<dyn Remote>> {
        Ok(self.reach.remote(site).await?)
    }

    /// The document protocol between this site and the other one of a group.
    pub(crate) async fn link(&self, local: SiteId, other: SiteId) -> Result<PeerLink> {
        let remote = self.remote(other).await?;
        Ok(PeerLink::new(
            self.db.clone(),
            self.clock.clone(),
            self.ids.clone(),
            local,
            remote,
            self.options.owner.clone(),
        ))
    }

    /// The group of this id or name in a project of this site.
    pub(crate) async fn group(&self, project: &ProjectId, id_or_name: &str) -> Result<GroupRecord> {
        self.db
            .find_group(project, id_or_name)
            .await?
            .ok_or_else(|| Refusal::not_found(format_args!("protection group `{id_or_name}`")))
    }

    /// Writes down what a user did.
    pub(crate) async fn audit(
        &self,
        action: &str,
        object: impl std::fmt::Display,
        actor: &Actor,
        detail: Value,
    ) -> Result<()> {
        let object = object.to_string();
        Ok(self.db.audit(action, &object, actor, &detail).await?)
    }

    /// What makes a request with an Idempotency-Key the same one as another.
    pub(crate) fn request_key(
        &self,
        project: &ProjectId,
        key: Option<&str>,
        asked: &Value,
    ) -> Option<IdempotencyKey> {
        Some(IdempotencyKey {
            project: project.clone(),
            key: key?.to_owned(),
            body_hash: hash(asked.to_string().as_bytes()),
        })
    }
}
