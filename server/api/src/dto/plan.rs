use poem_openapi::Object;
use protector_framework::GenericUuid as _;
use protector_model::Plan;
use uuid::Uuid;

use super::common::PhaseWord;

/// What an operation would do.
#[derive(Debug, Object)]
#[oai(rename = "Plan")]
pub(crate) struct PlanView {
    /// Two plans that do the same have the same hash.
    hash: String,
    /// Its steps in order; what a step needs stands before it.
    steps: Vec<PlanStepView>,
}

/// One step of a plan.
#[derive(Debug, Object)]
#[oai(rename = "PlanStep")]
pub(crate) struct PlanStepView {
    /// Its key.
    key: String,
    /// The site it acts on, by id.
    site: Uuid,
    /// The phase it belongs to.
    phase: PhaseWord,
    /// The member it is for.
    member_id: Option<Uuid>,
    /// The steps that must be done before it.
    needs: Vec<String>,
    /// Every mutating call; `$step/..` stands for the result of an earlier step.
    calls: Vec<PlanCallView>,
    /// What makes the step safe to repeat.
    idempotent_by: String,
    /// Whether it may be given up while it is under way. Another one is waited for and taken back.
    cancel_safe: bool,
    /// Whether a person may leave it out with `skip`, once authority has passed or where none passes.
    may_be_skipped: bool,
    /// How it is taken back before authority passes; nothing where that is not needed or not done.
    undo: Option<String>,
    /// The calls that take it back.
    undo_calls: Vec<PlanCallView>,
}

/// A mutating call of a plan.
#[derive(Debug, Object)]
#[oai(rename = "PlanCall")]
pub(crate) struct PlanCallView {
    /// `compute`, `storage` or `peer`.
    service: String,
    /// What is done.
    verb: String,
    /// What it is done to.
    target: String,
    /// What the step must find for the call to be sent; nothing where it is always sent, unless what
    /// it does is so already.
    when: Option<String>,
}

impl From<protector_model::Call> for PlanCallView {
    fn from(call: protector_model::Call) -> Self {
        Self {
            service: call.service,
            verb: call.verb,
            target: call.target,
            when: call.when.map(|when| when.to_string()),
        }
    }
}

impl From<Plan> for PlanView {
    fn from(plan: Plan) -> Self {
        Self {
            hash: plan.hash(),
            steps: plan.steps.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<protector_model::Step> for PlanStepView {
    fn from(step: protector_model::Step) -> Self {
        let declared = step.action.declaration();
        Self {
            key: step.key,
            site: step.site.into_untyped_uuid(),
            phase: step.phase.into(),
            member_id: step.member.map(|id| id.into_untyped_uuid()),
            needs: step.needs,
            calls: step.calls.into_iter().map(Into::into).collect(),
            idempotent_by: declared.idempotent_by.to_owned(),
            cancel_safe: declared.is_cancel_safe(),
            may_be_skipped: declared.skippable,
            undo: declared.undo.map(str::to_owned),
            undo_calls: step.undo.into_iter().map(Into::into).collect(),
        }
    }
}

/// A plan that was not carried out.
#[derive(Debug, Object)]
pub(crate) struct PlanDocument {
    /// The plan.
    pub(crate) plan: PlanView,
}
