use async_trait::async_trait;
use protector_db::{ListedGroup, Page};
use protector_framework::{MemberId, ProjectId};
use protector_model::readiness::{Readiness, ReplicationHealth};
use protector_model::{Actor, Mapping, Operation};

use crate::control::Control;
use crate::refusal::Result;
use crate::services::{
    GroupServices, GroupStarted, GroupUpdate, GroupView, MemberChange, MemberStarted, MemberView,
    NewGroup, NewMember, PolicyInput, PolicyView, PolicyWrite, RecoveryPoint, SyncReport,
};
use crate::{groups, mappings, members, points, policy, readiness, syncing, view};

#[async_trait]
impl GroupServices for Control {
    async fn page_groups(&self, project: &ProjectId, page: &Page) -> Result<Vec<ListedGroup>> {
        Ok(self.db.page_groups(project, page).await?)
    }

    async fn get_group(&self, project: &ProjectId, group: &str) -> Result<GroupView> {
        view::group(self, self.group(project, group).await?).await
    }

    async fn create_group(
        &self,
        actor: &Actor,
        project: &ProjectId,
        new: NewGroup,
        idempotency_key: Option<&str>,
    ) -> Result<GroupStarted> {
        groups::create(self, actor, project, new, idempotency_key).await
    }

    async fn update_group(
        &self,
        actor: &Actor,
        project: &ProjectId,
        group: &str,
        change: GroupUpdate,
    ) -> Result<GroupView> {
        groups::update(self, actor, project, group, change).await
    }

    async fn delete_group(
        &self,
        actor: &Actor,
        project: &ProjectId,
        group: &str,
        idempotency_key: Option<&str>,
    ) -> Result<Operation> {
        groups::delete(self, actor, project, group, idempotency_key).await
    }

    async fn page_members(
        &self,
        project: &ProjectId,
        group: &str,
        page: &Page,
    ) -> Result<Vec<MemberView>> {
        members::page(self, project, group, page).await
    }

    async fn get_member(
        &self,
        project: &ProjectId,
        group: &str,
        member: MemberId,
    ) -> Result<MemberView> {
        members::get(self, project, group, member).await
    }

    async fn add_member(
        &self,
        actor: &Actor,
        project: &ProjectId,
        group: &str,
        new: NewMember,
        idempotency_key: Option<&str>,
    ) -> Result<MemberStarted> {
        members::add(self, actor, project, group, new, idempotency_key).await
    }

    async fn update_member(
        &self,
        actor: &Actor,
        project: &ProjectId,
        group: &str,
        member: MemberId,
        change: MemberChange,
    ) -> Result<MemberView> {
        members::update(self, actor, project, group, member, change).await
    }

    async fn refresh_member(
        &self,
        actor: &Actor,
        project: &ProjectId,
        group: &str,
        member: MemberId,
    ) -> Result<MemberView> {
        members::refresh(self, actor, project, group, member).await
    }

    async fn remove_member(
        &self,
        actor: &Actor,
        project: &ProjectId,
        group: &str,
        member: MemberId,
        idempotency_key: Option<&str>,
    ) -> Result<Operation> {
        members::remove(self, actor, project, group, member, idempotency_key).await
    }

    async fn get_policy(&self, project: &ProjectId, group: &str) -> Result<PolicyView> {
        policy::get(self, project, group).await
    }

    async fn put_policy(
        &self,
        actor: &Actor,
        project: &ProjectId,
        group: &str,
        policy: PolicyInput,
        write: PolicyWrite,
        is_admin: bool,
    ) -> Result<PolicyView> {
        policy::put(self, actor, project, group, policy, write, is_admin).await
    }

    async fn delete_policy(&self, actor: &Actor, project: &ProjectId, group: &str) -> Result<()> {
        policy::delete(self, actor, project, group).await
    }

    async fn get_mappings(&self, project: &ProjectId, group: &str) -> Result<Vec<Mapping>> {
        Ok(self.group(project, group).await?.document.mappings)
    }

    async fn set_mappings(
        &self,
        actor: &Actor,
        project: &ProjectId,
        group: &str,
        mappings: Vec<Mapping>,
    ) -> Result<Vec<Mapping>> {
        mappings::set(self, actor, project, group, mappings).await
    }

    async fn recovery_points(
        &self,
        actor: &Actor,
        project: &ProjectId,
        group: &str,
    ) -> Result<Vec<RecoveryPoint>> {
        points::list(self, actor, project, group).await
    }

    async fn readiness(
        &self,
        actor: &Actor,
        project: &ProjectId,
        group: &str,
    ) -> Result<Readiness> {
        readiness::show(self, actor, project, group).await
    }

    async fn replication_health(
        &self,
        actor: &Actor,
        project: &ProjectId,
        group: &str,
    ) -> Result<ReplicationHealth> {
        readiness::health(self, actor, project, group).await
    }

    async fn sync_status(&self, project: &ProjectId, group: &str) -> Result<SyncReport> {
        syncing::status(self, project, group).await
    }

    async fn sync_force(
        &self,
        actor: &Actor,
        project: &ProjectId,
        group: &str,
        winner: Option<&str>,
        peer_lost: bool,
    ) -> Result<SyncReport> {
        syncing::force(self, actor, project, group, winner, peer_lost).await
    }
}
