//! What each step of a plan does, in the drivers' verbs. One function an action; each looks before
//! it acts, so that it can be run again at any time.

mod arrays;
mod capture;
mod checks;
mod cleaning;
mod commit;
mod copies;
mod finish;
mod isolation;
mod leftovers;
mod points;
mod poll;
mod ports;
mod probe;
mod quiesce;
mod servers;
mod starting;
mod survey;
mod testing;
mod verify;
mod volume_groups;
mod work;

use std::sync::Arc;

use async_trait::async_trait;
use protector_db::Db;
use protector_framework::{Clock, Ids, SiteId};
use protector_model::plan::Action;
use protector_model::planner;
use protector_model::{Direction, Operation, OperationKind, Plan};
use protector_peer::PeerLink;
use protector_reach::Reach;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Notify;

use crate::failure::StepFailure;
use crate::runner::{StepExecutor, StepRun};
use work::Work;

/// What a step gives to later ones.
pub(crate) type Output = Result<Option<Value>, StepFailure>;

/// Carries out steps on the clouds and arrays of both sites.
#[derive(Debug, Clone)]
pub struct Steps {
    pub(crate) db: Db,
    pub(crate) reach: Reach,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    /// The site of this engine.
    pub(crate) site: SiteId,
    /// The name under which this process holds things.
    pub(crate) owner: String,
    /// Wakes the loop that brings the peer up to date.
    pub(crate) nudge: Arc<Notify>,
    /// Held from the reading of a generic volume group's volumes until the group has the new ones:
    /// members leave in parallel, and a group is only ever set as a whole.
    pub(crate) volume_group: Arc<tokio::sync::Mutex<()>>,
}

impl Steps {
    /// Steps of the engine `owner` of a site.
    pub fn new(
        db: Db,
        reach: Reach,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        site: SiteId,
        owner: impl Into<String>,
        nudge: Arc<Notify>,
    ) -> Self {
        Self {
            db,
            reach,
            clock,
            ids,
            site,
            owner: owner.into(),
            nudge,
            volume_group: Arc::default(),
        }
    }

    /// The way to the other site's Protector.
    pub(crate) async fn link(&self, peer: SiteId) -> Result<PeerLink, StepFailure> {
        let remote = self
            .reach
            .remote(peer)
            .await
            .map_err(|error| work::unreached(peer, error))?;
        Ok(PeerLink::new(
            self.db.clone(),
            self.clock.clone(),
            self.ids.clone(),
            self.site,
            remote,
            self.owner.clone(),
        ))
    }

    /// Learns what the other site knows of the group before a plan is made of it. A peer that does
    /// not answer is met later; a plan that needs its consent asks for it at the commit point.
    async fn learn(&self, operation: &Operation) {
        let peer = match operation.source_site_id == self.site {
            true => operation.target_site_id,
            false => operation.source_site_id,
        };
        let link = match self.link(peer).await {
            Ok(link) => link,
            Err(error) => {
                tracing::info!(?error, "planning without the other site");
                return;
            }
        };
        if let Err(error) = link.reconcile().await {
            tracing::info!(%error, "planning without the other site");
        }
    }
}

#[async_trait]
impl StepExecutor for Steps {
    async fn plan(&self, operation: &Operation) -> Result<Plan, StepFailure> {
        let direction = Direction {
            source: operation.source_site_id,
            target: operation.target_site_id,
            executor: operation.executor_site_id,
            needs_peer: needs_peer(operation),
        };
        if direction.needs_peer {
            self.learn(operation).await;
        }
        let record = self
            .db
            .get_group(operation.group_id)
            .await?
            .ok_or_else(|| work::no_group(operation.group_id))?;
        if record.document.given_up == Some(operation.id) {
            return Err(work::given_up());
        }
        let came_before = self.db.came_before(&record, operation).await?;
        planner::plan_after(
            &record.document,
            operation.kind,
            &operation.options,
            &direction,
            &came_before.for_plan(),
        )
        .map_err(|error| {
            StepFailure::permanent(error.to_string(), "repair what is named and ask again")
        })
    }

