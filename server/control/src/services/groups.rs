use chrono::{DateTime, Utc};
use protector_db::{ListedGroup, Page};
use protector_framework::{
    EpochId, GroupId, MemberId, OperationId, PointName, ProjectId, ReplicationMode, SecretString,
    ServerId, SiteId, VolumeTypeId,
};
use protector_model::readiness::{Kept, Readiness, ReplicationHealth};
use protector_model::{
    Actor, GroupDocument, GroupStatus, GroupSummary, Mapping, Member, Operation, Policy, Probe,
    Retention,
};
use protector_peer::SyncState;

use super::surface;

/// A group as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupView {
    /// The document.
    pub document: GroupDocument,
    /// Its project on this site.
    pub project_id: ProjectId,
    /// Its status, overlaid by what runs; `document.status` is its own.
    pub status: GroupStatus,
    /// The operation that is not finished.
    pub active_operation: Option<OperationId>,
    /// The test failover that is not cleaned up.
    pub test_operation: Option<OperationId>,
    /// When the newest complete recovery point was taken, as last seen.
    pub last_replication_at: Option<DateTime<Utc>>,
    /// What the engine's last look has found; `None`: there was none yet.
    pub readiness: Option<Kept>,
    /// Whether the other site lacks something that this site has.
    pub sync_pending: bool,
    /// When both sites were last seen to hold the same; what happened on the other one since may
    /// be missing here.
    pub synced_at: Option<DateTime<Utc>>,
}

impl From<GroupView> for ListedGroup {
    fn from(view: GroupView) -> Self {
        Self {
            summary: GroupSummary::from(&view.document),
            project_id: view.project_id,
            status: view.status,
            active_operation: view.active_operation,
            test_operation: view.test_operation,
            last_replication_at: view.last_replication_at,
            readiness: view.readiness,
            sync_pending: view.sync_pending,
            synced_at: view.synced_at,
        }
    }
}

/// A group to make. Sites by id or name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGroup {
    /// Its name, unique in its project.
    pub name: String,
    /// For people.
    pub description: String,
    /// The site its servers run on.
    pub primary_site: String,
    /// The other site.
    pub secondary_site: String,
    /// How it replicates.
    pub replication_type: ReplicationMode,
    /// The replicated volume type on the primary site.
    pub volume_type_id: VolumeTypeId,
    /// The one on the secondary site; `None`: the only one that fits.
    pub secondary_volume_type_id: Option<VolumeTypeId>,
}

/// What is to change of a group; `None` leaves a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupUpdate {
    /// Its new name.
    pub name: Option<String>,
    /// Its new description.
    pub description: Option<String>,
    /// The new volume type on the secondary site.
    pub secondary_volume_type_id: Option<VolumeTypeId>,
}

/// A group that is being made.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupStarted {
    /// The group.
    pub group: GroupView,
    /// The operation that makes it.
    pub operation: Operation,
}

/// A member as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberView {
    /// The member.
    pub member: Member,
    /// Its group.
    pub group_id: GroupId,
    /// Its server on the group's primary site.
    pub primary_server_id: Option<ServerId>,
    /// Its server on the group's secondary site.
    pub secondary_server_id: Option<ServerId>,
    /// What of its blueprint a copy that is built on the other site will not have; each with the
    /// field's name and why.
    pub not_carried_over: Vec<(String, String)>,
}

/// A server to protect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMember {
    /// The server on the site that the group runs on.
    pub server_id: ServerId,
    /// Its tier, 1 to 5; `None`: 3.
    pub boot_tier: Option<u8>,
    /// Seconds to wait after its start before the next tier; `None`: 0.
    pub boot_delay: Option<u32>,
    /// How to tell from outside that it has come up.
    pub probe: Option<Probe>,
}

/// What is to change of a member; `None` leaves a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberChange {
    /// Its new tier, 1 to 5.
    pub boot_tier: Option<u8>,
    /// Its new delay in seconds.
    pub boot_delay: Option<u32>,
    /// Its new probe; `Some(None)` takes it away.
    pub probe: Option<Option<Probe>>,
}

/// A member that is being added.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberStarted {
    /// The member.
    pub member: MemberView,
    /// The operation that adds it.
    pub operation: Operation,
}

/// One site's array as the caller names it.
#[derive(Debug, Clone)]
pub struct ArrayInput {
    /// Where its API is.
    pub url: String,
    /// Its token; `None` or `"********"` keeps the one that is stored.
    pub api_token: Option<SecretString>,
}

/// A policy as the caller wants it.
#[derive(Debug, Clone)]
pub struct PolicyInput {
    /// The storage driver.
    pub driver: String,
    /// The array of the group's primary site.
    pub primary: ArrayInput,
    /// The array of the group's secondary site.
    pub secondary: ArrayInput,
    /// The age of the newest complete recovery point that must not be exceeded, in minutes.
    pub rpo_minutes: u32,
    /// Seconds between scheduled points.
    pub replication_interval: Option<u64>,
    /// What is kept for how long.
    pub retention: Retention,
    /// `host@backend#pool` to adopt volumes on.
    pub secondary_backend_host: Option<String>,
    /// The non-replicated type of test clones.
    pub test_volume_type_id: Option<VolumeTypeId>,
}

/// What a request may do to the policy that is or is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyWrite {
    /// There must be none yet.
    Create,
    /// Whatever is there is replaced.
    Replace,
}

/// A policy as it is shown: its tokens never are.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyView {
    /// The policy.
    pub policy: Policy,
    /// Its group.
    pub group_id: GroupId,
    /// The group's primary site.
    pub primary_site_id: SiteId,
    /// The group's secondary site.
    pub secondary_site_id: SiteId,
    /// Whether the request made it.
    pub created: bool,
}

