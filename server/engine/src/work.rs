//! Takes operations of this site and runs them, a few at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use protector_db::{Claim, Db, DbError};
use protector_framework::{Clock, Ids, ProjectId, SiteId, UserId};
use protector_reach::Reach;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;

use crate::beat::Beat;
use crate::runner::{RunEnd, Runner, RunnerOptions};
use crate::steps::Steps;

/// Takes operations of a site and runs them.
#[derive(Debug)]
pub struct WorkLoop {
    /// The site's database.
    pub db: Db,
    /// The ways to both sites.
    pub reach: Reach,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// The name under which this process holds things.
    pub owner: String,
    /// The time between two looks for operations.
    pub poll_interval: Duration,
    /// Operations at the same time; as many again that may not wait.
    pub max_operations: usize,
    /// How each is run.
    pub runner: RunnerOptions,
    /// Begins a round with the other site.
    pub nudge: Arc<Notify>,
    /// Begins nothing more once set.
    pub stopping: Arc<AtomicBool>,
    /// Looks for operations at once.
    pub wake: Arc<Notify>,
    /// Whether the other site was met, or was found not to answer: what it knows comes first.
    pub met: Arc<AtomicBool>,
    /// Tells of each round.
    pub beat: Beat,
}

impl WorkLoop {
    /// Runs until it is stopped and what it took has ended.
    pub async fn run(self) {
        let (mut running, mut urgent) = (JoinSet::new(), JoinSet::new());
        while !self.stopping.load(Ordering::Relaxed) {
            self.beat.now();
            for set in [&mut running, &mut urgent] {
                while let Some(ended) = set.try_join_next() {
                    tell_panic(ended);
                }
            }
            match self.take(running.len(), urgent.len()).await {
                Ok(Some((site, claim))) => {
                    let set = match claim.operation.is_urgent() {
                        true => &mut urgent,
                        false => &mut running,
                    };
                    set.spawn(self.operation(site, claim));
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "no operation could be taken"),
            }
            tokio::select! {
                () = self.clock.sleep(self.poll_interval) => {}
                () = self.wake.notified() => {}
                Some(ended) = running.join_next() => tell_panic(ended),
                Some(ended) = urgent.join_next() => tell_panic(ended),
            }
        }
        for set in [&mut running, &mut urgent] {
            while let Some(ended) = set.join_next().await {
                tell_panic(ended);
            }
        }
    }

    /// What may not wait has places of its own: it begins at once although every other place is held
    /// by calls to a site that is dead.
    async fn take(
        &self,
        running: usize,
        urgent: usize,
    ) -> Result<Option<(SiteId, Claim)>, DbError> {
        if !self.met.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let Some(site) = self.db.local_site().await? else {
            return Ok(None);
        };
        let mut claim = None;
        if urgent < self.max_operations {
            claim = self.db.claim_urgent_operation(&self.owner, site.id).await?;
        }
        if claim.is_none() && running < self.max_operations {
            claim = self
                .db
                .claim_ordinary_operation(&self.owner, site.id)
                .await?;
        }
        Ok(claim.map(|claim| (site.id, claim)))
    }

    fn operation(&self, site: SiteId, claim: Claim) -> impl Future<Output = ()> + use<> {
        let steps = Steps::new(
            self.db.clone(),
            self.reach.clone(),
            self.clock.clone(),
            self.ids.clone(),
            site,
            self.owner.clone(),
            self.nudge.clone(),
        );
        let runner = Runner::new(
            self.db.clone(),
            self.clock.clone(),
            Arc::new(steps),
            self.runner.clone(),
        )
        .stopping_with(self.stopping.clone());
        let nudge = self.nudge.clone();
        let actor = &claim.operation.actor;
        let span = tracing::info_span!(
            "operation",
            operation_id = %claim.operation.id,
            request_id = actor.request_id,
            user_id = actor.user_id.as_ref().map(UserId::as_str),
            project_id = actor.project_id.as_ref().map(ProjectId::as_str),
        );
        let run = async move {
            let (id, kind) = (claim.operation.id, claim.operation.kind);
            tracing::info!(operation = %id, %kind, unclean = claim.unclean, "taking an operation");
            match runner.run(claim).await {
                RunEnd::Ended(status) => tracing::info!(operation = %id, %status, "it has ended"),
                RunEnd::Lost => tracing::warn!(operation = %id, "it goes to another engine"),
            }
            nudge.notify_one();
        };
        run.instrument(span)
    }
}

/// A panic is a fault of this program: the operation stays with its lease, and whoever takes it up next
/// begins where the journal ends.
fn tell_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "running an operation has panicked; it is taken up again");
    }
}
