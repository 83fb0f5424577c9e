//! What is kept of a look, and when it is worth an event.

use chrono::{DateTime, Utc};
use protector_framework::SiteId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::finding::{Finding, FindingCode, Severity};
use super::{Purpose, Report};

/// The answers of one look, for every purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Readiness {
    /// The site that looked.
    pub seen_from: SiteId,
    /// When.
    pub as_of: DateTime<Utc>,
    /// One answer for each purpose.
    pub reports: Vec<Report>,
}

/// What a look comes to. Two looks with the same verdict are one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What would work.
    pub ready: Vec<Purpose>,
    /// What blocks a planned move or should be repaired.
    pub findings: Vec<(Severity, FindingCode)>,
}

/// A look as it is shown beside the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Whether a planned move would work.
    pub ready: bool,
    /// When that was looked at.
    pub as_of: DateTime<Utc>,
    /// How many blockers there were.
    pub blockers: u64,
    /// How many warnings.
    #[serde(default)]
    pub warnings: u64,
}

impl Readiness {
    /// The answer for one purpose.
    pub fn report(&self, purpose: Purpose) -> Option<&Report> {
        self.reports.iter().find(|report| report.purpose == purpose)
    }

    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        let ready = self.reports.iter().filter(|report| report.ready);
        let planned = self.report(Purpose::Planned);
        let mut findings: Vec<_> = planned
            .into_iter()
            .flat_map(|report| &report.findings)
            .filter(|finding| finding.severity != Severity::Info)
            .map(|finding| (finding.severity, finding.code))
            .collect();
        findings.sort_unstable();
        findings.dedup();
        Verdict {
            ready: ready.map(|report| report.purpose).collect(),
            findings,
        }
    }

    /// What is shown beside the group.
    pub fn kept(&self) -> Kept {
        let planned = self.report(Purpose::Planned);
        Kept {
            ready: planned.is_some_and(|report| report.ready),
            as_of: self.as_of,
            blockers: planned.map_or(0, |report| report.blockers().count() as u64),
            warnings: planned.map_or(0, |report| report.warnings().count() as u64),
        }
    }

    /// Whether something could not be learned, so that the next look may take its time.
    pub fn was_in_vain(&self) -> bool {
        let planned = self.report(Purpose::Planned);
        planned.is_some_and(|report| {
            let mut findings = report.findings.iter();
            findings.any(|finding| {
                matches!(
                    finding.code,
                    FindingCode::SiteUnreachable
                        | FindingCode::ArrayUnreachable
                        | FindingCode::PeerUnreachable
                        | FindingCode::NotLearned
                )
            })
        })
    }
}

/// What a step found before anything was changed and the operation went over, for its result: an
/// unplanned move goes over everything, the others over what `accept_drift` is for.
pub fn notes(output: Option<&Value>) -> Vec<String> {
    let report = output.and_then(|output| output.get("readiness").cloned());
    let report: Option<Report> = report.and_then(|report| serde_json::from_value(report).ok());
    let Some(report) = report else {
        return Vec::new();
    };
    let told = |finding: &&Finding| match report.purpose {
        Purpose::Unplanned => finding.severity != Severity::Info,
        Purpose::Planned | Purpose::Test => finding.severity == Severity::Blocker,
    };
    let told = report.findings.iter().filter(told);
    told.map(|finding| format!("before it began: {} ({})", finding.message, finding.code))
        .collect()
}
