//! Whether the group's own state allows the operation, and whether a plan can be made.

use std::borrow::Cow;

use protector_framework::{OperationId, ResourceKind};

use super::Question;
use super::finding::{FindingCode, Object};
use super::judge::{ALL, AT_LEISURE, Judge, NONE, TEST};
use crate::epoch::Head;
use crate::operation::OperationOptions;
use crate::plan::Plan;
use crate::planner::{self, PlanError};
use crate::request::{self, Direction};
use crate::status::OperationKind;

/// How a group stands in the database of the site that looks.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Which document this site holds.
    pub head: Head,
    /// Whether both sites claim authority.
    pub conflict: bool,
    /// The operation that has its place.
    pub running: Option<(OperationId, OperationKind)>,
    /// The test failover that is not cleaned up.
    pub test: Option<OperationId>,
    /// Whether this site has lost the group and has not yet looked at every copy it keeps.
    pub quarantine_due: bool,
}

/// The plan that is judged: the operation's own, or the one that would be made.
pub(super) fn plan<'a>(
    question: &Question<'a>,
    kind: OperationKind,
    options: &OperationOptions,
    direction: &Direction,
) -> Result<Cow<'a, Plan>, PlanError> {
    match question.plan {
        Some(plan) => Ok(Cow::Borrowed(plan)),
        None => planner::plan(question.document, kind, options, direction, None).map(Cow::Owned),
    }
}

impl Judge<'_> {
    pub(super) fn standing(&mut self, no_plan: Option<&PlanError>) {
        if let Some(standing) = self.question.standing {
            self.state(standing);
        }
        if let Some(error) = no_plan {
            self.no_plan(error);
        }
    }

    fn state(&mut self, standing: &Standing) {
        let group = || Object::new("protection_group").name(&*self.document.name);
        if standing.conflict {
            let object = group();
            self.found(
                ALL,
                FindingCode::Conflict,
                object,
                "both sites claim authority over the group",
                "look at `sync-status`, then name a winner with `sync-force`",
            );
        }
        if let Some((id, kind)) = &standing.running {
            let object = Object::new("operation").id(id).name(kind.as_str());
            self.found(
                AT_LEISURE,
                FindingCode::OperationRunning,
                object,
                format!("operation {id} ({kind}) has the group's place"),
                "wait for its end; an unplanned failover takes its place",
            )
            .passes(true);
        }
        let purpose = self.question.purpose;
        let kind = purpose.kind(self.document);
        let test = standing.test.filter(|_| self.is_test());
        if let Err(refused) = request::check(self.document, kind, &purpose.options(), test) {
            let object = group();
            let message = refused.to_string();
            let what_to_do = "bring the group into that state first";
            self.found(ALL, FindingCode::NotAllowed, object, message, what_to_do);
        }
        if standing.quarantine_due {
            let object = group();
            self.found(
                NONE,
                FindingCode::QuarantineDue,
                object,
                "this site has lost the group without its consent and has not yet put every copy \
                 that it keeps out of use",
                "wait: it is done as soon as its cloud answers",
            )
            .passes(true);
        }
    }

    fn no_plan(&mut self, error: &PlanError) {
        let member = |name: &str| Object::new("member").name(name);
        match error {
            PlanError::Unmapped(missing) => {
                for one in missing {
                    let kind = match one.kind {
                        ResourceKind::Network => "network",
                        ResourceKind::Subnet => "subnet",
                        ResourceKind::Flavor => "flavor",
                        ResourceKind::SecurityGroup => "security_group",
                        ResourceKind::Keypair => "keypair",
                        ResourceKind::AvailabilityZone => "availability_zone",
                        ResourceKind::TestNetwork => "test_network",
                    };
                    self.found(
                        ALL,
                        FindingCode::NotMapped,
                        Object::new(kind).id(&one.id),
                        format!(
                            "{kind} {} of `{}` is not mapped to the target",
                            one.id, one.member
                        ),
                        "complete the resource mappings",
                    );
                }
            }
            PlanError::TestOnProduction {
                member: name,
                network,
            } => {
                let object = Object::new("test_network").id(network).name(name);
                let what_to_do = "map a `test_network` that no server of the group is on";
                let code = FindingCode::NotMapped;
                self.found(TEST, code, object, error.to_string(), what_to_do);
            }
            PlanError::NotCaptured(name) => {
                let what_to_do = "wait until it is `protected`, or remove it";
                let code = FindingCode::NotCaptured;
                self.found(ALL, code, member(name), error.to_string(), what_to_do);
            }
            PlanError::OutdatedCopy { member: name, site } => {
                let object = member(name).on(*site);
                let what_to_do = "run `cleanup` on that site";
                let code = FindingCode::OutdatedCopy;
                self.found(ALL, code, object, error.to_string(), what_to_do);
            }
            PlanError::Unfinished { member: name, site } => {
                let object = member(name).on(*site);
                let what_to_do = "`retry` the operation that was to bring it up";
                let code = FindingCode::UnfinishedMember;
                self.found(ALL, code, object, error.to_string(), what_to_do);
            }
            PlanError::NoMember | PlanError::NoTestPlan => {
                let object = Object::new("protection_group");
                let code = FindingCode::NoPlan;
                self.found(ALL, code, object, error.to_string(), "repair what is named");
            }
        }
    }
}
