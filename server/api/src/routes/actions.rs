use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path};
use poem_openapi::payload::Json;
use protector_control::{OperationRequest, Started};

use super::operations::accepted;
use super::{Answer, Api, Part};
use crate::call::Call;
use crate::dto::{GroupActionBody, OperationDocument, PlanDocument};
use crate::failure::Failure;
use crate::reply::{Accepted, OneOf, Shown};

pub(super) struct Actions(pub(super) Api);

#[OpenApi(tag = "Part::ProtectionGroups")]
impl Actions {
    /// Start an operation on a group
    ///
    /// The body has exactly one key, the operation; `null` is the same as `{}`. The direction
    /// follows from where the group runs. With `dry_run` the answer is the plan and nothing is
    /// done. Each action has its own policy rule, such as
    /// `protector:operations:action:test_failover`.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/action",
        method = "post",
        operation_id = "protection_group_action"
    )]
    async fn action(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
        /// The same key with the same body again answers with the first operation.
        #[oai(name = "Idempotency-Key", validator(min_length = 1, max_length = 255))]
        key: Header<Option<String>>,
        body: Json<GroupActionBody>,
    ) -> Answer<OneOf<Accepted<OperationDocument>, Shown<PlanDocument>>> {
        let Path(_) = tenant_id;
        let action = body
            .0
            .action()
            .ok_or_else(|| Failure::bad("body: must name one action"))?;
        let request = OperationRequest {
            options: action.options,
            dry_run: action.dry_run,
            idempotency_key: key.0,
        };
        let services = &self.0.services;
        let started = services
            .start_operation(&call.actor(), call.project()?, &pg.0, action.kind, request)
            .await?;
        Ok(match started {
            Started::Operation(operation) => OneOf::First(accepted(&call, *operation)),
            Started::Plan(plan) => OneOf::Second(Shown::new(PlanDocument { plan: plan.into() })),
        })
    }
}
