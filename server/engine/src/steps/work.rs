//! One step at work: its group as the operation has made it so far, and its ways to the sites.

use std::sync::Arc;
use std::time::Duration;

use protector_db::GroupRecord;
use protector_framework::{
    ArrayGroupName, CallCtx, ComputeDriver, DriverError, ErrorKind, GenericUuid as _, GroupId,
    GroupRef, MemberId, OperationId, ProjectId, ResolveVolume, SiteId, StorageDriver, VolumeId,
    VolumeRef,
};
use protector_model::fold::fold;
use protector_model::operation::StepRecord;
use protector_model::outputs::Progress;
use protector_model::plan::Action;
use protector_model::policy::{Policy, PolicyArray};
use protector_model::{GroupDocument, Instance, Member, schedule};
use protector_reach::ReachError;
use serde_json::Value;

use super::Steps;
use super::poll::Poll;
use crate::failure::StepFailure;
use crate::runner::StepRun;

/// A step at work.
pub(crate) struct Work<'a> {
    pub(crate) steps: &'a Steps,
    pub(crate) run: &'a StepRun<'a>,
    /// The group as this site holds it.
    pub(crate) record: GroupRecord,
    /// The group with what the operation has done so far.
    pub(crate) document: GroupDocument,
    journal: Vec<StepRecord>,
}

impl<'a> Work<'a> {
    pub(crate) async fn begin(steps: &'a Steps, run: &'a StepRun<'a>) -> Result<Self, StepFailure> {
        let record = steps
            .db
            .get_group(run.operation.group_id)
            .await?
            .ok_or_else(|| no_group(run.operation.group_id))?;
        let journal = run.journal.records();
        let progress = Progress {
            plan: run.plan,
            journal: &journal,
        };
        let document = fold(&record.document, progress);
        Ok(Self {
            steps,
            run,
            record,
            document,
            journal,
        })
    }

    /// Refuses a step that the group has left behind: another operation has moved it since.
    pub(crate) fn may_run(&self) -> Result<(), StepFailure> {
        let leaves = matches!(self.run.step.action, Action::Finish | Action::UnpinPoint);
        if self.record.document.given_up == Some(self.operation()) && !leaves {
            return Err(given_up());
        }
        self.may_undo()
    }

    /// Refuses to take back what the group has left behind.
    pub(crate) fn may_undo(&self) -> Result<(), StepFailure> {
        let run = self.run;
        if schedule::may_run(&self.record.document, run.operation, run.plan, run.step) {
            return Ok(());
        }
        Err(StepFailure::permanent(
            "authority over the protection group has moved on; this step would harm what runs now",
            "ask for a new operation",
        ))
    }

