//! What a list shows of a group's document, kept beside it so that a list reads no documents.

use chrono::{DateTime, Utc};
use protector_framework::{EpochId, GroupId, ReplicationMode, SiteId, VolumeTypeId};
use serde::{Deserialize, Serialize};

use crate::GroupDocument;

/// The part of a group's document that a list shows. The status is not in it: it is overlaid by what
/// runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// The group's id, the same on both sites.
    pub id: GroupId,
    /// Its name, unique in its project.
    pub name: String,
    /// For people.
    pub description: String,
    /// The site it was made on.
    pub primary_site_id: SiteId,
    /// The other site.
    pub secondary_site_id: SiteId,
    /// The site its servers run on.
    pub current_primary_site_id: SiteId,
    /// How it replicates.
    pub replication_type: ReplicationMode,
    /// The replicated volume type on the primary site.
    pub volume_type_id: Option<VolumeTypeId>,
    /// The one on the secondary site.
    pub secondary_volume_type_id: Option<VolumeTypeId>,
    /// Why it has its status.
    pub status_reason: Option<String>,
    /// How many members it has.
    pub member_count: u64,
    /// The version of its document.
    pub version: u64,
    /// How often its primary has changed along the chain of epochs.
    pub epoch: u64,
    /// The epoch.
    pub epoch_id: EpochId,
    /// How often it has failed over or back.
    pub failover_count: u32,
    /// How old a recovery point may be, in seconds; `None` without a policy.
    #[serde(default)]
    pub rpo_target_seconds: Option<u64>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its document last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<&GroupDocument> for GroupSummary {
    fn from(document: &GroupDocument) -> Self {
        let volume_type = |site: SiteId| document.volume_types.get(&site).cloned();
        Self {
            id: document.id,
            name: document.name.clone(),
            description: document.description.clone(),
            primary_site_id: document.primary_site_id,
            secondary_site_id: document.secondary_site_id,
            current_primary_site_id: document.current_primary_site_id,
            replication_type: document.replication_type,
            volume_type_id: volume_type(document.primary_site_id),
            secondary_volume_type_id: volume_type(document.secondary_site_id),
            status_reason: document.status_reason.clone(),
            member_count: document.members.len() as u64,
            version: document.version,
            epoch: document.epoch.number(),
            epoch_id: document.epoch.id,
            failover_count: document.failover_count,
            rpo_target_seconds: document
                .policy
                .as_ref()
                .map(|policy| u64::from(policy.rpo_minutes) * 60),
            created_at: document.created_at,
            updated_at: document.updated_at,
        }
    }
}
