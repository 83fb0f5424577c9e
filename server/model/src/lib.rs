//! Protector's domain: what a protection group is, which states it goes through, who may write its
//! document, and what an operation will do. Plain data and pure functions: no I/O, no async, no
//! clock.

pub mod actor;
pub mod backend;
pub mod change;
pub mod document;
pub mod drift;
pub mod eligibility;
pub mod epoch;
pub mod fold;
pub mod keeping;
pub mod loss;
pub mod operation;
pub mod outcome;
pub mod outputs;
pub mod plan;
pub mod planner;
pub mod policy;
pub mod probe;
pub mod progress;
pub mod readiness;
pub mod request;
pub mod schedule;
pub mod seeded;
pub mod settle;
pub mod site;
pub mod status;
pub mod summary;
pub mod translate;
pub mod turn;

pub use actor::Actor;
pub use change::{ChangeRefused, GroupChange};
pub use document::{GroupDocument, Instance, InstanceState, InstanceVolume, Member};
pub use epoch::{Epoch, Head, PutMode, Verdict};
pub use operation::{Operation, OperationOptions, OperationResult, StepRecord, StepStatus};
pub use plan::{Action, Call, Condition, Declaration, Plan, Step};
pub use policy::{Mapping, Policy, Retention};
pub use probe::{Probe, ProbeVerdict};
pub use request::{Direction, RequestRefused};
pub use site::{Reach, Site, SiteStatus, TenantMapping};
pub use status::{FailoverType, GroupStatus, MemberStatus, OperationKind, OperationStatus};
pub use summary::GroupSummary;