    pub(crate) fn progress(&self) -> Progress<'_> {
        Progress {
            plan: self.run.plan,
            journal: &self.journal,
        }
    }

    /// What to send with the next driver call.
    pub(crate) fn ctx(&self) -> Result<CallCtx, StepFailure> {
        self.run.ctx()
    }

    /// The site the step acts on.
    pub(crate) fn site(&self) -> SiteId {
        self.run.step.site
    }

    /// The site it does not act on.
    pub(crate) fn other(&self) -> SiteId {
        self.document.other_site(self.site())
    }

    pub(crate) fn operation(&self) -> OperationId {
        self.run.operation.id
    }

    /// The member the step is for.
    pub(crate) fn member(&self) -> Result<&Member, StepFailure> {
        self.run
            .step
            .member
            .and_then(|id| self.document.member(id))
            .ok_or_else(|| {
                StepFailure::permanent(
                    "the member has left the protection group",
                    "cancel the operation",
                )
            })
    }

    /// The member's copy on a site.
    pub(crate) fn copy_on(&self, site: SiteId) -> Result<&Instance, StepFailure> {
        let member = self.member()?;
        member.instance(site).ok_or_else(|| {
            StepFailure::permanent(
                format!("there is no copy of `{}` on the site", member.name),
                "retry the operation; what made the copy may have been skipped",
            )
        })
    }

    pub(crate) fn project(&self, site: SiteId) -> Result<&ProjectId, StepFailure> {
        self.document.projects.get(&site).ok_or_else(|| {
            StepFailure::permanent(
                format!("the protection group has no project on site {site}"),
                "map the project to that site",
            )
        })
    }

    /// The cloud of the step's site.
    pub(crate) async fn compute(&self) -> Result<Arc<dyn ComputeDriver>, StepFailure> {
        self.compute_on(self.site()).await
    }

    pub(crate) async fn compute_on(
        &self,
        site: SiteId,
    ) -> Result<Arc<dyn ComputeDriver>, StepFailure> {
        let project = self.project(site)?;
        self.steps
            .reach
            .compute(site, project)
            .await
            .map_err(|error| unreached(site, error))
    }

    /// The array of the step's site.
    pub(crate) async fn storage(&self) -> Result<Arc<dyn StorageDriver>, StepFailure> {
        self.storage_on(self.site()).await
    }

    pub(crate) async fn storage_on(
        &self,
        site: SiteId,
    ) -> Result<Arc<dyn StorageDriver>, StepFailure> {
        self.steps
            .reach
            .storage(&self.document, site)
            .await
            .map_err(|error| unreached(site, error))
    }

    pub(crate) fn policy(&self) -> Result<&Policy, StepFailure> {
        self.document.policy.as_ref().ok_or_else(|| {
            StepFailure::permanent(
                "the protection group has no replication policy",
                "create one, then ask again",
            )
        })
    }

    pub(crate) fn array(&self, site: SiteId) -> Result<&PolicyArray, StepFailure> {
        self.policy()?.arrays.get(&site).ok_or_else(|| {
            StepFailure::permanent(
                format!("the replication policy names no array for site {site}"),
                "complete the policy",
            )
        })
    }

    /// The array group that the step's site sends.
    pub(crate) fn group_name(&self) -> ArrayGroupName {
        ArrayGroupName::from(self.document.remote_name())
    }

    /// Asks which array volume is behind a volume that the tenant has on the step's site.
    pub(crate) async fn backing(&self, volume: &VolumeId) -> Result<ResolveVolume, StepFailure> {
        let cloud = self.compute().await?;
        let known = cloud
            .get_volume(&self.ctx()?, VolumeRef::new(volume))
            .await
            .map_err(|error| self.failed(&error))?;
        let mut request = ResolveVolume::new(volume);
        request.project_id = Some(self.project(self.site())?.clone());
        // After a migration the array's volume bears another id than the tenant's.
        request.name_id = known.name_id;
        Ok(request)
    }

    /// What the step's site has received of the other site's group.
    pub(crate) fn replica(&self) -> Result<GroupRef, StepFailure> {
        Ok(GroupRef::Replica {
            name: self.group_name(),
            source: self.array(self.other())?.identity.clone(),
        })
    }

    /// A driver's failure on the step's site.
    pub(crate) fn failed(&self, error: &DriverError) -> StepFailure {
        StepFailure::driver(self.site(), error)
    }

    pub(crate) fn poll(&self, what: impl Into<String>, limit: Duration) -> Poll<'_> {
        Poll::new(&*self.steps.clock, what, limit)
    }

    /// Writes down what the step must know when it is run again.
    pub(crate) async fn note(&self, note: Value) -> Result<(), StepFailure> {
        self.run
            .journal
            .note(
                &self.steps.db,
                self.run.lease.fence(),
                &self.run.step.key,
                note,
            )
            .await
    }

    /// What an earlier run of this step wrote down.
    pub(crate) fn noted(&self) -> Option<Value> {
        self.run.journal.noted(&self.run.step.key)
    }
}

/// The name of an array volume that an operation makes, the same each time it is asked for.
pub(crate) fn copy_name(operation: OperationId, member: MemberId, slot: usize) -> String {
    format!(
        "protector-{}-{}-{slot}",
        tail(operation.into_untyped_uuid()),
        tail(member.into_untyped_uuid())
    )
}

/// The end of an id, which is its random part.
pub(crate) fn tail(id: uuid::Uuid) -> String {
    let text = id.simple().to_string();
    text[text.len() - 12..].to_owned()
}

/// "Not there" as `None`.
pub(crate) fn found<T>(result: Result<T, DriverError>) -> Result<Option<T>, DriverError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn no_group(group: GroupId) -> StepFailure {
    StepFailure::permanent(
        format!("protection group {group} is not in this site's database"),
        "run sync-force on the site that has it",
    )
}

/// The old primary runs on, and what this operation has stopped there runs again.
pub(crate) fn given_up() -> StepFailure {
    StepFailure::permanent(
        "the old primary did not hear of this operation for too long and gave it up; its servers \
         run on",
        "find out why the sites could not speak to each other, then ask again",
    )
}

pub(crate) fn unreached(site: SiteId, error: ReachError) -> StepFailure {
    StepFailure::driver(site, &DriverError::from(error))
}
