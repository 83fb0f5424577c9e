//! The API's replies, as far as tests look into them.

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// A group.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct GroupView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: String,
    /// Why.
    pub status_reason: Option<String>,
    /// Where its servers run.
    pub current_primary_site_id: String,
    /// How many members it has.
    pub member_count: u64,
    /// The version of its document.
    pub metadata_version: u64,
    /// The number of its epoch.
    pub epoch: u64,
    /// The id of its epoch.
    pub epoch_id: String,
    /// Whether the other site lacks something.
    pub sync_pending: bool,
    /// The operation that is not finished.
    pub active_operation_id: Option<String>,
    /// How often it has moved.
    pub failover_count: u32,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct MemberView {
    /// Its id.
    pub id: String,
    /// The server's name.
    pub name: String,
    /// Its status.
    pub status: String,
    /// Why.
    pub status_reason: Option<String>,
    /// Its boot tier.
    pub boot_tier: u8,
    /// What there is of it.
    pub instances: Vec<MemberInstance>,
}

/// What there is of a member on one site.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct MemberInstance {
    /// The site.
    pub site_id: String,
    /// `production`, `parked`, `quarantined` or `incomplete`.
    pub state: String,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OperationView {
    /// Its id.
    pub id: String,
    /// What it does.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its status.
    pub status: String,
    /// What it is at.
    pub phase: String,
    /// Percent.
    pub progress: u8,
    /// Where the group ran.
    pub source_site_id: String,
    /// Where it goes.
    pub target_site_id: String,
    /// Whose engine works.
    pub executor_site_id: String,
    /// Steps that are done.
    pub steps_completed: u32,
    /// Steps that have failed.
    pub steps_failed: u32,
    /// Why it went wrong.
    pub error: Option<OperationError>,
    /// What came out.
    pub result: Option<OperationResult>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

impl OperationView {
    /// Whether nothing more happens by itself.
    pub fn is_over(&self) -> bool {
        !matches!(self.status.as_str(), "queued" | "running")
    }
}

/// Why a step or an operation went wrong.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OperationError {
    /// In words.
    pub message: String,
    /// The step.
    pub step: Option<String>,
    /// The advice.
    pub what_to_do: Option<String>,
}

/// What came out of an operation.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct OperationResult {
    /// The point that was used.
    pub recovery_point_id: Option<String>,
    /// When it was taken.
    pub recovery_point_at: Option<DateTime<Utc>>,
    /// The age of what was lost.
    pub data_loss_seconds: Option<u64>,
    /// The time to recovery.
    pub rto_seconds: Option<u64>,
}

/// A step of a journal.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StepView {
    /// Its key.
    pub key: String,
    /// Where it works.
    pub site_id: Option<String>,
    /// What it belongs to.
    pub phase: Option<String>,
    /// Its status.
    pub status: String,
    /// How often it was begun.
    pub attempt: u32,
    /// Why it went wrong.
    pub error: Option<OperationError>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

impl StepView {
    /// Seconds from its beginning to its end.
    pub fn seconds(&self) -> Option<f64> {
        let took = self.finished_at? - self.started_at?;
        took.num_microseconds().map(|micros| micros as f64 / 1e6)
    }
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Plan {
    /// Its hash.
    pub hash: String,
    /// Its steps in order.
    pub steps: Vec<PlanStep>,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PlanStep {
    /// Its key.
    pub key: String,
    /// Where it works.
    pub site: String,
}

/// How a group's document is on both sites.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SyncStatus {
    /// In one word.
    pub status: String,
    /// On each site.
    pub sites: Vec<SiteSync>,
}

/// How a group's document is on one site.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SiteSync {
    /// The site's name.
    pub site: String,
    /// The number of the epoch.
    pub epoch: Option<u64>,
    /// The version.
    pub version: Option<u64>,
    /// The hash.
    pub hash: Option<String>,
    /// Whether a change is on its way.
    pub pending: bool,
    /// Why it could not be learnt.
    pub last_error: Option<String>,
}

/// A site.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SiteView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: String,
    /// Why.
    pub status_reason: Option<String>,
    /// Whether it is the site that was asked.
    pub is_local: bool,
    /// Keystone.
    pub keystone_reachable: bool,
    /// Nova.
    pub nova_reachable: bool,
    /// Cinder.
    pub cinder_reachable: bool,
    /// Neutron.
    pub neutron_reachable: bool,
    /// Protector.
    pub protector_reachable: bool,
}
