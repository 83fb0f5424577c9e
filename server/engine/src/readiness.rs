//! Looks at every group again and again, so that what would keep a failover from working is known
//! before somebody needs one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{FutureExt as _, StreamExt as _};
use protector_db::{Db, DbError, GroupRecord};
use protector_framework::{CallCtx, Clock, Ids, SiteId};
use protector_model::Actor;
use protector_model::readiness::{Fact, Readiness, Verdict, newest_whole};
use protector_reach::Reach;
use protector_readiness::{Heads, Look};
use serde_json::json;
use tokio::sync::Notify;

/// The time between two searches for groups that are due.
const PAUSE: Duration = Duration::from_secs(5);
/// The time from one look at a group to the next. With the pause and the look itself it is well
/// within the minute after which drift must be known.
const NEXT: TimeDelta = TimeDelta::seconds(30);
/// The same where somebody did not answer: who is down is not asked as often.
const NEXT_IN_VAIN: TimeDelta = TimeDelta::seconds(45);
/// How long another engine leaves a look alone whose engine has died.
const HELD: TimeDelta = TimeDelta::seconds(50);
/// How long one question may take.
const DEADLINE: Duration = Duration::from_secs(8);
/// How many groups are looked at side by side.
const AT_ONCE: usize = 4;

/// The engine's cycle of looks.
#[derive(Debug)]
pub struct Watch {
    /// The site's database.
    pub db: Db,
    /// The ways to both sites.
    pub reach: Reach,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// Ends the loop when it wakes.
    pub stopping: Arc<AtomicBool>,
    /// Wakes the loop.
    pub wake: Arc<Notify>,
}

impl Watch {
    pub(crate) async fn run(self) {
        while !self.stopping.load(Ordering::Relaxed) {
            if let Err(error) = self.round().await {
                tracing::warn!(%error, "readiness could not be looked at");
            }
            tokio::select! {
                () = self.clock.sleep(PAUSE) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// Looks at every group whose look is due. Of one that an operation works on, only the recovery
    /// points are looked at: what else is seen half way is no drift.
    ///
    /// # Errors
    /// The first failure of this site's own database.
    pub async fn round(&self) -> Result<(), DbError> {
        let Some(local) = self.db.local_site().await? else {
            return Ok(());
        };
        let mut due = Vec::new();
        for record in self.db.all_groups().await? {
            let group = record.document.id;
            if record.document.deleted {
                if self.db.readiness(group).await?.is_some() {
                    self.db.forget_readiness(group).await?;
                }
            } else {
                let now = self.clock.now();
                if self.db.take_look(group, now, now + HELD).await? {
                    due.push(record);
                }
            }
        }
        let (busy, free): (Vec<GroupRecord>, Vec<GroupRecord>) = due
            .into_iter()
            .partition(|record| record.active_operation.is_some());
        let look = self.look(local.id);
        let mut looks = Vec::new();
        for record in &busy {
            looks.push(self.look_at_points(record, &look).boxed());
        }
        if let Some(first) = free.first() {
            let peer = first.document.other_site(local.id);
            // One question serves all groups of a pair.
            let heads = look.peer(peer).await;
            for record in &free {
                let same = record.document.other_site(local.id) == peer;
                let heads = same.then(|| heads.clone());
                looks.push(self.look_at(record, &look, heads).boxed());
            }
        }
        let looks: Vec<Result<(), DbError>> = futures::stream::iter(looks)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        looks.into_iter().collect()
    }

    fn look(&self, site: SiteId) -> Look {
        Look {
            db: self.db.clone(),
            reach: self.reach.clone(),
            clock: self.clock.clone(),
            site,
            ctx: CallCtx::new(self.ids.request_id(), DEADLINE),
        }
    }

    async fn look_at(
        &self,
        record: &GroupRecord,
        look: &Look,
        heads: Option<Fact<Heads>>,
    ) -> Result<(), DbError> {
        let began = self.clock.now();
        let group = record.document.id;
        let readiness = look.readiness(record, heads).await?;
        let now = self.db.get_group(group).await?;
        let still = |now: &GroupRecord| {
            now.active_operation.is_none() && now.head == record.head && !now.document.deleted
        };
        if !now.as_ref().is_some_and(still) {
            // What was seen is of a group that has changed meanwhile: the next look tells.
            return self.db.look_again(group, self.clock.now()).await;
        }
        let next = match readiness.was_in_vain() {
            true => NEXT_IN_VAIN,
            false => NEXT,
        };
        let before = self
            .db
            .put_readiness(group, &readiness, began + next)
            .await?;
        let reports = readiness.reports.iter();
        let seen = reports.filter_map(|report| report.last_complete_at).max();
        self.note_replication(record, seen).await?;
        self.tell(record, look, &readiness, before).await
    }

    /// Looks at the recovery points alone, with one question that changes nothing. Arrays replicate
    /// while an operation works, or waits for a person for days, and how much would be lost is asked
    /// all the same.
    async fn look_at_points(&self, record: &GroupRecord, look: &Look) -> Result<(), DbError> {
        let began = self.clock.now();
        let group = record.document.id;
        let points = look.points(&record.document).await;
        let next = match points.unknown() {
            Some(_) => NEXT_IN_VAIN,
            None => NEXT,
        };
        let now = self.db.get_group(group).await?;
        let busy = now.as_ref().is_some_and(|n| n.active_operation.is_some());
        // The whole of a group that nothing works on any more is looked at at once.
        let next = if busy { began + next } else { self.clock.now() };
        self.db.look_again(group, next).await?;
        // In another epoch other points count.
        let still = |now: &GroupRecord| now.head.epoch.id == record.head.epoch.id;
        let points = points.known().filter(|_| now.as_ref().is_some_and(still));
        let whole = points.and_then(|points| newest_whole(&record.document, points));
        self.note_replication(record, whole.map(|point| point.taken_at))
            .await
    }

    /// The group shows when the newest complete recovery point was taken.
    async fn note_replication(
        &self,
        record: &GroupRecord,
        seen: Option<DateTime<Utc>>,
    ) -> Result<(), DbError> {
        match seen {
            Some(at) if record.last_replication_at != Some(at) => {
                self.db.note_replication(record.document.id, at).await
            }
            _ => Ok(()),
        }
    }

    /// A change is told once, however long it lasts.
    async fn tell(
        &self,
        record: &GroupRecord,
        look: &Look,
        readiness: &Readiness,
        before: Option<Verdict>,
    ) -> Result<(), DbError> {
        let verdict = readiness.verdict();
        let is_news = match &before {
            Some(before) => *before != verdict,
            None => !verdict.findings.is_empty(),
        };
        if !is_news {
            return Ok(());
        }
        let group = record.document.id;
        let detail = json!({
            "ready_for": verdict.ready,
            "findings": verdict.findings,
            "before": before,
        });
        tracing::info!(%group, %detail, "what is known of the group's readiness has changed");
        let actor = Actor::engine(look.ctx.request_id.clone());
        let action = "protection_group.readiness";
        self.db
            .audit(action, &group.to_string(), &actor, &detail)
            .await
    }
}
