use chrono::{DateTime, Utc};
use protector_db::Page;
use protector_framework::{GroupId, OperationId, ProjectId};
use protector_model::{Actor, Operation, OperationKind, OperationOptions, Plan, StepRecord};
use protector_peer::{OperationAction, OperationView};

use super::surface;

/// An operation that is asked for. Members are added and removed by their own requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationRequest {
    /// What the caller said about it.
    pub options: OperationOptions,
    /// Only show the plan.
    pub dry_run: bool,
    /// The caller's Idempotency-Key.
    pub idempotency_key: Option<String>,
}

/// An operation as this site can tell of it.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationSeen {
    /// The operation.
    pub operation: Operation,
    /// When it was so, where that may not be now: another site executes it, it is not over, and
    /// that site was not asked or did not answer.
    pub as_of: Option<DateTime<Utc>>,
    /// Its journal, where one operation is asked for and this site has it or was told it now.
    pub steps: Option<Vec<StepRecord>>,
}

/// What came of a request for an operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Started {
    /// It is queued, or was asked for before under the same key.
    Operation(Box<Operation>),
    /// What would run.
    Plan(Plan),
}

surface! {
    /// Operations. `project` is a project of this site; an operation of another one does not exist.
    pub trait OperationServices {
        /// One page of the operations of a project, a group, or all, by what this site was told.
        async fn page_operations(
            &self,
            project: Option<&ProjectId>,
            group: Option<GroupId>,
            page: &Page,
        ) -> Vec<OperationSeen>;
        /// One operation. The site that executes it is asked where it is not over.
        async fn get_operation(&self, project: &ProjectId, id: OperationId) -> OperationSeen;
        /// An operation with its plan and journal, from the site that executes it.
        async fn operation_steps(&self, project: &ProjectId, id: OperationId) -> OperationView;
        /// Starts an operation on the site that has to execute it, or shows its plan.
        async fn start_operation(
            &self,
            actor: &Actor,
            project: &ProjectId,
            group: &str,
            kind: OperationKind,
            request: OperationRequest,
        ) -> Started;
        /// Cancels, retries, skips or cleans up, on the site that executes the operation.
        async fn act_on_operation(
            &self,
            actor: &Actor,
            project: &ProjectId,
            id: OperationId,
            action: OperationAction,
        ) -> Operation;
    }
}
