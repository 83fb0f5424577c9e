use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use protector_framework::{GenericUuid as _, GroupId, OperationId};
use protector_model::Operation;

use super::{Answer, Api, Part, id};
use crate::call::Call;
use crate::dto::{OperationActionBody, OperationDocument, OperationList, StepList};
use crate::failure::Failure;
use crate::listing::{Listing, counted};
use crate::reply::{Accepted, Shown};

pub(super) struct Operations(pub(super) Api);

/// The answer to whatever started or steered an operation.
pub(super) fn accepted(call: &Call, operation: Operation) -> Accepted<OperationDocument> {
    let url = call.tenant_url(&format!("operations/{}", operation.id));
    call.noted.began(&operation);
    let operation = operation.into();
    Accepted::at(OperationDocument { operation }, url)
}

fn operation_id(text: &str) -> Answer<OperationId> {
    id(text, "operation").map(OperationId::from_untyped_uuid)
}

#[OpenApi(tag = "Part::Operations")]
impl Operations {
    /// List operations
    ///
    /// Those of the project, also those that the other site executes; these as it last told of
    /// them.
    #[oai(
        path = "/v1/:tenant_id/operations",
        method = "get",
        operation_id = "list_operations"
    )]
    async fn list(
        &self,
        call: Call,
        listing: Listing,
        /// The project.
        tenant_id: Path<String>,
    ) -> Answer<Shown<OperationList>> {
        let Path(_) = tenant_id;
        let mut listing = listing;
        let group = match listing.take_filter("group_id") {
            Some(text) => Some(text.parse::<uuid::Uuid>().map_err(|_| {
                Failure::bad(format!("protection_group_id: `{text}` is not an id"))
            })?),
            None => None,
        };
        let group = group.map(GroupId::from_untyped_uuid);
        let services = &self.0.services;
        let found = services
            .page_operations(Some(call.project()?), group, &listing.page())
            .await?;
        let count = match listing.all() {
            Some(all) => Some(counted(
                &services
                    .page_operations(Some(call.project()?), group, &all)
                    .await?,
            )),
            None => None,
        };
        let (found, links) = listing.finish(found, |seen| seen.operation.id.into_untyped_uuid());
        let operations = found.into_iter().map(Into::into).collect();
        Ok(Shown::new(OperationList {
            operations,
            links,
            count,
        }))
    }

    /// Show an operation
    ///
    /// Works on both sites with the same id. While it is not over, the site that executes it is
    /// asked.
    #[oai(
        path = "/v1/:tenant_id/operations/:op",
        method = "get",
        operation_id = "show_operation"
    )]
    async fn show(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The operation.
        op: Path<String>,
    ) -> Answer<Shown<OperationDocument>> {
        let Path(_) = tenant_id;
        let id = operation_id(&op.0)?;
        let operation = self.0.services.get_operation(call.project()?, id).await?;
        Ok(Shown::new(OperationDocument {
            operation: operation.into(),
        }))
    }

    /// List the steps of an operation
    ///
    /// From the site that executes it.
    #[oai(
        path = "/v1/:tenant_id/operations/:op/steps",
        method = "get",
        operation_id = "list_operation_steps"
    )]
    async fn steps(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The operation.
        op: Path<String>,
    ) -> Answer<Shown<StepList>> {
        let Path(_) = tenant_id;
        let id = operation_id(&op.0)?;
        let view = self.0.services.operation_steps(call.project()?, id).await?;
        Ok(Shown::new(view.into()))
    }

    /// Steer an operation
    ///
    /// The body has exactly one key, the action; `null` is the same as `{}`. `retry` reopens the
    /// same operation; so does `skip`, which is 409 while an engine works on it. Each action has its
    /// own policy rule, such as `protector:operations:action:cancel`.
    #[oai(
        path = "/v1/:tenant_id/operations/:op/action",
        method = "post",
        operation_id = "operation_action"
    )]
    async fn action(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The operation.
        op: Path<String>,
        body: Json<OperationActionBody>,
    ) -> Answer<Accepted<OperationDocument>> {
        let Path(_) = tenant_id;
        let id = operation_id(&op.0)?;
        let action = body.0.action().ok_or_else(|| {
            Failure::bad("body: must name one action, and `skip` needs a step and a reason")
        })?;
        let services = &self.0.services;
        let operation = services
            .act_on_operation(&call.actor(), call.project()?, id, action)
            .await?;
        Ok(accepted(&call, operation))
    }
}
