use async_trait::async_trait;
use protector_framework::{GroupId, OperationId, SiteId};
use protector_model::Operation;
use protector_peer::{
    ChangeReply, ForwardedAction, ForwardedChange, ForwardedGroup, ForwardedOperation, GroupHead,
    LocalPeer, OperationView, Peer as _, PeerDocument, PeerError, PeerIdentity, PutDocument,
    PutReply, SiteRegistry, open_secrets,
};

use crate::change::not_sent;
use crate::control::Control;
use crate::refusal::{Refusal, Result};
use crate::services::PeerServices;
use crate::{change, groups, operations, registry};

impl Control {
    /// The side of the document protocol that answers.
    async fn local_peer(&self) -> Result<LocalPeer> {
        let local = self.local().await?;
        Ok(LocalPeer::new(self.db.clone(), local.id, self.ids.clone()))
    }
}

/// What this site's own side could not do for the other one.
fn own_fault(error: PeerError) -> Refusal {
    match error {
        PeerError::Refused {
            status,
            code,
            message,
        } => Refusal::new(status, &code, "Refused", message),
        other => Refusal::internal(other.to_string()),
    }
}

/// Refuses where a key is not the one that is known of a site: whoever holds a token of this
/// Keystone can send a request, and what is sealed can be read by the key's owner alone.
async fn known_key(control: &Control, site: SiteId, key: &str) -> Result<()> {
    let known = control.reach.peer_key(site).await?.map_err(not_sent)?;
    if known == key {
        return Ok(());
    }
    // The site may have been installed anew: what it shows itself is noted for the operator.
    let remote = control.remote(site).await?;
    match remote.identity().await {
        Err(error @ PeerError::Untrusted(_)) => tracing::warn!(%error, "secrets were asked for"),
        _ => tracing::warn!(%site, key, "secrets were asked for with a key of somebody else"),
    }
    let site = control.site_of(site).await?;
    Err(Refusal::new(
        403,
        "protector.peer_untrusted",
        "Forbidden",
        format!(
            "the key of the request is not the one that is known of site `{}`, so no secrets are \
             sealed to it; if that site was installed anew, validate it here and confirm its key",
            site.name
        ),
    ))
}

/// Whether what is sent is a document of this group with secrets for this site.
async fn check_document(control: &Control, group: GroupId, put: &PutDocument) -> Result<()> {
    let document = put.read();
    let document = document.map_err(|why| Refusal::invalid_field("document", why))?;
    if document.id != group {
        let why = format!("is of group {}, not of the one in the path", document.id);
        return Err(Refusal::invalid_field("document", why));
    }
    // A site keeps what is its own: one that has no part in a group could not say whose it is.
    let sites = [document.primary_site_id, document.secondary_site_id];
    let local = control.local().await?.id;
    if !sites.contains(&local)
        || sites
            .iter()
            .any(|site| !document.projects.contains_key(site))
    {
        let why = "is of a group that has no project on this site or on the other one";
        return Err(Refusal::invalid_field("document", why));
    }
    let deployment = control.db.deployment().await?;
    match open_secrets(&put.secrets, &deployment) {
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal::invalid_field("secrets", error.to_string())),
    }
}

#[async_trait]
impl PeerServices for Control {
    async fn peer_identity(&self) -> Result<PeerIdentity> {
        // Asked also before this deployment knows its site: that is how it learns it.
        let deployment = self.db.deployment().await?;
        Ok(PeerIdentity {
            deployment_id: deployment.id,
            site_id: self.db.local_site().await?.map(|site| site.id),
            public_key: deployment.box_public,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    async fn peer_heads(&self) -> Result<Vec<GroupHead>> {
        self.local_peer().await?.heads().await.map_err(own_fault)
    }

    async fn peer_document(
        &self,
        group: GroupId,
        public_key: &str,
    ) -> Result<Option<PeerDocument>> {
        let peer = self.local_peer().await?;
        let Some(record) = self.db.get_group(group).await? else {
            return Ok(None);
        };
        let asks = record.document.other_site(self.local().await?.id);
        known_key(self, asks, public_key).await?;
        peer.document(group, public_key).await.map_err(own_fault)
    }

    async fn peer_put_document(&self, group: GroupId, put: &PutDocument) -> Result<PutReply> {
        let peer = self.local_peer().await?;
        check_document(self, group, put).await?;
        peer.put_document(put).await.map_err(own_fault)
    }

    async fn peer_change_group(
        &self,
        group: GroupId,
        forwarded: &ForwardedChange,
    ) -> Result<ChangeReply> {
        change::receive(self, group, forwarded).await
    }

    async fn peer_create_group(&self, forwarded: &ForwardedGroup) -> Result<ChangeReply> {
        groups::receive(self, forwarded).await
    }

    async fn peer_create_operation(&self, forwarded: &ForwardedOperation) -> Result<Operation> {
        operations::receive(self, forwarded).await
    }

    async fn peer_put_mirror(&self, operation: &Operation) -> Result<()> {
        operations::put_mirror(self, operation).await
    }

    async fn peer_drop_mirror(&self, id: OperationId) -> Result<()> {
        operations::drop_mirror(self, id).await
    }

    async fn peer_get_operation(&self, id: OperationId) -> Result<Option<OperationView>> {
        operations::view(self, id).await
    }

    async fn peer_act_on_operation(
        &self,
        id: OperationId,
        forwarded: &ForwardedAction,
    ) -> Result<Operation> {
        operations::receive_action(self, id, forwarded).await
    }

    async fn peer_put_registry(&self, registry: &SiteRegistry) -> Result<()> {
        registry::receive(self, registry).await
    }
}
