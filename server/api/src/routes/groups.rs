use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use protector_control::Refusal;
use protector_framework::GenericUuid as _;

use super::{Answer, Api, Part};
use crate::call::Call;
use crate::dto::{
    CreateProtectionGroupBody, OperationDocument, ProtectionGroupDocument, ProtectionGroupList,
    PurposeWord, ReadinessDocument, ReadinessView, RecoveryPointList, ReplicationHealthDocument,
    SyncForceBody, SyncStatusDocument, UpdateProtectionGroup, UpdateProtectionGroupBody,
};
use crate::listing::{Listing, counted};
use crate::reply::{Accepted, Shown, ShownList};

pub(super) struct Groups(pub(super) Api);

impl Groups {
    async fn change(
        &self,
        call: &Call,
        group: &str,
        change: UpdateProtectionGroup,
    ) -> Answer<Shown<ProtectionGroupDocument>> {
        let services = &self.0.services;
        let group = services
            .update_group(&call.actor(), call.project()?, group, change.into())
            .await?;
        Ok(Shown::new(ProtectionGroupDocument {
            protection_group: group.into(),
            operation: None,
        }))
    }
}

#[OpenApi(tag = "Part::ProtectionGroups")]
impl Groups {
    /// List protection groups
    ///
    /// Those of the project.
    #[oai(
        path = "/v1/:tenant_id/protection-groups",
        method = "get",
        operation_id = "list_protection_groups"
    )]
    async fn list(
        &self,
        call: Call,
        listing: Listing,
        /// The project.
        tenant_id: Path<String>,
    ) -> Answer<ShownList<ProtectionGroupList>> {
        let Path(_) = tenant_id;
        let page = listing.page();
        let project = call.project()?;
        let found = self.0.services.page_groups(project, &page).await?;
        let count = match listing.all() {
            Some(all) => Some(counted(&self.0.services.page_groups(project, &all).await?)),
            None => None,
        };
        let (found, links) = listing.finish(found, |g| g.summary.id.into_untyped_uuid());
        let protection_groups = found.into_iter().map(Into::into).collect();
        Ok(ShownList(ProtectionGroupList {
            protection_groups,
            links,
            count,
        }))
    }

    /// Make a protection group
    ///
    /// Checks both sites and begins to make its volume groups. `Location` is the group.
    #[oai(
        path = "/v1/:tenant_id/protection-groups",
        method = "post",
        operation_id = "create_protection_group"
    )]
    async fn create(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The same key with the same body again answers with the first group.
        #[oai(name = "Idempotency-Key", validator(min_length = 1, max_length = 255))]
        key: Header<Option<String>>,
        body: Json<CreateProtectionGroupBody>,
    ) -> Answer<Accepted<ProtectionGroupDocument>> {
        let Path(_) = tenant_id;
        let new = body.0.protection_group.into();
        let services = &self.0.services;
        let started = services
            .create_group(&call.actor(), call.project()?, new, key.0.as_deref())
            .await?;
        call.noted.began(&started.operation);
        let id = started.group.document.id;
        let url = call.tenant_url(&format!("protection-groups/{id}"));
        let document = ProtectionGroupDocument {
            protection_group: started.group.into(),
            operation: Some(started.operation.into()),
        };
        Ok(Accepted::at(document, url))
    }

    /// Show a protection group
    ///
    /// By id or name.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg",
        method = "get",
        operation_id = "show_protection_group"
    )]
    async fn show(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
    ) -> Answer<Shown<ProtectionGroupDocument>> {
        let Path(_) = tenant_id;
        let group = self.0.services.get_group(call.project()?, &pg.0).await?;
        Ok(Shown::new(ProtectionGroupDocument {
            protection_group: group.into(),
            operation: None,
        }))
    }

    /// Change a protection group
    ///
    /// Name, description and the volume type of the secondary site; fields that are left out stay.
    /// Refused while the other site cannot be reached.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg",
        method = "put",
        operation_id = "update_protection_group"
    )]
    async fn update(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
        body: Json<UpdateProtectionGroupBody>,
    ) -> Answer<Shown<ProtectionGroupDocument>> {
        let Path(_) = tenant_id;
        self.change(&call, &pg.0, body.0.protection_group).await
    }

    /// Change a protection group
    ///
    /// The same as `PUT`.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg",
        method = "patch",
        operation_id = "patch_protection_group"
    )]
    async fn patch(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
        body: Json<UpdateProtectionGroupBody>,
    ) -> Answer<Shown<ProtectionGroupDocument>> {
        let Path(_) = tenant_id;
        self.change(&call, &pg.0, body.0.protection_group).await
    }

    /// Delete a protection group
    ///
    /// Begins to remove its volume groups and its replication; servers stay. `Location` is the
    /// operation.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg",
        method = "delete",
        operation_id = "delete_protection_group"
    )]
    async fn delete(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
        /// The same key again answers with the first operation.
        #[oai(name = "Idempotency-Key", validator(min_length = 1, max_length = 255))]
        key: Header<Option<String>>,
    ) -> Answer<Accepted<OperationDocument>> {
        let Path(_) = tenant_id;
        let services = &self.0.services;
        let operation = services
            .delete_group(&call.actor(), call.project()?, &pg.0, key.0.as_deref())
            .await?;
        Ok(super::operations::accepted(&call, operation))
    }

    /// List recovery points
    ///
    /// The points on the array of the site that the group does not run on, the newest first.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/recovery-points",
        method = "get",
        operation_id = "list_recovery_points"
    )]
    async fn recovery_points(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
    ) -> Answer<Shown<RecoveryPointList>> {
        let Path(_) = tenant_id;
        let services = &self.0.services;
        let found = services
            .recovery_points(&call.actor(), call.project()?, &pg.0)
            .await?;
        let recovery_points = found.into_iter().map(Into::into).collect();
        Ok(Shown::new(RecoveryPointList { recovery_points }))
    }

    /// Ask whether a failover would work now
    ///
    /// Looks at both sites while the caller waits. Each finding names its object and what to do. A
    /// planned move and a test are refused while there are blockers; an unplanned move shows them and
    /// goes on.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/readiness",
        method = "get",
        operation_id = "show_readiness"
    )]
    async fn readiness(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
        /// What the findings are weighed for; a planned move where it is left out.
        r#for: Query<Option<PurposeWord>>,
    ) -> Answer<Shown<ReadinessDocument>> {
        let Path(_) = tenant_id;
        let services = &self.0.services;
        let found = services
            .readiness(&call.actor(), call.project()?, &pg.0)
            .await?;
        let purpose = r#for.0.unwrap_or(PurposeWord::Planned);
        let readiness = ReadinessView::of(found, purpose.into())
            .ok_or_else(|| Refusal::internal("the look has no answer for that"))?;
        Ok(Shown::new(ReadinessDocument { readiness }))
    }

    /// Show how a group's replication is
    ///
    /// Looks at both sites while the caller waits.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/health",
        method = "get",
        operation_id = "show_replication_health"
    )]
    async fn health(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
    ) -> Answer<Shown<ReplicationHealthDocument>> {
        let Path(_) = tenant_id;
        let services = &self.0.services;
        let health = services
            .replication_health(&call.actor(), call.project()?, &pg.0)
            .await?;
        Ok(Shown::new(ReplicationHealthDocument {
            health: health.into(),
        }))
    }

    /// Compare both copies of a group's document
    ///
    /// Asks the other site now.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/sync-status",
        method = "get",
        operation_id = "show_sync_status"
    )]
    async fn sync_status(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
    ) -> Answer<Shown<SyncStatusDocument>> {
        let Path(_) = tenant_id;
        let services = &self.0.services;
        let report = services.sync_status(call.project()?, &pg.0).await?;
        Ok(Shown::new(SyncStatusDocument {
            sync_status: report.into(),
        }))
    }

    /// Bring both copies of a group's document together
    ///
    /// Pushes the newer copy. Where both sites claim authority it is refused with the difference,
    /// unless a winner is named. `peer_lost` with this site as the winner goes on alone, in a new
    /// epoch.
    #[oai(
        path = "/v1/:tenant_id/protection-groups/:pg/sync-force",
        method = "post",
        operation_id = "force_sync"
    )]
    async fn sync_force(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
        /// The group, by id or name.
        pg: Path<String>,
        body: Json<SyncForceBody>,
    ) -> Answer<Shown<SyncStatusDocument>> {
        let Path(_) = tenant_id;
        let SyncForceBody { winner, peer_lost } = body.0;
        let lost = peer_lost == Some(true);
        let services = &self.0.services;
        let report = services
            .sync_force(
                &call.actor(),
                call.project()?,
                &pg.0,
                winner.as_deref(),
                lost,
            )
            .await?;
        Ok(Shown::new(SyncStatusDocument {
            sync_status: report.into(),
        }))
    }
}
