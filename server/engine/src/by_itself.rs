//! The operations that an engine starts without being asked: the quarantine of what this site has
//! lost, the end of a test whose time is over, and the clean-up of parked copies.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use protector_db::{Db, DbError, GroupRecord, Page};
use protector_framework::{
    CallCtx, GenericUuid as _, GroupRef, ListPoints, MemberId, OperationId, Point, SiteId,
};
use protector_model::operation::Asked;
use protector_model::planner::must_quarantine;
use protector_model::request::{self, Direction};
use protector_model::schedule::is_unwritten;
use protector_model::seeded::{Bug, is_on};
use protector_model::{
    Actor, GroupDocument, InstanceState, Member, Operation, OperationKind, OperationOptions,
    OperationStatus, Site,
};
use protector_peer::{ForwardedOperation, OperationRole};

use crate::peers::Peers;

/// The time before a quarantine that did not end well is tried again.
const QUARANTINE_AGAIN: TimeDelta = TimeDelta::seconds(20);
/// How many tries in vain make the pause before the next one longer.
const TRIES_SEEN: u64 = 8;
/// The time before a clean-up that did not end well is tried again.
const CLEANUP_AGAIN: TimeDelta = TimeDelta::minutes(30);

impl Peers {
    /// Puts copies out of use that still count as production here although the group runs on the
    /// other site.
    pub(crate) async fn quarantine(&self, local: &Site) -> Result<(), DbError> {
        let mut all = Ok(());
        for record in self.db.all_groups().await? {
            if needs_quarantine(&record, local.id) {
                all = all.and(self.quarantine_one(&record, local).await);
            }
        }
        all
    }

    async fn quarantine_one(&self, record: &GroupRecord, local: &Site) -> Result<(), DbError> {
        let kind = OperationKind::Quarantine;
        if !self
            .tried_lately(record, local.id, kind, QUARANTINE_AGAIN)
            .await?
        {
            let options = OperationOptions {
                site: Some(local.id),
                ..OperationOptions::default()
            };
            let direction = request::direction(&record.document, kind, &options);
            let Some(operation) = self.operation(record, kind, options, &direction) else {
                return Ok(());
            };
            match self.db.create_operation(&operation, None, false).await {
                // It is brought back here: that puts them out of use before it starts them.
                Err(DbError::Busy(_)) => return Ok(()),
                created => created?,
            };
            self.observer.began(&operation).write();
            tracing::warn!(
                group = %record.document.id,
                operation = %operation.id,
                "the group runs on the other site: its copies here are stopped and disconnected"
            );
        }
        Ok(())
    }

    /// Removes what operations of this site had done when they gave way to others, as soon as the
    /// group is free: their copies here, and the rest that their servers were put to.
    pub(crate) async fn clean_what_is_left(
        &self,
        local: &Site,
        settled: &mut HashSet<OperationId>,
    ) -> Result<(), DbError> {
        for record in self.db.all_groups().await? {
            let free = record.active_operation.is_none() && record.conflict_with.is_none();
            if record.document.deleted || !free {
                continue;
            }
            let group = record.document.id;
            let left = self.db.leftovers(group, local.id, settled).await?;
            let Some(of) = left.last() else {
                continue;
            };
            let options = OperationOptions {
                site: Some(local.id),
                of: Some(*of),
                ..OperationOptions::default()
            };
            self.clean(&record, local, OperationKind::Cleanup, options)
                .await?;
        }
        Ok(())
    }