    async fn run(&self, run: &StepRun<'_>) -> Output {
        let work = Work::begin(self, run).await?;
        work.may_run()?;
        match &run.step.action {
            Action::CheckSites { sites } => checks::check_sites(&work, sites).await,
            Action::EnsureVolumeGroup => volume_groups::ensure(&work).await,
            Action::FillVolumeGroup => volume_groups::fill(&work).await,
            Action::DeleteVolumeGroup => volume_groups::delete(&work).await,
            Action::EnsureArrayGroup => arrays::ensure_group(&work).await,
            Action::SuspendArrayGroup => arrays::suspend_group(&work, false).await,
            Action::HoldArrayGroup => arrays::hold_group(&work).await,
            Action::DeleteArrayGroup => arrays::delete_group(&work).await,
            Action::CaptureMember => capture::capture(&work).await,
            Action::RecaptureMember => capture::recapture(&work).await,
            Action::SurveySource => survey::survey(&work).await,
            Action::StopServer => quiesce::stop(&work).await,
            Action::Replicate => points::replicate(&work).await,
            Action::ChoosePoint => points::choose(&work).await,
            Action::PinPoint => points::pin(&work).await,
            Action::UnpinPoint => points::unpin(&work).await,
            Action::CopyVolume { slot, .. } => copies::copy(&work, *slot).await,
            Action::AdoptVolume { slot, test } => copies::adopt(&work, *slot, *test).await,
            Action::Commit { handover } => commit::commit(&work, *handover).await,
            Action::OverwriteVolume { slot } => copies::overwrite(&work, *slot).await,
            Action::CreatePorts { test } => ports::create(&work, *test).await,
            Action::BootServer { test } => {
                starting::announce(&work).await?;
                servers::boot(&work, *test).await
            }
            Action::ReviveServer => {
                starting::announce(&work).await?;
                servers::revive(&work).await
            }
            Action::VerifyServer { test } => verify::verify(&work, *test).await,
            Action::CheckTestNetworks => isolation::check(&work).await,
            Action::ProbeServer { test } => probe::probe(&work, *test).await,
            Action::Delay { seconds } => {
                let seconds = u64::from(*seconds);
                self.clock
                    .sleep(std::time::Duration::from_secs(seconds))
                    .await;
                Ok(None)
            }
            Action::ParkServer { .. } => quiesce::park(&work).await,
            Action::DeleteServer => cleaning::delete_server(&work).await,
            Action::UnlockServer => cleaning::unlock_server(&work).await,
            Action::ReleaseVolumes => cleaning::release_volumes(&work).await,
            Action::DiscardVolumes => cleaning::discard_volumes(&work).await,
            Action::DeletePorts => cleaning::delete_ports(&work).await,
            Action::RemoveTestServers => testing::remove_servers(&work).await,
            Action::RemoveTestVolumes => testing::remove_volumes(&work).await,
            // What they do is to be in the journal: the document follows it.
            Action::ForgetMember | Action::ForgetGroup => Ok(None),
            Action::AwaitExecutor { operation } => {
                leftovers::await_executor(&work, *operation).await
            }
            Action::TakeBack { operation } => leftovers::take_back(&work, *operation).await,
            Action::ReadBack => checks::read_back(&work).await,
            Action::Finish => finish::finish(&work).await,
        }
    }

    async fn undo(&self, run: &StepRun<'_>) -> Result<(), StepFailure> {
        let work = Work::begin(self, run).await?;
        work.may_undo()?;
        match &run.step.action {
            Action::StopServer => quiesce::undo_stop(&work).await,
            Action::PinPoint => points::unpin(&work).await.map(drop),
            Action::CopyVolume { slot, .. } => copies::undo_copy(&work, *slot).await,
            Action::AdoptVolume { slot, .. } => copies::undo_adopt(&work, *slot).await,
            Action::BootServer { test: true } => {
                testing::delete_server(&work, run.operation.id).await
            }
            Action::CreatePorts { test: true } => {
                testing::delete_ports(&work, run.operation.id).await
            }
            _ => Ok(()),
        }
    }
}

/// Whether an operation takes the other site's part.
fn needs_peer(operation: &Operation) -> bool {
    let alone = matches!(
        operation.kind,
        OperationKind::Quarantine | OperationKind::Reset
    );
    let unplanned =
        operation.options.failover_type == Some(protector_model::FailoverType::Unplanned);
    !alone && !unplanned
}

/// A step's result as it is journalled.
pub(crate) fn output<T: Serialize>(value: &T) -> Output {
    serde_json::to_value(value).map(Some).map_err(|error| {
        StepFailure::permanent(
            format!("a step's result cannot be written: {error}"),
            "report this as a fault of Protector",
        )
    })
}
