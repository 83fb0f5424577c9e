//! Whose key secrets are sealed to. It is learned once, from the site's own endpoint over the
//! connection that this side opens with its account there, and compared from then on; another one
//! counts only after an operator has confirmed it. A key that comes in a request counts for nothing.

use std::sync::Arc;

use async_trait::async_trait;
use protector_db::{Db, DbError};
use protector_framework::{GroupId, OperationId, SiteId};
use protector_model::{Operation, Site};
use protector_peer::{
    ChangeReply, ForwardedAction, ForwardedChange, ForwardedGroup, ForwardedOperation, GroupHead,
    OperationView, Peer, PeerDocument, PeerError, PeerIdentity, PutDocument, PutReply, Remote,
    SiteRegistry,
};

use crate::error::ReachError;
use crate::reach::Reach;

impl Reach {
    /// Who answers at a site, whether or not it is to be trusted.
    ///
    /// # Errors
    /// As [`Reach::remote`]; what the other side said is the inner result.
    pub async fn who_is(
        &self,
        site: SiteId,
    ) -> Result<Result<PeerIdentity, PeerError>, ReachError> {
        Ok(self.stranger(site).await?.identity().await)
    }

    /// The key of a site's Protector; asked for where it is not known yet.
    ///
    /// # Errors
    /// As [`Reach::remote`]. The inner one is `Untrusted` where it shows another key than before,
    /// or `Unreachable`.
    pub async fn peer_key(&self, site: SiteId) -> Result<Result<String, PeerError>, ReachError> {
        if let Some(key) = self.db().peer_keys().await?.remove(&site) {
            return Ok(Ok(key.known));
        }
        let identity = self.remote(site).await?.identity().await;
        Ok(identity.map(|identity| identity.public_key))
    }

    /// Compares what a site's endpoint shows with what is known, and keeps it where nothing is: by
    /// an operator's act, who has just registered or validated the site.
    ///
    /// # Errors
    /// Where the database does not answer. The inner one is `Untrusted`.
    pub async fn introduce(
        &self,
        site: &Site,
        identity: &PeerIdentity,
    ) -> Result<Result<(), PeerError>, DbError> {
        let own = self.db().deployment().await?;
        if identity.deployment_id != own.id {
            self.db()
                .learn_peer_key(site.id, &identity.public_key)
                .await?;
        }
        judge(self.db(), site, identity).await
    }
}

/// Whether the one that answers at a site is the one that is known of it.
async fn judge(
    db: &Db,
    site: &Site,
    identity: &PeerIdentity,
) -> Result<Result<(), PeerError>, DbError> {
    if identity.deployment_id == db.deployment().await?.id {
        // This site itself.
        return Ok(Ok(()));
    }
    let mut keys = db.peer_keys().await?;
    let shown = identity.public_key.as_str();
    let Some(key) = keys.remove(&site.id) else {
        if !keys.is_empty() {
            // With one peer known, another one is an operator's decision.
            return Ok(Err(PeerError::Untrusted(format!(
                "the key of site `{}` is not known here; validate the site on this side",
                site.name
            ))));
        }
        db.learn_peer_key(site.id, shown).await?;
        return Ok(Ok(()));
    };
    if key.known == shown {
        if key.offered.is_some() {
            db.note_offered_key(site.id, None).await?;
        }
        return Ok(Ok(()));
    }
    if key.offered.as_deref() != Some(shown) {
        tracing::warn!(site = %site.name, known = %key.known, shown, "the site shows another key");
        db.note_offered_key(site.id, Some(shown)).await?;
    }
    Ok(Err(PeerError::Untrusted(format!(
        "site `{}` shows another key than before, so no secrets are sealed to it: {shown} instead \
         of {}. If its Protector was installed anew, confirm the key: PATCH the site with \
         `peer_key`",
        site.name, key.known
    ))))
}

/// A site's Protector that says who it is only while it is the one that is known.
pub(crate) struct Known {
    pub(crate) db: Db,
    pub(crate) site: Site,
    pub(crate) remote: Arc<dyn Remote>,
}

#[async_trait]
impl Peer for Known {
    async fn identity(&self) -> Result<PeerIdentity, PeerError> {
        let identity = self.remote.identity().await?;
        judge(&self.db, &self.site, &identity)
            .await
            .map_err(|error| PeerError::Failed(error.to_string()))??;
        Ok(identity)
    }

    async fn heads(&self) -> Result<Vec<GroupHead>, PeerError> {
        self.remote.heads().await
    }

    async fn document(
        &self,
        group: GroupId,
        public_key: &str,
    ) -> Result<Option<PeerDocument>, PeerError> {
        self.remote.document(group, public_key).await
    }

    async fn put_document(&self, put: &PutDocument) -> Result<PutReply, PeerError> {
        self.remote.put_document(put).await
    }
}

#[async_trait]
impl Remote for Known {
    async fn change_group(
        &self,
        group: GroupId,
        change: &ForwardedChange,
    ) -> Result<ChangeReply, PeerError> {
        self.remote.change_group(group, change).await
    }

    async fn create_group(&self, group: &ForwardedGroup) -> Result<ChangeReply, PeerError> {
        self.remote.create_group(group).await
    }

    async fn create_operation(
        &self,
        operation: &ForwardedOperation,
    ) -> Result<Operation, PeerError> {
        self.remote.create_operation(operation).await
    }

    async fn put_mirror(&self, operation: &Operation) -> Result<(), PeerError> {
        self.remote.put_mirror(operation).await
    }

    async fn drop_mirror(&self, operation: OperationId) -> Result<(), PeerError> {
        self.remote.drop_mirror(operation).await
    }

    async fn get_operation(&self, id: OperationId) -> Result<Option<OperationView>, PeerError> {
        self.remote.get_operation(id).await
    }

    async fn act_on_operation(
        &self,
        id: OperationId,
        action: &ForwardedAction,
    ) -> Result<Operation, PeerError> {
        self.remote.act_on_operation(id, action).await
    }

    async fn put_registry(&self, registry: &SiteRegistry) -> Result<(), PeerError> {
        self.remote.put_registry(registry).await
    }
}