/// A recovery point on the array of the site that the group does not run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryPoint {
    /// Its name, which a failover can be asked for.
    pub name: PointName,
    /// When it was taken, by the source array's clock.
    pub taken_at: DateTime<Utc>,
    /// Whether all of it is on the target.
    pub complete: bool,
    /// Whether a failover can use it: it is complete and holds a member.
    pub usable: bool,
    /// The members that it holds wholly.
    pub members: Vec<(MemberId, String)>,
    /// The members that it does not hold.
    pub missing: Vec<(MemberId, String)>,
    /// Who keeps it from retention.
    pub pinned_by: Vec<String>,
}

/// How the two copies of a group's document stand to each other.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncReport {
    /// The whole answer.
    pub state: SyncState,
    /// Each site's copy, this site's first.
    pub sites: Vec<SiteSync>,
}

/// One site's copy of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteSync {
    /// The site.
    pub site_id: SiteId,
    /// Its name.
    pub site_name: String,
    /// The epoch of its copy; `None`: not known, or no copy.
    pub epoch_id: Option<EpochId>,
    /// How many epochs came before that one.
    pub epoch_number: Option<u64>,
    /// The version of its copy.
    pub version: Option<u64>,
    /// The hash of its copy.
    pub hash: Option<String>,
    /// Whether it has something that the other site lacks.
    pub pending: bool,
    /// Since when, at the earliest.
    pub pending_since: Option<DateTime<Utc>>,
    /// When the other site last acknowledged.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Why it last did not.
    pub last_error: Option<String>,
}

surface! {
    /// Protection groups. `project` is a project of this site; a group of another one does not
    /// exist. Groups are named by id or name.
    pub trait GroupServices {
        /// One page of the groups of a project.
        async fn page_groups(&self, project: &ProjectId, page: &Page) -> Vec<ListedGroup>;
        /// One group.
        async fn get_group(&self, project: &ProjectId, group: &str) -> GroupView;
        /// Makes a group on both sites and begins to make its volume groups.
        async fn create_group(
            &self,
            actor: &Actor,
            project: &ProjectId,
            new: NewGroup,
            idempotency_key: Option<&str>,
        ) -> GroupStarted;
        /// Changes a group on both sites.
        async fn update_group(
            &self,
            actor: &Actor,
            project: &ProjectId,
            group: &str,
            change: GroupUpdate,
        ) -> GroupView;
        /// Begins to delete a group.
        async fn delete_group(
            &self,
            actor: &Actor,
            project: &ProjectId,
            group: &str,
            idempotency_key: Option<&str>,
        ) -> Operation;
        /// One page of the members.
        async fn page_members(
            &self,
            project: &ProjectId,
            group: &str,
            page: &Page,
        ) -> Vec<MemberView>;
        /// One member.
        async fn get_member(
            &self,
            project: &ProjectId,
            group: &str,
            member: MemberId,
        ) -> MemberView;
        /// Checks a server and begins to add it.
        async fn add_member(
            &self,
            actor: &Actor,
            project: &ProjectId,
            group: &str,
            new: NewMember,
            idempotency_key: Option<&str>,
        ) -> MemberStarted;
        /// Changes a member's place in the boot order.
        async fn update_member(
            &self,
            actor: &Actor,
            project: &ProjectId,
            group: &str,
            member: MemberId,
            change: MemberChange,
        ) -> MemberView;
        /// Reads a member's server again.
        async fn refresh_member(
            &self,
            actor: &Actor,
            project: &ProjectId,
            group: &str,
            member: MemberId,
        ) -> MemberView;
        /// Begins to take a member out.
        async fn remove_member(
            &self,
            actor: &Actor,
            project: &ProjectId,
            group: &str,
            member: MemberId,
            idempotency_key: Option<&str>,
        ) -> Operation;
        /// The policy.
        async fn get_policy(&self, project: &ProjectId, group: &str) -> PolicyView;
        /// Makes or replaces the policy after both arrays were asked. An administrator may name any
        /// endpoint.
        async fn put_policy(
            &self,
            actor: &Actor,
            project: &ProjectId,
            group: &str,
            policy: PolicyInput,
            write: PolicyWrite,
            is_admin: bool,
        ) -> PolicyView;
        /// Removes the policy of a group without members.
        async fn delete_policy(&self, actor: &Actor, project: &ProjectId, group: &str) -> ();
        /// The resource mappings.
        async fn get_mappings(&self, project: &ProjectId, group: &str) -> Vec<Mapping>;
        /// Replaces all resource mappings.
        async fn set_mappings(
            &self,
            actor: &Actor,
            project: &ProjectId,
            group: &str,
            mappings: Vec<Mapping>,
        ) -> Vec<Mapping>;
        /// The recovery points, the newest first.
        async fn recovery_points(
            &self,
            actor: &Actor,
            project: &ProjectId,
            group: &str,
        ) -> Vec<RecoveryPoint>;
        /// Looks at both sites now: would a failover work?
        async fn readiness(
            &self,
            actor: &Actor,
            project: &ProjectId,
            group: &str,
        ) -> Readiness;
        /// Looks at both sites now: how is the replication?
        async fn replication_health(
            &self,
            actor: &Actor,
            project: &ProjectId,
            group: &str,
        ) -> ReplicationHealth;
        /// Compares both copies of the document now.
        async fn sync_status(&self, project: &ProjectId, group: &str) -> SyncReport;
        /// Brings both copies together by a person's word. The winner is a site's id or name.
        async fn sync_force(
            &self,
            actor: &Actor,
            project: &ProjectId,
            group: &str,
            winner: Option<&str>,
            peer_lost: bool,
        ) -> SyncReport;
    }
}
