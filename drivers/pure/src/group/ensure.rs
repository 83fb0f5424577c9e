//! Making a group, or bringing one to its form.

use std::sync::Mutex;

use protector_framework::{
    DriverError, EnsureGroup, ErrorKind, GroupStatus, ReplicationMode, Result,
};
use serde_json::{Value, json};

use super::{DEFAULT_KEEP, Pair, Sent, source};
use crate::book::{self, Book};
use crate::client::{Call, Cause, Failure};
use crate::names;
use crate::side::Side;
use crate::wire::{Group, Retention};

/// The smallest intervals that arrays have, in milliseconds: most, and the smallest models.
const SMALLEST: [u64; 2] = [300_000, 900_000];
/// The largest interval, in milliseconds.
const LARGEST: u64 = 34_560_000_000;
/// The limits of the time for which all points are kept, in seconds.
const KEPT: (u64, u64) = (60, 34_560_000);
/// Beyond the newest points one a day is kept for so many days, so that a long outage of the link
/// does not age away everything that could still be used.
const DAYS: u64 = 7;

/// The smallest interval that the array was seen to accept more than; learned from its refusals.
#[derive(Debug, Default)]
pub(crate) struct Learned(Mutex<u64>);

impl Learned {
    fn get(&self) -> u64 {
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn set(&self, milliseconds: u64) {
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = milliseconds;
    }
}

impl<'a> Sent<'a> {
    /// Makes the group or brings it to this form.
    pub(crate) async fn ensure(
        pair: Pair<'a>,
        group: &'a str,
        req: &EnsureGroup,
        learned: &Learned,
    ) -> Result<GroupStatus> {
        let mut sent = Self::meet(pair, group, req).await?;
        if req.mode == ReplicationMode::Sync {
            sent.ensure_sync(req).await?;
        } else {
            sent.ensure_async(req, learned).await?;
        }
        sent.book.write(sent.own, [book::state(true)]).await?;
        sent.status().await
    }

    /// The group with its notes begun, once nothing speaks against it.
    async fn meet(pair: Pair<'a>, group: &'a str, req: &EnsureGroup) -> Result<Self> {
        let (own, me) = (pair.own, pair.own.array().await?);
        let known = Book::read(own, &me.id, group).await?;
        if let Some(target) = known.as_ref().and_then(Book::target) {
            if !names::same(target.id.as_str(), req.target.id.as_str()) {
                return Err(elsewhere(group, &target.name, &req.target.name));
            }
            if known.as_ref().map(Book::mode) != Some(req.mode) {
                return Err(DriverError::conflict(format!(
                    "array group `{group}` replicates in another mode; delete it first"
                )));
            }
        }
        if own.connection(&req.target).await?.is_none() {
            return Err(DriverError::new(
                ErrorKind::InvalidRequest,
                format!(
                    "array `{}` is not connected to array `{}` ({}); connect them first",
                    me.name, req.target.name, req.target.id
                ),
            ));
        }
        let far = pair.far()?;
        let there = far.array().await?;
        if !names::same(&there.id, req.target.id.as_str()) {
            return Err(DriverError::invalid_config(format!(
                "driver settings: `partner` is array `{}` ({}), but the group is to be sent to \
                 `{}` ({})",
                there.name, there.id, req.target.name, req.target.id
            )));
        }
        if req.mode == ReplicationMode::Async {
            let foreign = own.targets(group).await?;
            let name = own.name_of(&req.target).await?;
            if let Some(other) = foreign.iter().find(|t| !names::same(&t.member.name, &name)) {
                return Err(elsewhere(group, &other.member.name, &req.target.name));
            }
        }
        let mut book = Book::open(own, &source(&me), group).await?;
        // A group whose making was broken off is not active until it is whole.
        if book.target().is_none() {
            book.write(own, [book::state(false)]).await?;
        }
        book.write(own, book::form(&req.target, req.mode)).await?;
        let kept = req
            .keep_points
            .map_or(DEFAULT_KEEP, |points| points.max(1) as usize);
        book.write(own, [book::keep(kept)]).await?;
        Ok(Self {
            own,
            far,
            me,
            group,
            book,
        })
    }

