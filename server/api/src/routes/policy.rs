use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use protector_control::{PolicyView, PolicyWrite};

use super::{Answer, Api, Part};
use crate::call::Call;
use crate::dto::{PolicyBody, PolicyDocument, PolicyFields, ResourceMappings};
use crate::reply::{Created, Done, OneOf, Shown};

pub(super) struct Policies(pub(super) Api);

impl Policies {
    async fn write(
        &self,
        call: &Call,
        group: &str,
        policy: PolicyFields,
        write: PolicyWrite,
    ) -> Answer<PolicyView> {
        let services = &self.0.services;
        let project = call.project()?;
        let (actor, is_admin) = (call.actor(), call.is_admin());
        Ok(services
            .put_policy(&actor, project, group, policy.into(), write, is_admin)
            .await?)
    }
}

fn made(call: &Call, view: PolicyView) -> Created<PolicyDocument> {
    let url = call.tenant_url(&format!("protection-groups/{}/policy", view.group_id));
    let policy = view.into();
    Created::at(PolicyDocument { policy }, url)
}

#[OpenApi(tag = "Part::Policies")]
impl Policies {
    /// Show the replication policy
    ///
    /// Array tokens are never shown.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/policy",
        method = "get",
        operation_id = "show_policy"
    )]
    async fn show(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
    ) -> Answer<Shown<PolicyDocument>> {
        let Path(_) = tenant_id;
        let policy = self.0.services.get_policy(call.project()?, &pg.0).await?;
        Ok(Shown::new(PolicyDocument {
            policy: policy.into(),
        }))
    }

    /// Make the replication policy
    ///
    /// Asks both arrays first. There must be none yet.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/policy",
        method = "post",
        operation_id = "create_policy"
    )]
    async fn create(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
        body: Json<PolicyBody>,
    ) -> Answer<Created<PolicyDocument>> {
        let Path(_) = tenant_id;
        let policy = body.0.policy;
        let view = self
            .write(&call, &pg.0, policy, PolicyWrite::Create)
            .await?;
        Ok(made(&call, view))
    }

    /// Replace the replication policy
    ///
    /// A token that is left out, or given as `********`, stays.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/policy",
        method = "put",
        operation_id = "update_policy"
    )]
    async fn update(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
        body: Json<PolicyBody>,
    ) -> Answer<OneOf<Created<PolicyDocument>, Shown<PolicyDocument>>> {
        let Path(_) = tenant_id;
        let policy = body.0.policy;
        let view = self
            .write(&call, &pg.0, policy, PolicyWrite::Replace)
            .await?;
        Ok(match view.created {
            true => OneOf::First(made(&call, view)),
            false => OneOf::Second(Shown::new(PolicyDocument {
                policy: view.into(),
            })),
        })
    }

    /// Delete the replication policy
    ///
    /// Only of a group without members.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/policy",
        method = "delete",
        operation_id = "delete_policy"
    )]
    async fn delete(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
    ) -> Answer<Done> {
        let Path(_) = tenant_id;
        let services = &self.0.services;
        services
            .delete_policy(&call.actor(), call.project()?, &pg.0)
            .await?;
        Ok(Done)
    }

    /// Show the resource mappings
    ///
    /// Which resource of the primary site stands for which of the secondary.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/resource-mappings",
        method = "get",
        operation_id = "show_resource_mappings"
    )]
    async fn mappings(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
    ) -> Answer<Shown<ResourceMappings>> {
        let Path(_) = tenant_id;
        let found = self.0.services.get_mappings(call.project()?, &pg.0).await?;
        let resource_mappings = found.into_iter().map(Into::into).collect();
        Ok(Shown::new(ResourceMappings { resource_mappings }))
    }

    /// Replace all resource mappings
    ///
    /// The way back is the inverse, so each resource is mapped once in each direction; test
    /// networks, which go one way only, may share a target.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/resource-mappings",
        method = "put",
        operation_id = "update_resource_mappings"
    )]
    async fn set_mappings(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
        body: Json<ResourceMappings>,
    ) -> Answer<Shown<ResourceMappings>> {
        let Path(_) = tenant_id;
        let mappings = body.0.resource_mappings;
        let mappings = mappings.into_iter().map(Into::into).collect();
        let services = &self.0.services;
        let kept = services
            .set_mappings(&call.actor(), call.project()?, &pg.0, mappings)
            .await?;
        let resource_mappings = kept.into_iter().map(Into::into).collect();
        Ok(Shown::new(ResourceMappings { resource_mappings }))
    }
}
