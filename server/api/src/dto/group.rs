use poem_openapi::{Enum, Object};
use protector_control::{GroupUpdate, GroupView, NewGroup};
use protector_db::ListedGroup;
use protector_framework::{GenericUuid as _, ReplicationMode, VolumeTypeId};
use serde::Serialize;
use uuid::Uuid;

use super::common::{GroupStatusWord, Timestamp};
use super::readiness::KeptReadiness;
use crate::listing::Link;

/// How a group replicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case", remote = "ReplicationMode")]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReplicationType {
    Async,
    Sync,
}

/// A set of servers that fail over as a unit.
#[derive(Debug, Object, Serialize)]
pub(crate) struct ProtectionGroup {
    /// Its id, the same on both sites.
    id: Uuid,
    /// Its name, unique in its project.
    name: String,
    /// For people.
    description: String,
    /// Its project on the site that answers.
    project_id: String,
    /// The site it was made on.
    primary_site_id: Uuid,
    /// The other site.
    secondary_site_id: Uuid,
    /// The site its servers run on.
    current_primary_site_id: Uuid,
    /// How it replicates; fixed when it is made.
    replication_type: ReplicationType,
    /// The replicated volume type on the primary site.
    volume_type_id: Option<String>,
    /// The replicated volume type on the secondary site.
    secondary_volume_type_id: Option<String>,
    /// Its status.
    status: GroupStatusWord,
    /// Why it has that status.
    status_reason: Option<String>,
    /// How many members it has.
    member_count: u64,
    /// The version of its document, which both sites hold.
    metadata_version: u64,
    /// How often its primary has changed along the chain of epochs.
    epoch: u64,
    /// The epoch's id.
    epoch_id: Uuid,
    /// Whether the other site lacks something that this site has.
    sync_pending: bool,
    /// When both sites were last seen to hold the same; what happened on the other one since may
    /// be missing here.
    synced_at: Option<Timestamp>,
    /// When the newest complete recovery point was taken, as last seen.
    last_replication_at: Option<Timestamp>,
    /// Whether a planned failover would work, as the engine last saw it.
    readiness: Option<KeptReadiness>,
    /// How often it has failed over or back.
    failover_count: u32,
    /// The operation that is not finished.
    active_operation_id: Option<Uuid>,
    /// The test failover that is not cleaned up.
    test_operation_id: Option<Uuid>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

impl From<GroupView> for ProtectionGroup {
    fn from(view: GroupView) -> Self {
        ListedGroup::from(view).into()
    }
}

impl From<ListedGroup> for ProtectionGroup {
    fn from(listed: ListedGroup) -> Self {
        let summary = listed.summary;
        Self {
            id: summary.id.into_untyped_uuid(),
            name: summary.name,
            description: summary.description,
            project_id: listed.project_id.to_string(),
            primary_site_id: summary.primary_site_id.into_untyped_uuid(),
            secondary_site_id: summary.secondary_site_id.into_untyped_uuid(),
            current_primary_site_id: summary.current_primary_site_id.into_untyped_uuid(),
            replication_type: summary.replication_type.into(),
            volume_type_id: summary.volume_type_id.map(|id| id.to_string()),
            secondary_volume_type_id: summary.secondary_volume_type_id.map(|id| id.to_string()),
            status: listed.status.into(),
            status_reason: summary.status_reason,
            member_count: summary.member_count,
            metadata_version: summary.version,
            epoch: summary.epoch,
            epoch_id: summary.epoch_id.into_untyped_uuid(),
            sync_pending: listed.sync_pending,
            synced_at: listed.synced_at.map(Timestamp),
            last_replication_at: listed.last_replication_at.map(Timestamp),
            readiness: listed.readiness.map(Into::into),
            failover_count: summary.failover_count,
            active_operation_id: listed.active_operation.map(|id| id.into_untyped_uuid()),
            test_operation_id: listed.test_operation.map(|id| id.into_untyped_uuid()),
            created_at: summary.created_at.into(),
            updated_at: summary.updated_at.into(),
        }
    }
}

/// One protection group.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct ProtectionGroupDocument {
    /// The group.
    pub(crate) protection_group: ProtectionGroup,
    /// The operation that makes it, in the answer to its creation.
    pub(crate) operation: Option<super::OperationView>,
}

/// A list of protection groups.
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct ProtectionGroupList {
    /// The groups.
    pub(crate) protection_groups: Vec<ProtectionGroup>,
    /// The next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) links: Option<Vec<Link>>,
    /// How many there are on all pages, where `with_count` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
}

/// A group to make.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct CreateProtectionGroup {
    /// Its name, unique in its project.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: String,
    /// For people.
    #[oai(validator(max_length = 1020))]
    description: Option<String>,
    /// The site its servers run on, by id or name.
    #[oai(validator(min_length = 1, max_length = 255))]
    primary_site_id: String,
    /// The other site, by id or name.
    #[oai(validator(min_length = 1, max_length = 255))]
    secondary_site_id: String,
    /// How it replicates.
    replication_type: ReplicationType,
    /// The replicated volume type on the primary site.
    #[oai(validator(min_length = 1, max_length = 255))]
    volume_type_id: String,
    /// The replicated volume type on the secondary site; without it, the only one that fits.
    #[oai(validator(min_length = 1, max_length = 255))]
    secondary_volume_type_id: Option<String>,
}

impl From<CreateProtectionGroup> for NewGroup {
    fn from(group: CreateProtectionGroup) -> Self {
        Self {
            name: group.name,
            description: group.description.unwrap_or_default(),
            primary_site: group.primary_site_id,
            secondary_site: group.secondary_site_id,
            replication_type: group.replication_type.into(),
            volume_type_id: group.volume_type_id.into(),
            secondary_volume_type_id: group.secondary_volume_type_id.map(VolumeTypeId::from),
        }
    }
}

/// The body that makes a group.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct CreateProtectionGroupBody {
    /// The group.
    pub(crate) protection_group: CreateProtectionGroup,
}

/// What is to change of a group; fields that are left out stay.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct UpdateProtectionGroup {
    /// Its new name.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: Option<String>,
    /// Its new description.
    #[oai(validator(max_length = 1020))]
    description: Option<String>,
    /// The new volume type on the secondary site.
    #[oai(validator(min_length = 1, max_length = 255))]
    secondary_volume_type_id: Option<String>,
}

impl From<UpdateProtectionGroup> for GroupUpdate {
    fn from(group: UpdateProtectionGroup) -> Self {
        Self {
            name: group.name,
            description: group.description,
            secondary_volume_type_id: group.secondary_volume_type_id.map(VolumeTypeId::from),
        }
    }
}

/// The body that changes a group.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct UpdateProtectionGroupBody {
    /// The group.
    pub(crate) protection_group: UpdateProtectionGroup,
}
