use async_trait::async_trait;
use protector_db::Page;
use protector_framework::{GroupId, OperationId, ProjectId};
use protector_model::{Actor, Operation, OperationKind};
use protector_peer::{OperationAction, OperationView};

use crate::control::Control;
use crate::operations;
use crate::refusal::Result;
use crate::services::{
    OperationRequest, OperationSeen, OperationServices, SiteFailover, SiteFailoverRequest, Started,
};

#[async_trait]
impl OperationServices for Control {
    async fn page_operations(
        &self,
        project: Option<&ProjectId>,
        group: Option<GroupId>,
        page: &Page,
    ) -> Result<Vec<OperationSeen>> {
        operations::page(self, project, group, page).await
    }

    async fn get_operation(&self, project: &ProjectId, id: OperationId) -> Result<OperationSeen> {
        operations::show(self, project, id).await
    }

    async fn operation_steps(&self, project: &ProjectId, id: OperationId) -> Result<OperationView> {
        operations::steps(self, project, id).await
    }

    async fn start_operation(
        &self,
        actor: &Actor,
        project: &ProjectId,
        group: &str,
        kind: OperationKind,
        request: OperationRequest,
    ) -> Result<Started> {
        operations::ask(self, actor, project, group, kind, request).await
    }

    async fn fail_over_site(
        &self,
        actor: &Actor,
        site: &str,
        request: SiteFailoverRequest,
    ) -> Result<SiteFailover> {
        operations::fail_over(self, actor, site, request).await
    }

    async fn act_on_operation(
        &self,
        actor: &Actor,
        project: &ProjectId,
        id: OperationId,
        action: OperationAction,
    ) -> Result<Operation> {
        operations::act(self, actor, project, id, action).await
    }
}
