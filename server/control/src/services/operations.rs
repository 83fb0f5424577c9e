use chrono::{DateTime, Utc};
use protector_db::Page;
use protector_framework::{GroupId, OperationId, ProjectId};
use protector_model::{
    Actor, FailoverType, Operation, OperationKind, OperationOptions, Plan, StepRecord,
};
use protector_peer::{OperationAction, OperationView};

use super::surface;
use crate::refusal::Refusal;

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

/// A whole site that is to be failed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFailoverRequest {
    /// Planned or unplanned.
    pub failover_type: FailoverType,
    /// Go on although the site still answers.
    pub force: bool,
    /// Only show the plans.
    pub dry_run: bool,
    /// The caller's Idempotency-Key.
    pub idempotency_key: Option<String>,
}

/// What came of it: each group whose primary is that site is in exactly one of the lists.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SiteFailover {
    /// What was started, or was asked for before under the same key; in the order of the tiers.
    pub operations: Vec<Operation>,
    /// What would run, where only that was asked.
    pub plans: Vec<GroupPlan>,
    /// The groups for which nothing was started, and why.
    pub refused: Vec<GroupRefused>,
}

/// The plan of one of a site's groups.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupPlan {
    /// The group.
    pub group_id: GroupId,
    /// Its name.
    pub name: String,
    /// Its project on this site.
    pub project_id: ProjectId,
    /// What would run.
    pub plan: Plan,
}

/// One of a site's groups that stays where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupRefused {
    /// The group.
    pub group_id: GroupId,
    /// Its name.
    pub name: String,
    /// Its project on this site.
    pub project_id: ProjectId,
    /// Why.
    pub refusal: Refusal,
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
        /// Brings every group whose primary is a site up on its other one, tier by tier and fairly
        /// between projects. The site by id or name.
        async fn fail_over_site(
            &self,
            actor: &Actor,
            site: &str,
            request: SiteFailoverRequest,
        ) -> SiteFailover;
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
