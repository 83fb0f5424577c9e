//! Would a failover work now? Every reason why not, from facts that were looked at. Pure: the same
//! document and the same facts give the same answer to a user who asks, to the engine's cycle, and
//! to the step of an operation that looks before anything is changed.

mod finding;
mod health;
mod judge;
mod memory;
mod observed;
mod points;
mod predict;
mod room;
mod sites;
mod source;
mod standing;
mod target;

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use protector_framework::SiteId;
use serde::{Deserialize, Serialize};

use crate::document::GroupDocument;
use crate::operation::OperationOptions;
use crate::plan::Plan;
use crate::request;
use crate::status::{FailoverType, OperationKind, states};
use judge::Judge;

pub use finding::{Finding, FindingCode, Object, Severity};
pub use health::{LinkHealth, ReplicationHealth, SyncHealth};
pub use memory::{Kept, Readiness, Verdict, notes};
pub use observed::{
    Cause, CopyFacts, Fact, Observed, SiteFacts, SourceFacts, TargetFacts, Unknown,
};
pub use points::newest_whole;
pub use predict::History;
pub use standing::Standing;
pub use target::{copies_needed, kinds_needed};

states! {
    /// What is to be ready.
    Purpose {
        /// A planned move, with both sites.
        Planned = "planned",
        /// An unplanned move, without the source.
        Unplanned = "unplanned",
        /// A test failover.
        Test = "test",
    }
}

impl Purpose {
    /// The operation it is about; which of the two moves, follows from where the group is.
    pub fn kind(self, document: &GroupDocument) -> OperationKind {
        match (self, document.is_home()) {
            (Self::Test, _) => OperationKind::TestFailover,
            (_, true) => OperationKind::Failover,
            (_, false) => OperationKind::Failback,
        }
    }

    /// What a caller would say.
    pub fn options(self) -> OperationOptions {
        OperationOptions {
            failover_type: match self {
                Self::Planned => Some(FailoverType::Planned),
                Self::Unplanned => Some(FailoverType::Unplanned),
                Self::Test => None,
            },
            ..OperationOptions::default()
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The group.
    pub document: &'a GroupDocument,
    /// What for.
    pub purpose: Purpose,
    /// How the group stands in the database; `None` for an operation that has its place already.
    pub standing: Option<&'a Standing>,
    /// The plan of an operation that has one; else the one that would be made.
    pub plan: Option<&'a Plan>,
    /// How long steps took before.
    pub history: &'a History,
}

/// The answer for one purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What for.
    pub purpose: Purpose,
    /// Whether nothing blocks.
    pub ready: bool,
    /// When the facts were looked at.
    pub as_of: DateTime<Utc>,
    /// The site that the group runs on.
    pub source_site_id: SiteId,
    /// The site that it would go to.
    pub target_site_id: SiteId,
    /// What was found, blockers first.
    pub findings: Vec<Finding>,
    /// The age of what would be started: 0 for a planned move; `None`: not known.
    pub predicted_rpo_seconds: Option<u64>,
    /// The age of the newest complete recovery point that holds every protected member; `None`: there
    /// is none, or it is not known.
    pub achieved_rpo_seconds: Option<u64>,
    /// When that point was taken.
    pub last_complete_at: Option<DateTime<Utc>>,
    /// How long it would take until the last member runs; `None`: no plan can be made.
    pub predicted_rto_seconds: Option<u64>,
    /// How many earlier operations of the group that is learned from; 0: it rests on assumptions.
    pub rto_learned_from: u32,
}

impl Report {
    /// What blocks.
    pub fn blockers(&self) -> impl Iterator<Item = &Finding> {
        self.with(Severity::Blocker)
    }

    /// What does not block and should be repaired.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.with(Severity::Warning)
    }

    fn with(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        let all = self.findings.iter();
        all.filter(move |finding| finding.severity == severity)
    }

    /// What blocks an operation with these options.
    pub fn refusals(&self, options: &OperationOptions) -> Vec<&Finding> {
        let passes = |finding: &&Finding| finding.accept_drift && options.accept_drift;
        self.blockers().filter(|f| !passes(f)).collect()
    }
}

/// Judges what was looked at.
pub fn assess(question: &Question<'_>, observed: &Observed) -> Report {
    let document = question.document;
    let kind = question.purpose.kind(document);
    let options = question.purpose.options();
    let direction = request::direction(document, kind, &options);
    let planned = standing::plan(question, kind, &options, &direction);
    let plan: Option<&Plan> = planned.as_deref().ok();
    let mut judge = Judge::new(question, observed, &direction, plan);
    judge.standing(planned.as_ref().err());
    judge.sites();
    judge.source();
    judge.target();
    let age = judge.points();
    let findings = judge.done();
    Report {
        purpose: question.purpose,
        ready: !findings.iter().any(|f| f.severity == Severity::Blocker),
        as_of: observed.at,
        source_site_id: direction.source,
        target_site_id: direction.target,
        findings,
        predicted_rpo_seconds: match question.purpose {
            Purpose::Planned => Some(0),
            Purpose::Unplanned | Purpose::Test => age.newest_seconds,
        },
        achieved_rpo_seconds: age.whole_seconds,
        last_complete_at: age.whole_at,
        predicted_rto_seconds: plan.map(|plan| predict::critical_path(plan, question.history)),
        rto_learned_from: question.history.operations(),
    }
}
