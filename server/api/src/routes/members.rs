use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path};
use poem_openapi::payload::Json;
use protector_framework::{GenericUuid as _, MemberId};

use super::{Answer, Api, Part, id};
use crate::call::Call;
use crate::dto::{
    CreateMemberBody, MemberActionBody, MemberDocument, MemberList, OperationDocument,
    UpdateMemberBody,
};
use crate::failure::Failure;
use crate::listing::{Listing, counted};
use crate::reply::{Accepted, Shown};

pub(super) struct Members(pub(super) Api);

fn member_id(text: &str) -> Answer<MemberId> {
    id(text, "member").map(MemberId::from_untyped_uuid)
}

#[OpenApi(tag = "Part::Members")]
impl Members {
    /// List members
    ///
    /// The servers of a group.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/members",
        method = "get",
        operation_id = "list_members"
    )]
    async fn list(
        &self,
        call: Call,
        listing: Listing,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
    ) -> Answer<Shown<MemberList>> {
        let Path(_) = tenant_id;
        let services = &self.0.services;
        let found = services
            .page_members(call.project()?, &pg.0, &listing.page())
            .await?;
        let count = match listing.all() {
            Some(all) => Some(counted(
                &services.page_members(call.project()?, &pg.0, &all).await?,
            )),
            None => None,
        };
        let (found, links) = listing.finish(found, |m| m.member.id.into_untyped_uuid());
        let members = found.into_iter().map(Into::into).collect();
        Ok(Shown::new(MemberList {
            members,
            links,
            count,
        }))
    }

    /// Add a server
    ///
    /// Checks that all of its volumes can be replicated, and begins to. `Location` is the member.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/members",
        method = "post",
        operation_id = "create_member"
    )]
    async fn create(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
        /// The same key with the same body again answers with the first member.
        #[oai(name = "Idempotency-Key", validator(min_length = 1, max_length = 255))]
        key: Header<Option<String>>,
        body: Json<CreateMemberBody>,
    ) -> Answer<Accepted<MemberDocument>> {
        let Path(_) = tenant_id;
        let new = body.0.member.into();
        let services = &self.0.services;
        let started = services
            .add_member(&call.actor(), call.project()?, &pg.0, new, key.0.as_deref())
            .await?;
        let (group, member) = (started.member.group_id, started.member.member.id);
        let url = call.tenant_url(&format!("protection-groups/{group}/members/{member}"));
        let document = MemberDocument {
            member: started.member.into(),
            operation: Some(started.operation.into()),
        };
        Ok(Accepted::at(document, url))
    }

    /// Show a member
    ///
    /// With its blueprint and what there is of it on each site.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/members/:member",
        method = "get",
        operation_id = "show_member"
    )]
    async fn show(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
        /// The member.
        member: Path<String>,
    ) -> Answer<Shown<MemberDocument>> {
        let Path(_) = tenant_id;
        let id = member_id(&member.0)?;
        let services = &self.0.services;
        let member = services.get_member(call.project()?, &pg.0, id).await?;
        Ok(Shown::new(MemberDocument {
            member: member.into(),
            operation: None,
        }))
    }

    /// Change a member
    ///
    /// Its place in the boot order; fields that are left out stay.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/members/:member",
        method = "patch",
        operation_id = "update_member"
    )]
    async fn update(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
        /// The member.
        member: Path<String>,
        body: Json<UpdateMemberBody>,
    ) -> Answer<Shown<MemberDocument>> {
        let Path(_) = tenant_id;
        let id = member_id(&member.0)?;
        let change = body.0.member.into();
        let services = &self.0.services;
        let member = services
            .update_member(&call.actor(), call.project()?, &pg.0, id, change)
            .await?;
        Ok(Shown::new(MemberDocument {
            member: member.into(),
            operation: None,
        }))
    }

    /// Act on a member
    ///
    /// `refresh` reads its server again, after its flavor, ports or properties were changed on purpose: it
    /// is what a move brings up from then on, and no drift any more. Changed volumes are refused: what is
    /// replicated would not be what the server has.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/members/:member/action",
        method = "post",
        operation_id = "member_action"
    )]
    async fn action(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
        /// The member.
        member: Path<String>,
        body: Json<MemberActionBody>,
    ) -> Answer<Shown<MemberDocument>> {
        let Path(_) = tenant_id;
        let id = member_id(&member.0)?;
        if !body.0.refreshes() {
            return Err(Failure::bad("body: must name one action"));
        }
        let services = &self.0.services;
        let member = services
            .refresh_member(&call.actor(), call.project()?, &pg.0, id)
            .await?;
        Ok(Shown::new(MemberDocument {
            member: member.into(),
            operation: None,
        }))
    }

    /// Take a server out
    ///
    /// The server itself stays. `Location` is the operation.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/members/:member",
        method = "delete",
        operation_id = "delete_member"
    )]
    async fn delete(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
        /// The member.
        member: Path<String>,
        /// The same key again answers with the first operation.
        #[oai(name = "Idempotency-Key", validator(min_length = 1, max_length = 255))]
        key: Header<Option<String>>,
    ) -> Answer<Accepted<OperationDocument>> {
        let Path(_) = tenant_id;
        let id = member_id(&member.0)?;
        let services = &self.0.services;
        let operation = services
            .remove_member(&call.actor(), call.project()?, &pg.0, id, key.0.as_deref())
            .await?;
        Ok(super::operations::accepted(&call, operation))
    }
}
