//! Whose key secrets are sealed to. It is learned once, from the site's own endpoint over the
//! connection that this side opens with its account there, and compared from then on; another one
//! counts only after an operator has confirmed it. A key that comes in a request counts for nothing,
//! and whoever shows the identity of this deployment is no other site.

use std::sync::Arc;

use async_trait::async_trait;
use protector_db::{Db, DbError, Deployment};
use protector_framework::{GroupId, OperationId, SiteId};
use protector_model::{Operation, Site};
use protector_peer::{
    ChangeReply, ForwardedAction, ForwardedChange, ForwardedGroup, ForwardedOperation, GroupHead,
    OperationView, Peer, PeerDocument, PeerError, PeerIdentity, PutDocument, PutReply, Remote,
    SiteRegistry,
};

use crate::error::ReachError;
use crate::reach::Reach;

/// How this side came to ask a site who it is, which decides what it may learn from the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meeting {
    /// A person has just registered, changed or validated the site: its key is learned, and that it
    /// is this deployment's own.
    Introduced,
    /// The site is used: the key of the first one is learned, for registering the pair at one site
    /// serves both.
    Called,
    /// The site is only looked at: nothing is learned.
    Watched,
}

/// Whose Protector answers at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// This deployment's own.
    Own,
    /// Another deployment's.
    Others,
}

impl Reach {
    /// Whether the Protector that answers at a site is this deployment's own, by its id and its
    /// key. Nothing is learned.
    ///
    /// # Errors
    /// As [`Reach::remote`]. The inner one is `Untrusted` where it shows this deployment's identity
    /// and cannot be it, or what else the other side said.
    pub async fn is_own(&self, site: SiteId) -> Result<Result<bool, PeerError>, ReachError> {
        let remote = self.stranger(site).await?;
        let Some(site) = self.db().get_site(site).await? else {
            return Err(ReachError::NoSite(site));
        };
        let identity = match remote.identity().await {
            Ok(identity) => identity,
            Err(error) => return Ok(Err(error)),
        };
        let own = self.db().deployment().await?;
        Ok(match whose(&own, &site, &identity) {
            Ok(Whose::Own) => may_be_own(self.db(), &site).await?.map(|()| true),
            Ok(Whose::Others) => Ok(false),
            Err(error) => Err(error),
        })
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
}

/// Whether the one that answers at a site is the one that is known of it.
pub(crate) async fn judge(
    db: &Db,
    site: &Site,
    identity: &PeerIdentity,
    meeting: Meeting,
) -> Result<Result<Whose, PeerError>, DbError> {
    let own = db.deployment().await?;
    match whose(&own, site, identity) {
        Err(error) => Ok(Err(error)),
        Ok(Whose::Own) if site.is_local => Ok(Ok(Whose::Own)),
        Ok(Whose::Own) if meeting == Meeting::Introduced => {
            Ok(may_be_own(db, site).await?.map(|()| Whose::Own))
        }
        Ok(Whose::Own) => Ok(Err(leads_back(site))),
        Ok(Whose::Others) if site.is_local => Ok(Err(PeerError::Untrusted(format!(
            "another Protector answers at the endpoint of this site itself, `{}`; correct its \
             `auth_url` and `region_name`, or the endpoint of type `protector` in its catalog",
            site.name
        )))),
        Ok(Whose::Others) => {
            let compared = compare(db, site, &identity.public_key, meeting).await?;
            Ok(compared.map(|()| Whose::Others))
        }
    }
}

/// Whose identity is shown. Both halves are public, so that it is this deployment's own proves
/// nothing: the caller knows whether it can be. Half of it is nobody's.
fn whose(own: &Deployment, site: &Site, identity: &PeerIdentity) -> Result<Whose, PeerError> {
    let same_id = identity.deployment_id == own.id;
    let same_key = identity.public_key == own.box_public;
    match (same_id, same_key) {
        (true, true) => Ok(Whose::Own),
        (false, false) => Ok(Whose::Others),
        _ => Err(PeerError::Untrusted(format!(
            "what answers at site `{}` shows the {} of this deployment with another {}; see where \
             the endpoint of type `protector` in its catalog leads",
            site.name,
            if same_id { "id" } else { "key" },
            if same_id { "key" } else { "id" },
        ))),
    }
}

/// Whether a site can turn out to be this deployment's own: no other one is, and no other key is
/// known of it.
async fn may_be_own(db: &Db, site: &Site) -> Result<Result<(), PeerError>, DbError> {
    match db.local_site().await? {
        Some(local) if local.id != site.id => {
            return Ok(Err(PeerError::Untrusted(format!(
                "{}; this one is site `{}` here",
                back(site),
                local.name
            ))));
        }
        _ => {}
    }
    match db.peer_keys().await?.contains_key(&site.id) {
        true => Ok(Err(leads_back(site))),
        false => Ok(Ok(())),
    }
}

fn leads_back(site: &Site) -> PeerError {
    PeerError::Untrusted(back(site))
}

fn back(site: &Site) -> String {
    format!(
        "the endpoint of site `{}` leads back to this Protector; correct the site's `auth_url` and \
         `region_name`, or the endpoint of type `protector` in its catalog",
        site.name
    )
}

/// Compares the key that another deployment shows with what is known of its site.
async fn compare(
    db: &Db,
    site: &Site,
    shown: &str,
    meeting: Meeting,
) -> Result<Result<(), PeerError>, DbError> {
    let mut keys = db.peer_keys().await?;
    let Some(key) = keys.remove(&site.id) else {
        let learns = match meeting {
            Meeting::Introduced => true,
            // With one peer known, another one is an operator's decision.
            Meeting::Called => keys.is_empty(),
            Meeting::Watched => false,
        };
        if !learns {
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

/// A site's Protector that says who it is, and what it holds, only while it is the one that is known.
/// What changes something there is sent after it has said who it is.
pub(crate) struct Known {
    pub(crate) db: Db,
    pub(crate) site: Site,
    pub(crate) remote: Arc<dyn Remote>,
}

#[async_trait]
impl Peer for Known {
    async fn identity(&self) -> Result<PeerIdentity, PeerError> {
        let identity = self.remote.identity().await?;
        judge(&self.db, &self.site, &identity, Meeting::Called)
            .await
            .map_err(|error| PeerError::Failed(error.to_string()))??;
        Ok(identity)
    }

    async fn heads(&self) -> Result<Vec<GroupHead>, PeerError> {
        self.identity().await?;
        self.remote.heads().await
    }

    async fn document(
        &self,
        group: GroupId,
        public_key: &str,
    ) -> Result<Option<PeerDocument>, PeerError> {
        self.identity().await?;
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
        self.identity().await?;
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