    async fn ensure_async(&mut self, req: &EnsureGroup, learned: &Learned) -> Result<()> {
        let target = self.own.name_of(&req.target).await?;
        // Before anything can arrive, its receiver has a place for the notes.
        Book::open(self.far, &source(&self.me), self.group).await?;
        self.fence_reverse(&target).await?;
        let group = self.ensure_group(self.group).await?;
        self.ensure_target(self.group, &target).await?;
        if let Some(points) = req.keep_points {
            self.set_retention(&group, points, req.interval_seconds)
                .await?;
        }
        self.set_schedule(req.interval_seconds, learned).await
    }

    /// What the target once sent here is not let in any more: the roles have been exchanged, and a
    /// sender that comes back late must neither overwrite nor age what is here.
    async fn fence_reverse(&self, target: &str) -> Result<()> {
        let inbound = format!("{target}:{}", self.group);
        let there = self.own.group(&inbound).await?;
        if there.is_none_or(|group| group.destroyed) {
            return Ok(());
        }
        set_allowed(self.own, &inbound, false).await
    }

    /// A live group of this name on the own array.
    pub(crate) async fn ensure_group(&self, name: &str) -> Result<Group> {
        match self.own.group(name).await? {
            Some(group) if !group.destroyed => return Ok(group),
            Some(_) => self.revive(name).await?,
            None => {
                let call = Call::post("protection-groups").with("names", name);
                refused_is_looked_at(self.own.send(call).await)?;
            }
        }
        match self.own.group(name).await? {
            Some(group) if !group.destroyed => Ok(group),
            _ => Err(DriverError::conflict(format!(
                "array group `{name}` could not be made; look for a group of that name on array \
                 `{}`",
                self.me.name
            ))),
        }
    }

    /// Takes back a group that awaits its eradication, without the points of its first life.
    async fn revive(&self, name: &str) -> Result<()> {
        let call = Call::patch("protection-groups")
            .with("names", name)
            .json(json!({"destroyed": false}));
        self.own.send(call).await?;
        for old in self.own.group_snapshots(name).await? {
            super::finish::destroy_snapshot(self.own, &old.name).await?;
        }
        Ok(())
    }

    /// The group sends to the target, and the target lets it in.
    pub(super) async fn ensure_target(&self, name: &str, target: &str) -> Result<()> {
        let sends = |targets: Vec<crate::wire::Target>| {
            targets
                .into_iter()
                .find(|one| names::same(&one.member.name, target))
        };
        let present = sends(self.own.targets(name).await?);
        if present
            .as_ref()
            .is_some_and(|one| one.allowed == Some(true))
        {
            return Ok(());
        }
        if present.is_none() {
            let call = Call::post("protection-groups/targets")
                .with("group_names", name)
                .with("member_names", target);
            refused_is_looked_at(self.own.send(call).await)?;
        }
        let remote = self.remote(name);
        loop {
            match self.far.group(&remote).await? {
                Some(inbound) if inbound.destroyed => {
                    let call = Call::patch("protection-groups")
                        .with("names", &remote)
                        .json(json!({"destroyed": false}));
                    self.far.send(call).await?;
                }
                Some(_) => {
                    set_allowed(self.far, &remote, true).await?;
                    let now = sends(self.own.targets(name).await?);
                    if now.is_some_and(|one| one.allowed == Some(true)) {
                        return Ok(());
                    }
                }
                None => {}
            }
            self.far
                .pause(&format!(
                    "array group `{name}` to be let in by array `{target}`"
                ))
                .await?;
        }
    }

    /// All points within the time that so many intervals take, then one a day.
    async fn set_retention(&self, group: &Group, points: u32, interval: Option<u64>) -> Result<()> {
        let Some(interval) = interval else {
            // Points on demand are exempt from the array's retention.
            return Ok(());
        };
        let all = (u64::from(points.max(1)) * interval).clamp(KEPT.0, KEPT.1);
        let target = retention(all, 1, DAYS);
        // The sender needs its points only as what the next one is compared with.
        let source = retention((2 * interval).clamp(KEPT.0, KEPT.1), 0, 0);
        let mut change = serde_json::Map::new();
        if !is(&group.target_retention, &target) {
            change.insert("target_retention".to_owned(), target);
        }
        if !is(&group.source_retention, &source) {
            change.insert("source_retention".to_owned(), source);
        }
        if change.is_empty() {
            return Ok(());
        }
        let call = Call::patch("protection-groups")
            .with("names", self.group)
            .json(Value::Object(change));
        match self.own.send(call).await {
            // Guarded against less: what is kept longer than asked is no harm.
            Err(failure) if failure.cause == Cause::SafeMode => {
                tracing::warn!(group = self.group, error = %failure.error, "retention stays");
                Ok(())
            }
            Err(failure) => Err(failure.into()),
            Ok(_) => Ok(()),
        }
    }

