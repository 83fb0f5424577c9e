//! Gathers findings and weighs them for what was asked.

use protector_framework::{MemberId, SiteId};

use super::finding::{Finding, FindingCode, Object, Severity};
use super::observed::{Cause, Fact, Observed, Unknown};
use super::{Purpose, Question};
use crate::document::{GroupDocument, Member};
use crate::plan::{Action, Plan};
use crate::request::Direction;

/// The purposes that a finding blocks.
pub(super) const ALL: &[Purpose] = Purpose::ALL;
/// Those that need the source.
pub(super) const PLANNED: &[Purpose] = &[Purpose::Planned];
/// Those that a person asks for while nothing is wrong.
pub(super) const AT_LEISURE: &[Purpose] = &[Purpose::Planned, Purpose::Test];
/// Tests alone.
pub(super) const TEST: &[Purpose] = &[Purpose::Test];
/// None: it can be gone without.
pub(super) const NONE: &[Purpose] = &[];

pub(super) struct Judge<'a> {
    pub(super) document: &'a GroupDocument,
    pub(super) question: &'a Question<'a>,
    pub(super) observed: &'a Observed,
    pub(super) source: SiteId,
    pub(super) target: SiteId,
    plan: Option<&'a Plan>,
    findings: Vec<Finding>,
}

/// A finding that is being described; it is weighed already.
pub(super) struct Found<'f>(&'f mut Finding);

impl Found<'_> {
    /// `accept_drift` goes over it.
    pub(super) fn may_be_accepted(self) -> Self {
        self.0.accept_drift = true;
        self
    }

    /// It may be gone at the next look.
    pub(super) fn passes(self, passes: bool) -> Self {
        self.0.passing = passes;
        self
    }

    /// The remote call that said it.
    pub(super) fn by(self, unknown: &Unknown) -> Self {
        self.0.remote_call.clone_from(&unknown.remote_call);
        self.0
            .remote_request_id
            .clone_from(&unknown.remote_request_id);
        self.passes(unknown.cause == Cause::Silent)
    }
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        question: &'a Question<'a>,
        observed: &'a Observed,
        direction: &Direction,
        plan: Option<&'a Plan>,
    ) -> Self {
        Self {
            document: question.document,
            question,
            observed,
            source: direction.source,
            target: direction.target,
            plan,
            findings: Vec::new(),
        }
    }

    /// Notes what is a blocker for some purposes and a warning for the others.
    pub(super) fn found(
        &mut self,
        blocks: &[Purpose],
        code: FindingCode,
        object: Object,
        message: impl Into<String>,
        what_to_do: impl Into<String>,
    ) -> Found<'_> {
        let severity = match blocks.contains(&self.question.purpose) {
            true => Severity::Blocker,
            false => Severity::Warning,
        };
        self.note(severity, code, object, message, what_to_do)
    }

    /// Notes what is good to know.
    pub(super) fn info(
        &mut self,
        code: FindingCode,
        object: Object,
        message: impl Into<String>,
        what_to_do: impl Into<String>,
    ) {
        self.note(Severity::Info, code, object, message, what_to_do);
    }

    /// A fact that is not needed for certain could not be learned.
    pub(super) fn not_learned(&mut self, object: Object, what: &str, unknown: &Unknown) {
        self.found(
            NONE,
            FindingCode::NotLearned,
            object,
            format!("{what} could not be learned: {}", unknown.because),
            "repair what is named; the next look learns it",
        )
        .by(unknown);
    }

    fn note(
        &mut self,
        severity: Severity,
        code: FindingCode,
        object: Object,
        message: impl Into<String>,
        what_to_do: impl Into<String>,
    ) -> Found<'_> {
        let finding = Finding {
            severity,
            code,
            object,
            message: message.into(),
            what_to_do: what_to_do.into(),
            accept_drift: false,
            passing: false,
            remote_call: None,
            remote_request_id: None,
        };
        // The same resource is used by many ports.
        let same = self.findings.iter().position(|f| {
            f.code == code && f.object == finding.object && f.message == finding.message
        });
        let at = same.unwrap_or(self.findings.len());
        if same.is_none() {
            self.findings.push(finding);
        }
        Found(&mut self.findings[at])
    }

    /// The findings, blockers first.
    pub(super) fn done(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|finding| finding.severity);
        self.findings
    }

    pub(super) fn name(&self, site: SiteId) -> String {
        let known = self.observed.names.get(&site);
        known.cloned().unwrap_or_else(|| site.to_string())
    }

    pub(super) fn is_test(&self) -> bool {
        self.question.purpose == Purpose::Test
    }

    /// Members that would be built anew on the target: for a test all of them.
    pub(super) fn built(&self) -> Vec<&'a Member> {
        match self.plan {
            Some(plan) => self.with_step(plan, |a| matches!(a, Action::BootServer { .. })),
            None => {
                let fits = |m: &&Member| m.blueprint.is_some();
                let new = |m: &&Member| self.is_test() || !m.has_parked_copy(self.target);
                self.document
                    .members
                    .iter()
                    .filter(fits)
                    .filter(new)
                    .collect()
            }
        }
    }

    /// Members whose parked copy would be overwritten and started again.
    pub(super) fn overwritten(&self) -> Vec<&'a Member> {
        match self.plan {
            Some(plan) => self.with_step(plan, |a| matches!(a, Action::OverwriteVolume { .. })),
            None => Vec::new(),
        }
    }

    fn with_step(&self, plan: &Plan, is: impl Fn(&Action) -> bool) -> Vec<&'a Member> {
        let has = |id: MemberId| {
            let mut steps = plan.steps.iter();
            steps.any(|step| step.member == Some(id) && is(&step.action))
        };
        let members = self.document.members.iter();
        members.filter(|member| has(member.id)).collect()
    }

    pub(super) fn member(&self, member: &Member) -> Object {
        Object::new("member").name(&*member.name).of(member.id)
    }
}

/// Whether a site as a whole is silent, so that nothing more is to be said of its single facts.
pub(super) fn is_silent(facts: &super::observed::SiteFacts) -> bool {
    match &facts.health {
        Fact::NotAsked => false,
        Fact::Unknown(_) => true,
        Fact::Known(health) => !super::sites::silent(health).is_empty(),
    }
}
