//! Runs one operation to its end: ready steps side by side, each journalled before its first call
//! and after its last.

mod ending;
mod places;
mod step_run;
mod taking_back;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use protector_db::{Claim, Db};
use protector_framework::{CallCtx, Clock};
use protector_model::operation::OperationError;
use protector_model::plan::{Cancel, Step};
use protector_model::{Operation, OperationStatus, Plan, StepStatus, schedule};
use serde_json::Value;

use crate::failure::StepFailure;
use crate::giving_up::{GivingUp, LISTEN};
use crate::journal::{Journal, StepEnd};
use crate::lease::Lease;
use crate::measure;
use crate::running::Running;
use ending::count;
use places::{is_copying, is_probe, pending, probes};

pub use step_run::{StepExecutor, StepRun};

/// A step that is run or taken back, and how that ended.
type UnderWay<'a> = BoxFuture<'a, (&'a Step, Result<Option<Value>, StepFailure>)>;

/// How long an operation that goes on may say nothing. The other site hears it at once, and gives a
/// move up whose executor is silent for ten times as long.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// The longest pause that a remote side is granted before the next attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// How the runner works.
#[derive(Debug, Clone)]
pub struct RunnerOptions {
    /// Steps of one operation at the same time.
    pub parallel_steps: usize,
    /// The longest a remote call may take; a new engine waits that long after an unclean takeover.
    pub call_deadline: Duration,
    /// How long a lease lasts.
    pub lease: Duration,
    /// How often a step that fails transiently is begun in one run.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles each time.
    pub backoff: Duration,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self {
            parallel_steps: 16,
            call_deadline: CallCtx::MAX_DEADLINE,
            lease: Duration::from_secs(30),
            attempts: 6,
            backoff: Duration::from_secs(1),
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEnd {
    /// The operation has this status now.
    Ended(OperationStatus),
    /// Another engine has the operation, or the database was gone too long. Nothing was written.
    Lost,
}

/// Runs operations.
pub struct Runner {
    db: Db,
    clock: Arc<dyn Clock>,
    executor: Arc<dyn StepExecutor>,
    options: RunnerOptions,
    stopping: Arc<AtomicBool>,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// What a batch of steps came to.
#[derive(Default)]
struct Asked {
    user: Option<OperationError>,
    cancelled: bool,
    stopped: bool,
}

impl Runner {
    /// A runner over one site's database.
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        executor: Arc<dyn StepExecutor>,
        options: RunnerOptions,
    ) -> Self {
        Self {
            db,
            clock,
            executor,
            options,
            stopping: Arc::default(),
        }
    }

    /// Begins no step any more once the flag is set, and gives the operation back when those under
    /// way have ended.
    #[must_use]
    pub fn stopping_with(mut self, stopping: Arc<AtomicBool>) -> Self {
        self.stopping = stopping;
        self
    }

    /// Runs a claimed operation until it ends, waits for a person, or is lost. When it is lost no call
    /// is sent any more, and it is not left before those under way have ended.
    pub async fn run(&self, claim: Claim) -> RunEnd {
        let fence = claim.fence.clone();
        let lease = Lease::new(
            self.db.clone(),
            fence,
            self.clock.clone(),
            self.options.lease,
        );
        if let Some(status) = self.drive_while_held(claim, &lease).await {
            return RunEnd::Ended(status);
        }
        // Whoever made it give way waits for this word before it changes anything.
        if let Err(error) = self.db.leave_operation(lease.fence()).await {
            tracing::warn!(%error, "that the operation is left could not be written");
        }
        RunEnd::Lost
    }

    /// `None`: lost. What was under way has ended or is dropped by then: left alone in the middle of a
    /// transaction, it would keep everybody from the database.
    async fn drive_while_held(&self, claim: Claim, lease: &Lease) -> Option<OperationStatus> {
        let mut drive = std::pin::pin!(self.drive(claim, lease));
        tokio::select! {
            biased;
            () = lease.keep() => {}
            ended = &mut drive => return ended,
        }
        // A call that is under way takes effect whether or not anybody listens. No other is sent, and
        // those end by their deadline.
        lease.give_up();
        tokio::select! {
            biased;
            _ = &mut drive => {}
            () = self.clock.sleep(self.options.call_deadline) => {}
        }
        None
    }

    /// `None`: fenced.
    async fn drive(&self, claim: Claim, lease: &Lease) -> Option<OperationStatus> {
        if claim.unclean {
            // A call that the former engine sent may still be under way, or still be sent.
            let held = match claim.still_held {
                true => self.options.lease,
                false => Duration::ZERO,
            };
            self.clock.sleep(held + self.options.call_deadline).await;
        }
        let mut operation = claim.operation;
        let (plan, steps) = match claim.plan {
            Some(plan) => (plan, claim.steps),
            None => match self.make_plan(&operation, lease).await {
                Ok(made) => made,
                Err(failure) => return self.end_without_plan(operation, lease, failure).await,
            },
        };
        let journal = Journal::resume(steps);
        let mut running = Running::new();
        let worked = self
            .work(&mut running, &mut operation, &plan, &journal, lease)
            .await;
        let Ok(asked) = worked else {
            lease.give_up();
            while running.next().await.is_some() {}
            return None;
        };
        if asked.stopped {
            return self.give_back(lease).await;
        }
        self.conclude(operation, &plan, &journal, lease, asked)
            .await
            .ok()
    }

    /// `None`, as for an operation that was lost: it goes on elsewhere.
    async fn give_back(&self, lease: &Lease) -> Option<OperationStatus> {
        if let Err(error) = self.db.release(lease.fence()).await {
            tracing::warn!(%error, "the operation could not be given back");
        }
        None
    }

    async fn make_plan(
        &self,
        operation: &Operation,
        lease: &Lease,
    ) -> Result<(Plan, Vec<protector_model::StepRecord>), StepFailure> {
        let plan = self.executor.plan(operation).await?;
        let steps = protector_model::operation::journal(&plan);
        self.db.store_plan(lease.fence(), &plan, &steps).await?;
        Ok((plan, steps))
    }

    async fn end_without_plan(
        &self,
        mut operation: Operation,
        lease: &Lease,
        failure: StepFailure,
    ) -> Option<OperationStatus> {
        let (status, error) = match failure {
            StepFailure::Fenced | StepFailure::GivenUp => return None,
            StepFailure::AskUser(error) => (OperationStatus::WaitingForUser, error),
            StepFailure::Permanent(error) | StepFailure::Transient { error, .. } => {
                (OperationStatus::Error, error)
            }
        };
        operation.error = Some(*error);
        self.write_end(operation, lease, status).await.ok()
    }

    /// Runs steps until none is left, a person is asked, or the operation is given up.
    async fn work<'a>(
        &'a self,
        running: &mut Running<UnderWay<'a>>,
        operation: &mut Operation,
        plan: &'a Plan,
        journal: &'a Journal,
        lease: &'a Lease,
    ) -> Result<Asked, StepFailure> {
        let mut asked = Asked::default();
        let giving_up = GivingUp::new();
        let mut undone = false;
        let mut began: Vec<String> = Vec::new();
        loop {
            asked.cancelled |= giving_up.is_said();
            if !asked.cancelled {
                let asks = self.may_cancel(plan, journal, lease);
                asked.cancelled = running.alongside(asks).await?;
            }
            let next = schedule::next(plan, &journal.records());
            let skip = if asked.cancelled {
                &pending(plan, journal, &began)
            } else {
                &next.skip
            };
            for key in skip {
                let skipped = StepEnd::plain(StepStatus::Skipped);
                running
                    .alongside(self.end(journal, lease, key, skipped))
                    .await?;
            }
            let idle = running.len() == 0;
            let doomed = asked.cancelled || schedule::must_compensate(plan, &journal.records());
            if doomed && idle && !undone && (asked.cancelled || next.skip.is_empty()) {
                undone = true;
                let left = self.take_back(running, operation, plan, journal, lease);
                if let Some(left) = left.await? {
                    asked.user = Some(left);
                }
                continue;
            }
            if !skip.is_empty() {
                continue;
            }
            asked.stopped = self.stopping.load(Ordering::Relaxed) && !next.finished;
            if asked.user.is_none() && !asked.stopped {
                let hold = doomed && !undone;
                for key in &next.run {
                    let Some(step) = plan.step(key).filter(|_| !began.contains(key)) else {
                        continue;
                    };
                    // Who only looks at a console takes nobody's place.
                    let places = self.options.parallel_steps + probes(plan, &began);
                    if hold || running.len() >= places && !is_probe(step) {
                        continue;
                    }
                    if is_copying(plan, step) && self.copies_enough(plan, &began) {
                        continue;
                    }
                    running
                        .alongside(self.begin(operation, plan, step, journal, lease))
                        .await?;
                    began.push(key.clone());
                    let (shown, heard) = (operation.clone(), giving_up.clone());
                    running.push(Box::pin(async move {
                        let run = self.step_run(&shown, plan, step, journal, lease);
                        (step, self.unless_given_up(&run, &heard).await)
                    }));
                }
            }
            let Some((step, ended)) = self
                .next_end(running, operation, plan, journal, lease, &giving_up)
                .await?
            else {
                return Ok(asked);
            };
            began.retain(|key| *key != step.key);
            running
                .alongside(self.take_result(journal, lease, step, ended, &mut asked))
                .await?;
            if let Some(record) = journal.records().iter().find(|r| r.key == step.key) {
                measure::step(plan.operation, record);
            }
        }
    }

    async fn take_result(
        &self,
        journal: &Journal,
        lease: &Lease,
        step: &Step,
        ended: Result<Option<Value>, StepFailure>,
        asked: &mut Asked,
    ) -> Result<(), StepFailure> {
        let told = |error: Box<OperationError>| OperationError {
            step: Some(step.key.clone()),
            site_id: error.site_id.or(Some(step.site)),
            ..*error
        };
        match ended {
            Ok(output) => {
                self.end(journal, lease, &step.key, StepEnd::done(output))
                    .await
            }
            Err(StepFailure::Fenced) => Err(StepFailure::Fenced),
            Err(StepFailure::GivenUp) => {
                let left = StepEnd::plain(StepStatus::Skipped);
                self.end(journal, lease, &step.key, left).await
            }
            Err(StepFailure::AskUser(error)) => {
                let error = told(error);
                asked.user = Some(error.clone());
                self.end(
                    journal,
                    lease,
                    &step.key,
                    StepEnd::with_error(StepStatus::Pending, error),
                )
                .await
            }
            Err(StepFailure::Permanent(error) | StepFailure::Transient { error, .. }) => {
                let error = told(error);
                tracing::warn!(step = %step.key, message = %error.message, "a step failed");
                self.end(
                    journal,
                    lease,
                    &step.key,
                    StepEnd::with_error(StepStatus::Failed, error),
                )
                .await
            }
        }
    }

    async fn end(
        &self,
        journal: &Journal,
        lease: &Lease,
        key: &str,
        end: StepEnd,
    ) -> Result<(), StepFailure> {
        journal
            .end(&self.db, lease.fence(), &*self.clock, key, end)
            .await
    }

    /// Runs a step. One that may be left in the middle is, as soon as the operation is given up; any
    /// other ends first, for what it has sent takes effect.
    async fn unless_given_up(
        &self,
        run: &StepRun<'_>,
        giving_up: &GivingUp,
    ) -> Result<Option<Value>, StepFailure> {
        if !run.step.action.declaration().is_cancel_safe() {
            return self.attempt(run, giving_up).await;
        }
        tokio::select! {
            biased;
            ended = self.attempt(run, giving_up) => ended,
            () = giving_up.said() => Err(StepFailure::GivenUp),
        }
    }

    /// Begins a step again while it fails transiently, with a pause that doubles.
    async fn attempt(
        &self,
        run: &StepRun<'_>,
        giving_up: &GivingUp,
    ) -> Result<Option<Value>, StepFailure> {
        let mut pause = self.options.backoff;
        let mut attempt = 1;
        loop {
            match self.executor.run(run).await {
                Err(StepFailure::Transient { error, after }) if attempt < self.options.attempts => {
                    tracing::info!(step = %run.step.key, attempt, message = %error.message,
                        "a step failed and is tried again");
                    let rest = after.unwrap_or(pause).min(LONGEST_PAUSE);
                    let goes_on = run.step.action.declaration().cancel == Cancel::Never;
                    tokio::select! {
                        biased;
                        () = giving_up.said(), if !goes_on => {
                            return Err(StepFailure::Permanent(error));
                        }
                        () = self.clock.sleep(rest) => {}
                    }
                    pause *= 2;
                    attempt += 1;
                }
                ended => return ended,
            }
        }
    }

    /// Whether somebody asked to give up and authority has not begun to pass.
    async fn may_cancel(
        &self,
        plan: &Plan,
        journal: &Journal,
        lease: &Lease,
    ) -> Result<bool, StepFailure> {
        if !self.db.cancel_requested(lease.fence()).await? {
            return Ok(false);
        }
        Ok(schedule::may_be_cancelled(plan, &journal.records()))
    }

    fn step_run<'a>(
        &self,
        operation: &'a Operation,
        plan: &'a Plan,
        step: &'a Step,
        journal: &'a Journal,
        lease: &'a Lease,
    ) -> StepRun<'a> {
        StepRun {
            operation,
            plan,
            step,
            journal,
            lease,
            call_deadline: self.options.call_deadline,
        }
    }

    /// Waits for the next step to end, says from time to time that the operation goes on, and
    /// listens whether it is given up meanwhile.
    async fn next_end<F: Future>(
        &self,
        running: &mut Running<F>,
        operation: &mut Operation,
        plan: &Plan,
        journal: &Journal,
        lease: &Lease,
        giving_up: &GivingUp,
    ) -> Result<Option<F::Output>, StepFailure> {
        let mut silent = Duration::ZERO;
        loop {
            tokio::select! {
                biased;
                ended = running.next() => return Ok(ended),
                () = self.clock.sleep(LISTEN) => silent += LISTEN,
            }
            if !giving_up.is_said() {
                let asks = self.may_cancel(plan, journal, lease);
                if running.alongside(asks).await? {
                    giving_up.say();
                }
            }
            if silent >= SIGN_OF_LIFE {
                silent = Duration::ZERO;
                running
                    .alongside(self.show(operation, plan, journal, lease))
                    .await?;
            }
        }
    }

    /// Journals that a step begins, and shows it.
    async fn begin(
        &self,
        operation: &mut Operation,
        plan: &Plan,
        step: &Step,
        journal: &Journal,
        lease: &Lease,
    ) -> Result<(), StepFailure> {
        journal
            .begin(&self.db, lease.fence(), &*self.clock, &step.key)
            .await?;
        operation.phase = step.phase.as_str().to_owned();
        self.show(operation, plan, journal, lease).await
    }

    async fn show(
        &self,
        operation: &mut Operation,
        plan: &Plan,
        journal: &Journal,
        lease: &Lease,
    ) -> Result<(), StepFailure> {
        count(operation, plan, journal);
        operation.touch(self.clock.now());
        Ok(self.db.write_operation(lease.fence(), operation).await?)
    }
}