    /// Takes up again what ended without writing down what there is: until it is written, nobody
    /// knows which copies run.
    pub(crate) async fn write_what_is_unwritten(&self, local: &Site) -> Result<(), DbError> {
        for record in self.db.all_groups().await? {
            if record.active_operation.is_some() || record.conflict_with.is_some() {
                continue;
            }
            let newest = Page {
                limit: Some(1),
                sort: vec![("created_at".to_owned(), true)],
                filters: vec![("executor_site_id".to_owned(), local.id.to_string())],
                ..Page::default()
            };
            let group = Some(record.document.id);
            let last = self.db.page_operations(None, group, &newest).await?;
            let Some(last) = last.first().filter(|o| self.rested(o)) else {
                continue;
            };
            let Some(plan) = self.db.plan(last.id).await? else {
                continue;
            };
            if !is_unwritten(&plan, &self.db.steps(last.id).await?) {
                continue;
            }
            match self.db.reopen_operation(last.id, &last.options).await {
                Ok(_) => tracing::warn!(operation = %last.id, "its end is written now"),
                // The group has moved on, or is taken: then that tells what there is.
                Err(DbError::Refused(_) | DbError::Busy(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether an operation has ended, not well and not just now.
    fn rested(&self, operation: &Operation) -> bool {
        let ill = matches!(
            operation.status,
            OperationStatus::Error | OperationStatus::CompletedWithErrors
        );
        let pause = QUARANTINE_AGAIN * i32::try_from(operation.attempt.min(60)).unwrap_or(60);
        let ended = operation.finished_at.unwrap_or(operation.created_at);
        ill && !is_within(pause, ended, self.clock.now())
    }

    /// Ends tests whose time is over, and removes parked copies that were kept long enough and what a
    /// move has left half made.
    ///
    /// # Errors
    /// Where this site's own database does not answer.
    pub async fn clean_what_is_due(&self) -> Result<(), DbError> {
        let Some(local) = self.db.local_site().await? else {
            return Ok(());
        };
        for record in self.db.all_groups().await? {
            let free = record.active_operation.is_none() && record.conflict_with.is_none();
            if record.document.deleted || !free {
                continue;
            }
            if let Some(test) = record.test_operation {
                self.end_test(&record, &local, test).await?;
            } else {
                let member = left_half_made(&record.document, local.id);
                if member.is_none() && !self.was_kept_long_enough(&record, &local).await {
                    continue;
                }
                let options = OperationOptions {
                    site: Some(local.id),
                    member,
                    ..OperationOptions::default()
                };
                self.clean(&record, &local, OperationKind::Cleanup, options)
                    .await?;
            }
        }
        Ok(())
    }

    async fn end_test(
        &self,
        record: &GroupRecord,
        local: &Site,
        test: OperationId,
    ) -> Result<(), DbError> {
        let Some(operation) = self.db.get_operation(test).await? else {
            return Ok(());
        };
        let over = operation.options.expires_in.is_some_and(|seconds| {
            let span = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
            span.is_some_and(|span| self.clock.now() - operation.created_at >= span)
        });
        // One that was to remove its copies by itself has not removed them all, or not said so.
        let left = operation.options.auto_cleanup && operation.status.is_final();
        if !over && !left {
            return Ok(());
        }
        let options = OperationOptions {
            test: Some(test),
            site: Some(operation.target_site_id),
            ..OperationOptions::default()
        };
        self.clean(record, local, OperationKind::TestCleanup, options)
            .await
    }

    /// Starts a clean-up here, where the other site gives it the group's place too.
    async fn clean(
        &self,
        record: &GroupRecord,
        local: &Site,
        kind: OperationKind,
        options: OperationOptions,
    ) -> Result<(), DbError> {
        let checked = request::check(&record.document, kind, &options, record.test_operation);
        let Ok(direction) = checked else {
            return Ok(());
        };
        if direction.executor != local.id
            || self
                .tried_lately(record, local.id, kind, CLEANUP_AGAIN)
                .await?
        {
            return Ok(());
        }
        let Some(operation) = self.operation(record, kind, options, &direction) else {
            return Ok(());
        };
        let peer = record.document.other_site(local.id);
        let Ok(remote) = self.reach.remote(peer).await else {
            return Ok(());
        };
        let mirror = ForwardedOperation {
            operation: operation.clone(),
            role: OperationRole::Mirror,
            idempotency: None,
            preempt: false,
        };
        let agreed = remote.create_operation(&mirror).await;
        let created = match &agreed {
            Ok(_) => self.db.create_operation(&operation, None, false).await,
            Err(error) => {
                tracing::info!(%kind, %error, "the other site does not agree yet");
                Ok(protector_db::Created::New)
            }
        };
        if agreed.is_err() || created.is_err() {
            // A mirror whose answer was lost must not keep the group's place.
            if let Err(error) = remote.drop_mirror(operation.id).await {
                tracing::warn!(operation = %operation.id, %error, "the other site may hold the group for it");
            }
        } else {
            self.observer.began(&operation).write();
            tracing::info!(group = %record.document.id, operation = %operation.id, %kind, "it is due");
        }
        match created {
            Err(DbError::Busy(_)) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Whether parked copies here are due: kept for the policy's time, with a successor whose data
    /// is wholly here too. Divergent data is never removed without being asked.
    async fn was_kept_long_enough(&self, record: &GroupRecord, local: &Site) -> bool {
        let document = &record.document;
        let Some(policy) = &document.policy else {
            return false;
        };
        let Some(hours) = policy.retention.parked_hours else {
            return false;
        };
        let copies = || document.members.iter().filter_map(|m| m.instance(local.id));
        let parked = copies().any(|copy| copy.state == InstanceState::Parked)
            && copies().all(|copy| copy.state == InstanceState::Parked);
        let rested = document.members.iter().all(|member| {
            self.clock.now() - member.updated_at >= TimeDelta::hours(i64::from(hours))
        });
        if document.current_primary_site_id == local.id || !parked || !rested {
            return false;
        }
        self.points(document, local)
            .await
            .iter()
            .any(|point| point.complete && holds_all(point, document))
    }

    async fn points(&self, document: &GroupDocument, local: &Site) -> Vec<Point> {
        let source = document.current_primary_site_id;
        let array = document.policy.as_ref().and_then(|p| p.arrays.get(&source));
        let (Some(array), Ok(storage)) = (array, self.reach.storage(document, local.id).await)
        else {
            return Vec::new();
        };
        let group = GroupRef::Replica {
            name: document.remote_name().as_str().into(),
            source: array.identity.clone(),
        };
        let ctx = CallCtx::new(self.ids.request_id(), CallCtx::MAX_DEADLINE);
        let points = storage.list_points(&ctx, ListPoints::new(group)).await;
        points.unwrap_or_else(|error| {
            tracing::debug!(%error, "the recovery points could not be listed");
            Vec::new()
        })
    }

    /// Whether an operation of a kind runs at a site, or has ended so lately that another would not do
    /// better: a quarantine may have parked the copies and not reached the other site yet, a clean-up
    /// may have met what a person must remove.
    async fn tried_lately(
        &self,
        record: &GroupRecord,
        local: SiteId,
        kind: OperationKind,
        pause: TimeDelta,
    ) -> Result<bool, DbError> {
        let newest = Page {
            limit: Some(TRIES_SEEN),
            sort: vec![("created_at".to_owned(), true)],
            filters: vec![
                ("kind".to_owned(), kind.to_string()),
                ("executor_site_id".to_owned(), local.to_string()),
            ],
            ..Page::default()
        };
        let db: &Db = &self.db;
        let group = Some(record.document.id);
        let last = db.page_operations(None, group, &newest).await?;
        let ill = |o: &&Operation| o.status != OperationStatus::Completed;
        let in_vain = last.iter().take_while(ill).count().saturating_sub(1);
        let cap = match kind {
            // What may be written on both sites is never left alone for long.
            OperationKind::Quarantine => QUARANTINE_AGAIN * 2,
            _ => CLEANUP_AGAIN,
        };
        let pause = (0..in_vain).fold(pause, |pause, _| (pause * 2).min(cap));
        // After a clock was set back the newest by its time need not be the last.
        Ok(last.iter().any(|o| {
            let since = o.finished_at.unwrap_or(o.created_at);
            let cleaned =
                kind != OperationKind::Quarantine && o.status == OperationStatus::Completed;
            !o.status.is_final() || (!cleaned && is_within(pause, since, self.clock.now()))
        }))
    }

    /// An operation of this site's engine; `None` where the group has no project here.
    fn operation(
        &self,
        record: &GroupRecord,
        kind: OperationKind,
        options: OperationOptions,
        direction: &Direction,
    ) -> Option<Operation> {
        Some(Operation::from(Asked {
            id: OperationId::from_untyped_uuid(self.ids.uuid()),
            group_id: record.document.id,
            project_id: record.document.projects.get(&direction.executor)?.clone(),
            kind,
            options,
            direction: *direction,
            actor: Actor::engine(self.ids.request_id()),
            at: self.clock.now(),
        }))
    }
}

/// A member that runs on the other site and of which an earlier move has left half a copy here: the
/// next move would have no place for it.
fn left_half_made(document: &GroupDocument, local: SiteId) -> Option<MemberId> {
    let primary = document.current_primary_site_id;
    let is = |member: &Member, site, state| {
        let copy = member.instance(site);
        copy.is_some_and(|copy| copy.state == state)
    };
    let mut members = document.members.iter().filter(|_| primary != local);
    let half = members.find(|member| {
        let server = member
            .instance(local)
            .and_then(|copy| copy.server_id.as_ref());
        is(member, primary, InstanceState::Production)
            && is(member, local, InstanceState::Incomplete)
            // One with a server may have run: it is put out of use and kept.
            && server.is_none()
    });
    half.map(|member| member.id)
}

/// Whether this site still holds a copy as production of a group that runs on the other one.
fn needs_quarantine(record: &GroupRecord, local: SiteId) -> bool {
    let document = &record.document;
    !is_on(Bug::NoQuarantine)
        && !document.deleted
        && record.conflict_with.is_none()
        && document
            .members
            .iter()
            .any(|member| must_quarantine(document, member, local, record.quarantine_due))
}

/// Whether a point holds every volume that is in production.
fn holds_all(point: &Point, document: &GroupDocument) -> bool {
    if !document.epoch.covers(point.taken_at) {
        return false;
    }
    let source = document.current_primary_site_id;
    let mut volumes = document
        .members
        .iter()
        .filter_map(|m| m.instance(source))
        .flat_map(|copy| &copy.volumes);
    volumes.all(|volume| point.volumes.iter().any(|v| v.serial == volume.serial))
}

/// Whether so little time has gone by since then. What seems to come from the future was written
/// before the clock was set back, and is not waited for.
fn is_within(span: TimeDelta, since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (TimeDelta::zero()..span).contains(&(now - since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_seems_to_come_from_the_future_is_not_waited_for() {
        let now: DateTime<Utc> = "2026-11-24T12:00:00Z".parse().unwrap();
        let span = TimeDelta::minutes(30);
        for (ago, waits) in [
            (TimeDelta::zero(), true),
            (TimeDelta::minutes(29), true),
            (TimeDelta::minutes(30), false),
            (TimeDelta::milliseconds(-1), false),
            (TimeDelta::hours(-5), false),
        ] {
            assert_eq!(is_within(span, now - ago, now), waits, "{ago}");
        }
    }
}
