use protector_framework::{GroupId, OperationId};
use protector_model::Operation;
use protector_peer::{
    ChangeReply, ForwardedAction, ForwardedChange, ForwardedGroup, ForwardedOperation, GroupHead,
    OperationView, PeerDocument, PeerIdentity, PutDocument, PutReply, SiteRegistry,
};

use super::surface;

surface! {
    /// What the other site's Protector may ask; each verb is one of [`protector_peer::Remote`] or
    /// [`protector_peer::Peer`] from the side that answers.
    pub trait PeerServices {
        /// Who this site is.
        async fn peer_identity(&self) -> PeerIdentity;
        /// Every document by its head.
        async fn peer_heads(&self) -> Vec<GroupHead>;
        /// One document, its secrets sealed to `public_key`.
        async fn peer_document(&self, group: GroupId, public_key: &str) -> Option<PeerDocument>;
        /// Decides about a document of a group.
        async fn peer_put_document(&self, group: GroupId, put: &PutDocument) -> PutReply;
        /// Changes a group that this site has authority over.
        async fn peer_change_group(
            &self,
            group: GroupId,
            change: &ForwardedChange,
        ) -> ChangeReply;
        /// Makes a group whose primary this site is.
        async fn peer_create_group(&self, group: &ForwardedGroup) -> ChangeReply;
        /// Takes an operation, to execute it or to know of it.
        async fn peer_create_operation(&self, operation: &ForwardedOperation) -> Operation;
        /// Learns how an operation of the other site stands.
        async fn peer_put_mirror(&self, operation: &Operation) -> ();
        /// Forgets a mirror whose operation was not begun.
        async fn peer_drop_mirror(&self, id: OperationId) -> ();
        /// An operation as this site holds it.
        async fn peer_get_operation(&self, id: OperationId) -> Option<OperationView>;
        /// Acts on an operation that this site executes.
        async fn peer_act_on_operation(
            &self,
            id: OperationId,
            action: &ForwardedAction,
        ) -> Operation;
        /// Learns the sites and tenant mappings of the other site.
        async fn peer_put_registry(&self, registry: &SiteRegistry) -> ();
    }
}
