use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use protector_framework::{GenericUuid as _, TenantMappingId};

use super::{Answer, Api, Part, id};
use crate::call::Call;
use crate::dto::{CreateTenantMappingBody, TenantMappingDocument, TenantMappingList};
use crate::listing::{Listing, counted};
use crate::reply::{Created, Done, Shown};

pub(super) struct TenantMappings(pub(super) Api);

fn mapping(text: &str) -> Answer<TenantMappingId> {
    id(text, "tenant mapping").map(TenantMappingId::from_untyped_uuid)
}

#[OpenApi(tag = "Part::TenantMappings")]
impl TenantMappings {
    /// List tenant mappings
    ///
    /// Both sites hold the same list with the same ids.
    #[oai(
        path = "/v1/admin/tenant-mappings",
        method = "get",
        operation_id = "list_tenant_mappings"
    )]
    async fn list(&self, listing: Listing) -> Answer<Shown<TenantMappingList>> {
        let page = listing.page();
        let found = self.0.services.page_tenant_mappings(&page).await?;
        let (found, links) = listing.finish(found, |m| m.id.into_untyped_uuid());
        let count = match listing.all() {
            Some(all) => Some(counted(&self.0.services.page_tenant_mappings(&all).await?)),
            None => None,
        };
        let tenant_mappings = found.into_iter().map(Into::into).collect();
        Ok(Shown::new(TenantMappingList {
            tenant_mappings,
            links,
            count,
        }))
    }

    /// Make a tenant mapping
    ///
    /// Allows groups of a project of one site to be protected in a project of the other. The same
    /// pair again is the same mapping.
    #[oai(
        path = "/v1/admin/tenant-mappings",
        method = "post",
        operation_id = "create_tenant_mapping"
    )]
    async fn create(
        &self,
        call: Call,
        body: Json<CreateTenantMappingBody>,
    ) -> Answer<Created<TenantMappingDocument>> {
        let new = body.0.tenant_mapping.into();
        let services = &self.0.services;
        let made = services.create_tenant_mapping(&call.actor(), new).await?;
        let url = call
            .base
            .at(&format!("/v1/admin/tenant-mappings/{}", made.id));
        let document = TenantMappingDocument {
            tenant_mapping: made.into(),
        };
        Ok(Created::at(document, url))
    }

    /// Show a tenant mapping
    ///
    /// By its id.
    #[oai(
        path = "/v1/admin/tenant-mappings/:id",
        method = "get",
        operation_id = "show_tenant_mapping"
    )]
    async fn show(
        &self,
        /// The mapping.
        id: Path<String>,
    ) -> Answer<Shown<TenantMappingDocument>> {
        let id = mapping(&id.0)?;
        let tenant_mapping = self.0.services.get_tenant_mapping(id).await?.into();
        Ok(Shown::new(TenantMappingDocument { tenant_mapping }))
    }

    /// Remove a tenant mapping
    ///
    /// Groups that were made under it stay.
    #[oai(
        path = "/v1/admin/tenant-mappings/:id",
        method = "delete",
        operation_id = "delete_tenant_mapping"
    )]
    async fn delete(
        &self,
        call: Call,
        /// The mapping.
        id: Path<String>,
    ) -> Answer<Done> {
        let id = mapping(&id.0)?;
        let services = &self.0.services;
        services.delete_tenant_mapping(&call.actor(), id).await?;
        Ok(Done)
    }
}