    async fn set_schedule(&self, interval: Option<u64>, learned: &Learned) -> Result<()> {
        let Some(seconds) = interval else {
            return switch_schedule(self.own, self.group, false).await;
        };
        let asked = seconds.saturating_mul(1000).clamp(1, LARGEST);
        let mut frequency = asked.max(learned.get());
        loop {
            if self.has_schedule(frequency).await? {
                return Ok(());
            }
            let call = Call::patch("protection-groups")
                .with("names", self.group)
                .json(json!({"replication_schedule": {"enabled": true, "frequency": frequency}}));
            match self.own.send(call).await {
                Ok(_) if self.has_schedule(frequency).await? => return Ok(()),
                Ok(_) => {
                    return Err(DriverError::new(
                        ErrorKind::Unexpected,
                        format!(
                            "array `{}` accepted the schedule of group `{}` and does not show it",
                            self.me.name, self.group
                        ),
                    ));
                }
                Err(failure) => frequency = self.larger(failure, frequency, learned)?,
            }
            tracing::warn!(
                group = self.group,
                asked_ms = asked,
                frequency_ms = frequency,
                "the array does not replicate as often as asked"
            );
        }
    }

    /// The next interval to try where the array refused one as too small.
    fn larger(&self, failure: Failure, refused: u64, learned: &Learned) -> Result<u64> {
        let next = SMALLEST.into_iter().find(|known| *known > refused);
        let about_it = failure.is_refusal()
            && ["frequency", "schedule", "interval"]
                .iter()
                .any(|word| failure.error.message.to_lowercase().contains(word));
        match next.filter(|_| about_it) {
            Some(next) => {
                learned.set(next);
                Ok(next)
            }
            None => Err(failure.into()),
        }
    }

    async fn has_schedule(&self, frequency: u64) -> Result<bool> {
        let group = self.own.group(self.group).await?;
        Ok(group.is_some_and(|group| {
            group.replication_schedule.enabled
                && group.replication_schedule.frequency == Some(frequency)
        }))
    }
}

fn elsewhere(group: &str, now: &str, asked: &str) -> DriverError {
    DriverError::conflict(format!(
        "array group `{group}` sends to array `{now}` and not to `{asked}`; delete it first"
    ))
}

fn retention(all_for_sec: u64, per_day: u64, days: u64) -> Value {
    json!({"all_for_sec": all_for_sec, "per_day": per_day, "days": days})
}

fn is(now: &Retention, wanted: &Value) -> bool {
    let same = |now: Option<u64>, key: &str| now.unwrap_or_default() == wanted[key];
    same(now.all_for_sec, "all_for_sec") && same(now.per_day, "per_day") && same(now.days, "days")
}

/// Turns the group's schedule on or off.
pub(super) async fn switch_schedule(side: Side<'_>, group: &str, on: bool) -> Result<()> {
    let now = side.group(group).await?;
    if now.is_none_or(|now| now.destroyed || now.replication_schedule.enabled == on) {
        return Ok(());
    }
    let call = Call::patch("protection-groups")
        .with("names", group)
        .json(json!({"replication_schedule": {"enabled": on}}));
    side.send(call).await?;
    Ok(())
}

/// Lets a group in, or keeps it out. Only the receiving array can.
pub(super) async fn set_allowed(side: Side<'_>, inbound: &str, allowed: bool) -> Result<()> {
    let call = Call::patch("protection-groups/targets")
        .with("group_names", inbound)
        .json(json!({"allowed": allowed}));
    match side.send(call).await {
        Err(failure) if failure.is_refusal() && failure.cause == Cause::Exists => Ok(()),
        Err(failure) => Err(failure.into()),
        Ok(_) => Ok(()),
    }
}

/// What a refused create means is decided by what is there, not by the array's words: mostly the
/// answer of an earlier one was lost. A limit stays a failure.
pub(crate) fn refused_is_looked_at<T>(result: Result<T, Failure>) -> Result<()> {
    match result {
        Err(failure) if failure.is_refusal() && failure.cause != Cause::Limit => {
            tracing::debug!(error = %failure.error, "refused; what is there decides");
            Ok(())
        }
        Err(failure) => Err(failure.into()),
        Ok(_) => Ok(()),
    }
}
