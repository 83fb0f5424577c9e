use poem_openapi::Object;
use protector_control::{GroupPlan, GroupRefused, SiteFailover, SiteFailoverRequest};
use protector_framework::GenericUuid as _;
use uuid::Uuid;

use super::common::FailoverTypeWord;
use super::{OperationView, PlanView};

/// How a site is failed over.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct SiteFailoverOptions {
    /// `planned` or `unplanned`; nothing is assumed for a whole site.
    #[oai(rename = "type")]
    kind: FailoverTypeWord,
    /// Go on although the site still answers.
    force: Option<bool>,
    /// Only show the plans.
    dry_run: Option<bool>,
}

impl SiteFailoverOptions {
    /// What is asked for under a key.
    pub(crate) fn request(self, idempotency_key: Option<String>) -> SiteFailoverRequest {
        SiteFailoverRequest {
            failover_type: self.kind.0,
            force: self.force == Some(true),
            dry_run: self.dry_run == Some(true),
            idempotency_key,
        }
    }
}

/// A site to fail over.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct SiteFailoverBody {
    /// How.
    pub(crate) failover: SiteFailoverOptions,
}

/// A group that stays where it is.
#[derive(Debug, Object)]
#[oai(rename = "GroupRefused")]
pub(crate) struct GroupRefusedView {
    /// The group.
    protection_group_id: Uuid,
    /// Its name.
    name: String,
    /// Its project on the site that answers.
    project_id: String,
    /// The reason as a stable word.
    code: String,
    /// The reason, and what to do.
    message: String,
    /// The operation that is in the way.
    active_operation_id: Option<Uuid>,
}

impl From<GroupRefused> for GroupRefusedView {
    fn from(refused: GroupRefused) -> Self {
        let in_the_way = refused.refusal.active_operation;
        Self {
            protection_group_id: refused.group_id.into_untyped_uuid(),
            name: refused.name,
            project_id: refused.project_id.to_string(),
            code: refused.refusal.code,
            message: refused.refusal.message,
            active_operation_id: in_the_way.map(|id| id.into_untyped_uuid()),
        }
    }
}

/// What came of a site's failover: each group whose primary it is stands in one of the lists.
#[derive(Debug, Object)]
pub(crate) struct SiteFailoverDocument {
    /// One operation a group, in the order in which engines begin them.
    operations: Vec<OperationView>,
    /// The groups for which nothing was started.
    refused: Vec<GroupRefusedView>,
}

impl From<SiteFailover> for SiteFailoverDocument {
    fn from(done: SiteFailover) -> Self {
        Self {
            operations: done.operations.into_iter().map(Into::into).collect(),
            refused: done.refused.into_iter().map(Into::into).collect(),
        }
    }
}

/// The plan of one of a site's groups.
#[derive(Debug, Object)]
#[oai(rename = "GroupPlan")]
pub(crate) struct GroupPlanView {
    /// The group.
    protection_group_id: Uuid,
    /// Its name.
    name: String,
    /// Its project on the site that answers.
    project_id: String,
    /// What would run.
    plan: PlanView,
}

impl From<GroupPlan> for GroupPlanView {
    fn from(planned: GroupPlan) -> Self {
        Self {
            protection_group_id: planned.group_id.into_untyped_uuid(),
            name: planned.name,
            project_id: planned.project_id.to_string(),
            plan: planned.plan.into(),
        }
    }
}

/// What a site's failover would do.
#[derive(Debug, Object)]
pub(crate) struct SitePlanDocument {
    /// One plan a group, in the order in which engines would begin them.
    plans: Vec<GroupPlanView>,
    /// The groups for which nothing would be started.
    refused: Vec<GroupRefusedView>,
}

impl From<SiteFailover> for SitePlanDocument {
    fn from(done: SiteFailover) -> Self {
        Self {
            plans: done.plans.into_iter().map(Into::into).collect(),
            refused: done.refused.into_iter().map(Into::into).collect(),
        }
    }
}
