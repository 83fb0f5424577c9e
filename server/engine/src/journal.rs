//! The journal in memory and in the database, always written there first.

use std::sync::{Mutex, PoisonError};

use protector_db::{Db, Fence};
use protector_framework::Clock;
use protector_model::operation::OperationError;
use protector_model::operation::StepProgress;
use protector_model::seeded::{Bug, is_on};
use protector_model::{StepRecord, StepStatus};
use serde_json::Value;

use crate::failure::StepFailure;

/// The journal of one operation.
#[derive(Debug)]
pub struct Journal {
    records: Mutex<Vec<StepRecord>>,
}

impl Journal {
    /// Takes a journal up. What was running when its engine went away is to be run again: each step
    /// looks before it acts.
    pub fn resume(mut records: Vec<StepRecord>) -> Self {
        for record in &mut records {
            if record.status == StepStatus::Running {
                record.status = match is_on(Bug::RunningIsDone) {
                    true => StepStatus::Done,
                    false => StepStatus::Pending,
                };
            }
        }
        Self {
            records: Mutex::new(records),
        }
    }

    /// A copy of all records.
    pub fn records(&self) -> Vec<StepRecord> {
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What a step that is done gave to later ones.
    pub fn output(&self, key: &str) -> Option<Value> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records
            .iter()
            .find(|r| r.key == key && r.status == StepStatus::Done)?
            .output
            .clone()
    }

    /// What a step wrote down before it acted, or gave at its end, whatever became of it.
    pub fn noted(&self, key: &str) -> Option<Value> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().find(|r| r.key == key)?.output.clone()
    }

    /// Writes down what a step must know when it is run again, before it acts.
    ///
    /// # Errors
    /// `Fenced`, or where the database does not answer.
    pub async fn note(
        &self,
        db: &Db,
        fence: &Fence,
        key: &str,
        note: Value,
    ) -> Result<(), StepFailure> {
        self.write(db, fence, key, |r| r.output = Some(note)).await
    }

    /// Says how far a step is.
    ///
    /// # Errors
    /// `Fenced`, or where the database does not answer.
    pub async fn progress(
        &self,
        db: &Db,
        fence: &Fence,
        key: &str,
        progress: StepProgress,
    ) -> Result<(), StepFailure> {
        self.write(db, fence, key, |r| r.progress = Some(progress))
            .await
    }

    /// Takes a record that is in the database by now.
    pub(crate) fn set(&self, changed: StepRecord) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = records.iter_mut().find(|r| r.key == changed.key) {
            *record = changed;
        }
    }

    async fn write(
        &self,
        db: &Db,
        fence: &Fence,
        key: &str,
        change: impl FnOnce(&mut StepRecord),
    ) -> Result<(), StepFailure> {
        let changed = {
            let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(record) = records.iter().find(|r| r.key == key) else {
                return Ok(());
            };
            let mut record = record.clone();
            change(&mut record);
            record
        };
        db.write_step(fence, &changed).await?;
        self.set(changed);
        Ok(())
    }

    pub(crate) async fn begin(
        &self,
        db: &Db,
        fence: &Fence,
        clock: &dyn Clock,
        key: &str,
    ) -> Result<(), StepFailure> {
        self.write(db, fence, key, |r| {
            r.status = StepStatus::Running;
            r.attempt += 1;
            r.error = None;
            // One that an engine left in its midst goes on; one that had ended begins anew.
            let ended = r.finished_at.take().is_some();
            r.started_at = r
                .started_at
                .filter(|_| !ended)
                .or_else(|| Some(clock.now()));
        })
        .await
    }

    pub(crate) async fn end(
        &self,
        db: &Db,
        fence: &Fence,
        clock: &dyn Clock,
        key: &str,
        end: StepEnd,
    ) -> Result<(), StepFailure> {
        self.write(db, fence, key, |r| {
            r.status = end.status;
            r.finished_at = Some(clock.now());
            r.output = end.output.or(r.output.take());
            r.error = end.error.or(r.error.take());
        })
        .await
    }
}

/// How a step ended. What it gave or said before stays where nothing new is given.
#[derive(Debug)]
pub(crate) struct StepEnd {
    pub(crate) status: StepStatus,
    pub(crate) output: Option<Value>,
    pub(crate) error: Option<OperationError>,
}

impl StepEnd {
    pub(crate) fn done(output: Option<Value>) -> Self {
        Self {
            status: StepStatus::Done,
            output,
            error: None,
        }
    }

    pub(crate) fn plain(status: StepStatus) -> Self {
        Self {
            status,
            output: None,
            error: None,
        }
    }

    pub(crate) fn with_error(status: StepStatus, error: OperationError) -> Self {
        Self {
            status,
            output: None,
            error: Some(error),
        }
    }
}
