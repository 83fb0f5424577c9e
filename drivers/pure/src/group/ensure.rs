//! Making a group, or bringing one to its form.

use std::sync::Mutex;

use protector_framework::{
    DriverError, EnsureGroup, ErrorKind, GroupStatus, ReplicationMode, Result,
};
use serde_json::{Value, json};

use super::{DEFAULT_KEEP, Pair, Sent};
use crate::book::{self, Book};
use crate::client::{Call, Cause, Failure, refused_is_looked_at};
use crate::names;
use crate::side::{Side, identity};
use crate::wire::{Group, Retention};

/// The smallest intervals that arrays have, in milliseconds: most, and the smallest models.
const SMALLEST: [u64; 2] = [300_000, 900_000];
/// The largest interval, in milliseconds.
const LARGEST: u64 = 34_560_000_000;
/// The limits of the time for which the array keeps all points, in seconds.
const KEPT: (u64, u64) = (60, 34_560_000);
/// The array ages points by time alone: what a group keeps would be gone after an outage of the
/// link. So the array is told to keep many more, the driver takes away by number, and the array's
/// retention is what bounds their number where nobody looks.
const BACKSTOP: u64 = 500;
/// After that the array keeps so many a day, for so many days.
const THINNED: (u64, u64) = (4, 30);

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
        // Only now it is a group: one whose making was broken off is not told, nor sends.
        let form = book::form(&req.target, req.mode).into_iter();
        let notes = form.chain([book::keep(kept(req)), book::state(true)]);
        sent.book.write(sent.own, notes).await?;
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
        let Some(connection) = own.connection_with(&req.target, pair.far).await? else {
            return Err(DriverError::new(
                ErrorKind::InvalidRequest,
                format!(
                    "array `{}` is not connected to array `{}` ({}); connect them first",
                    me.name, req.target.name, req.target.id
                ),
            ));
        };
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
            let name = &connection.name;
            if let Some(other) = foreign.iter().find(|t| !names::same(&t.member.name, name)) {
                return Err(elsewhere(group, &other.member.name, &req.target.name));
            }
        }
        let book = match known {
            Some(book) => book,
            None => Book::begin(own, &identity(&me), group).await?,
        };
        Ok(Self {
            there: Some(connection.name),
            own,
            far,
            me,
            group,
            book,
        })
    }

    async fn ensure_async(&mut self, req: &EnsureGroup, learned: &Learned) -> Result<()> {
        let target = self.target_name().await?;
        let group = self.ensure_group(self.group).await?;
        // Before anything can arrive, its receiver has a place for the notes.
        let mut far = Book::open(self.far, &identity(&self.me), self.group).await?;
        far.write(self.far, [book::keep(kept(req))]).await?;
        self.ensure_target(self.group, &target).await?;
        self.set_retention(&group, req).await?;
        self.set_schedule(req.interval_seconds, learned).await
    }

    /// The group sends to the target, and the target lets it in.
    ///
    /// # Errors
    /// `Busy` while the arrays have not told each other.
    async fn ensure_target(&self, name: &str, target: &str) -> Result<()> {
        while !self.try_target(name, target).await? {
            self.far
                .pause(&format!(
                    "array group `{name}` to be let in by array `{target}`"
                ))
                .await?;
        }
        Ok(())
    }

    /// One try at that; says whether it is so.
    pub(super) async fn try_target(&self, name: &str, target: &str) -> Result<bool> {
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
            return Ok(true);
        }
        if present.is_none() {
            let call = Call::post("protection-groups/targets")
                .with("group_names", name)
                .with("member_names", target);
            refused_is_looked_at(self.own.send(call).await)?;
        }
        let remote = self.remote(name);
        let Some(inbound) = self.far.group(&remote).await? else {
            return Ok(false);
        };
        if inbound.destroyed {
            let call = Call::patch("protection-groups")
                .with("names", &remote)
                .json(json!({"destroyed": false}));
            refused_is_looked_at(self.far.send(call).await)?;
        }
        set_allowed(self.far, &remote, true).await?;
        let now = sends(self.own.targets(name).await?);
        Ok(now.is_some_and(|one| one.allowed == Some(true)))
    }

    /// Many more points than the group keeps, for the time that they take, then some of each day.
    async fn set_retention(&self, group: &Group, req: &EnsureGroup) -> Result<()> {
        let Some(interval) = req.interval_seconds else {
            // Points on demand are exempt from the array's retention.
            return Ok(());
        };
        let points = BACKSTOP.max(2 * kept(req) as u64);
        let all = points.saturating_mul(interval).clamp(KEPT.0, KEPT.1);
        let (per_day, days) = THINNED;
        let target = retention(all, per_day, days);
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

/// How many complete points the group keeps.
fn kept(req: &EnsureGroup) -> usize {
    req.keep_points
        .map_or(DEFAULT_KEEP, |points| points.max(1) as usize)
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
