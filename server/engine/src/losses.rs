//! Completes what unplanned moves of this site say of their losses, once the lost site has come back
//! and its copies are out of use.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use protector_db::{DbError, GroupRecord, Page};
use protector_framework::{ArrayGroupName, ArrayVolumeSerial, CallCtx, GetWritten, PointName};
use protector_model::loss::{Loss, complete, is_out_of_use};
use protector_model::schedule::epoch_of;
use protector_model::{InstanceState, Operation, OperationKind};

use crate::peers::Peers;

/// The newest moves of a kind that are looked at: those of a whole site.
const LOOKED_AT: u64 = 500;

/// The groups whose arrays are asked at the same time.
const AT_ONCE: usize = 8;

impl Peers {
    /// Asks the arrays of sites that came back what was written there after the points that were
    /// used. What cannot be asked now is asked next time; what an array cannot tell stays unknown.
    ///
    /// # Errors
    /// Where this site's own database does not answer.
    pub async fn account_losses(&self) -> Result<(), DbError> {
        let Some(local) = self.db.local_site().await? else {
            return Ok(());
        };
        let mut open = Vec::new();
        for kind in [OperationKind::Failover, OperationKind::Failback] {
            let newest = Page {
                limit: Some(LOOKED_AT),
                sort: vec![("updated_at".to_owned(), true)],
                filters: vec![
                    ("executor_site_id".to_owned(), local.id.to_string()),
                    ("kind".to_owned(), kind.to_string()),
                ],
                ..Page::default()
            };
            let moves = self.db.page_operations(None, None, &newest).await?;
            open.extend(moves.into_iter().filter_map(|o| Some((open_loss(&o)?, o))));
        }
        // An array that is slow to answer keeps no other group's statement waiting.
        futures::stream::iter(open)
            .map(|(loss, operation)| self.account(operation, loss))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn account(&self, operation: Operation, mut loss: Loss) -> Result<(), DbError> {
        let operation = &operation;
        let Some(group) = self.db.get_group(operation.group_id).await? else {
            return Ok(());
        };
        let (document, source) = (&group.document, operation.source_site_id);
        // After a further move the copies are no longer what they were.
        let current = document.epoch.id == epoch_of(operation.id);
        if document.deleted || !current || !is_out_of_use(document, source) {
            return Ok(());
        }
        let quarantines = self.quarantines(operation).await?;
        let quarantined = document.members.iter().any(|member| {
            let copy = member.instance(source);
            copy.is_some_and(|copy| copy.state == InstanceState::Quarantined)
        });
        if quarantined && quarantines.is_empty() {
            // That site has not told yet until when its copies ran.
            return Ok(());
        }
        let Some(written) = self.written(operation, &loss, &group).await else {
            return Ok(());
        };
        let now = self.clock.now();
        complete(&mut loss, document, source, &written, &quarantines, now);
        let mut result = operation.result.clone().unwrap_or_default();
        result.loss = Some(loss);
        match self.db.complete_result(operation, result).await {
            // It was opened again meanwhile.
            Err(DbError::Refused(_)) => Ok(()),
            other => other,
        }
    }

    /// The operations that have put the lost site's copies out of use since.
    async fn quarantines(&self, moved: &Operation) -> Result<Vec<Operation>, DbError> {
        let page = Page {
            filters: vec![("kind".to_owned(), OperationKind::Quarantine.to_string())],
            ..Page::default()
        };
        let group = Some(moved.group_id);
        let all = self.db.page_operations(None, group, &page).await?;
        let since = |o: &Operation| {
            o.executor_site_id == moved.source_site_id
                && o.status.is_final()
                && o.finished_at > moved.started_at
        };
        Ok(all.into_iter().filter(since).collect())
    }

    /// What the source's array says, by serial; `None` where it does not answer now.
    async fn written(
        &self,
        operation: &Operation,
        loss: &Loss,
        group: &GroupRecord,
    ) -> Option<BTreeMap<ArrayVolumeSerial, u64>> {
        let mut written = BTreeMap::new();
        let Some(point) = &loss.recovery_point else {
            return Some(written);
        };
        let source = operation.source_site_id;
        let storage = match self.reach.storage(&group.document, source).await {
            Ok(storage) => storage,
            Err(error) => {
                tracing::info!(%error, "the lost site's array cannot be asked yet");
                return None;
            }
        };
        if !storage.capabilities().written_since {
            return Some(written);
        }
        let name = ArrayGroupName::from(group.document.remote_name());
        for serial in loss.volumes.iter().filter_map(|v| v.serial.as_ref()) {
            let ctx = CallCtx::new(self.ids.request_id(), CallCtx::MAX_DEADLINE);
            let point: PointName = point.clone();
            let asked = GetWritten::new(name.clone(), point, serial.clone());
            match storage.get_written(&ctx, asked).await {
                Ok(bytes) => {
                    written.insert(serial.clone(), bytes);
                }
                Err(error) if error.is_transient() => {
                    tracing::info!(%error, "the lost site's array cannot be asked yet");
                    return None;
                }
                Err(error) => tracing::info!(%error, %serial, "what was written is not known"),
            }
        }
        Some(written)
    }
}

/// What an unplanned move that has ended says of its loss, as long as that is not complete.
fn open_loss(operation: &Operation) -> Option<Loss> {
    let ended = operation.is_unplanned_move() && operation.status.is_final();
    let loss = operation.result.as_ref()?.loss.as_ref()?;
    (ended && loss.completed_at.is_none()).then(|| loss.clone())
}
