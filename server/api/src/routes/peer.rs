use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use protector_framework::{GenericUuid as _, GroupId, OperationId};
use protector_model::Operation;
use protector_model::epoch::Verdict;
use protector_peer::{
    ChangeReply, ForwardedAction, ForwardedChange, ForwardedGroup, ForwardedOperation, GroupHead,
    OperationView, PeerDocument, PeerIdentity, PutDocument, PutReply, SiteRegistry,
};

use super::{Answer, Api, Part, id};
use crate::dto::{ReadDocumentBody, Wire};
use crate::failure::Failure;
use crate::reply::{Done, OneOf, Reply, Shown};

pub(super) struct PeerCalls(pub(super) Api);

fn group_id(text: &str) -> Answer<GroupId> {
    id(text, "protection group").map(GroupId::from_untyped_uuid)
}

fn operation_id(text: &str) -> Answer<OperationId> {
    id(text, "operation").map(OperationId::from_untyped_uuid)
}

#[OpenApi(tag = "Part::Peer", prefix_path = "/v1/admin/peer")]
impl PeerCalls {
    /// Say who this site is
    ///
    /// Its deployment, its site and the key that secrets for it are sealed to.
    #[oai(path = "/identity", method = "get", operation_id = "peer_identity")]
    async fn identity(&self) -> Answer<Shown<Wire<PeerIdentity>>> {
        let identity = self.0.services.peer_identity().await?;
        Ok(Shown::new(Wire(identity)))
    }

    /// List the heads of all documents
    ///
    /// Also of deleted groups.
    #[oai(path = "/heads", method = "get", operation_id = "peer_heads")]
    async fn heads(&self) -> Answer<Shown<Wire<Vec<GroupHead>>>> {
        Ok(Shown::new(Wire(self.0.services.peer_heads().await?)))
    }

    /// Read a document
    ///
    /// With its secrets, sealed to the given key, which must be the one that is known of the other
    /// site: 403 where it is not.
    #[oai(
        path = "/groups/:id/read",
        method = "post",
        operation_id = "peer_read_document"
    )]
    async fn read(
        &self,
        /// The group.
        id: Path<String>,
        body: Json<ReadDocumentBody>,
    ) -> Answer<Shown<Wire<PeerDocument>>> {
        let group = group_id(&id.0)?;
        let services = &self.0.services;
        let found = services.peer_document(group, &body.0.public_key).await?;
        found
            .map(|document| Shown::new(Wire(document)))
            .ok_or_else(|| Failure::not_found(format!("protection group {group} does not exist")))
    }

    /// Decide about a document
    ///
    /// 200 where it is this site's document now, 409 where it is not; the body is the same.
    #[oai(
        path = "/groups/:id/document",
        method = "put",
        operation_id = "peer_put_document"
    )]
    async fn put(
        &self,
        /// The group.
        id: Path<String>,
        body: Json<Wire<PutDocument>>,
    ) -> Answer<OneOf<Shown<Wire<PutReply>>, Reply<409, Wire<PutReply>>>> {
        let group = group_id(&id.0)?;
        let services = &self.0.services;
        let reply = services.peer_put_document(group, &body.0.0).await?;
        Ok(match reply.verdict {
            Verdict::Store | Verdict::Already => OneOf::First(Shown::new(Wire(reply))),
            _ => OneOf::Second(Reply::new(Wire(reply))),
        })
    }

    /// Make a group
    ///
    /// Whose primary this site is.
    #[oai(path = "/groups", method = "post", operation_id = "peer_create_group")]
    async fn create_group(
        &self,
        body: Json<Wire<ForwardedGroup>>,
    ) -> Answer<Shown<Wire<ChangeReply>>> {
        let made = self.0.services.peer_create_group(&body.0.0).await?;
        Ok(Shown::new(Wire(made)))
    }

    /// Change a group
    ///
    /// That this site has authority over.
    #[oai(
        path = "/groups/:id/change",
        method = "post",
        operation_id = "peer_change_group"
    )]
    async fn change_group(
        &self,
        /// The group.
        id: Path<String>,
        body: Json<Wire<ForwardedChange>>,
    ) -> Answer<Shown<Wire<ChangeReply>>> {
        let group = group_id(&id.0)?;
        let services = &self.0.services;
        let changed = services.peer_change_group(group, &body.0.0).await?;
        Ok(Shown::new(Wire(changed)))
    }

    /// Take an operation
    ///
    /// To execute it or to know of it; the same one again is found.
    #[oai(
        path = "/operations",
        method = "post",
        operation_id = "peer_create_operation"
    )]
    async fn create_operation(
        &self,
        body: Json<Wire<ForwardedOperation>>,
    ) -> Answer<Shown<Wire<Operation>>> {
        let taken = self.0.services.peer_create_operation(&body.0.0).await?;
        Ok(Shown::new(Wire(taken)))
    }

    /// Show an operation
    ///
    /// With its plan and its journal.
    #[oai(
        path = "/operations/:id",
        method = "get",
        operation_id = "peer_show_operation"
    )]
    async fn show_operation(
        &self,
        /// The operation.
        id: Path<String>,
    ) -> Answer<Shown<Wire<OperationView>>> {
        let id = operation_id(&id.0)?;
        let found = self.0.services.peer_get_operation(id).await?;
        found
            .map(|view| Shown::new(Wire(view)))
            .ok_or_else(|| Failure::not_found(format!("operation {id} does not exist")))
    }

    /// Learn how an operation stands
    ///
    /// That the other site executes.
    #[oai(
        path = "/operations/:id",
        method = "put",
        operation_id = "peer_put_mirror"
    )]
    async fn put_mirror(
        &self,
        /// The operation.
        id: Path<String>,
        body: Json<Wire<Operation>>,
    ) -> Answer<Done> {
        let id = operation_id(&id.0)?;
        let operation = body.0.0;
        if operation.id != id {
            return Err(Failure::bad("id: is not the operation of the path"));
        }
        self.0.services.peer_put_mirror(&operation).await?;
        Ok(Done)
    }

    /// Forget an operation
    ///
    /// That the other site was to execute and has not begun; an absent one is success.
    #[oai(
        path = "/operations/:id",
        method = "delete",
        operation_id = "peer_drop_mirror"
    )]
    async fn drop_mirror(
        &self,
        /// The operation.
        id: Path<String>,
    ) -> Answer<Done> {
        let id = operation_id(&id.0)?;
        self.0.services.peer_drop_mirror(id).await?;
        Ok(Done)
    }

    /// Steer an operation
    ///
    /// That this site executes.
    #[oai(
        path = "/operations/:id/action",
        method = "post",
        operation_id = "peer_operation_action"
    )]
    async fn act(
        &self,
        /// The operation.
        id: Path<String>,
        body: Json<Wire<ForwardedAction>>,
    ) -> Answer<Shown<Wire<Operation>>> {
        let id = operation_id(&id.0)?;
        let services = &self.0.services;
        let operation = services.peer_act_on_operation(id, &body.0.0).await?;
        Ok(Shown::new(Wire(operation)))
    }

    /// Learn the sites and tenant mappings
    ///
    /// Both sites hold the same lists.
    #[oai(path = "/registry", method = "put", operation_id = "peer_put_registry")]
    async fn put_registry(&self, body: Json<Wire<SiteRegistry>>) -> Answer<Done> {
        self.0.services.peer_put_registry(&body.0.0).await?;
        Ok(Done)
    }
}
