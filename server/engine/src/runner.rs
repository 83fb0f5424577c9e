//! Runs one operation to its end: ready steps side by side, each journalled before its first call
//! and after its last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use protector_db::{Claim, Db};
use protector_framework::{CallCtx, Clock};
use protector_model::operation::OperationError;
use protector_model::outcome::{outcome, result};
use protector_model::outputs::Progress;
use protector_model::plan::{Action, Cancel, Phase, Step};
use protector_model::progress::percent;
use protector_model::{Operation, OperationStatus, Plan, StepStatus, schedule};
use serde_json::Value;

use crate::failure::StepFailure;
use crate::giving_up::{GivingUp, LISTEN};
use crate::journal::{Journal, StepEnd};
use crate::lease::Lease;
use crate::running::Running;

/// A step that is run or taken back, and how that ended.
type UnderWay<'a> = BoxFuture<'a, (&'a Step, Result<Option<Value>, StepFailure>)>;

/// How long an operation that goes on may say nothing. The other site hears it at once, and gives a
/// move up whose executor is silent for ten times as long.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// The longest pause that a remote side is granted before the next attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// What steps do. The runner knows nothing of clouds and arrays.
#[async_trait]
pub trait StepExecutor: Send + Sync {
    /// Makes the plan of an operation that has none yet.
    async fn plan(&self, operation: &Operation) -> Result<Plan, StepFailure>;

    /// Carries a step out, or finds that it was carried out. The value goes to later steps.
    async fn run(&self, run: &StepRun<'_>) -> Result<Option<Value>, StepFailure>;

    /// Takes a step back, whether it was carried out, half carried out or not begun.
    async fn undo(&self, run: &StepRun<'_>) -> Result<(), StepFailure>;
}

/// One step being run.
#[derive(Debug, Clone, Copy)]
pub struct StepRun<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// Its plan.
    pub plan: &'a Plan,
    /// The step.
    pub step: &'a Step,
    /// What earlier steps gave.
    pub journal: &'a Journal,
    /// The hold on the operation; a mutating call is sent only while it says so.
    pub lease: &'a Lease,
    /// The longest a call may take.
    pub call_deadline: Duration,
}

impl StepRun<'_> {
    /// What to send with each driver call of this step.
    ///
    /// # Errors
    /// `Fenced` where too little of the lease is left to send anything.
    pub fn ctx(&self) -> Result<CallCtx, StepFailure> {
        if !self.lease.may_call() {
            return Err(StepFailure::Fenced);
        }
        let fence = self.lease.fence();
        Ok(
            CallCtx::new(&self.operation.actor.request_id, self.call_deadline).for_step(
                self.operation.id,
                &self.step.key,
                fence.number,
            ),
        )
    }
}

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
        let mut drive = std::pin::pin!(self.drive(claim, &lease));
        let ended = tokio::select! {
            biased;
            () = lease.keep() => None,
            ended = &mut drive => Some(ended),
        };
        match ended {
            Some(Some(status)) => return RunEnd::Ended(status),
            Some(None) => {}
            None => {
                // A call that is under way takes effect whether or not anybody listens. No other is
                // sent, and those end by their deadline.
                lease.give_up();
                tokio::select! {
                    biased;
                    _ = &mut drive => {}
                    () = self.clock.sleep(self.options.call_deadline) => {}
                }
            }
        }
        // Whoever made it give way waits for this word before it changes anything.
        if let Err(error) = self.db.leave_operation(lease.fence()).await {
            tracing::warn!(%error, "that the operation is left could not be written");
        }
        RunEnd::Lost
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
        }
    }

    /// Whether copies have all the places they may take: those that take their time hold up neither
    /// the passing of authority nor the start of what is ready.
    fn copies_enough(&self, plan: &Plan, began: &[String]) -> bool {
        let copies = began
            .iter()
            .filter_map(|key| plan.step(key))
            .filter(|step| is_copying(plan, step));
        copies.count() >= (self.options.parallel_steps * 3).div_ceil(4)
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

    /// Takes back what was done, side by side as far as it may be. What cannot be taken back is
    /// named to the user.
    async fn take_back<'a>(
        &'a self,
        running: &mut Running<UnderWay<'a>>,
        operation: &mut Operation,
        plan: &'a Plan,
        journal: &'a Journal,
        lease: &'a Lease,
    ) -> Result<Option<OperationError>, StepFailure> {
        let (mut began, mut failed, mut left) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            for step in schedule::undo_next(plan, &journal.records(), &began, &failed) {
                if running.len() >= self.options.parallel_steps {
                    break;
                }
                began.push(step.key.clone());
                let shown = operation.clone();
                running.push(Box::pin(async move {
                    let run = self.step_run(&shown, plan, step, journal, lease);
                    (step, self.undo(&run).await.map(|()| None))
                }));
            }
            // What is taken back is not given up.
            let deaf = GivingUp::new();
            deaf.say();
            let Some((step, ended)) = self
                .next_end(running, operation, plan, journal, lease, &deaf)
                .await?
            else {
                break;
            };
            began.retain(|key| *key != step.key);
            match ended {
                Ok(_) => {
                    let undone = StepEnd::plain(StepStatus::Undone);
                    running
                        .alongside(self.end(journal, lease, &step.key, undone))
                        .await?;
                }
                Err(StepFailure::Fenced | StepFailure::GivenUp) => {
                    return Err(StepFailure::Fenced);
                }
                Err(
                    StepFailure::Permanent(error)
                    | StepFailure::AskUser(error)
                    | StepFailure::Transient { error, .. },
                ) => {
                    left.push(format!("{}: {}", step.key, error.message));
                    failed.push(step.key.clone());
                }
            }
        }
        Ok((!left.is_empty()).then(|| OperationError {
            message: format!("these steps could not be taken back: {}", left.join("; ")),
            what_to_do: Some("repair the cause, then `retry` or `cancel` the operation".to_owned()),
            ..OperationError::default()
        }))
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

    async fn undo(&self, run: &StepRun<'_>) -> Result<(), StepFailure> {
        let mut pause = self.options.backoff;
        let mut attempt = 1;
        loop {
            match self.executor.undo(run).await {
                Err(StepFailure::Transient { after, .. }) if attempt < self.options.attempts => {
                    self.clock
                        .sleep(after.unwrap_or(pause).min(LONGEST_PAUSE))
                        .await;
                    pause *= 2;
                    attempt += 1;
                }
                ended => return ended,
            }
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

    async fn conclude(
        &self,
        mut operation: Operation,
        plan: &Plan,
        journal: &Journal,
        lease: &Lease,
        asked: Asked,
    ) -> Result<OperationStatus, StepFailure> {
        count(&mut operation, plan, journal);
        let records = journal.records();
        let progress = Progress {
            plan,
            journal: &records,
        };
        let group = self.db.get_group(operation.group_id).await?;
        let document = group.map(|group| group.document);
        operation.result = Some(result(&operation, progress, document.as_ref()));
        if let Some(error) = asked.user {
            operation.error = Some(error);
            return self
                .write_end(operation, lease, OperationStatus::WaitingForUser)
                .await;
        }
        let end = outcome(plan, &records, asked.cancelled);
        operation.error = end.error;
        if end.status == OperationStatus::Completed {
            operation.progress = 100;
        }
        self.write_end(operation, lease, end.status).await
    }

    async fn write_end(
        &self,
        mut operation: Operation,
        lease: &Lease,
        status: OperationStatus,
    ) -> Result<OperationStatus, StepFailure> {
        operation.status = status;
        operation.touch(self.clock.now());
        if status.is_final() {
            operation.finished_at = Some(self.clock.now());
        }
        self.db.write_operation(lease.fence(), &operation).await?;
        Ok(status)
    }
}

/// What will not be begun any more. The end is written all the same: the document must say what
/// there is.
fn pending(plan: &Plan, journal: &Journal, began: &[String]) -> Vec<String> {
    let records = journal.records();
    let open = records.iter().filter(|r| r.status == StepStatus::Pending);
    let finishes = |key: &String| {
        let step = plan.step(key);
        step.is_some_and(|step| matches!(step.action, Action::Finish))
    };
    open.map(|r| r.key.clone())
        .filter(|key| !began.contains(key) && !finishes(key))
        .collect()
}

/// Whether a step makes a copy, or makes place for one.
fn is_copying(plan: &Plan, step: &Step) -> bool {
    let clears = step.phase == Phase::Cleaning && step.member.is_some() && plan.commit().is_some();
    step.phase == Phase::Copying || clears
}

fn is_probe(step: &Step) -> bool {
    matches!(step.action, Action::ProbeServer { .. })
}

fn probes(plan: &Plan, began: &[String]) -> usize {
    let steps = began.iter().filter_map(|key| plan.step(key));
    steps.filter(|step| is_probe(step)).count()
}

fn count(operation: &mut Operation, plan: &Plan, journal: &Journal) {
    let records = journal.records();
    let progress = Progress {
        plan,
        journal: &records,
    };
    operation.was_running = progress.survey().map(|survey| survey.was_running);
    operation.test_stands = schedule::test_stands(plan, &records);
    let of = |status| {
        u32::try_from(records.iter().filter(|r| r.status == status).count()).unwrap_or(u32::MAX)
    };
    operation.steps_completed = of(StepStatus::Done);
    operation.steps_failed = of(StepStatus::Failed);
    // What is taken back was done all the same: within one attempt it never goes backwards.
    operation.progress = operation.progress.max(percent(plan, &records));
}
